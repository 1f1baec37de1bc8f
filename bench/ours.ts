/** Nodes of ours in processes that know each other's addresses. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Node, Port, Transport } from "../src/index.ts"
import type { Partner } from "./workload.ts"

/** What nodes reach each other by, and where they listen then. */
export interface Wire {
  readonly layer: Layer.Layer<Transport.Transport>
  readonly bind: string
}

export const tcp: Wire = { layer: Transport.layerTcp, bind: "127.0.0.1:*" }

const layerOf = (nodeId: string, binds: ReadonlyArray<string>, options: Node.Options, { layer }: Wire) =>
  Layer.provide(Node.layer({ nodeId, binds, secret: "bench", ...options }), layer)

/** A node that listens, and a port on it: what `dialling` must know. */
export const listening = <E>(
  makePort: Effect.Effect<Port.PortId, E, Node.Node | Scope.Scope>,
  options: Node.Options = {},
  wire = tcp
) =>
  Effect.gen(function*() {
    const node = yield* Layer.build(layerOf(`partner${process.pid}`, [wire.bind], options, wire))
    const port = yield* Effect.provide(makePort, node)
    const [address = ""] = yield* Effect.provide(Node.addresses, node)
    return [address, port]
  })

/** Runs on a node that has a link with each of these partners, and gets their ports. */
export const dialling = <A, E>(
  partners: ReadonlyArray<Partner>,
  work: (...ports: ReadonlyArray<Port.PortId>) => Effect.Effect<A, E, Node.Node | Scope.Scope>,
  options: Node.Options = {},
  wire = tcp
) =>
  Effect.gen(function*() {
    const addresses = new Map(partners.map(({ words: [address = "", port = ""] }) => [Port.nodeOf(port), address]))
    yield* Node.addressBook((nodeId) => Effect.succeed([addresses.get(nodeId)!]))
    for (const nodeId of addresses.keys()) yield* Port.calMessage(nodeId, "time")
    return yield* work(...partners.map(({ words }) => words[1]!))
  }).pipe(Effect.provide(layerOf("measured", [], options, wire)))
