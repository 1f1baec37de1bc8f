/** Two nodes that connect and part, and what that leaves behind. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { NodeRouter } from "../../src/internal/node/router.ts"
import { LinkError } from "../../src/internal/transport/linkError.ts"
import * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import * as Transport from "../../src/Transport.ts"

v8.setFlagsFromString("--expose-gc")
/** The garbage collector, whatever the process was started with. */
const collect = vm.runInNewContext("gc") as () => void

/** What is there when all links are gone. */
export interface Left {
  /** Bytes in use. */
  readonly heap: number
  readonly peers: number
  readonly ports: number
  readonly listeners: number
  /** Connections in their handshakes. */
  readonly handshakes: number
  /** Finalizers of the dialling node's scope: fibers that it waits for. */
  readonly fibers: number
  readonly timers: number
}

const start = (nodeId: string) =>
  Layer.build(Node.layer({ nodeId, secret: "swordfish", binds: [`memory:${nodeId === "a" ? 1 : 2}`] }))

/** Connects and parts as often as the last mark says, and tells what is left at each of them. */
export const churn = (marks: ReadonlyArray<number>): Promise<ReadonlyArray<readonly [number, Left]>> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const [a, b] = yield* Scope.provide(Effect.all([start("a"), start("b")]), scope)
    const nodes = [Context.get(a!, NodeRouter), Context.get(b!, NodeRouter)] as const
    yield* Effect.provide(Node.addressBook((id) => Effect.succeed([id === "a" ? "memory:1" : "memory:2"])), a!).pipe(
      Scope.provide(scope)
    )
    const port = yield* Effect.provide(Port.make({ ask: (reply: Port.PortId) => Port.snd(reply, 1) }), b!).pipe(
      Scope.provide(scope)
    )
    const once = Effect.gen(function*() {
      yield* Effect.provide(Effect.scoped(Effect.andThen(Port.mon(port, () => {}), Port.cal(port, "ask"))), a!)
      nodes[0].peers.get("b")?.link?.lose(new LinkError({ reason: "link_lost", peer: "b" }))
      while (nodes.some((node) => node.upNodes().length > 0)) yield* turn
    })
    const left = Effect.gen(function*() {
      for (let i = 0; i < 20; i++) yield* turn
      collect()
      const finalizers = (scope.state as { readonly finalizers?: { readonly size: number } }).finalizers
      const said: Left = {
        heap: process.memoryUsage().heapUsed,
        peers: nodes[0].peers.size + nodes[1].peers.size,
        ports: nodes[0].ports.size + nodes[1].ports.size,
        listeners: nodes[0].listeners.size + nodes[1].listeners.size,
        handshakes: nodes[0].network.handshaking + nodes[1].network.handshaking,
        fibers: finalizers?.size ?? 0,
        timers: process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      }
      return said
    })
    const result: Array<readonly [number, Left]> = []
    for (let done = 1; done <= marks.at(-1)!; done++) {
      yield* once
      if (marks.includes(done)) result.push([done, yield* left])
    }
    yield* Scope.close(scope, Exit.void)
    return result
  }).pipe(Effect.provide(Transport.layerMemory), Effect.runPromise)

const turn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})
