import { assert, describe, it } from "@effect/vitest"
import { RoundTrip } from "../../../src/internal/transport/roundTrip.ts"

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
