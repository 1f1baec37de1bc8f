import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { enqueue, passIsOver, readTimeFrom, type Runnable } from "../../../src/internal/port/readyQueue.ts"

/** Milliseconds that pass only as the work of the test says. */
let time = 0
let restore = (): void => {}

beforeEach(() => {
  time = 0
  restore = readTimeFrom(() => time)
})
afterEach(() => restore())

const runnable = (run: () => void): Runnable => ({ run, broken: (error) => assert.fail(String(error)) })

/** How long the queue works between two turns of the event loop, in which timers and sockets are served, until all is done. */
const passes = async (isDone: () => boolean): Promise<ReadonlyArray<number>> => {
  const lengths: Array<number> = []
  while (!isDone()) {
    const before = time
    await new Promise((resolve) => setImmediate(resolve))
    lengths.push(time - before)
  }
  return lengths
}

/** A pass is to last 5 ms; the clock is looked at every 32 messages at least. */
const longest = (millis: number): number => 5 + 32 * millis

describe("the ready queue passes through the event loop", () => {
  for (const millis of [0.001, 0.02, 1, 20]) {
    const count = Math.max(30, Math.min(100_000, 200 / millis))

    it(`when many ports are in it, each of which works for ${millis} ms`, async () => {
      let ran = 0
      const port = runnable(() => {
        ran++
        time += millis
      })
      for (let i = 0; i < count; i++) enqueue(port)
      for (const length of await passes(() => ran === count)) assert.isAtMost(length, longest(millis))
    })

    it(`when one port has much to do, in steps of ${millis} ms`, async () => {
      let left = count
      const port = runnable(() => {
        while (left > 0 && !passIsOver()) {
          left--
          time += millis
        }
        if (left > 0) enqueue(port)
      })
      enqueue(port)
      for (const length of await passes(() => left === 0)) assert.isAtMost(length, longest(millis))
    })

    it(`when two ports wake each other, again and again, every ${millis} ms`, async () => {
      let ran = 0
      const wake = (other: () => Runnable): Runnable =>
        runnable(() => {
          time += millis
          if (++ran < count) enqueue(other())
        })
      const ping: Runnable = wake(() => pong)
      const pong: Runnable = wake(() => ping)
      enqueue(ping)
      for (const length of await passes(() => ran >= count)) assert.isAtMost(length, longest(millis))
    })
  }

  it("within two steps of the limit when they take long from the start", async () => {
    let ran = 0
    for (let i = 0; i < 40; i++) {
      enqueue(runnable(() => {
        ran++
        time += 3
      }))
    }
    for (const length of await passes(() => ran === 40)) assert.isAtMost(length, 9)
  })
})

describe("the ready queue", () => {
  it("goes on when one of those in it is broken, who is told", async () => {
    const told: Array<unknown> = []
    enqueue({
      run: () => {
        throw new Error("broken")
      },
      broken: (error) => void told.push(error)
    })
    enqueue(runnable(() => void told.push("ran")))
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual(told.map(String), ["Error: broken", "ran"])
  })
})
