/**
 * What must compile of supervisors, and what must not. Checked by the compiler, never run.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Node, Port, Supervisor } from "../src/index.ts"

const Echo = Port.protocol({
  echo: Port.message(Schema.String).replies(Schema.String),
  note: Port.message(Schema.String)
})
const echo = Port.make(Echo, { echo: (text) => Effect.succeed(text), note: () => {} })

class Config extends Context.Service<Config, { readonly name: string }>()("types/Config") {}
class Clients extends Context.Service<Clients, Supervisor.Rebuilt<Config>>()("types/Clients") {}

/** The ports of a supervised service take what the service takes. */
export const typed = Effect.gen(function*() {
  const supervised = yield* Supervisor.restart(echo)
  yield* Port.snd(supervised.address, "note", "text")
  const answer: string = yield* Port.cal(yield* supervised.port, "echo", "text")
  // @ts-expect-error an argument of another type
  yield* Port.snd(supervised.address, "note", 1)
  // @ts-expect-error a tag that it does not take
  yield* Port.snd(yield* supervised.port, "ecko", "text")
  const shards = yield* Supervisor.partition({ partitions: 2, start: () => echo })
  // @ts-expect-error an argument of another type
  yield* Port.snd(yield* shards.port("key"), "note", 1)
  const pool = yield* Supervisor.dynamic({ start: (_name: string, _size: number) => echo })
  const child: Port.PortId<typeof Echo extends Port.Protocol<infer M> ? M : never> = yield* pool.startChild("a", 1)
  // @ts-expect-error arguments of the template
  yield* pool.startChild(1, "a")
  return [answer, child]
})

/** What children need is needed of whoever makes the supervisor; their Scope is their own. */
export const needs: Effect.Effect<
  Supervisor.Supervisor,
  Supervisor.InvalidSpec | Supervisor.StartError,
  Node.Node | Scope.Scope | Config
> = Supervisor.make({
  children: [
    { id: "plain", start: echo },
    { id: "configured", start: Effect.andThen(Config, echo), restart: "transient" },
    { id: "nested", start: Supervisor.make({ children: [] }) },
    { id: "nothing", start: Effect.succeed(Supervisor.ignore) }
  ]
})

export const noPort = Supervisor.make({
  // @ts-expect-error a start that answers no port
  children: [{ id: "number", start: Effect.succeed(1) }]
})

export const noType = Supervisor.make({
  // @ts-expect-error a restart type that there is not
  children: [{ id: "odd", start: echo, restart: "sometimes" }]
})

/** The first error of a single service is that of its start. */
export const ownError: Effect.Effect<
  Supervisor.Supervised,
  "no database" | Supervisor.InvalidSpec,
  Node.Node | Scope.Scope
> = Supervisor.restart(Effect.andThen(Effect.fail("no database" as const), echo))

export const rebuilt: (live: Layer.Layer<Config, string>) => Layer.Layer<
  Clients,
  string | Supervisor.InvalidSpec,
  Node.Node
> = (live) => Supervisor.layer(Clients, live)

/** What is provided is what the Layer makes. */
export const provided = Effect.flatMap(Clients, (clients) => clients.provide(Effect.map(Config, ({ name }) => name)))
export const isString: Effect.Effect<string, Port.Killed, Clients> = provided
