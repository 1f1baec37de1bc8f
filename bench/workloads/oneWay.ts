/** W4: messages to another process, in one direction. W8: from eight processes to one. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { Node, Port } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { nats } from "../peers/nats.ts"
import * as socket from "../peers/socket.ts"
import { makeSignal, numbersTo, type Partner, rate, type Side, textOf, type Workload } from "../workload.ts"

const burst = 100_000
const numbers = numbersTo(burst)

/** What every receiver does with a message. */
const makeReceiver = () => {
  let characters = 0
  return {
    item: (_n: number, text: string): void => {
      characters += text.length
    },
    total: () => characters
  }
}

const untyped = Effect.suspend(() => {
  const { item, total } = makeReceiver()
  return Port.make({
    item,
    total: (reply: Port.PortId) => Port.snd(reply, total())
  })
})

const Receiver = Port.protocol({
  item: Port.message(Schema.Number, Schema.String),
  total: Port.message().replies(Schema.Number)
})

const typed = Effect.suspend(() => {
  const { item, total } = makeReceiver()
  return Port.make(Receiver, {
    item,
    total: () => Effect.sync(total)
  })
})

/** A burst, and a question that is answered behind it. */
const inEffect = (port: Port.PortId) =>
  Effect.andThen(
    Effect.forEach(numbers, (n) => Port.snd(port, "item", n, textOf(n)), { discard: true }),
    Port.cal(port, "total")
  )

const atOnce = (port: Port.PortId) =>
  Effect.gen(function*() {
    const send = yield* Port.sender(port)
    for (const n of numbers) {
      if (!send("item", n, textOf(n))) yield* Port.awaitRoom(port)
    }
    yield* Port.cal(port, "total")
  })

const fromNode = (
  send: (port: Port.PortId) => Effect.Effect<unknown, Port.Killed, Node.Node>,
  makePort: typeof untyped | typeof typed = untyped,
  options: Node.Options = {}
): Side => ({
  partner: ours.listening(makePort, options),
  measure: (partners) => ours.dialling(partners, (port = "") => rate(burst, send(port)), options)
})

const cert = readFileSync(new URL("../../test/fixtures/certs/shared.pem", import.meta.url), "utf8")

export const oneWay: Workload = {
  name: "W4",
  title: "two processes, one way",
  unit: "/s",
  sides: {
    "snd": fromNode(inEffect),
    "sender": fromNode(atOnce),
    "snd, typed": fromNode(inEffect, typed),
    "snd, TLS": fromNode(inEffect, untyped, { cert }),
    "snd, JSON": fromNode(inEffect, untyped, { framings: ["json"] }),
    "raw": {
      partner: Effect.suspend(() => {
        const { item, total } = makeReceiver()
        return socket.listening((message, link) => {
          if (message[0] === "item") item(message[1] as number, message[2] as string)
          else link.send(["total", total()])
        })
      }),
      measure: ([partner]) =>
        Effect.gen(function*() {
          const { tell, wait } = makeSignal()
          const link = yield* socket.dialled(partner!, tell)
          return yield* rate(
            burst,
            Effect.gen(function*() {
              for (const n of numbers) {
                link.send(["item", n, textOf(n)])
                if (!link.mayGoOn) yield* link.drained
              }
              link.send(["total"])
              yield* wait
            })
          )
        })
    },
    "NATS": nats.oneWay(burst)
  },
  lines: [
    { side: "snd", peer: "raw", goal: { ratio: 0.75 } },
    { side: "snd", peer: "NATS" },
    { side: "sender", peer: "raw", goal: { ratio: 1.1 } },
    { side: "snd, typed", peer: "snd", goal: { ratio: 0.9 } },
    { side: "snd, TLS", peer: "snd", goal: { ratio: 0.6 } },
    { side: "snd, JSON", peer: "snd", goal: { ratio: 0.45 } }
  ]
}

const clients = 8
const share = 25_000
const shareNumbers = numbersTo(share)

/** Tells when all clients have said that they are done. */
const makeGate = () => {
  const { tell, wait } = makeSignal()
  let done = 0
  return {
    wait,
    done: (): void => {
      if (++done % clients === 0) tell()
    }
  }
}

export const manyToOne: Workload = {
  name: "W8",
  title: "eight processes to one",
  unit: "/s",
  sides: {
    "snd": {
      partners: clients,
      partner: ours.listening(Port.make({
        go: (to: Port.PortId) =>
          Effect.andThen(
            Effect.forEach(shareNumbers, (n) => Port.snd(to, "item", n, textOf(n)), { discard: true }),
            Port.snd(to, "done")
          )
      })),
      measure: (partners) =>
        ours.dialling(partners, (...ports) =>
          Effect.gen(function*() {
            const { item } = makeReceiver()
            const { done, wait } = makeGate()
            const port = yield* Port.make({
              item,
              done: () => Effect.sync(done)
            })
            const begin = Effect.forEach(ports, (client) => Port.snd(client, "go", port), { discard: true })
            return yield* rate(clients * share, Effect.andThen(begin, wait))
          }))
    },
    "raw": {
      partners: clients,
      partner: socket.listening((_, link) =>
        Effect.runFork(Effect.gen(function*() {
          for (const n of shareNumbers) {
            link.send(["item", n, textOf(n)])
            if (!link.mayGoOn) yield* link.drained
          }
          link.send(["done"])
        }))
      ),
      measure: (partners: ReadonlyArray<Partner>) =>
        Effect.gen(function*() {
          const { item } = makeReceiver()
          const { done, wait } = makeGate()
          const links = yield* Effect.forEach(partners, (partner) =>
            socket.dialled(partner, (message) => {
              if (message[0] === "item") item(message[1] as number, message[2] as string)
              else done()
            }))
          const begin = Effect.sync(() => links.forEach((link) => link.send(["go"])))
          return yield* rate(clients * share, Effect.andThen(begin, wait))
        })
    },
    "NATS": nats.manyToOne(clients, share)
  },
  lines: [
    { side: "snd", peer: "raw", goal: { ratio: 0.75 } },
    { side: "snd", peer: "NATS" }
  ]
}
