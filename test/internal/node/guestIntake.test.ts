import { assert, describe, it } from "@effect/vitest"
import { Intake } from "../../../src/internal/node/guestIntake.ts"
import { guestDefaults, type GuestLimits } from "../../../src/internal/node/guestLimits.ts"
import { SeededRandom } from "../../simulation/random.ts"

/** An intake with a clock that is moved by hand. */
const begin = (limits: Partial<GuestLimits>) => {
  let now = 0
  const timers: Array<{ at: number; act: () => void }> = []
  const state = { delivered: new Array<unknown>(), overflows: 0, hasRoom: true }
  const intake = new Intake({
    monotonic: () => now,
    after: (millis, act) => {
      const timer = { at: now + millis, act }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer) >>> 0, 1)
    },
    hasRoom: () => state.hasRoom,
    deliver: (name) => state.delivered.push(name),
    overflow: () => state.overflows++
  }, { ...guestDefaults, ...limits })
  const pass = (millis: number): void => {
    const end = now + millis
    for (;;) {
      const next = timers.toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      timers.splice(timers.indexOf(next), 1)
      now = next.at
      next.act()
    }
    now = end
  }
  return { intake, state, pass, timers }
}

describe("what a guest sends", () => {
  it("is taken at once, as far as it may send in a second, and the rest of it as time passes, in order", () => {
    const { intake, pass, state } = begin({ messagesPerSecond: 10 })
    const all = Array.from({ length: 30 }, (_, n) => n)
    for (const n of all) intake.take(n, [], 10)
    assert.strictEqual(state.delivered.length, 10)
    pass(1000)
    assert.closeTo(state.delivered.length, 20, 1)
    pass(2000)
    assert.deepStrictEqual(state.delivered, all)
  })

  it("waits while there is no room, and no timer is left when there is", () => {
    const { intake, pass, state, timers } = begin({})
    state.hasRoom = false
    for (const n of [1, 2]) intake.take(n, [], 10)
    pass(1000)
    assert.deepStrictEqual(state.delivered, [])
    state.hasRoom = true
    pass(1000)
    assert.deepStrictEqual([state.delivered, timers], [[1, 2], []])
  })

  it("ends its link when more waits than may, and nothing of it is taken then", () => {
    const { intake, pass, state } = begin({ messagesPerSecond: 1, waitingBytes: 1000 })
    for (let n = 0; n < 100; n++) intake.take(n, [], 100)
    pass(1e6)
    assert.deepStrictEqual([state.overflows, state.delivered], [1, [0]])
  })

  it("ends its link too if it is no message", () => {
    const { intake, pass, state } = begin({ bytesPerSecond: 1000, waitingBytes: 1000 })
    for (let n = 0; n < 10; n++) {
      intake.noise(1000)
      pass(1000)
    }
    assert.strictEqual(state.overflows, 0)
    for (let n = 0; n < 10; n++) intake.noise(1000)
    assert.strictEqual(state.overflows, 1)
  })

  it("is taken in order and as fast as it may be, whatever comes when", () => {
    const random = new SeededRandom("intake")
    for (let round = 0; round < 100; round++) {
      const limits = {
        messagesPerSecond: random.int(1, 100),
        bytesPerSecond: random.int(1000, 10_000),
        waitingBytes: 1e9
      }
      const { intake, pass, state } = begin(limits)
      let sent = 0
      let bytes = 0
      let millis = 0
      for (let step = 0; step < 50; step++) {
        if (random.chance(0.5)) {
          const size = random.int(0, 500)
          intake.take(sent++, [], size)
          bytes += size
        } else {
          const some = random.int(0, 300)
          pass(some)
          millis += some
        }
        state.hasRoom = random.chance(0.7)
        assert.deepStrictEqual(state.delivered, Array.from({ length: state.delivered.length }, (_, n) => n))
        assert.isAtMost(state.delivered.length, limits.messagesPerSecond * (1 + millis / 1000) + 1)
      }
      state.hasRoom = true
      pass(1000 * (1 + sent / limits.messagesPerSecond + (bytes + 100 * sent) / limits.bytesPerSecond))
      assert.strictEqual(state.delivered.length, sent)
    }
  })
})
