/**
 * The mistakes that programs make with services and with groups, and what these are. What must compile at all, and what must not, is in
 * `Rpc.types.ts` and `Global.types.ts`.
 */
import { type Mistake, type Mistakes, shown } from "./mistake.ts"

const prelude = `import * as Effect from "effect/Effect"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Global from "../../src/Global.ts"
import * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import * as Rpc from "../../src/Rpc.ts"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.String }) {}
const find = EffectRpc.make("find", { payload: { id: Schema.String }, success: Schema.String, error: NotFound })
const count = EffectRpc.make("count", { success: Schema.Number, stream: true })
const Reader = RpcGroup.make(find)
const Users = RpcGroup.make(find, count)
const OldUsers = RpcGroup.make(EffectRpc.make("find", { payload: { id: Schema.Number }, success: Schema.String, error: NotFound }))
const Worker = Port.protocol({ line: Port.message(Schema.String), count: Port.message(Schema.Number).replies(Schema.Number) })
const makeUsers = Port.remote("mistakes::users", [Schema.String], Rpc.protocol(Users))
type Served = RpcGroup.Rpcs<typeof Users>
declare const users: Rpc.Address<Served>
declare const reader: Rpc.Address<RpcGroup.Rpcs<typeof Reader>>
declare const oldUsers: Rpc.Address<RpcGroup.Rpcs<typeof OldUsers>>
declare const client: Rpc.Client<Served>
declare const servers: Rpc.Group<Served>
declare const readers: Rpc.Group<RpcGroup.Rpcs<typeof Reader>>
declare const workers: Global.Group<typeof Worker.messages>
declare const worker: Port.PortId<typeof Worker.messages>
export type Used = [
  typeof makeUsers, typeof users, typeof reader, typeof oldUsers, typeof client, typeof servers, typeof readers, typeof workers,
  typeof worker, Node.Node, Effect.Effect<void>, Stream.Stream<void>, Global.GroupChange
]

`

