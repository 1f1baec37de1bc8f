/**
 * A node: the process that ports live in, and its links to other nodes.
 *
 * `Node.layerLocal` is a node of its own, for programs that need no network; `Node.layer` listens and connects through
 * a `Transport`. Where other nodes live is not the node's business: it asks an address book, which `Global` fills.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as crypto from "node:crypto"
import * as os from "node:os"
import { Connections } from "./internal/node/connections.ts"
import * as gaugesOf from "./internal/node/gauges.ts"
import type { FindAddresses, Network } from "./internal/node/network.ts"
import { expand } from "./internal/node/nodeId.ts"
import { installNodePort } from "./internal/node/nodePort.ts"
import * as nodeOptions from "./internal/node/options.ts"
import type { PeerState } from "./internal/node/peer.ts"
import * as routers from "./internal/node/router.ts"
import type { Link } from "./internal/transport/link.ts"
import { LinkError, type LinkErrorReason, transportErrorText } from "./internal/transport/linkError.ts"
import { makePortNames, randomText } from "./internal/values/names.ts"
import { Transport } from "./Transport.ts"

/**
 * What a networked node is made of. The names are those of AEMP's profiles, in camel case.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Unique in the network. `%n` stands for the host name; a trailing `/` gets ten random characters, which `%u`
   * repeats: `anon/` is a usual choice for throw-away nodes. Default: `%n/`.
   */
  readonly nodeId?: string | undefined
  /**
   * What all nodes of a network share, unless both sides of a connection have a `cert`. Without either nobody can connect,
   * and the node listens on loopback only unless `binds` says otherwise.
   */
  readonly secret?: string | Redacted.Redacted | undefined
  /**
   * PEM text: a private key, its certificate, and certificates to trust. With it the node speaks TLS (1.2 or later) with
   * every node that has one too: both show a certificate, and both verify it against those in their own text. One
   * self-signed certificate that all nodes share is enough. With all others it goes on in the clear if there is a `secret`.
   */
  readonly cert?: string | Redacted.Redacted | undefined
  /**
   * Whether the certificate of another node must be for its node ID, as common name or as alternative name (DNS or URI). It
   * makes sense where every node has a certificate of its own, signed by an authority. Nodes that come with the `secret`,
   * without TLS, show none: where they are not welcome either, leave the secret away. Default: false.
   */
  readonly nodeIdInCert?: boolean | undefined
  /**
   * Where to listen: `host:port`, `[v6]:port`, `*:port` (all interfaces), a bare port; port `*` is a free one. An empty
   * list: the node can only dial. Default: `["*"]`, or `["127.0.0.1:*"]` without secret and certificate.
   */
  readonly binds?: ReadonlyArray<string> | undefined
  /** How long a handshake may take, and the cap of all retry delays. Default: 30 seconds. */
  readonly monitorTimeout?: Duration.Input | undefined
  /** How long finding and dialling a node may take before what waits for it is lost. Default: 2 seconds. */
  readonly connectInterval?: Duration.Input | undefined
  /** Framings that we send and decode, best first. Default: `["cbor", "json"]`. */
  readonly framings?: ReadonlyArray<string> | undefined
  /**
   * Authentication methods that we send, best first. Default: `["tls_sha3_512", "hmac_sha3_512"]`. `tls_anon`, where it is
   * accepted, proves nothing: TLS then keeps secrets from those who listen, and from nobody else.
   */
  readonly authOffer?: ReadonlyArray<string> | undefined
  /** Authentication methods that we accept, best first. Default: `["tls_sha3_512", "hmac_sha3_512", "cleartext"]`. */
  readonly authAccept?: ReadonlyArray<string> | undefined
  /**
   * How large a message this node takes: bytes as they travel, at least 32,768. Nodes of our own kind know it, and refuse larger ones
   * where they are sent; a link on which a larger one comes ends. Default: 64 MiB.
   */
  readonly maxMessageSize?: number | undefined
}

/**
 * A wrong option: which one, and what is wrong with it. Nothing listens yet when it is reported.
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidOption = nodeOptions.InvalidOption

/**
 * @category errors
 * @since 0.1.0
 */
export type InvalidOption = nodeOptions.InvalidOption

/**
 * A node that came or went.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeEvent =
  | { readonly _tag: "Up"; readonly nodeId: string }
  | {
    readonly _tag: "Down"
    readonly nodeId: string
    readonly reason: string
    /** Why the link was lost: the tag of a `LinkError`, such as `peer_silent`. */
    readonly linkError: LinkErrorReason
    /** The node said that it stops: it did not crash, and was not cut off. Only nodes of our own kind say so. */
    readonly orderly: boolean
  }

