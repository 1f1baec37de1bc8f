/** W12: the same between two processes over other transports, each beside TCP: one way, there and back, and large payloads. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Node, Port, Transport } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { numbersTo, rate, type Side, textOf, type Workload } from "../workload.ts"

const all: Readonly<Record<string, ours.Wire>> = {
  "TCP": ours.tcp,
  "WebSocket": { layer: Transport.layerWebSocket(), bind: "ws://127.0.0.1:*" }
}

/** What the other process has, whatever is asked of it. */
const receiver = Port.make({
  item: () => {},
  blob: () => {},
  done: (reply: Port.PortId) => Port.snd(reply)
})

/** So many messages, and a question that is answered behind them. */
const burst = (port: Port.PortId, tag: string, messages: ReadonlyArray<readonly [number, string | Uint8Array]>) =>
  Effect.andThen(
    Effect.forEach(messages, (message) => Port.snd(port, tag, ...message), { discard: true }),
    Port.cal(port, "done")
  )

// Made where they are sent: the processes of all other workloads load this module too, and are to have no memory that is not theirs.
const makeItems = () => numbersTo(100_000).map((n) => [n, textOf(n)] as const)
const blobBytes = 256 * 1024
const blobCount = 256
const makeBlobs = () => numbersTo(blobCount).map((n) => [n, new Uint8Array(blobBytes).fill(n)] as const)
const rounds = numbersTo(2000)

/** Messages that are there before the time is taken. */
const bursts = (
  port: Port.PortId,
  count: number,
  tag: string,
  make: () => ReadonlyArray<readonly [number, string | Uint8Array]>
) => Effect.suspend(() => rate(count, burst(port, tag, make())))

type Work = (port: Port.PortId) => Effect.Effect<number, unknown, Node.Node | Scope.Scope>

const works = {
  oneWay: (port) => bursts(port, 100_000, "item", makeItems),
  roundTrips: (port) => rate(rounds.length, Effect.forEach(rounds, () => Port.cal(port, "done"), { discard: true })),
  blobs: (port) => bursts(port, blobCount * blobBytes / 1e6, "blob", makeBlobs)
} as const satisfies Readonly<Record<string, Work>>

type What = keyof typeof works

const sideOf = (what: What) => (wire: ours.Wire): Side => ({
  partner: ours.listening(receiver, {}, wire),
  measure: (partners) => ours.dialling(partners, (port = "") => works[what](port), {}, wire)
})

/** The same work over any wire. */
export const wireSide = { oneWay: sideOf("oneWay"), roundTrips: sideOf("roundTrips"), blobs: sideOf("blobs") }

/** How much of it. */
export const wireSizes = { items: 100_000, rounds: rounds.length, blobs: blobCount, blobBytes }

const workload = (name: string, title: string, unit: Workload["unit"], what: What): Workload => ({
  name,
  title,
  unit,
  sides: Object.fromEntries(Object.entries(all).map(([side, wire]) => [side, wireSide[what](wire)])),
  lines: Object.keys(all).filter((side) => side !== "TCP").map((side) => ({ side, peer: "TCP" }))
})

export const wires: ReadonlyArray<Workload> = [
  workload("W12a", "over other transports, one way", "/s", "oneWay"),
  workload("W12b", "there and back, one at a time", "/s", "roundTrips"),
  workload("W12c", "payloads of 256 KiB", "MB/s", "blobs")
]
