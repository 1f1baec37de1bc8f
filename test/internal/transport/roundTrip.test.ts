import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Transport } from "../../../src/index.ts"
import { RoundTrip } from "../../../src/internal/transport/roundTrip.ts"
import { isUp, testOver, until } from "../../harness.ts"
import { connectRaw, ownKind } from "../../rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

const measured = (...times: ReadonlyArray<number>): RoundTrip => {
  const roundTrip = new RoundTrip()
  for (const [nth, time] of times.entries()) {
    const now = nth * 10_000
    roundTrip.answered(roundTrip.ask(now), now + time)
  }
  return roundTrip
}

describe("a round trip", () => {
  it("is unknown before the first answer", () => {
    const roundTrip = measured()
    roundTrip.ask(0)
    assert.isUndefined(roundTrip.millis)
  })

  it("is asked for every ten seconds at most, be there an answer or not", () => {
    const roundTrip = new RoundTrip()
    const asked = [0, 9_999, 10_000, 19_999, 20_000].map((now) => roundTrip.ask(now) !== undefined)
    assert.deepStrictEqual(asked, [true, false, true, false, true])
  })

  it("is the shortest of the last three", () => {
    assert.deepStrictEqual([measured(50).millis, measured(50, 2, 40).millis, measured(1, 50, 30, 40).millis], [
      50,
      2,
      30
    ])
  })

  it("counts an answer once, and only that to the last question", () => {
    const roundTrip = new RoundTrip()
    const first = roundTrip.ask(0)
    const second = roundTrip.ask(10_000)
    roundTrip.answered(first, 10_001)
    roundTrip.answered("2", 10_001)
    assert.isUndefined(roundTrip.millis)
    roundTrip.answered(second, 10_007)
    roundTrip.answered(second, 10_001)
    assert.strictEqual(roundTrip.millis, 7)
  })
})

describe("a link of our own kind", () => {
  overTcp("is measured by numbers that come back, and by nothing else", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("node")
      const raw = yield* connectRaw(node.address, { keys: ownKind(300_000) })
      yield* until("it is up", () => isUp(node, "raw"))
      raw.send(["", "emp_probe", 1.5], ["", "emp_probe"], ["", "emp_probe", "x".repeat(1000)], ["", "emp_probe", 7])
      const probed = (request: string) => raw.packets.filter((packet) => packet[1] === request)
      yield* until("all answers", () => probed("emp_probed").length === 2)
      assert.deepStrictEqual(probed("emp_probed"), [["", "emp_probed", 1.5], ["", "emp_probed", 7]])
      const millis = () => node.router.roundTripMillis("raw", node.router.monotonic())
      assert.isUndefined(millis())
      yield* until("it is asked", () => probed("emp_probe").length === 1)
      const question = Number(probed("emp_probe")[0]![2])
      raw.send(["", "emp_probed", question + 1], ["", "emp_probed", String(question)], ["", "emp_probed"], [])
      yield* raw.settle
      assert.isUndefined(millis())
      raw.send(["", "emp_probed", question])
      yield* until("it is known", () => millis() !== undefined)
    }))
})