/**
 * Another node, as this one sees it now: `queued` messages wait for a link, `buffered` bytes have been sent and have not
 * left the process, `waiting` senders wait for room. `received` and `sent` count the bytes of the present link.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerInfo {
  readonly nodeId: string
  readonly state: PeerState
  readonly address: string | undefined
  readonly queued: number
  readonly buffered: number
  readonly waiting: number
  readonly received: number
  readonly sent: number
}

/**
 * What `Node` holds: `nodeId` is the node's ID, expanded; `addresses` are those that others can dial, with their real ports.
 *
 * @category models
 * @since 0.1.0
 */
export type Service = routers.NodeService

/**
 * The node that a program's ports live in. `layer` and `layerLocal` provide it.
 *
 * **Gotchas**
 *
 * It cannot be made by hand: what the other modules of this package need of it does not show in its type.
 *
 * @category services
 * @since 0.1.0
 */
export const Node = routers.Node

/**
 * @category services
 * @since 0.1.0
 */
export type Node = routers.Node

const { Router, NodeRouter } = routers

/** A node with this ID, once `connect` has been told which node it connects. */
const makeRouter = Effect.fnUntraced(function*(
  { isRandom, nodeId }: { readonly nodeId: string; readonly isRandom: boolean },
  connect?: (router: routers.Router) => Network
) {
  const router = new Router(
    nodeId,
    yield* makePortNames(nodeId, isRandom),
    yield* Effect.context<Scope.Scope>(),
    connect
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => router.log.close()))
  installNodePort(router)
  return router
})

/**
 * A node without a network. Its ports reach each other and nobody else.
 *
 * **Example** (Ports without a network)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const heard = yield* Deferred.make<unknown>()
 *   const port = yield* Port.make({ test: (data) => Deferred.succeed(heard, data) })
 *   yield* Port.snd(port, "test", 123)
 *   return yield* Deferred.await(heard)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 123
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLocal: Layer.Layer<Node> = Layer.effect(
  NodeRouter,
  Effect.flatMap(expand("local/", os.hostname()), (expanded) => makeRouter(expanded))
)

/**
 * A node that listens and connects through the Transport below it.
 *
 * **Details**
 *
 * The layer is ready when all binds listen. When it closes, what was sent still leaves (within two seconds), then the
 * links end, and other nodes see this one go down.
 *
 * **Gotchas**
 *
 * The node alone knows no other node. Nodes connect to it, or `Global.layer` finds them.
 *
 * **Example** (Two nodes in one process)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = (nodeId: string, seeds: ReadonlyArray<string>) =>
 *   Global.layer({ seeds }).pipe(
 *     Layer.provideMerge(Node.layer({ nodeId, secret: "swordfish", binds: [`memory:${nodeId === "a" ? 1 : 2}`] }))
 *   )
 *
 * const program = Effect.gen(function*() {
 *   const a = yield* Layer.build(node("a", []))
 *   const b = yield* Layer.build(node("b", ["memory:1"]))
 *   const echo = yield* Effect.provide(Port.make({ echo: (text, reply) => Port.snd(reply, text) }), a)
 *   yield* Global.awaitNode("a").pipe(Effect.provide(b))
 *   return yield* Effect.provide(Port.cal(echo, "echo", "hello"), b)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => "hello"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Node, InvalidOption | LinkError, Transport> =>
  Layer.effect(
    NodeRouter,
    Effect.gen(function*() {
      const expanded = yield* expand(options.nodeId ?? "%n/", os.hostname())
      const carrier = yield* Transport
      const incarnation = yield* randomText(16)
      const checked = yield* nodeOptions.check(options, expanded.nodeId, incarnation)
      const context = yield* Effect.context<Scope.Scope>()
      const connect = (router: routers.Router) => new Connections(router, carrier, { ...checked, makeNonce }, context)
      const router = yield* makeRouter(expanded, connect)
      if (checked.identity.secret === "" && checked.credentials === undefined) {
        router.log.warn("this node has neither a secret nor a certificate: nobody can connect to it")
      }
      yield* Effect.addFinalizer(() => stop(router))
      yield* Effect.forkScoped(gaugesOf.publish(router))
      yield* router.network.listen(checked.binds)
      return router
    })
  )

/** 66 random bytes in base64, as Perl sends them. */
const makeNonce = Effect.sync(() => crypto.randomBytes(66).toString("base64"))

/** Ends all links in order: what was sent still leaves, and whoever waits for a peer is released at once. */
const stop = (router: routers.Router): Effect.Effect<void> =>
  Effect.gen(function*() {
    const peers = Array.from(router.peers.values())
    const links = peers.map((peer) => peer.link).filter((link): link is Link => link !== undefined)
    router.network.stop()
    const closing = yield* Effect.forkChild(
      Effect.forEach(links, (link) => link.close, { concurrency: "unbounded", discard: true }),
      { startImmediately: true }
    )
    for (const peer of peers) peer.lost(new LinkError({ reason: "node_stopped", peer: peer.nodeId }))
    yield* Fiber.join(closing)
  })

