/**
 * What must compile, and what must not. Checked by the compiler, never run.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Global, type Node, Port } from "../src/index.ts"

type Registered<A, E = Global.InvalidEntry> = Effect.Effect<A, E, Global.Global | Node.Node | Scope.Scope>

const Greeter = Port.protocol({ greet: Port.message() })
type Greeter = typeof Greeter.messages
declare const port: Port.PortId<Greeter>

// A port is registered in passing, and keeps its type.
export const piped: Registered<Port.PortId<Greeter>> = Port.make(Greeter, { greet: () => {} }).pipe(
  Effect.tap(Global.register("greeters"))
)
export const given: Registered<void> = Global.register(port, "greeters")
export const withValue: Registered<void> = Global.reg(port, "greeters", { load: 1 })

// Members keep the type that their group is said to have.
const Doubler = Port.protocol({
  double: Port.message(Schema.Number).replies(Schema.Number),
  log: Port.message(Schema.String, Schema.Number)
})
type Doubler = typeof Doubler.messages
declare const doublers: Global.Group<Doubler>
export const doubled: Effect.Effect<number, Port.Killed | Global.EmptyGroup, Node.Node> = doublers.call(
  (member) => Port.cal(member, "double", 1),
  { choose: { key: "k" }, retry: { times: 1, while: ({ reason }) => reason[0] === "transport_error" } }
)
export const all: Effect.Effect<
  ReadonlyMap<Port.PortId<Doubler>, Exit.Exit<number, Port.Killed | Cause.TimeoutError>>,
  never,
  Node.Node
> = doublers.callAll((member) => Port.cal(member, "double", 1), { within: "1 second" })
export const published: Effect.Effect<void> = doublers.publish("log", "text", 1)
// @ts-expect-error A member does not take such a message.
export const wrongTag = doublers.publish("logs", "text", 1)
// @ts-expect-error Nor this argument.
export const wrongArgument = doublers.publish("log", "text", "1")
// @ts-expect-error Nor this one, where it is called.
export const wrongCall = doublers.call((member) => Port.cal(member, "double", "1"))
// @ts-expect-error There is no such way to choose.
export const wrongChoice = doublers.pick({ choose: "first" })

// Without a type the members take everything.
declare const workers: Global.Group
export const anything: Effect.Effect<void> = workers.publish("whatever", 1, "two")
export const looked: Effect.Effect<
  Global.Group<Doubler>,
  Global.InvalidEntry,
  Global.Global | Node.Node | Scope.Scope
> = Global.group<Doubler>("doublers")

// What programs see of their node's place in the network, and nothing of what is behind it.
export const place: Effect.Effect<[string | undefined, boolean], never, Global.Global> = Effect.map(
  Global.Global,
  ({ isGlobal, master }) => [master, isGlobal]
)
// @ts-expect-error No program gets hold of the database itself.
export const behind = Effect.map(Global.Global, (global) => global.hold("f", "k", 1))
// @ts-expect-error A program does not say which node is the master.
export const chosen = Effect.map(Global.Global, (global) => global.master = "me")
