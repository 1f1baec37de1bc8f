import { assert, describe, it } from "@effect/vitest"
import { happenings, Timeline } from "../../../../src/internal/cli/web/timeline.ts"
import { link, node, picture } from "./pictures.ts"

/** Kind and text of each, with the node that it is about. */
const told = (...pictures: Parameters<typeof happenings>): ReadonlyArray<string> =>
  happenings(...pictures).map(({ kind, node, text }) => `${node ?? "-"} ${kind}: ${text}`)

describe("what two pictures tell", () => {
  it("is nothing of the first one that is complete: all that was there before", () => {
    assert.deepStrictEqual(told(picture([], [], { isComplete: false }), picture([node("a"), node("b")])), [])
  })

  it("is a node that is new, lost, silent, and back", () => {
    const down = node("a", { state: "down", problem: "the link to it was lost", lastSeenAt: 4000 })
    assert.deepStrictEqual(told(picture([]), picture([node("a")])), ["a up: is new"])
    assert.deepStrictEqual(told(picture([node("a")]), picture([down])), ["a down: the link to it was lost"])
    assert.deepStrictEqual(told(picture([down]), picture([node("a")])), ["a up: is back after 6s"])
    const silent = node("a", { state: "silent", problem: "does not answer" })
    assert.deepStrictEqual(told(picture([node("a")]), picture([silent])), ["a silent: does not answer"])
  })

  it("is a restart, if another process has the name, whether it was missed or not", () => {
    const [before, after] = [node("a", { pid: 1 }), node("a", { pid: 2 })]
    const down = node("a", { pid: 1, state: "down", lastSeenAt: 9000 })
    assert.deepStrictEqual(told(picture([before]), picture([after])), ["a restart: runs again: process 1, now 2"])
    assert.deepStrictEqual(told(picture([down]), picture([after])), [
      "a restart: runs again after 1s: process 1, now 2"
    ])
  })

  it("is children that were restarted, of a node that has not been restarted itself", () => {
    const [before, after] = [node("a", { restarts: 4 }), node("a", { restarts: 7 })]
    assert.deepStrictEqual(told(picture([before]), picture([after])), [
      "a children restarted: supervisors restart children, 7 since the node runs"
    ])
    assert.deepStrictEqual(told(picture([node("a", { restarts: null })]), picture([after])), [])
    assert.deepStrictEqual(told(picture([before]), picture([node("a", { pid: 2, restarts: 9 })])).length, 1)
  })

  it("is another master, in one entry for all nodes that move", () => {
    const at = (master: string) => ["a", "b"].map((id) => node(id, { master, isGlobal: false }))
    assert.deepStrictEqual(told(picture(at("g1")), picture(at("g2"))), ["- master: the data of a, b is at g2 now"])
    const one = [node("a", { master: "g2", isGlobal: false })]
    assert.deepStrictEqual(told(picture(at("g1")), picture(one)), ["a master: its data is at g2 now"])
  })

  it("is a split when nodes have no way to each other any more, and a merge when they have", () => {
    const nodes = ["a", "b", "c", "d"].map((id) => node(id))
    const whole = picture(nodes, [link("a", "b"), link("b", "c"), link("c", "d")])
    const halves = picture(nodes, [link("a", "b"), link("c", "d")])
    assert.deepStrictEqual(told(whole, halves), ["- split: 2 parts have no way to each other: a, b | c, d"])
    assert.deepStrictEqual(told(halves, whole), ["- merge: all nodes have a way to each other again"])
  })

  it("is no split when a node comes that has no links yet, or one goes that nobody needs", () => {
    const [a, b, c] = [node("a"), node("b"), node("c")]
    const pair = picture([a, b], [link("a", "b")])
    assert.deepStrictEqual(told(pair, picture([a, b, c], [link("a", "b")])), ["c up: is new"])
    const left = picture([a, node("b", { state: "down", problem: "gone" })])
    assert.deepStrictEqual(told(pair, left), ["b down: gone"])
  })

  it("clips names that are long, and lists that are", () => {
    const nodes = Array.from({ length: 200 }, (_, n) => node(`${n}${"x".repeat(1000)}`))
    const hub = node("hub")
    const star = picture([hub, ...nodes], nodes.map(({ id }) => link(id, "hub")))
    const [split] = told(star, picture([hub, ...nodes]))
    assert.isBelow(split?.length ?? 0, 1000)
  })
})

describe("the timeline", () => {
  it("tells of the children of a node once a minute, however often they are restarted", () => {
    const timeline = new Timeline()
    const restarted = (at: number, node: string) => timeline.add([{ at, kind: "children restarted", node, text: "" }])
    for (let at = 0; at < 120_000; at += 1000) restarted(at, "a")
    restarted(1000, "b")
    assert.deepStrictEqual(timeline.after(0).map(({ at, node }) => [at, node]), [[0, "a"], [60_000, "a"], [1000, "b"]])
  })

  it("keeps the last thousand, and gives who knows some of them those that came after", () => {
    const timeline = new Timeline()
    for (let n = 1; n <= 1500; n++) timeline.add([{ at: n, kind: "up", node: "a", text: String(n) }])
    assert.strictEqual(timeline.after(0).length, 1000)
    assert.strictEqual(timeline.after(0)[0]?.text, "501")
    assert.deepStrictEqual(timeline.after(1498).map(({ number }) => number), [1499, 1500])
    assert.deepStrictEqual(timeline.after(1500), [])
  })
})
