/**
 * What must compile of rpc over ports, and what must not. Checked by the compiler, never run.
 */
import * as Effect from "effect/Effect"
import * as EffectRpc from "effect/rpc/Rpc"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Global, type Node, Port, Supervisor } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.String }) {}

const find = EffectRpc.make("find", { payload: { id: Schema.String }, success: Schema.Date, error: NotFound })
const count = EffectRpc.make("count", { success: Schema.Number, stream: true })
const Reader = RpcGroup.make(find)
const Users = RpcGroup.make(find, count)
type Users = RpcGroup.Rpcs<typeof Users>

declare const users: Rpc.Address<Users>
declare const reader: Rpc.Address<RpcGroup.Rpcs<typeof Reader>>

/** Answers, errors and services of calls are those of the group, and the end of the connection. */
export const calls = Effect.gen(function*() {
  const client = yield* Rpc.client(Users, users)
  const found: Effect.Effect<Date, NotFound | RpcClientError> = client.find({ id: "x" })
  const counted: Stream.Stream<number, RpcClientError> = client.count()
  // @ts-expect-error a payload of another type
  client.find({ id: 1 })
  // @ts-expect-error a payload without what it must have
  client.find({})
  // @ts-expect-error a call that the group does not have
  client.fnid({ id: "x" })
  // @ts-expect-error no answer of that type
  const wrong: Effect.Effect<string, NotFound | RpcClientError> = client.find({ id: "x" })
  return [found, counted, wrong]
})

/** A server that can do more than a client asks for will do; one that can do less will not. */
export const addresses = [
  Rpc.client(Reader, users),
  Rpc.client(Reader, Effect.succeed(users)),
  Rpc.client(Users, "node#name"),
  // @ts-expect-error the server does not count
  Rpc.client(Users, reader),
  // @ts-expect-error nor does one that is found
  Rpc.client(Users, Effect.succeed(reader)),
  // @ts-expect-error a port that takes messages is no server
  Rpc.client(Users, {} as Port.PortId<{ readonly add: Port.Message<[number]> }>)
]

/** An address is that of a port, which takes no messages of programs. */
export const ports = [
  Port.mon(users, () => {}),
  Port.kil(users, "enough"),
  Global.register(users, "users"),
  // @ts-expect-error it is called, and not sent to
  Port.snd(users, "find", "x"),
  // @ts-expect-error it is called as rpc does
  Port.cal(users, "find", "x")
]

const server = Rpc.serve(Users)
export const needsHandlers: Effect.Effect<
  Rpc.Address<Users>,
  never,
  Node.Node | Scope.Scope | EffectRpc.ToHandler<Users>
> = server
// @ts-expect-error somebody has to make the handlers
export const needsNoHandlers: Effect.Effect<Rpc.Address<Users>, never, Node.Node | Scope.Scope> = server

/** Servers are children of supervisors, and spawned elsewhere: what they answer is still an address. */
export const supervised = Effect.gen(function*() {
  const kept = yield* Supervisor.restart(server)
  yield* Rpc.client(Users, kept.port)
  const makeUsers = Port.remote("types::users", [Schema.String], Rpc.protocol(Users))
  const spawned: Rpc.Address<Users> = yield* Port.spawn("node", makeUsers, "table")
  // @ts-expect-error arguments of the remote function
  yield* Port.spawn("node", makeUsers, 1)
  yield* Rpc.client(Users, yield* Supervisor.spawn(["node"], Rpc.remote("types::plain", Users)))
  const Desk = Port.protocol({ meet: Port.message(Rpc.protocol(Users).PortId) })
  const desk = yield* Port.make(Desk, { meet: (address) => Effect.asVoid(Rpc.client(Users, address)) })
  yield* Port.snd(desk, "meet", users)
  // @ts-expect-error another service's address
  yield* Port.snd(desk, "meet", reader)
  return spawned
})

/** The servers behind a name are called as one of them is, and keep what they serve. */
export const grouped = Effect.gen(function*() {
  const servers = yield* Rpc.group(Users, "users")
  const found: Effect.Effect<Date, NotFound | RpcClientError | Global.EmptyGroup> = servers.call(
    (server) => server.find({ id: "x" }),
    { choose: { key: "x" }, retry: { times: 1, while: (error) => error._tag === "RpcClientError" } }
  )
  yield* Rpc.client(Reader, servers.pick())
  // @ts-expect-error a payload of another type
  servers.call((server) => server.find({ id: 1 }))
  // @ts-expect-error these do not count
  const counting: Rpc.Group<Users> = yield* Rpc.group(Reader, "readers")
  return [found, counting]
})

/** Whatever serves anything will do, and an address that says nothing is believed. */
export const unsaid = (address: Rpc.Address) => [Rpc.client(Users, address), Rpc.client(Reader, address)]
export const saidToNobody: Rpc.Address = users
