import { assert, describe, it } from "@effect/vitest"
import {
  decideFailover,
  type Known,
  type NextMove,
  type Part,
  preferredFirst
} from "../../../src/internal/supervisor/agreement.ts"

const nodes = ["a", "b", "c"]

describe("a node that may run a failover service", () => {
  const cases: ReadonlyArray<
    readonly [string, string, Part | "resting", Readonly<Record<string, Known>>, NextMove, preferred?: string]
  > = [
    ["starts it when nobody else is there", "b", "idle", { a: "absent", c: "absent" }, "start"],
    ["starts it when it is the first of those that are there", "b", "idle", { a: "absent", c: "idle" }, "start"],
    ["leaves it to one that comes before it", "b", "idle", { a: "idle", c: "absent" }, "stay"],
    ["leaves it to one that runs it, wherever that stands", "a", "idle", { b: "absent", c: "running" }, "stay"],
    ["does nothing before it knows of all others", "a", "idle", { b: "unknown", c: "absent" }, "stay"],
    ["keeps it when one comes that stands before it", "c", "running", { a: "idle", b: "idle" }, "stay"],
    ["gives it back to the preferred one", "c", "running", { a: "idle", b: "idle" }, "stop", "a"],
    ["keeps it while the preferred one is away", "c", "running", { a: "absent", b: "idle" }, "stay", "a"],
    ["keeps it when it is the preferred one itself", "a", "running", { b: "idle", c: "idle" }, "stay", "a"],
    ["leaves a preferred one alone that rests", "c", "running", { a: "resting", b: "idle" }, "stay", "a"],
    ["starts it when all that stand before it rest", "b", "idle", { a: "resting", c: "idle" }, "start"],
    ["leaves it to any other one when it rests itself", "a", "resting", { b: "idle", c: "absent" }, "stay"],
    ["starts it when all others rest too, and it is the first", "a", "resting", { b: "resting", c: "absent" }, "start"],
    ["leaves it to the first one when all rest", "b", "resting", { a: "resting", c: "absent" }, "stay"],
    ["stops it when one that stands before it runs it too", "b", "running", { a: "running", c: "idle" }, "stop"],
    ["keeps it when one that stands behind it runs it too", "a", "running", { b: "absent", c: "running" }, "stay"]
  ]
  for (const [what, self, own, others, move, preferred] of cases) {
    it(what, () => {
      const view = {
        self,
        part: own === "resting" ? "idle" : own,
        isResting: own === "resting",
        nodes: preferredFirst(nodes, preferred),
        preferred,
        known: (node: string): Known => others[node] ?? "unknown",
        isLeased: false
      } as const
      assert.strictEqual(decideFailover(view), move)
    })
  }

  it("keeps it by its lease, whoever else seems to run it", () => {
    const view = { self: "b", part: "running", isResting: false, nodes, preferred: undefined, isLeased: true } as const
    assert.strictEqual(decideFailover({ ...view, known: (node) => node === "a" ? "running" : "idle" }), "stay")
    const preferring = { ...view, preferred: "a" }
    assert.strictEqual(decideFailover({ ...preferring, known: () => "idle" }), "stop")
  })

  it("is one of exactly one, whoever is there, once all know of each other", () => {
    for (const preferred of [undefined, ...nodes]) {
      for (const there of subsets(nodes).slice(1)) {
        for (const runners of subsets(there)) {
          const runs = agreed(there, new Set(runners), preferred)
          assert.strictEqual(runs.size, 1, `${there} with ${runners} running, ${preferred} preferred`)
          if (preferred !== undefined && there.includes(preferred)) assert.isTrue(runs.has(preferred))
        }
      }
    }
  })
})

const subsets = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: 1 << all.length }, (_, mask) => all.filter((_, at) => (mask & (1 << at)) !== 0))

/** Lets one node after the other act on what it sees, until none wants to. */
const agreed = (there: ReadonlyArray<string>, running: Set<string>, preferred: string | undefined): Set<string> => {
  for (let turn = 0; turn < 20; turn++) {
    for (const node of there) {
      const known = (other: string): Known =>
        !there.includes(other) ? "absent" : running.has(other) ? "running" : "idle"
      const move = decideFailover({
        self: node,
        part: running.has(node) ? "running" : "idle",
        isResting: false,
        nodes: preferredFirst(nodes, preferred),
        preferred,
        known,
        isLeased: false
      })
      if (move === "start") running.add(node)
      if (move === "stop") running.delete(node)
    }
  }
  return running
}