/**
 * The node's ID, expanded.
 *
 * @category accessors
 * @since 0.1.0
 */
export const id: Effect.Effect<string, never, Node> = Effect.map(Node, (node) => node.nodeId)

/**
 * The addresses that others can dial, with their real ports. Empty for a node that does not listen.
 *
 * @category accessors
 * @since 0.1.0
 */
export const addresses: Effect.Effect<ReadonlyArray<string>, never, Node> = Effect.map(Node, (node) => node.addresses)

/**
 * The IDs of the nodes that there is a link to, without this one.
 *
 * @category accessors
 * @since 0.1.0
 */
export const upNodes: Effect.Effect<ReadonlyArray<string>, never, Node> = Effect.map(
  NodeRouter,
  (node) => node.upNodes()
)

/**
 * All nodes that this one has a link to, or messages or monitors for.
 *
 * @category accessors
 * @since 0.1.0
 */
export const peers: Effect.Effect<ReadonlyArray<PeerInfo>, never, Node> = Effect.map(
  NodeRouter,
  (node) =>
    Array.from(node.peers.values(), (peer) => ({
      nodeId: peer.nodeId,
      state: peer.state,
      address: peer.link?.address,
      queued: peer.queued,
      buffered: peer.link?.buffered ?? 0,
      waiting: peer.senders,
      received: peer.link?.received ?? 0,
      sent: peer.link?.sent ?? 0
    }))
)

/**
 * What a node holds at a moment: `ports` without the node port, `links` and `searches` to other nodes, incoming
 * `handshakes`, `queuedMessages` that wait for a link, `unsentBytes` on links, `waitingSenders` that wait for room.
 * `refusedMessages` is how many its ports have refused since it started.
 *
 * @category models
 * @since 0.1.0
 */
export type Gauges = gaugesOf.Gauges

/**
 * What the node holds now.
 *
 * **Details**
 *
 * A networked node also sets a gauge of Effect's metrics for each of them every five seconds: `effect_mp_ports`,
 * `effect_mp_queued_messages` and so on, with the attribute `node`.
 *
 * **Example** (Counting ports)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Port.make({})
 *   return (yield* Node.gauges).ports
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 1
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const gauges: Effect.Effect<Gauges, never, Node> = Effect.map(NodeRouter, gaugesOf.read)

/**
 * Nodes that come and go: first an `Up` for every node that there is a link to now, then what happens.
 *
 * **Gotchas**
 *
 * The reason of a `Down` is for people: the transport's text, such as `Unexpected end-of-file`. Programs decide by `linkError`: the
 * tag under which `docs/errors.md` tells what happened (`node_left`: it stopped in order, which `orderly` says too; `link_lost`;
 * `peer_silent`). That a node is down is a verdict, and can be wrong: it may live behind a broken network.
 *
 * @category accessors
 * @since 0.1.0
 */
export const events: Stream.Stream<NodeEvent, never, Node> = Stream.unwrap(
  Effect.map(NodeRouter, (node) =>
    Stream.callback<NodeEvent>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = {
            up: (nodeId: string) => void Queue.offerUnsafe(queue, { _tag: "Up", nodeId }),
            down: (nodeId: string, why: LinkError) =>
              void Queue.offerUnsafe(queue, {
                _tag: "Down",
                nodeId,
                reason: transportErrorText(why),
                linkError: why.reason,
                orderly: why.reason === "node_left"
              })
          }
          for (const nodeId of node.upNodes()) listener.up(nodeId)
          node.listeners.add(listener)
          return listener
        }),
        (listener) => Effect.sync(() => node.listeners.delete(listener))
      )
    ))
)

/**
 * Answers where nodes live, for as long as the scope lasts. `Global.layer` does this; a program with a fixed set of
 * nodes may do it by hand.
 *
 * **Details**
 *
 * `find` gets a node ID and answers addresses of the form `host:port`, none if it does not know the node. Finding and
 * dialling together may take `connectInterval`. Of several address books the last one is asked. A node without a network
 * asks nobody.
 *
 * @category constructors
 * @since 0.1.0
 */
export const addressBook = (find: FindAddresses): Effect.Effect<void, never, Node | Scope.Scope> =>
  Effect.flatMap(NodeRouter, ({ network }) =>
    Effect.acquireRelease(
      Effect.sync(() => network.addressBook(find)),
      (giveBack) => Effect.sync(giveBack)
    )).pipe(Effect.asVoid)
