/** W1: one process, messages in bursts; the next burst is sent when the last message of the one before has been handled. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { Node, Port } from "../../src/index.ts"
import { erlang } from "../peers/erlang.ts"
import { Mailbox } from "../peers/mailboxes.ts"
import { queueLoop } from "../peers/queueLoop.ts"
import { makeSignal, numbersTo, rate, textOf, type Workload } from "../workload.ts"

const burst = 100_000

type Item = readonly [tag: "item", n: number, text: string]

/** What every receiver does with a message. */
const makeReceiver = () => {
  const signal = makeSignal()
  let characters = 0
  const item = (n: number, text: string): void => {
    characters += text.length
    if (n === burst) signal.tell()
  }
  return { item, handled: signal.wait }
}

const numbers = numbersTo(burst)

/** A loop of effects that send. */
const inEffect = <R>(send: (n: number, text: string) => Effect.Effect<unknown, never, R>) =>
  Effect.forEach(numbers, (n) => send(n, textOf(n)), { discard: true })

/** The same, in a generator: what it costs beyond that is Effect's. */
const inGenerator = <R>(send: (n: number, text: string) => Effect.Effect<unknown, never, R>) =>
  Effect.gen(function*() {
    for (const n of numbers) yield* send(n, textOf(n))
  })

/** A plain loop. */
const atOnce = (send: (n: number, text: string) => unknown) =>
  Effect.sync(() => {
    for (const n of numbers) send(n, textOf(n))
  })

const makePort = Effect.gen(function*() {
  const { handled, item } = makeReceiver()
  return { handled, port: yield* Port.make({ item }) }
})

const makeQueue = Effect.gen(function*() {
  const { handled, item } = makeReceiver()
  const queue = yield* Queue.unbounded<Item>()
  yield* queueLoop(queue, ([, n, text]) => Effect.sync(() => item(n, text)))
  return { handled, queue }
})

export const sends: Workload = {
  name: "W1",
  title: "one process, bursts of 100,000",
  unit: "/s",
  sides: {
    "snd": {
      measure: () =>
        Effect.gen(function*() {
          const { handled, port } = yield* makePort
          return yield* rate(burst, Effect.andThen(inEffect((n, text) => Port.snd(port, "item", n, text)), handled))
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "snd, generator": {
      measure: () =>
        Effect.gen(function*() {
          const { handled, port } = yield* makePort
          return yield* rate(burst, Effect.andThen(inGenerator((n, text) => Port.snd(port, "item", n, text)), handled))
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "sender": {
      measure: () =>
        Effect.gen(function*() {
          const { handled, port } = yield* makePort
          const send = yield* Port.sender(port)
          return yield* rate(burst, Effect.andThen(atOnce((n, text) => send("item", n, text)), handled))
        }).pipe(Effect.provide(Node.layerLocal))
    },
    "raw": {
      measure: () =>
        Effect.suspend(() => {
          const { handled, item } = makeReceiver()
          const mailbox = new Mailbox<Item>(([, n, text]) => item(n, text))
          return rate(burst, Effect.andThen(atOnce((n, text) => mailbox.send(["item", n, text])), handled))
        })
    },
    "Queue.offer": {
      measure: () =>
        Effect.gen(function*() {
          const { handled, queue } = yield* makeQueue
          return yield* rate(
            burst,
            Effect.andThen(inEffect((n, text) => Queue.offer(queue, ["item", n, text])), handled)
          )
        })
    },
    "Queue.offerUnsafe": {
      measure: () =>
        Effect.gen(function*() {
          const { handled, queue } = yield* makeQueue
          const send = atOnce((n, text) => Queue.offerUnsafe(queue, ["item", n, text]))
          return yield* rate(burst, Effect.andThen(send, handled))
        })
    },
    "Erlang": { measure: erlang("sends") }
  },
  lines: [
    { side: "snd", peer: "raw", goal: { atLeast: 6e6 } },
    { side: "snd", peer: "Queue.offer" },
    { side: "snd", peer: "Erlang" },
    { side: "snd, generator", peer: "raw" },
    { side: "sender", peer: "raw", goal: { atLeast: 15e6 } },
    { side: "sender", peer: "Queue.offerUnsafe" },
    { side: "sender", peer: "Erlang" }
  ]
}
