/** W2: two ports of one process send one message to and fro. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { Node, Port } from "../../src/index.ts"
import { erlang } from "../peers/erlang.ts"
import { Mailbox } from "../peers/mailboxes.ts"
import { queueLoop } from "../peers/queueLoop.ts"
import { makeSignal, rate, textOf, type Workload } from "../workload.ts"

const rounds = 50_000

type Ball = readonly [tag: "ping" | "pong", n: number, text: string]

export const pingPong: Workload = {
  name: "W2",
  title: "ping-pong in one process",
  unit: "/s",
  sides: {
    "snd": {
      measure: () =>
        Effect.gen(function*() {
          const { tell, wait } = makeSignal()
          let first: Port.PortId = ""
          const second = yield* Port.make({ ping: (n: number) => Port.snd(first, "pong", n, textOf(n)) })
          first = yield* Port.make({
            pong: (n: number) => n < rounds ? Port.snd(second, "ping", n + 1, textOf(n)) : Effect.sync(tell)
          })
          return yield* rate(rounds, Effect.andThen(Port.snd(second, "ping", 1, textOf(1)), wait))
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "raw": {
      measure: () =>
        Effect.suspend(() => {
          const { tell, wait } = makeSignal()
          const second: Mailbox<Ball> = new Mailbox(([, n]) => first.send(["pong", n, textOf(n)]))
          const first: Mailbox<Ball> = new Mailbox(([, n]) =>
            n < rounds ? second.send(["ping", n + 1, textOf(n)]) : tell()
          )
          return rate(rounds, Effect.andThen(Effect.sync(() => second.send(["ping", 1, textOf(1)])), wait))
        })
    },
    "Queue": {
      measure: () =>
        Effect.gen(function*() {
          const { tell, wait } = makeSignal()
          const first = yield* Queue.unbounded<Ball>()
          const second = yield* Queue.unbounded<Ball>()
          yield* queueLoop(second, ([, n]) => Queue.offer(first, ["pong", n, textOf(n)]))
          yield* queueLoop(first, ([, n]) =>
            n < rounds ? Queue.offer(second, ["ping", n + 1, textOf(n)]) : Effect.sync(tell))
          return yield* rate(rounds, Effect.andThen(Queue.offer(second, ["ping", 1, textOf(1)]), wait))
        })
    },
    "Erlang": { measure: erlang("ping_pong") }
  },
  lines: [
    { side: "snd", peer: "raw", goal: { atLeast: 3e6 } },
    { side: "snd", peer: "Queue" },
    { side: "snd", peer: "Erlang" }
  ]
}
