/** W7: bytes to another process, in one direction: a tag, an integer and a payload of one size. */
import * as Effect from "effect/Effect"
import { Port } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { erlang } from "../peers/erlang.ts"
import { nats } from "../peers/nats.ts"
import * as socket from "../peers/socket.ts"
import { type Goal, makeSignal, rate, type Workload } from "../workload.ts"

const burstBytes = 64 * 1024 * 1024

/** All payloads of a burst are there before it begins: what is measured is not how they are made. A burst has left before the next. */
const payloadsOf = (size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: burstBytes / size }, (_, n) => new Uint8Array(size).fill(n))

const makeReceiver = () => {
  let bytes = 0
  return {
    blob: (_n: number, payload: Uint8Array): void => {
      bytes += payload.length
    },
    total: () => bytes
  }
}

const workload = (name: string, title: string, size: number, goal: Goal): Workload => ({
  name,
  title,
  unit: "MB/s",
  sides: {
    "snd": {
      partner: ours.listening(Effect.suspend(() => {
        const { blob, total } = makeReceiver()
        return Port.make({
          blob: (n: number, payload: Uint8Array) => Effect.sync(() => blob(n, payload)),
          total: (reply: Port.PortId) => Port.snd(reply, total())
        })
      })),
      measure: (partners) =>
        ours.dialling(partners, (port = "") =>
          Effect.suspend(() => {
            const payloads = payloadsOf(size)
            return rate(
              burstBytes / 1e6,
              Effect.andThen(
                Effect.forEach(payloads, (payload, n) => Port.snd(port, "blob", n, payload), { discard: true }),
                Port.cal(port, "total")
              )
            )
          }))
    },
    "raw": {
      partner: Effect.suspend(() => {
        const { blob, total } = makeReceiver()
        return socket.listening((message, link) => {
          if (message[0] === "blob") blob(message[1] as number, message[2] as Uint8Array)
          else link.send(["total", total()])
        })
      }),
      measure: ([partner]) =>
        Effect.gen(function*() {
          const { tell, wait } = makeSignal()
          const link = yield* socket.dialled(partner!, tell)
          const payloads = payloadsOf(size)
          return yield* rate(
            burstBytes / 1e6,
            Effect.gen(function*() {
              for (const [n, payload] of payloads.entries()) {
                link.send(["blob", n, payload], size)
                if (!link.mayGoOn) yield* link.drained
              }
              link.send(["total"])
              yield* wait
            })
          )
        })
    },
    "NATS": nats.payloads(payloadsOf, size, burstBytes / 1e6),
    "Erlang": { partner: erlang("partner"), measure: erlang("payloads", size, burstBytes) }
  },
  lines: [
    { side: "snd", peer: "raw", goal },
    { side: "snd", peer: "NATS" },
    { side: "snd", peer: "Erlang" }
  ]
})

export const payloads: ReadonlyArray<Workload> = [
  workload("W7a", "payloads of 1 KiB", 1024, { ratio: 0.8 }),
  workload("W7b", "payloads of 64 KiB", 64 * 1024, { ratio: 1.2 })
]
