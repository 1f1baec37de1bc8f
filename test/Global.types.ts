/**
 * What must compile, and what must not. Checked by the compiler, never run.
 */
import * as Effect from "effect/Effect"
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

// What programs see of their node's place in the network, and nothing of what is behind it.
export const place: Effect.Effect<[string | undefined, boolean], never, Global.Global> = Effect.map(
  Global.Global,
  ({ isGlobal, master }) => [master, isGlobal]
)
// @ts-expect-error No program gets hold of the database itself.
export const behind = Effect.map(Global.Global, (global) => global.hold("f", "k", 1))
// @ts-expect-error A program does not say which node is the master.
export const chosen = Effect.map(Global.Global, (global) => global.master = "me")
