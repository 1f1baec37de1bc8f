/** A service of Effect's rpc that has a call of each kind, what happened in it, and a server and a client of it on two nodes. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Node } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import type { TestNode } from "./harness.ts"

/** A class with what no plain data is. */
export class User extends Schema.Class<User>("User")({
  name: Schema.String,
  born: Schema.DateTimeUtc,
  nick: Schema.Option(Schema.String)
}) {
  get shown(): string {
    return `${this.name} <${(this.nick as Option.Option<string>)._tag}> ${(this.born as DateTime.Utc)._tag}`
  }
}

export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.String }) {}

export class Denied extends Schema.TaggedError<Denied>()("Denied", { why: Schema.String }) {}

/** Who calls, which a middleware finds out by the headers. */
export class Caller extends Context.Service<Caller, string>()("test/Caller") {}

export class Auth extends RpcMiddleware.Service<Auth, { provides: Caller }>()("test/Auth", {
  error: Denied,
  requiredForClient: true
}) {}

const Raw = Schema.Struct({ bytes: Schema.Uint8Array, big: Schema.BigInt, number: Schema.Number })

export const Users = RpcGroup.make(
  EffectRpc.make("greet", { payload: { name: Schema.String }, success: Schema.String }),
  EffectRpc.make("find", { payload: { id: Schema.String }, success: User, error: NotFound }),
  EffectRpc.make("older", { payload: User, success: User }),
  EffectRpc.make("raw", { payload: Raw, success: Raw }),
  EffectRpc.make("broken", { success: Schema.String }),
  EffectRpc.make("nothing"),
  EffectRpc.make("slow", { payload: { id: Schema.String }, success: Schema.String }),
  EffectRpc.make("hold", { payload: { id: Schema.String }, success: Schema.String }),
  EffectRpc.make("count", { payload: { to: Schema.Number }, success: Schema.Number, error: NotFound, stream: true }),
  EffectRpc.make("queued", { payload: { to: Schema.Number }, success: Schema.Number, stream: true }),
  EffectRpc.make("who", { success: Schema.String }).middleware(Auth),
  EffectRpc.make("traceId", { success: Schema.String }),
  EffectRpc.make("large", {
    payload: { bytes: Schema.Number, held: Schema.optional(Schema.Boolean) },
    success: Schema.Uint8Array
  })
)
export type Users = RpcGroup.Rpcs<typeof Users>

/** What happened in the handlers of one server. */
export class Journal {
  readonly lines: Array<string> = []
  /** How many handlers are at work. */
  working = 0
  readonly go = Deferred.makeUnsafe<void>()
  write(line: string): Effect.Effect<void> {
    return Effect.sync(() => void this.lines.push(line))
  }
  has(line: string): boolean {
    return this.lines.includes(line)
  }
  /** Counts a handler while it is at work. */
  at<A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.acquireUseRelease(
      Effect.sync(() => void this.working++),
      () => work,
      () => Effect.sync(() => void this.working--)
    )
  }
}

const waits = (journal: Journal, id: string) =>
  Effect.andThen(journal.write(`${id} begins`), Deferred.await(journal.go)).pipe(
    Effect.as(`${id} is done`),
    Effect.onInterrupt(() => journal.write(`${id} is interrupted`))
  )

/** The handlers, which write into this journal. */
export const handlers = (journal: Journal) => {
  const auth = Layer.succeed(Auth, (effect, { headers }) => {
    const name = headers["name"]
    return name === undefined
      ? Effect.fail(new Denied({ why: "nobody" }))
      : Effect.provideService(effect, Caller, name)
  })
  return Layer.merge(
    auth,
    Users.toLayer({
      greet: ({ name }) => journal.at(Effect.succeed(`hello, ${name}`)),
      find: ({ id }) => Effect.fail(new NotFound({ id })),
      older: (user) => Effect.succeed(new User({ ...user, name: `old ${user.name}` })),
      raw: (raw) => Effect.succeed(raw),
      broken: () => Effect.die(new Error("broken on purpose")),
      nothing: () => Effect.void,
      slow: ({ id }) => journal.at(waits(journal, id)),
      hold: ({ id }) =>
        journal.at(Effect.gen(function*() {
          yield* Effect.acquireRelease(journal.write(`${id} is acquired`), () => journal.write(`${id} is released`))
          yield* Effect.forkChild(
            Effect.onInterrupt(Effect.never, () => journal.write(`the child of ${id} is interrupted`)),
            { startImmediately: true }
          )
          return yield* waits(journal, id)
        })),
      count: ({ to }) =>
        to < 0
          ? Stream.fail(new NotFound({ id: String(to) }))
          : Stream.range(1, to).pipe(
            Stream.rechunk(10),
            Stream.onStart(journal.write("count begins")),
            Stream.ensuring(journal.write("count ends"))
          ),
      queued: ({ to }) =>
        Effect.gen(function*() {
          const queue = yield* Queue.make<number, Cause.Done>()
          for (let n = 1; n <= to; n++) yield* Queue.offer(queue, n)
          yield* Queue.end(queue)
          return queue
        }),
      who: () => Caller,
      traceId: () => Effect.map(Effect.currentParentSpan, (span) => span.traceId).pipe(Effect.orDie),
      large: ({ bytes, held }) =>
        journal.at(Effect.as(
          held === true ? Deferred.await(journal.go) : Effect.void,
          new Uint8Array(bytes).fill(7)
        ))
    })
  )
}

/** What the client's middleware needs: it is there, and leaves requests as they are. */
export const authClient = RpcMiddleware.layerClient(Auth, ({ next, request }) => next(request))

/** A server on a node. */
export const serveOn = (node: TestNode, journal: Journal, options?: Rpc.ServerOptions) =>
  node.run(Effect.provide(Rpc.serve(Users, options), handlers(journal)))

/** A client on a node. */
export const clientOn = (
  node: TestNode,
  target: Rpc.Target<Users, never, Node.Node>,
  options?: Rpc.CallOptions
): Effect.Effect<Rpc.Client<Users>, never, Scope.Scope> =>
  node.run(Effect.provide(Rpc.client(Users, target, options), authClient))
