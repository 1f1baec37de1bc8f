/**
 * W12: the same between two processes over other transports, each beside TCP: one way, there and back, large payloads, and what a node
 * takes that has a link.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { tmpdir } from "node:os"
import { Node, Port, Transport } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { numbersTo, type Partner, rate, type Side, textOf, type Workload } from "../workload.ts"
import { collected } from "./memory.ts"

const all: Readonly<Record<string, ours.Wire>> = {
  "TCP": ours.tcp,
  "Unix": { layer: Transport.layerUnix, bind: `unix:${tmpdir()}/effect-mp-bench.sock` },
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
const itemCount = 100_000
const makeItems = () => numbersTo(itemCount).map((n) => [n, textOf(n)] as const)
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

type Measure = (partners: ReadonlyArray<Partner>) => Effect.Effect<number, unknown, Scope.Scope>

const withPort =
  (work: (port: Port.PortId) => Effect.Effect<number, unknown, Node.Node | Scope.Scope>) =>
  (wire: ours.Wire): Measure =>
  (partners) => ours.dialling(partners, (port = "") => work(port), {}, wire)

const nodeCount = 50

/** The memory of each of some nodes that have a link with the partner. The first one, which loads what all use, does not count. */
const linked = ({ layer }: ours.Wire): Measure => ([partner]) => {
  const [address = "", port = ""] = partner!.words
  const node = (n: number) =>
    Effect.gen(function*() {
      const options = { nodeId: `linked${n}`, binds: [], secret: "bench" }
      const context = yield* Layer.build(Layer.provide(Node.layer(options), layer))
      yield* Effect.andThen(
        Node.addressBook(() => Effect.succeed([address])),
        Port.cal(port, "done")
      ).pipe(Effect.provide(context))
    })
  return Effect.gen(function*() {
    yield* node(0)
    const before = yield* collected("rss")
    yield* Effect.forEach(numbersTo(nodeCount), node, { discard: true })
    const after = yield* collected("rss")
    return (after - before) / nodeCount
  })
}

/** The same work over any wire. */
export const works = {
  oneWay: withPort((port) => bursts(port, itemCount, "item", makeItems)),
  roundTrips: withPort((port) =>
    rate(rounds.length, Effect.forEach(rounds, () => Port.cal(port, "done"), { discard: true }))
  ),
  blobs: withPort((port) => bursts(port, blobCount * blobBytes / 1e6, "blob", makeBlobs))
}

/** One side of it. */
export const wireSide = (wire: ours.Wire, measure: (wire: ours.Wire) => Measure): Side => ({
  partner: ours.listening(receiver, {}, wire),
  measure: measure(wire)
})

/** How much of it. */
export const wireSizes = { items: itemCount, rounds: rounds.length, blobs: blobCount, blobBytes }

const workload = (
  name: string,
  title: string,
  unit: Workload["unit"],
  measure: (wire: ours.Wire) => Measure
): Workload => ({
  name,
  title,
  unit,
  sides: Object.fromEntries(Object.entries(all).map(([side, wire]) => [side, wireSide(wire, measure)])),
  lines: Object.keys(all).filter((side) => side !== "TCP").map((side) => ({ side, peer: "TCP" }))
})

export const wires: ReadonlyArray<Workload> = [
  workload("W12a", "over other transports, one way", "/s", works.oneWay),
  workload("W12b", "there and back, one at a time", "/s", works.roundTrips),
  workload("W12c", "payloads of 256 KiB", "MB/s", works.blobs),
  workload("W12d", "a node that has a link, resident", "B", linked)
]
