/**
 * How nodes reach each other: connections that carry AEMP's wire protocol.
 *
 * A transport is a Layer. Nothing above it knows which one it has: a program moves from `layerMemory`, where all nodes
 * live in one process, to `layerTcp` by replacing one line.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as linkError from "./internal/linkError.ts"
import { makeMemoryCarrier } from "./internal/memory.ts"
import { tcpCarrier } from "./internal/tcp.ts"
import type { Carrier } from "./internal/wire.ts"

/**
 * Why a connection did not become a link, or why a link ended: `reason` is one of the tags of `docs/errors.md`, `peer`
 * the address or node ID of the other side, `detail` what else is known.
 *
 * **Gotchas**
 *
 * AEMP tells the other side nothing: a node whose secret is wrong sees only `handshake_closed`. The node that refused it
 * logs the true reason.
 *
 * **Example** (Telling a wrong address from a wrong secret)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 *
 * const advice = (error: Transport.LinkError): string =>
 *   error.reason === "connect_failed" ? "is the node running?" : error.message
 *
 * advice(new Transport.LinkError({ reason: "connect_failed", peer: "127.0.0.1:4040" })) // => "is the node running?"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const LinkError = linkError.LinkError

/**
 * @category errors
 * @since 0.1.0
 */
export type LinkError = linkError.LinkError

/**
 * The tags of a `LinkError`.
 *
 * @category errors
 * @since 0.1.0
 */
export type LinkErrorReason = linkError.LinkErrorReason

/**
 * The service that nodes listen and dial with. `layerTcp` and `layerMemory` provide it; several nodes may share one.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, Carrier>()("effect-mp/Transport") {}

/**
 * TCP. `AEMP 2` nodes and ours speak the same protocol over it.
 *
 * **Details**
 *
 * Small messages leave at once (`TCP_NODELAY`); all messages of one tick to one node leave in one write.
 *
 * **Example** (A node on a free port of the loopback interface)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["127.0.0.1:*"] })
 *
 * const program = Effect.map(Node.addresses, (addresses) => addresses.length).pipe(
 *   Effect.provide(node.pipe(Layer.provide(Transport.layerTcp)))
 * )
 *
 * await Effect.runPromise(program) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerTcp: Layer.Layer<Transport> = Layer.succeed(Transport, tcpCarrier)

/**
 * A network inside the process: for tests, and for programs that are made of several nodes without a network between
 * them. Handshake, framings and all limits are those of `layerTcp`.
 *
 * **Details**
 *
 * Every build of the layer is a network of its own: nodes must share one to meet. Addresses are any `host:port`; the
 * host `*` is `memory`, and the port `*` a free one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Transport> = Layer.sync(Transport, makeMemoryCarrier)
