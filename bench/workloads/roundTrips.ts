/** W5: messages to a port of another process and back: one at a time, the same on one core, and 64 at a time. */
import * as Effect from "effect/Effect"
import { Port } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { erlang } from "../peers/erlang.ts"
import * as socket from "../peers/socket.ts"
import { type Line, makeSignal, rate, textOf, type Workload } from "../workload.ts"

interface Kind {
  readonly name: string
  readonly title: string
  readonly isPinned?: boolean
  readonly outstanding: number
  readonly rounds: number
  readonly lines: ReadonlyArray<Line>
}

/** Sends the first messages, and one for each that comes back, until there have been so many rounds. */
const makePlayer = <A>({ outstanding, rounds }: Kind, send: (n: number) => A, otherwise: (told?: void) => A) => {
  const { tell, wait } = makeSignal()
  let sent = 0
  let back = 0
  return {
    wait,
    begin: (): ReadonlyArray<A> => {
      back = 0
      sent = outstanding
      return Array.from({ length: outstanding }, (_, n) => send(n))
    },
    next: (): A => {
      if (sent < rounds) return send(sent++)
      if (++back === outstanding) tell()
      return otherwise()
    }
  }
}

const workload = (kind: Kind): Workload => ({
  ...kind,
  unit: "/s",
  sides: {
    "snd": {
      partner: ours.listening(Effect.suspend(() => {
        let other: Port.PortId = ""
        return Port.make({
          meet: (port: Port.PortId) =>
            Effect.sync(() => {
              other = port
            }),
          ping: (n: number, text: string) => Port.snd(other, "pong", n, text)
        })
      })),
      measure: (partners) =>
        ours.dialling(partners, (echo = "") =>
          Effect.gen(function*() {
            const { begin, next, wait } = makePlayer(
              kind,
              (n) => Port.snd(echo, "ping", n, textOf(n)),
              () => Effect.void
            )
            const port = yield* Port.make({ pong: (_n: number, _text: string) => next() })
            yield* Port.snd(echo, "meet", port)
            const all = Effect.suspend(() => Effect.all(begin(), { discard: true }))
            return yield* rate(kind.rounds, Effect.andThen(all, wait))
          }))
    },
    "raw": {
      partner: socket.listening(([, n, text], link) => link.send(["pong", n, text])),
      measure: ([partner]) =>
        Effect.gen(function*() {
          const { begin, next, wait } = makePlayer(kind, (n) => link.send(["ping", n, textOf(n)]), () => {})
          const link: socket.SocketLink = yield* socket.dialled(partner!, next)
          return yield* rate(kind.rounds, Effect.andThen(Effect.sync(begin), wait))
        })
    },
    "Erlang": { partner: erlang("partner"), measure: erlang("round_trips", kind.outstanding, kind.rounds) }
  }
})

export const roundTrips: ReadonlyArray<Workload> = [
  workload({
    name: "W5a",
    title: "two processes, ping-pong",
    outstanding: 1,
    rounds: 2000,
    lines: [{ side: "snd", peer: "raw", goal: { ratio: 1 } }, { side: "snd", peer: "Erlang" }]
  }),
  workload({
    name: "W5p",
    title: "the same on one core",
    isPinned: true,
    outstanding: 1,
    rounds: 5000,
    lines: [{ side: "snd", peer: "raw" }, { side: "snd", peer: "Erlang", goal: { ratio: 1 } }]
  }),
  workload({
    name: "W5b",
    title: "64 at a time",
    outstanding: 64,
    rounds: 50_000,
    lines: [{ side: "snd", peer: "raw", goal: { ratio: 1.1 } }, { side: "snd", peer: "Erlang" }]
  })
]
