/**
 * W3m: what a port takes that waits for messages, in bytes: of the heap, and of resident memory. All ports share their handlers,
 * which are the program's.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { Node, Port } from "../../src/index.ts"
import { erlang } from "../peers/erlang.ts"
import { Mailbox, type Message } from "../peers/mailboxes.ts"
import { queueLoop } from "../peers/queueLoop.ts"
import { textOf, type Workload } from "../workload.ts"

const count = 300_000

type Measure = "heapUsed" | "rss"

/** What is held when what nobody holds has been given back. */
export const collected = (measure: Measure) =>
  Effect.promise(async () => {
    for (let n = 0; n < 3; n++) {
      globalThis.gc!()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage()[measure]
  })

/** The bytes of each of many ports. The array that keeps their IDs is made before. */
const bytesEach = <A, R>(
  measure: Measure,
  make: Effect.Effect<A, never, R>,
  use?: (port: A) => Effect.Effect<unknown, never, R>
) =>
  Effect.gen(function*() {
    const ports: Array<A | undefined> = Array.from({ length: count })
    yield* make
    const before = yield* collected(measure)
    for (let n = 0; n < count; n++) {
      const port = ports[n] = yield* make
      if (use !== undefined) yield* use(port)
    }
    yield* Effect.sleep("10 millis")
    const after = yield* collected(measure)
    return (after - before) / ports.length
  })

const receiver = { item: (_n: number, _text: string) => Effect.void }

const port = Port.make(receiver)

const queue: Effect.Effect<unknown, never, Scope.Scope> = Effect.gen(function*() {
  const queue = yield* Queue.unbounded<Message>()
  return [queue, yield* queueLoop(queue, () => Effect.void)]
})

const mailbox = () => {
  const mailboxes = new Map<string, Mailbox<Message>>()
  const handle = (): void => {}
  return Effect.sync(() => {
    const id = `raw#${mailboxes.size}`
    const mailbox = new Mailbox<Message>(handle)
    mailboxes.set(id, mailbox)
    return mailbox
  })
}

const onNode = <A>(effect: Effect.Effect<A, never, Node.Node | Scope.Scope>) => Effect.provide(effect, Node.layerLocal)

export const memory: ReadonlyArray<Workload> = [
  {
    name: "W3m",
    title: "an idle port, heap",
    unit: "B",
    sides: {
      "port": { measure: () => onNode(bytesEach("heapUsed", port)) },
      "raw": { measure: () => bytesEach("heapUsed", mailbox()) },
      "Queue": { measure: () => bytesEach("heapUsed", queue) },
      "Erlang": { measure: erlang("memory") }
    },
    lines: [
      { side: "port", peer: "raw", goal: { atMost: 450 } },
      { side: "port", peer: "Queue" },
      { side: "port", peer: "Erlang" }
    ]
  },
  {
    name: "W3r",
    title: "an idle port, resident",
    unit: "B",
    sides: {
      "port": { measure: () => onNode(bytesEach("rss", port)) },
      "raw": { measure: () => bytesEach("rss", mailbox()) }
    },
    lines: [{ side: "port", peer: "raw", goal: { atMost: 620 } }]
  },
  {
    name: "W3u",
    title: "a port that had a message, heap",
    unit: "B",
    sides: {
      "port": { measure: () => onNode(bytesEach("heapUsed", port, (port) => Port.snd(port, "item", 1, textOf(1)))) },
      "raw": {
        measure: () =>
          bytesEach("heapUsed", mailbox(), (mailbox) => Effect.sync(() => mailbox.send(["item", 1, textOf(1)])))
      }
    },
    lines: [{ side: "port", peer: "raw", goal: { atMost: 550 } }]
  }
]
