/** W3: ports are made and ended, one after the other; the time ends when all of them have. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Node, Port } from "../../src/index.ts"
import { erlang } from "../peers/erlang.ts"
import { queueLoop } from "../peers/queueLoop.ts"
import { rate, type Workload } from "../workload.ts"

const lifetimes = 20_000
/** A loop of plain calls lets nothing end: it makes way after so many. */
const turn = 1000

/** Each port has its own handlers, as programs write them. */
const handlers = () => ({ item: (_n: number, _text: string) => Effect.void })

/** What was killed ends in the run queue: a last port, awaited, is behind all of them. */
const allHaveEnded = Effect.gen(function*() {
  const last = yield* Port.make({})
  yield* Port.kil(last)
  yield* Port.exit(last)
})

export const lives: Workload = {
  name: "W3",
  title: "create and end",
  unit: "/s",
  sides: {
    "make, kil": {
      measure: () =>
        rate(
          lifetimes,
          Effect.scoped(Effect.gen(function*() {
            for (let n = 0; n < lifetimes; n++) {
              const port = yield* Port.make(handlers())
              yield* Port.kil(port)
            }
            yield* allHaveEnded
          }))
        ).pipe(Effect.provide(Node.layerLocal))
    },
    "makeUnsafe, kilUnsafe": {
      measure: () =>
        rate(
          lifetimes,
          Effect.scoped(Effect.gen(function*() {
            const node = yield* Node.Node
            const context = yield* Effect.context<Node.Node | Scope.Scope>()
            for (let n = 0; n < lifetimes; n += turn) {
              for (let k = 0; k < turn; k++) Port.kilUnsafe(node, Port.makeUnsafe(context, handlers()))
              yield* allHaveEnded
            }
          }))
        ).pipe(Effect.provide(Node.layerLocal))
    },
    "raw": {
      measure: () => {
        const ports = new Map<string, ReturnType<typeof handlers>>()
        let names = 0
        return rate(
          lifetimes,
          Effect.sync(() => {
            for (let n = 0; n < lifetimes; n++) {
              const id = `raw#${names++}`
              ports.set(id, handlers())
              ports.delete(id)
            }
          })
        )
      }
    },
    "Queue": {
      measure: () =>
        rate(
          lifetimes,
          Effect.scoped(Effect.gen(function*() {
            for (let n = 0; n < lifetimes; n++) {
              const scope = yield* Scope.fork(yield* Effect.scope)
              const queue = yield* Queue.unbounded<readonly [tag: "item", n: number, text: string]>()
              yield* Scope.provide(queueLoop(queue, () => Effect.void), scope)
              yield* Scope.close(scope, Exit.void)
            }
          }))
        )
    },
    "Erlang": { measure: erlang("lives") }
  },
  lines: [
    { side: "make, kil", peer: "raw", goal: { atLeast: 0.8e6 } },
    { side: "make, kil", peer: "Queue" },
    { side: "make, kil", peer: "Erlang" },
    { side: "makeUnsafe, kilUnsafe", peer: "raw", goal: { atLeast: 1.5e6 } },
    { side: "makeUnsafe, kilUnsafe", peer: "Erlang" }
  ]
}
