import { assert, describe, it } from "@effect/vitest"
import { enqueue } from "../../../src/internal/port/readyQueue.ts"

/** How much is done between two turns of the event loop, in which timers and sockets are served, until all of it is done. */
const betweenTurns = async (all: number, done: () => number): Promise<ReadonlyArray<number>> => {
  const parts: Array<number> = []
  for (let before = done(); before < all;) {
    await new Promise((resolve) => setImmediate(resolve))
    parts.push(done() - before)
    before = done()
  }
  return parts
}

/** Well above what one pass may do, and well below what there is to do. */
const most = 10_000
const many = 100_000

describe("the ready queue passes through the event loop", () => {
  for (const messages of [0, 1, 2]) {
    it(`when many ports are in it, each with ${messages} messages`, async () => {
      let ran = 0
      const port = {
        run: () => {
          ran++
          return messages
        }
      }
      for (let i = 0; i < many; i++) enqueue(port)
      for (const part of await betweenTurns(many, () => ran)) assert.isAtMost(part, most)
      assert.strictEqual(ran, many)
    })
  }

  it("when two ports wake each other, again and again", async () => {
    let ran = 0
    const ping = { run: (): number => wake(pong) }
    const pong = { run: (): number => wake(ping) }
    const wake = (other: typeof ping): number => {
      if (++ran < many) enqueue(other)
      return 1
    }
    enqueue(ping)
    for (const part of await betweenTurns(many, () => ran)) assert.isAtMost(part, most)
    assert.strictEqual(ran, many)
  })

  it("when a few ports have much to do", async () => {
    let handled = 0
    const port = {
      run: () => {
        handled += 3000
        return 3000
      }
    }
    for (let i = 0; i < 50; i++) enqueue(port)
    for (const part of await betweenTurns(150_000, () => handled)) assert.isAtMost(part, most)
  })
})
