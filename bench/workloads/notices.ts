/** W6l: in one process: a monitor on a port, the end of the port, and the news of it. Making the ports does not count. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Node, Port } from "../../src/index.ts"
import { erlang } from "../peers/erlang.ts"
import type { Message } from "../peers/mailboxes.ts"
import { queueLoop } from "../peers/queueLoop.ts"
import { makeSignal, rate, type Workload } from "../workload.ts"

const count = 1000

/** Tells when all of a batch have been told. */
const makeNotice = () => {
  const { tell, wait } = makeSignal()
  let notices = 0
  const notice = (): void => {
    if (++notices % count === 0) tell()
  }
  return { notice, allTold: wait }
}

const makeAll = <A, R>(make: Effect.Effect<A, never, R>) => {
  const made: Array<A> = []
  const prepare = Effect.gen(function*() {
    for (let n = 0; n < count; n++) made[n] = yield* make
  })
  return { made, prepare }
}

export const notices: Workload = {
  name: "W6l",
  title: "monitor, end, told",
  unit: "/s",
  sides: {
    "mon, kil": {
      measure: () =>
        Effect.suspend(() => {
          const { allTold, notice } = makeNotice()
          const { made, prepare } = makeAll(Port.make({}))
          const batch = Effect.scoped(Effect.gen(function*() {
            for (const port of made) {
              yield* Port.mon(port, notice)
              yield* Port.kil(port)
            }
            yield* allTold
          }))
          return rate(count, batch, prepare)
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "monUnsafe, kilUnsafe": {
      measure: () =>
        Effect.gen(function*() {
          const node = yield* Node.Node
          const { allTold, notice } = makeNotice()
          const { made, prepare } = makeAll(Port.make({}))
          const batch = Effect.suspend(() => {
            for (const port of made) {
              Port.monUnsafe(node, port, notice)
              Port.kilUnsafe(node, port)
            }
            return allTold
          })
          return yield* rate(count, batch, prepare)
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "raw": {
      measure: () => {
        const { allTold, notice } = makeNotice()
        const ports = new Map<string, Set<() => void>>()
        let names = 0
        const { made, prepare } = makeAll(Effect.sync(() => {
          const id = `raw#${names++}`
          ports.set(id, new Set())
          return id
        }))
        const end = (id: string): void => {
          const watchers = ports.get(id)
          ports.delete(id)
          queueMicrotask(() => watchers?.forEach((tell) => tell()))
        }
        const batch = Effect.suspend(() => {
          for (const id of made) {
            ports.get(id)?.add(() => notice())
            end(id)
          }
          return allTold
        })
        return rate(count, batch, prepare)
      }
    },
    "Queue": {
      measure: () =>
        Effect.suspend(() => {
          const { allTold, notice } = makeNotice()
          const { made, prepare } = makeAll(Effect.gen(function*() {
            const scope = yield* Scope.make()
            const queue = yield* Queue.unbounded<Message>()
            return { scope, fiber: yield* Scope.provide(queueLoop(queue, () => Effect.void), scope) }
          }))
          const batch = Effect.gen(function*() {
            for (const { fiber, scope } of made) {
              fiber.addObserver(notice)
              yield* Scope.close(scope, Exit.void)
            }
            yield* allTold
          })
          return rate(count, batch, prepare)
        })
    },
    "Erlang": { measure: erlang("notices") }
  },
  lines: [
    { side: "mon, kil", peer: "raw", goal: { atLeast: 1.2e6 } },
    { side: "mon, kil", peer: "Queue" },
    { side: "mon, kil", peer: "Erlang" },
    { side: "monUnsafe, kilUnsafe", peer: "raw" },
    { side: "monUnsafe, kilUnsafe", peer: "Erlang" }
  ]
}
