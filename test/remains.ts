/**
 * What stays of things that came and went: for tests that nothing stays. What is left after N of them must be what is left after
 * ten times as many. It counts what is held, and not the heap, which says little before it has grown by megabytes.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"

/** What a count does not look into: they belong to others, or go on for reasons of their own. */
const opaque = (value: object): boolean =>
  value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || value instanceof Promise ||
  ArrayBuffer.isView(value) || typeof Reflect.get(value, "evaluate") === "function"

/**
 * How much objects hold: all that can be reached from them, as far as that is data, maps, sets and lists. What is reached through
 * one of `others` does not count.
 */
export const held = (roots: ReadonlyArray<object>, others: ReadonlyArray<object>): number => {
  const seen = new Set<object>(others)
  const queue: Array<unknown> = [...roots]
  const look = (value: unknown): void => void queue.push(value)
  let count = 0
  for (let value = queue.pop(); queue.length > 0 || value !== undefined; value = queue.pop()) {
    if (typeof value !== "object" || value === null || seen.has(value) || opaque(value)) continue
    seen.add(value)
    count++
    if (value instanceof Map) {
      count += value.size
      for (const [key, inner] of value) {
        look(key)
        look(inner)
      }
    } else if (value instanceof Set) {
      count += value.size
      value.forEach(look)
    } else if (Array.isArray(value)) {
      count += value.length
      value.forEach(look)
    } else Object.values(value).forEach(look)
  }
  return count
}

/**
 * Does a thing N times, and then ten times as often. What is held after both must be the same: `count` says how much that is, and
 * `settled` waits until all is over that the things have begun.
 */
export const nothingRemains = <E, R>(options: {
  readonly one: (n: number) => Effect.Effect<unknown, E, R>
  readonly count: () => number
  readonly settled?: Effect.Effect<unknown, E, R> | undefined
  readonly times?: number | undefined
}): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    const { count, one, settled = Effect.void, times = 20 } = options
    let n = 0
    const round = Effect.fnUntraced(function*(often: number) {
      for (let i = 0; i < often; i++) yield* one(n++)
      yield* settled
      return count()
    })
    // What is made once, when the first of them comes, stays.
    yield* round(times)
    const few = yield* round(times)
    const many = yield* round(10 * times)
    assert.strictEqual(many, few, `held after ${12 * times}, and after ${2 * times}`)
  })
