/**
 * What must compile of names, and what must not. Checked by the compiler, never run.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Port, Supervisor } from "../src/index.ts"

const Cache = Port.protocol({ get: Port.message(Schema.String).replies(Schema.String) })
const Other = Port.protocol({ note: Port.message(Schema.Number) })
const cacheName = Supervisor.Registry.name("cache", Cache)
const cache = Port.make(Cache, { get: (key) => Effect.succeed(key) })
const other = Port.make(Other, { note: () => {} })

/** Plain names take any port, and say nothing of it. */
export const plain = Effect.gen(function*() {
  yield* Supervisor.Registry.register(yield* cache, "a")
  yield* other.pipe(Effect.tap(Supervisor.Registry.register("b")))
  const found: Option.Option<Port.PortId> = yield* Supervisor.Registry.lookup("a")
  yield* Port.snd(yield* Supervisor.Registry.await("b"), "whatever", 1)
  return found
})

/** Typed ones take ports of their protocol alone. */
export const typed = Effect.gen(function*() {
  yield* Supervisor.Registry.register(yield* cache, cacheName)
  yield* cache.pipe(Effect.tap(Supervisor.Registry.register(cacheName)))
  // @ts-expect-error a port of another protocol
  yield* Supervisor.Registry.register(yield* other, cacheName)
  // @ts-expect-error the same in a pipe
  yield* other.pipe(Effect.tap(Supervisor.Registry.register(cacheName)))
  const found = yield* Supervisor.Registry.await(cacheName)
  const answer: string = yield* Port.cal(found, "get", "key")
  // @ts-expect-error a message that it does not take
  yield* Port.snd(found, "note", 1)
  return answer
})