const mistakes: ReadonlyArray<Mistake> = [
  {
    name: "a call with a wrong payload",
    code: "client.find({ ▸id: 1 })",
    says: ["Type 'number' is not assignable to type 'string'."]
  },
  {
    name: "a call with something else than its payload",
    code: `client.find(▸"x")`,
    says: ["Argument of type 'string' is not assignable to parameter of type '{ readonly id: string; }'."]
  },
  {
    name: "a call of a wrong name",
    code: `client.▸fnid({ id: "x" })`,
    says: ["Property 'fnid' does not exist on type '{ …"]
  },
  {
    name: "an error handled that the call does not have",
    code: `client.find({ id: "x" }).pipe(Effect.catchTag(▸"NoFound", () => Effect.void))`,
    says: [`Argument of type '"NoFound"' is not assignable to parameter of type '"NotFound" | "RpcClientError" | …`]
  },
  {
    name: "why a call failed, of an error of the domain",
    code: `Rpc.killed(▸new NotFound({ id: "x" }))`,
    says: ["…'NotFound' is …'RpcClientError'…"]
  },
  {
    name: "a client of a server that does less",
    code: "Rpc.client(Users, ▸reader)",
    says: [
      "Argument of type 'Address<Rpc<\"find\", …' is not assignable to parameter of type 'Target<Rpc<…",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type 'Address<Rpc<…",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type '{ readonly [Accepts]?: Served<Rpc<…",
      "The types of '[Accepts][Serves]' are incompatible between these types.",
      "Property 'count' is missing in type '{ readonly find: Rpc<\"find\", …; }' but required in type '{ …"
    ]
  },
  {
    name: "a client of a server that does less, which is looked for",
    code: "Rpc.client(Users, ▸Effect.succeed(reader))",
    says: [
      "Argument of type 'Effect<Address<Rpc<\"find\", …' is not assignable to parameter of type 'Target<Rpc<…",
      "Type 'Effect<Address<Rpc<\"find\", …' is not assignable to type 'Effect<NoInfer<Address<Rpc<…",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type 'Address<Rpc<…",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type '{ readonly [Accepts]?: Served<Rpc<…",
      "The types of '[Accepts][Serves]' are incompatible between these types.",
      "Property 'count' is missing in type '{ readonly find: Rpc<\"find\", …; }' but required in type '{ …"
    ]
  },
  {
    name: "a client of a server that knows the call otherwise",
    code: "Rpc.client(Reader, ▸oldUsers)",
    says: [
      "Argument of type 'Address<Rpc<\"find\", …' is not assignable to parameter of type 'Target<Rpc<\"find\", …",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type 'Address<Rpc<\"find\", …",
      "Type 'Address<Rpc<\"find\", …' is not assignable to type '{ readonly [Accepts]?: Served<Rpc<\"find\", …",
      "The types of '[Accepts][Serves].find.payloadSchema[\"Type\"].id' are incompatible between these types.",
      "Type 'number' is not assignable to type 'string'."
    ]
  },
  {
    name: "a client of a port that takes messages",
    code: "Rpc.client(Users, ▸worker)",
    says: [
      "Argument of type 'PortId<{ readonly line: …' is not assignable to parameter of type 'Target<Rpc<…",
      "Type 'PortId<{ readonly line: …' is not assignable to type 'Address<Rpc<…",
      "Types of property '[Accepts]' are incompatible.",
      "Type '{ readonly line: …' has no properties in common with type 'Served<Rpc<…"
    ]
  },
  {
    name: "a message to a server",
    code: `▹Port.snd(users, ▸"find", "x")`,
    says: [`Argument of type '"find"' is not assignable to parameter of type 'never'.`]
  },
  {
    name: "a call of a server as if it took messages",
    code: `▹Port.cal(users, ▸"find", "x")`,
    says: [`Argument of type '"find"' is not assignable to parameter of type 'never'.`]
  },
  {
    name: "handlers that miss a call",
    code: "Users.toLayer(▸{ find: ({ id }) => Effect.succeed(id) })",
    says: ["…", "Property 'count' is missing in type '{ find: …' but required in type 'HandlersFrom<Rpc<…"]
  },
  {
    name: "a handler that succeeds with something else",
    code: "Users.toLayer({ find: () => ▸Effect.succeed(1), count: () => Stream.empty })",
    says: [
      "Type 'Effect<number, never, never>' is not assignable to type 'WrapperOr<Effect<string | Deferred<string, NotFound>, NotFound, any>>'.",
      "Type 'Effect<number, never, never>' is not assignable to type 'Effect<string | Deferred<string, NotFound>, NotFound, any>'…",
      "Type 'number' is not assignable to type 'string | Deferred<string, NotFound>'."
    ]
  },
  {
    name: "a server whose handlers nobody makes",
    code: "Effect.runPromise(▸Rpc.serve(Reader).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))",
    says: ["…", "Type 'Handler<\"find\">' is not assignable to type 'never'."]
  },
  {
    name: "a server with an option that there is not",
    code: "Rpc.serve(Users, { ▸concurency: 5 })",
    says: ["…'concurency' does not exist in type 'ServerOptions'. Did you mean to write 'concurrency'?"]
  },
  {
    name: "a spawned server of another group",
    code: "Rpc.implement(makeUsers, ▸OldUsers, () => OldUsers.toLayer({ find: () => Effect.succeed(\"x\") }))",
    says: ["Argument of type 'RpcGroup<…' is not assignable to parameter of type 'RpcGroup<…"]
  },
  {
    name: "a wrong argument of a spawned server",
    code: `Port.spawn("node", makeUsers, ▸1)`,
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  },
  {
    name: "a call of a member that its group does not have",
    code: `readers.call((reader) => reader.▸count())`,
    says: ["Property 'count' does not exist on type '{ readonly find: …"]
  },
  {
    name: "a call of a member with a wrong payload",
    code: `servers.call((server) => server.find({ ▸id: 1 }))`,
    says: ["Type 'number' is not assignable to type 'string'."]
  },
  {
    name: "a message to the members of a group of servers",
    code: `servers.▸publish("find", "x")`,
    says: ["Property 'publish' does not exist on type 'Group<Rpc<…"]
  },
  {
    name: "a group of other servers",
    code: "export const ▸group: Rpc.Group<Served> = readers",
    says: [
      "Type 'Group<Rpc<\"find\", …' is not assignable to type 'Group<Rpc<…",
      "Types of property 'members' are incompatible.",
      "…",
      "…",
      "…",
      "…",
      "The types of '[Accepts][Serves]' are incompatible between these types.",
      "Property 'count' is missing in type '{ readonly find: Rpc<\"find\", …; }' but required in type '{ …"
    ]
  },
  {
    name: "a way to choose that there is not",
    code: `servers.pick({ ▸choose: "first" })`,
    says: [`Type '"first"' is not assignable to type 'Strategy | undefined'.`]
  },
  {
    name: "a message that the members of a group do not take",
    code: `workers.publish(▸"lines", "hi")`,
    says: ["Argument of type '[\"lines\", \"hi\"]' is not assignable to parameter of type …"]
  },
  {
    name: "a wrong argument for the members of a group",
    code: `workers.publish(▸"line", 1)`,
    says: [
      "Argument of type '[\"line\", 1]' is not assignable to parameter of type …",
      "Type '[\"line\", 1]' is not assignable to type '[tag: \"line\", string]'.",
      "Type at position 1 in source is not compatible with type at position 1 in target.",
      "Type 'number' is not assignable to type 'string'."
    ]
  },
  {
    name: "a call of a member of a group that it does not answer",
    code: `workers.call((worker) => ▹Port.cal(worker, ▸"line", "hi"))`,
    says: [`Argument of type '"line"' is not assignable to parameter of type '"count"'.`]
  },
  shown("users", `Address<Rpc<"…`),
  shown("Rpc.client(Reader, users)", `Effect<{ readonly find: …; }, never, …>`),
  shown("Rpc.serve(Reader)", `Effect<Address<Rpc<"find", …>>, never, …Handler<"find">…>`),
  shown("Port.spawn(\"node\", makeUsers, \"table\")", `Effect<PortId<Served<Rpc<…`),
  shown("readers", `Group<Rpc<"find", …>>`),
  shown("readers.pick()", `Effect<Address<Rpc<"find", …>>, EmptyGroup, never>`),
  shown("client.find({ id: \"x\" })", "Effect<string, …, never>"),
  shown("client.count()", "Stream<number, RpcClientError, never>")
]

export const withServices: Mistakes = { room: "Rpc", prelude, mistakes }
