import { assert, describe, it } from "@effect/vitest"
import { Histories } from "../../../../src/internal/cli/web/history.ts"
import { node, picture } from "./pictures.ts"

describe("histories", () => {
  it("are of the network and of each node, with nothing where nothing is known", () => {
    const histories = new Histories()
    const facts = { messagesInPerSecond: 1, messagesOutPerSecond: 2, loopDelayMaxMillis: 3, ports: 4 }
    histories.push(picture([node("a", facts), node("b", { loopDelayMaxMillis: 5 })], [], { at: 1000 }))
    histories.push(picture([node("a", { state: "down" }), node("b")], [], { at: 2000 }))
    const { at, loopDelayMillis, messagesPerSecond, ports, up } = histories.read(undefined)
    assert.deepStrictEqual({ at, loopDelayMillis, messagesPerSecond, ports, up }, {
      at: [1000, 2000],
      loopDelayMillis: [5, null],
      messagesPerSecond: [2, null],
      ports: [4, null],
      up: [2, 1]
    })
    const ofA = histories.read("a")
    assert.deepStrictEqual([ofA.up, ofA.messagesPerSecond, ofA.ports], [[1, 0], [3, null], [4, null]])
    assert.deepStrictEqual(histories.read("nobody").at, [])
  })

  it("go back ten minutes, in order, however long it is measured, and skip the time when nobody looked", () => {
    const histories = new Histories()
    for (let n = 1; n <= 1500; n++) histories.push(picture([node("a", { ports: n })], [], { at: n * 1000 }))
    const { at, ports } = histories.read("a")
    assert.deepStrictEqual([at.length, at[0], at.at(-1)], [600, 901_000, 1_500_000])
    assert.deepStrictEqual([ports[0], ports.at(-1)], [901, 1500])
    histories.push(picture([node("a", { ports: 7 })], [], { at: 9_000_000 }))
    assert.deepStrictEqual(histories.read("a").ports, [7])
  })
})
