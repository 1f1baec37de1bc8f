/**
 * What must compile of supervisors, and what must not. Checked by the compiler, never run.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Global, Node, Port, Supervisor } from "../src/index.ts"

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

/** The IDs are those of the children. */
export const ids = Effect.gen(function*() {
  const supervisor = yield* Supervisor.make({ children: [{ id: "cache", start: echo }, { id: "worker", start: echo }] })
  yield* supervisor.port("cache")
  // @ts-expect-error a child that there is not
  yield* supervisor.port("cash")
  // Of children that are not known here any text may be one.
  const some: ReadonlyArray<Supervisor.ChildSpec<Port.PortId>> = []
  yield* (yield* Supervisor.make({ children: some })).port("cash")
  yield* (yield* Supervisor.make({ children: [] })).port("cash")
  yield* supervisor.startChild({ id: "late", start: echo })
  const all: Supervisor.Supervisor = supervisor
  yield* all.port("late")
})

/** Significant is what can end for good. */
export const significant = Supervisor.make({
  autoShutdown: "any_significant",
  children: [
    { id: "transient", start: echo, restart: "transient", significant: true },
    { id: "temporary", start: echo, restart: "temporary", significant: true },
    { id: "predicate", start: echo, restart: () => false, significant: true },
    { id: "permanent", start: echo, restart: "permanent", significant: false }
  ]
})

export const neverEnds = Supervisor.make({
  autoShutdown: "any_significant",
  // @ts-expect-error significant, and permanent
  children: [{ id: "a", start: echo, restart: "permanent", significant: true }]
})

export const neverEndsByDefault = Supervisor.make({
  autoShutdown: "any_significant",
  // @ts-expect-error significant, and permanent, which is the default
  children: [{ id: "a", start: echo, significant: true }]
})

export const neverEndsLater = (supervisor: Supervisor.Supervisor) =>
  // @ts-expect-error significant, and permanent, which is the default
  supervisor.startChild({ id: "a", start: echo, significant: true })

/** A wrapper that takes children of any kind. */
export const wrapped = <const C extends ReadonlyArray<Supervisor.ChildSpec<Supervisor.Started, any, any>>>(
  children: C
) => Supervisor.make({ children })

/** Both forms know the same. */
export const piped: Effect.Effect<
  Supervisor.Supervised<typeof Echo extends Port.Protocol<infer M> ? M : never>,
  "no database" | Supervisor.InvalidSpec,
  Node.Node | Scope.Scope | Config
> = Effect.andThen(Config, Effect.andThen(Effect.fail("no database" as const), echo)).pipe(
  Supervisor.restart({ intensity: 3 })
)
export const pipedWithoutPolicy = Effect.flatMap(
  echo.pipe(Supervisor.restart()),
  // @ts-expect-error an argument of another type
  ({ address }) => Port.snd(address, "note", 1)
)
export const failedOver: Effect.Effect<
  Supervisor.Failover<typeof Echo extends Port.Protocol<infer M> ? M : never>,
  Supervisor.InvalidSpec,
  Node.Node | Scope.Scope
> = echo.pipe(Supervisor.failover({ name: "echo", nodes: ["a", "b"] }))

const makeEcho = Port.remote("types::echo", [Schema.String], Echo)
export const pooled = Effect.gen(function*() {
  const pool = yield* Supervisor.pool(makeEcho, { on: ["a", "b"], size: 4 }, "prefix")
  yield* Port.snd(pool.address, "note", "text")
  const answer: string = yield* Port.cal(yield* pool.next, "echo", "text")
  // @ts-expect-error an argument of another type
  yield* Port.snd(pool.address, "note", 1)
  return answer
})
/** A stream of nodes has its own requirements. */
export const grouped: Effect.Effect<
  Supervisor.Pool<typeof Echo extends Port.Protocol<infer M> ? M : never>,
  Supervisor.InvalidSpec,
  Node.Node | Global.Global | Scope.Scope
> = Supervisor.pool(makeEcho, {
  on: Stream.map(Global.watch("echo"), ({ members }) => members),
  size: 4
}, "prefix")
// @ts-expect-error an argument of the remote function that is missing
export const poolWithoutArgument = Supervisor.pool(makeEcho, { on: ["a"], size: 1 })
// @ts-expect-error no spread
export const oddPool = Supervisor.pool(makeEcho, { on: ["a"], size: 1, spread: "wide" }, "prefix")

// @ts-expect-error a policy that is none
export const oddPolicy = echo.pipe(Supervisor.restart({ intensity: "often" }))
// @ts-expect-error a service that answers no port
export const oddService = Effect.succeed(1).pipe(Supervisor.restart())

/** Addresses are found by the IDs that there are. */
export const addresses = Effect.gen(function*() {
  const supervisor = yield* Supervisor.make({ children: [{ id: "a", start: echo }] })
  // @ts-expect-error a child that there is not
  yield* supervisor.address("b")
  const address: Port.PortId = yield* supervisor.address("a")
  const sibling: typeof Echo.PortId.Type = yield* Supervisor.sibling("a")
  return [address, sibling]
})

/** A supervisor is a service like any other: the class says how it is made. */
class Workers extends Context.Service<Workers>()("types/Workers", {
  make: Supervisor.make({ children: [{ id: "a", start: Effect.andThen(Config, echo) }] })
}) {
  static readonly layer: Layer.Layer<
    Workers,
    Supervisor.InvalidSpec | Supervisor.StartError,
    Config | Node.Node
  > = Layer.effect(Workers, Workers.make)
}
export const used = Effect.flatMap(Workers, (workers) => workers.port("a"))
// @ts-expect-error a child that there is not
export const unused = Effect.flatMap(Workers, (workers) => workers.port("b"))

/** Tasks go wherever a child goes, and `runChild` knows what comes of them. */
export const tasks = Effect.gen(function*() {
  const work = (n: number) => n > 2 ? Effect.fail("too much" as const) : Effect.andThen(Config, Effect.succeed(n))
  const pool = yield* Supervisor.dynamic({ start: (n: number) => Supervisor.task(work(n)), id: (n) => `job ${n}` })
  const result: number = yield* pool.runChild(1)
  const error: "too much" | Supervisor.ChildError | Supervisor.StartError | Port.Killed = yield* Effect.flip(
    pool.runChild(1)
  )
  // @ts-expect-error arguments of the template
  yield* pool.runChild("1")
  // @ts-expect-error its result is a number
  const text: string = yield* pool.runChild(1)
  const task: Supervisor.Task<number, "too much"> = yield* pool.startChild(1)
  const plain = yield* Supervisor.dynamic({ start: () => echo })
  const nothing: void = yield* plain.runChild()
  yield* Supervisor.make({ children: [{ id: "task", start: Supervisor.task(work(1)), restart: "transient" }] })
  yield* Supervisor.restart(Supervisor.task(work(1)), { restart: "transient" })
  const pools = yield* Supervisor.partition({ partitions: 2, start: () => Supervisor.dynamic({ start: () => echo }) })
  const echoed: string = yield* Port.cal(yield* (yield* pools.child("key")).startChild(), "echo", "text")
  return [result, error, text, task, nothing, echoed]
})

/** What a task needs is needed of whoever supervises it; its Scope and its port are its own. */
export const taskNeeds: Effect.Effect<
  Supervisor.Task<string>,
  never,
  Node.Node | Scope.Scope | Config
> = Supervisor.task(
  Effect.gen(function*() {
    yield* Effect.addFinalizer(() => Effect.void)
    yield* Port.Self
    return (yield* Config).name
  })
)
