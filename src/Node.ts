/**
 * A node: the process that ports live in, and its links to other nodes.
 *
 * | to begin with                  | what it does                                                            |
 * | ------------------------------ | ----------------------------------------------------------------------- |
 * | {@link layerLocal}             | is a node without a network, for programs of one process                |
 * | {@link layer}                  | is a node that listens and dials, configured in code                    |
 * | {@link layerConfig}            | is the same, configured by variables of the environment                 |
 * | {@link id}, {@link addresses}  | say what the node is called, and where others reach it                  |
 * | {@link events}, {@link peers}  | say which other nodes there are links to                                |
 * | {@link ticket}                 | lets in a guest: a page, or whoever else cannot keep the secret         |
 * | {@link drain}                  | finishes what is in hand before the node stops                          |
 * | {@link lacks}, {@link layerProbes} | say whether the node is ready for work                              |
 * | {@link trace}                  | shows the messages that it sends and gets                               |
 *
 * Where other nodes live is not the node's business: it asks an address book, which `Global.layer` fills.
 *
 * `docs/introduction/2-network.md` begins with two nodes, `docs/operating.md` runs them, `docs/operating-reference.md` has all options by their
 * names in files. `docs/errors.md` says what can go wrong with a link.
 *
 * @since 0.1.0
 */
import { loadVariables } from "#config"
import { loadProbes, measure, takeGuests } from "#hosting"
import { hostname, processInWords, randomBase64 } from "#platform"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as FileSystem from "effect/FileSystem"
import type * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Connections } from "./internal/node/connections.ts"
import * as gaugesOf from "./internal/node/gauges.ts"
import type * as guestLimits from "./internal/node/guestLimits.ts"
import { lacksOf } from "./internal/node/lacks.ts"
import { type TraceLine as TracedMessage, traceMessages, writeLine } from "./internal/node/messageTrace.ts"
import type { FindAddresses, Network } from "./internal/node/network.ts"
import { expand } from "./internal/node/nodeId.ts"
import { installNodePort } from "./internal/node/nodePort.ts"
import * as nodeOptions from "./internal/node/options.ts"
import { OwnProof, type Renewal } from "./internal/node/ownProof.ts"
import type { PeerState } from "./internal/node/peer.ts"
import * as routers from "./internal/node/router.ts"
import { NodeRouter, Router } from "./internal/node/router.ts"
import { Self } from "./internal/port/cell.ts"
import type { Link } from "./internal/transport/link.ts"
import { LinkError, type LinkErrorReason, transportErrorText } from "./internal/transport/linkError.ts"
import type * as security from "./internal/transport/security.ts"
import { makePortNames, randomText } from "./internal/values/names.ts"
import { version } from "./internal/values/version.ts"
import { Transport } from "./Transport.ts"

/**
 * What all nodes of a network share: one secret, or several, of which the first is used and all are accepted.
 *
 * **Details**
 *
 * A secret is text of characters up to U+00FF, without control characters; `Redacted` keeps it out of logs. Eight may stand in a list.
 *
 * @category models
 * @since 0.1.0
 */
export type Secrets = nodeOptions.Secrets

/**
 * What a networked node is made of. The names are those of AEMP's profiles, in camel case.
 *
 * **Details**
 *
 * Where an option has a value that it cannot have, the layer fails with an {@link InvalidOption}, and nothing listens.
 *
 * @see {@link layer}, which takes them
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
   * What all nodes of a network share, unless they have a `cert`. Of several (8 at most) the first is used, and all are
   * accepted: two nodes connect if they share one of them. Without secret and certificate nobody can connect, and the node listens
   * on loopback only unless `binds` says otherwise.
   */
  readonly secret?: Secrets | undefined
  /**
   * PEM text: a private key, its certificate, and certificates to trust. With it the node demands TLS (1.2 or later): both
   * sides show a certificate, and both verify it against those in their own text. One self-signed certificate that all nodes share
   * is enough. Nodes without one are let in only where `authAccept` has a method for them, and a `secret` is there.
   */
  readonly cert?: string | Redacted.Redacted | undefined
  /**
   * Whether the certificate of another node must be for its node ID, as common name or as alternative name (DNS, also
   * with a wildcard as in `*.example.com`, URI, or IP address). It makes sense where every node has a certificate of its own, signed by
   * an authority. Default: false.
   */
  readonly nodeIdInCert?: boolean | undefined
  /**
   * Where to listen: `host:port`, `[v6]:port`, `*:port` (all interfaces, also those that come later), a bare port; port `*` or none
   * is a free one. An IPv6 address without brackets has none. With a label, as in `10.0.0.1:4040@vpn`, only nodes dial it that have
   * the label among their `scopes`. An empty list: the node can only dial. Default: `["*"]`, or `["127.0.0.1:*"]` without secret
   * and certificate.
   */
  readonly binds?: ReadonlyArray<string> | undefined
  /**
   * What others are told to dial, in the place of the addresses that the binds stand for: where those mean nothing elsewhere, as
   * behind NAT, a load balancer or published ports of a container. Host names are told as they are. Without a port, or with port
   * `*`, the real ports of the binds. May have labels. An empty list: others are told nothing, and only reach this node by a link
   * that it has opened.
   */
  readonly advertise?: ReadonlyArray<string> | undefined
  /**
   * Labels of addresses that this node dials, the best first; then come those without a label. Other labelled ones are as if they
   * were not there. Default: none, which is for addresses without a label only.
   */
  readonly scopes?: ReadonlyArray<string> | undefined
  /**
   * How long another node may be silent before it counts as dead, between nodes of our kind; how long a handshake may take; and the cap of all
   * retry delays. Default: 30 seconds.
   */
  readonly monitorTimeout?: Duration.Input | undefined
  /** How long finding and dialling a node may take, before what waits for it is lost. Default: 2 seconds. */
  readonly connectInterval?: Duration.Input | undefined
  /** Framings that this node sends and decodes, the best first: `"cbor"`, `"json"`; in a browser CBOR alone. Default: all, in this order. */
  readonly framings?: ReadonlyArray<string> | undefined
  /**
   * Authentication methods that this node uses, the best first. Default: with a `cert` `["tls_sha3_512"]`, and `"hmac_sha3_512"` too if
   * `authAccept` has a method without TLS; otherwise `["hmac_sha3_512"]`. `tls_anon`, where it is accepted, proves nothing: TLS then
   * keeps secrets from those who listen, and from nobody else.
   */
  readonly authOffer?: ReadonlyArray<string> | undefined
  /**
   * Authentication methods that it accepts of others, the best first. Default: with a `cert` `["tls_sha3_512"]`, otherwise
   * `["hmac_sha3_512", "cleartext"]`. A node with a certificate that accepts one of the latter lets others in without TLS, and warns.
   */
  readonly authAccept?: ReadonlyArray<string> | undefined
  /**
   * How large a message this node takes: bytes as they travel, at least 32,768. Nodes of our own kind know it, and refuse larger ones
   * where they are sent; a link on which a larger one comes ends. Default: 64 MiB.
   */
  readonly maxMessageSize?: number | undefined
  /** How long the node may take for what it has in hand when it stops in order, or drains ({@link drain}). Default: 10 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * A ticket, as {@link ticket} makes it of a network's secret: it makes the node a guest, for those that cannot keep a secret, as pages in
   * browsers. Its node ID is the ticket's; it does not listen, and reaches what the node that it dials has opened to guests. Default: none.
   */
  readonly ticket?: string | Redacted.Redacted | undefined
  /**
   * Whether nodes with a ticket are let in, as guests: with the limits that hold for them, or `true` for the usual ones. They reach ports
   * that were made with `guests: true` (`Port.Options`, `Rpc.ServerOptions`), and nothing else. A node in a browser takes none. Default: false.
   */
  readonly guests?: boolean | GuestOptions | undefined
}

/**
 * What guests may take of a node: the option `guests` of {@link Options}.
 *
 * **Details**
 *
 * What comes faster than a guest may send waits, and so does what is sent to a busy port, or while the guest does not read what it is sent. Its
 * link ends when more waits than may, when it asks for what no guest may do, and when its ticket ends.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type GuestOptions = guestLimits.GuestOptions

/**
 * A wrong option: `option` is its name, `problem` says what is wrong with it. Nothing listens yet when it is reported.
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidOption = nodeOptions.InvalidOption

/**
 * An error of the class of this name.
 *
 * @category errors
 * @since 0.1.0
 */
export type InvalidOption = nodeOptions.InvalidOption

/**
 * A node that came or went: what {@link events} tells.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeEvent =
  | { readonly _tag: "Up"; readonly nodeId: string }
  | {
    readonly _tag: "Down"
    readonly nodeId: string
    /** In words for people. */
    readonly reason: string
    /** Why the link was lost: the tag of a `LinkError`, such as `peer_silent`. */
    readonly linkError: LinkErrorReason
    /** The node said that it stops: it did not crash, and was not cut off. Only nodes of our own kind say so. */
    readonly orderly: boolean
  }

/**
 * What one side of a link has proven itself with.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Proof = security.Proof

/**
 * What protects a link, and what its two nodes have proven to each other.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Security = security.Security

/**
 * Another node, as this one sees it now.
 *
 * @see {@link peers}
 * @category models
 * @since 0.1.0
 */
export interface PeerInfo {
  /** Which node it is. */
  readonly nodeId: string
  /** `"up"` with a link, `"connecting"` while one is being made, `"idle"` as long as nothing was sent there. */
  readonly state: PeerState
  /** The other end of the present link. */
  readonly address: string | undefined
  /** Of the present link. */
  readonly security: Security | undefined
  /** When the ticket of the node ends, in milliseconds since 1970, if it is a guest of this node; it is in no other list of nodes then. */
  readonly guestUntil: number | undefined
  /** Messages that wait for a link. */
  readonly queued: number
  /** Bytes that were sent, and have not left the process. */
  readonly buffered: number
  /** Senders that wait for room. */
  readonly waiting: number
  /** Bytes that came on the present link. */
  readonly received: number
  /** Bytes that were sent on the present link. */
  readonly sent: number
  /**
   * How long a message and its answer take, in milliseconds: among our own kind, where a group that takes the nearest member has measured
   * it.
   */
  readonly roundTripMillis: number | undefined
}

/**
 * What {@link Node} holds: `yield* Node.Node`.
 *
 * **When to use**
 *
 * For the functions of `Port` that run no Effect, such as `Port.sndUnsafe`, which take it as their first argument.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Service = routers.NodeService

/**
 * The node that a program's ports live in. {@link layer}, {@link layerConfig} and {@link layerLocal} provide it.
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
 * The service that an effect requires which needs a node.
 *
 * @category services
 * @since 0.1.0
 */
export type Node = routers.Node

/** A node with this ID, once `connect` has been told which node it connects. */
const makeRouter = Effect.fnUntraced(function*(
  { isRandom, nodeId }: { readonly nodeId: string; readonly isRandom: boolean },
  connect?: (router: routers.Router) => Network,
  drainTimeoutMillis?: number
) {
  const router = new Router(
    nodeId,
    yield* makePortNames(nodeId, isRandom),
    yield* Effect.context<Scope.Scope>(),
    connect,
    drainTimeoutMillis
  )
  yield* Effect.addFinalizer(() => Effect.sync(() => router.log.close()))
  installNodePort(router)
  return router
})

/**
 * A message that a node sends or gets.
 *
 * @see {@link trace}
 * @interface
 * @category models
 * @since 0.1.0
 */
export type TraceLine = TracedMessage

/**
 * Shows each message that the node sends or gets, until the scope closes: to a function, or as a line on standard error, as `EMP_TRACE=1`
 * does for `emp run`. Without it messages cost nothing more.
 *
 * **When to use**
 *
 * To find out who says what to whom. As a Layer, `Layer.effectDiscard(Node.trace())`, it lasts as long as the node. `emp tap` shows the
 * messages of one port of a node that runs.
 *
 * **Gotchas**
 *
 * Messages may hold what is nobody's business, and nothing is taken out of them: what goes into a file or to others, and what is left out
 * of that, is up to the function.
 *
 * The function is called where the message is on its way, and holds it up for as long as it takes. It must not change the message. What
 * it throws is logged, and the message goes on.
 *
 * **Example** (The tags of all messages within a program)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const seen: Array<unknown> = []
 *   // The tag alone: the arguments may hold a password.
 *   yield* Node.trace(({ message, way }) => seen.push([way, message[0]]))
 *   const port = yield* Port.make({ login: (_password) => Effect.void })
 *   yield* Port.snd(port, "login", "swordfish")
 *   return seen
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => [["sent", "login"]]
 * ```
 *
 * @category observing
 * @since 0.1.0
 */
export const trace = (show: (line: TraceLine) => unknown = writeLine): Effect.Effect<void, never, Node | Scope.Scope> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    yield* Effect.acquireRelease(Effect.sync(() => traceMessages(router, show)), (end) => Effect.sync(end))
  })

/**
 * A node without a network. Its ports reach each other and nobody else.
 *
 * **When to use**
 *
 * For programs of one process, and for tests of their ports. Where there are to be other nodes, it is replaced by {@link layer} or
 * {@link layerConfig}, and the rest stays. Tests of several nodes take `TestNetwork.layer`.
 *
 * **Details**
 *
 * Its ID is `local/` and random characters. What is sent to another node is lost, and a monitor there says so: `["transport_error", ...]`.
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
  expand("local/", hostname()).pipe(
    Effect.flatMap((expanded) => makeRouter(expanded)),
    Effect.tap(({ drain }) => Effect.addFinalizer(() => drain.end))
  )
)

/**
 * A node that listens and connects through the `Transport.Transport` below it.
 *
 * **When to use**
 *
 * Where the program itself knows its options, as tests do. {@link layerConfig} reads them from variables, `Global.layerProfile` from a file that
 * operators edit; {@link layerLocal} needs no network.
 *
 * **Details**
 *
 * The layer is ready when all binds listen. When it closes, the node drains ({@link drain}), the ports that are left end with `shutdown`, what
 * was sent still leaves (within two seconds), then the links end, and other nodes see this one go down.
 *
 * It fails with an {@link InvalidOption}, or with a `Transport.LinkError` where it cannot listen (`listen_failed`, `malformed_address`).
 *
 * What happens in the node's life is logged at Info: that it starts, listens and stops, which nodes are up, and which are down and why.
 * Of what others can cause only a few lines a minute are told.
 *
 * **Gotchas**
 *
 * The node alone knows no other node. Nodes connect to it, or `Global.layer` finds them.
 *
 * Effect's own logger writes to standard output, and so do the lines of the node. A program whose output others read has a logger that
 * does not: `Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])`.
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
      const ticket = yield* nodeOptions.ticketOf(options)
      const expanded = ticket === undefined
        ? yield* expand(options.nodeId ?? "%n/", hostname())
        : { nodeId: ticket.nodeId, isRandom: false }
      const carrier = yield* Transport
      const incarnation = yield* randomText(16)
      const checked = yield* nodeOptions.check(options, expanded.nodeId, incarnation)
      const { advertise, binds } = yield* nodeOptions.checkAddresses(options, checked, carrier)
      const context = yield* Effect.context<Scope.Scope>()
      const proof = new OwnProof(options, incarnation, checked)
      const connect = (router: routers.Router) =>
        new Connections(router, carrier, { ...checked, advertise, proof, makeNonce }, context)
      const router = yield* makeRouter(expanded, connect, checked.drainTimeoutMillis)
      if (checked.guestLimits !== undefined) yield* takeGuests(router)
      yield* Effect.forkScoped(proof.watch(router.log), { startImmediately: true })
      router.log.life("starting", `node ${router.nodeId} starts: ${describeProcess}`)
      yield* Effect.addFinalizer(() => stop(router))
      yield* measure(router, context)
      yield* router.network.listen(binds)
      const where = router.addresses.length === 0 ? "nowhere" : `on ${router.addresses.join(", ")}`
      router.log.of("Transport").life("listening", `node ${router.nodeId} listens ${where}`)
      return router
    })
  )

/**
 * A node that is configured by variables, so that a program says nothing of the machines that it runs on.
 *
 * **When to use**
 *
 * In containers, and wherever else a node gets its settings from the environment. `Global.layerConfig` does the same for its seeds.
 * Where nodes share a file, with a profile for each kind of node, `Global.layerProfile` reads that. {@link layer} takes options from the program.
 *
 * **Details**
 *
 * An option that is not given is read as `EMP_` and its key in capitals: `EMP_NODEID`, `EMP_SECRET`, `EMP_CERT`,
 * `EMP_NODE_ID_IN_CERT`, `EMP_BINDS`, `EMP_MONITOR_TIMEOUT`, `EMP_CONNECT_INTERVAL`, `EMP_FRAMING_FORMAT`, `EMP_AUTH_OFFER`,
 * `EMP_AUTH_ACCEPT`, `EMP_MAX_MESSAGE_SIZE`, `EMP_DRAIN_TIMEOUT`. All may be missing, and one that is empty is. Values are written as in the configuration
 * file (`docs/operating-reference.md` has the table of keys): times in seconds; lists with commas, or as JSON, so that `[]` is an empty one; the
 * certificate as PEM text, or as the path of a file with it.
 *
 * They come from the `ConfigProvider`: the environment, unless the program provides another one. An option that is given as a
 * `Config` takes the place of its variable, whether or not it has a value; a single `Config` of all options takes that of all.
 *
 * A wrong value is a `ConfigError` with the name of its variable. Secrets are not repeated in it.
 *
 * **Gotchas**
 *
 * A certificate in a file needs a `FileSystem`, as `NodeServices.layer` of `@effect/platform-node` has one.
 *
 * **Example** (A node by its variables, but for one option)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Config, ConfigProvider, Effect, Layer } from "effect"
 *
 * const node = Node.layerConfig({ nodeId: Config.String("HOSTNAME").pipe(Config.withDefault("%n/")) })
 *
 * const env = { HOSTNAME: "greeter-7", EMP_SECRET: "swordfish", EMP_BINDS: "memory:1,memory:2" }
 *
 * const program = Effect.map(Node.Node, ({ addresses, nodeId }) => [nodeId, addresses]).pipe(
 *   Effect.provide(node.pipe(Layer.provide([Transport.layerMemory, NodeFileSystem.layer]))),
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
 * )
 *
 * await Effect.runPromise(program) // => ["greeter-7", ["memory:1", "memory:2"]]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options> = {}
): Layer.Layer<Node, Config.ConfigError | InvalidOption | LinkError, Transport | FileSystem.FileSystem> =>
  Layer.unwrap(Effect.gen(function*() {
    const { nodeConfig } = yield* loadVariables
    return layer(yield* nodeConfig(options))
  }))

/** 66 random bytes in base64, as Perl sends them. */
const makeNonce = Effect.sync(() => randomBase64(66))

const describeProcess = `effect-mp ${version}, ${processInWords}`

/**
 * Drains, and ends the ports that are left and then all links, in order: what was sent still leaves, and whoever waits for a peer is
 * released at once.
 */
const stop = (router: routers.Router): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* router.drain.end
    const peers = Array.from(router.peers.values())
    const links = peers.map((peer) => peer.link).filter((link): link is Link => link !== undefined)
    router.network.stop()
    const closing = yield* Effect.forkChild(
      Effect.forEach(links, (link) => link.close, { concurrency: "unbounded", discard: true }),
      { startImmediately: true }
    )
    for (const peer of peers) peer.lost(new LinkError({ reason: "node_stopped", peer: peer.nodeId }))
    yield* Fiber.join(closing)
    router.log.life("stopped", `node ${router.nodeId} has stopped`)
  })

/**
 * Changes the secret or the certificate of a running node, without the loss of a link.
 *
 * **Details**
 *
 * Handshakes that begin from now on go by what is new; what is not given stays. Links that stand, and handshakes that have begun, go on
 * as they are. Where something is wrong, nothing changes, and it fails with an {@link InvalidOption}. `""` takes a secret or certificate away.
 *
 * A guest gives its new `ticket`, of the same node ID, before the old one has ended: its links go by that from then on.
 *
 * A secret changes in two rounds, each in any order of the nodes: first all get `[new, old]`; when no link says any more that it
 * goes by an older one ({@link peers}, `emp status`), all get `new`.
 *
 * **Gotchas**
 *
 * A link that was made with the old secret stands, and says so, until it is made anew. On a node without a network nothing changes:
 * what it is given is checked, and that is all.
 *
 * **Example** (A new secret beside the old one)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Node.renew({ secret: ["new", "old"] })
 *   return yield* Effect.flip(Node.renew({ secret: "\n" }))
 * })
 * const node = Node.layer({ nodeId: "a", secret: "old", binds: ["memory:1"] }).pipe(Layer.provide(Transport.layerMemory))
 *
 * const { option } = await Effect.runPromise(program.pipe(Effect.provide(node)))
 * option // => "secret"
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const renew = (renewal: Renewal): Effect.Effect<void, InvalidOption, Node> =>
  Effect.flatMap(NodeRouter, ({ network }) => network.renew(renewal))

/**
 * The node has no secret that a ticket could be made of: it has only a certificate, or nothing, or is a guest itself.
 *
 * @see {@link ticket}
 * @category errors
 * @since 0.1.0
 */
export class NoSecret extends Schema.TaggedError<NoSecret>()("NoSecret", { nodeId: Schema.String }) {
  override get message(): string {
    return `node ${this.nodeId} has no secret, which tickets are made of`
  }
}

/**
 * Makes a ticket: what a node is let in by, as a guest, that cannot keep the secret of the network.
 *
 * **When to use**
 *
 * Where a program knows a user, and gives the user's page a way in: as the answer to a request that has been authenticated.
 *
 * **Details**
 *
 * It is made of the node's first secret, and stored nowhere. Each node of the network that has this secret, or had it before and still accepts
 * it, and takes `guests`, lets in who shows the ticket: as the guest with this node ID, and until the time is over. Then the links end at
 * both ends (`ticket_expired`), unless the guest has got a new one before: {@link renew}. Only the clocks of the nodes count, not the guest's.
 *
 * **Gotchas**
 *
 * Whoever has the ticket is the guest. Give each a node ID of its own, which no node of the network has: `guest/` and something that is new. A
 * ticket cannot be taken back but by another secret: let it end soon.
 *
 * **Example** (A guest)
 *
 * ```ts
 * import { Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Greeter = Port.protocol({ greet: Port.message(Schema.String).replies(Schema.String) })
 * const host = Node.layer({ nodeId: "host", secret: "swordfish", binds: ["memory:1"], guests: true })
 *
 * const program = Effect.gen(function*() {
 *   const greeter = yield* Port.make(Greeter, { greet: (name) => Effect.succeed(`hello, ${name}`) }, { guests: true })
 *   const ticket = yield* Node.ticket({ node: "guest/1", expires: "1 hour" })
 *   const visit = Effect.gen(function*() {
 *     yield* Node.addressBook(() => Effect.succeed(["memory:1"]))
 *     return yield* Port.cal(greeter, "greet", yield* Node.id)
 *   })
 *   return yield* visit.pipe(Effect.scoped, Effect.provide(Node.layer({ ticket })))
 * })
 *
 * await Effect.runPromise(
 *   program.pipe(Effect.scoped, Effect.provide(host), Effect.provide(Transport.layerMemory))
 * ) // => "hello, guest/1"
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const ticket = (
  options: { readonly node: string; readonly expires: Duration.Input }
): Effect.Effect<string, NoSecret | InvalidOption, Node> =>
  Effect.gen(function*() {
    const { network, nodeId } = yield* NodeRouter
    const expires = yield* nodeOptions.checkTicket(options, nodeId)
    const made = network.ticketFor(options.node, expires)
    return made ?? (yield* new NoSecret({ nodeId }))
  })

/**
 * Gets a running node ready to stop: nobody chooses it any more, it takes no new calls, and finishes what it has in hand.
 *
 * **When to use**
 *
 * Before a program stops whose ports live in scopes inside of the node's: those close before the node's own does, and would end calls that
 * are not answered yet. Put it around what runs in them: `Effect.ensuring(program, Node.drain())`. A node that `emp run` runs drains by itself.
 *
 * **Details**
 *
 * - The node leaves its groups: other nodes choose it no more, and hear so at once.
 * - Calls from other nodes are refused, with a `Port.Killed` of the reason `["draining", text]` whose `isUnbegun` says that nothing has
 *   begun: the `call` of a `Global.group` goes on with another member by itself. Calls between ports of the node, plain messages, and what Perl
 *   nodes ask are taken until the end.
 * - Calls that had been made before are answered, those too that are answered later (`Port.replyLater`) or in parts (streams of `Rpc`), and
 *   messages that had arrived are handled.
 *
 * It is done when that is so, or when the time is over: the `drainTimeout` of the node, unless `timeout` is another one. Then a line of the log
 * says what was left. There is no way back: what the node still does after that is to stop. A second `drain` waits for the same.
 *
 * A node whose layer closes drains before its links end, and has nothing to wait for if its ports have ended.
 *
 * **Gotchas**
 *
 * A handler that waits for it is not waited for, but the call is that it handles: fork it there.
 *
 * **Example** (A call is answered though its node stops)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { Effect, Exit, Fiber, Layer, Scope } from "effect"
 *
 * const node = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
 *   Global.layer({ seeds }).pipe(Layer.provideMerge(Node.layer({ nodeId, secret: "swordfish", binds: [bind] })))
 *
 * const program = Effect.gen(function*() {
 *   const a = yield* Layer.build(node("a", "memory:1", []))
 *   const scope = yield* Scope.make()
 *   const b = yield* Layer.buildWithScope(node("b", "memory:2", ["memory:1"]), scope)
 *   const slow = yield* Effect.provide(
 *     Port.make({ square: (n, reply) => Effect.delay(Port.snd(reply, n * n), "50 millis") }),
 *     b
 *   )
 *   yield* Global.awaitNode("b").pipe(Effect.provide(a))
 *   const call = yield* Effect.forkChild(Effect.provide(Port.cal(slow, "square", 7), a), { startImmediately: true })
 *   yield* Effect.provide(Node.drain(), b)
 *   const refused = yield* Effect.flip(Effect.provide(Port.cal(slow, "square", 8), a))
 *   yield* Scope.close(scope, Exit.void)
 *   return [yield* Fiber.join(call), refused.reason[0], refused.isUnbegun]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => [49, "draining", true]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const drain = (
  options: { readonly timeout?: Duration.Input | undefined } = {}
): Effect.Effect<void, never, Node> =>
  Effect.withFiber((fiber) => {
    const { drain } = Context.getUnsafe(fiber.context, NodeRouter)
    const timeoutMillis = options.timeout === undefined ? undefined : Duration.toMillis(options.timeout)
    return drain.within(timeoutMillis, Context.getOrUndefined(fiber.context, Self))
  })

/**
 * What {@link renew} changes. What is `undefined` stays.
 *
 * @category models
 * @since 0.1.0
 */
export type { Renewal }

/**
 * The node's ID, expanded: `%n`, `%u` and a trailing `/` of the option `nodeId` are replaced.
 *
 * @category accessors
 * @since 0.1.0
 */
export const id: Effect.Effect<string, never, Node> = Effect.map(Node, (node) => node.nodeId)

/**
 * The addresses that others are told to dial now, as `host:port`, with their real ports. Empty for a node that does not listen.
 *
 * **Gotchas**
 *
 * They change while the node runs, as the interfaces of its machine do. Those with a label are for nodes that have it in their
 * `scopes`.
 *
 * @category accessors
 * @since 0.1.0
 */
export const addresses: Effect.Effect<ReadonlyArray<string>, never, Node> = Effect.map(Node, (node) => node.addresses)

/**
 * The IDs of the nodes that there is a link to now, without this one.
 *
 * **When to use**
 *
 * For who is there. {@link peers} says how each of them fares, {@link events} who comes and goes.
 *
 * @category accessors
 * @since 0.1.0
 */
export const upNodes: Effect.Effect<ReadonlyArray<string>, never, Node> = Effect.map(
  NodeRouter,
  (node) => node.upNodes()
)

/**
 * All nodes that this one has a link to, or messages or monitors for, as they are now.
 *
 * **When to use**
 *
 * To look at links: what protects them, and what waits for them. {@link gauges} has the sums, {@link upNodes} the IDs alone.
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
      security: peer.link?.security,
      guestUntil: node.guests.untilOf(peer.nodeId),
      queued: peer.queued,
      buffered: peer.link?.buffered ?? 0,
      waiting: peer.senders,
      received: peer.link?.received ?? 0,
      sent: peer.link?.sent ?? 0,
      roundTripMillis: peer.link?.roundTrip.millis
    }))
)

/**
 * What a node holds at a moment: what {@link gauges} answers.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Gauges = gaugesOf.Gauges

/**
 * What the node holds now, in numbers.
 *
 * **When to use**
 *
 * To look in from within the program, as tests do. What is to be watched from outside takes Effect's metrics, of which a networked node has more.
 * {@link peers} has the same for each node.
 *
 * **Details**
 *
 * The metrics have the attribute `node`: `effect_mp_ports`, `effect_mp_queued_messages`,
 * `effect_mp_messages_handled_total` and the others that `docs/operating-reference.md` has in a table. They are read when `PrometheusMetrics`,
 * `Otlp` or `Metric.snapshot` asks for them, and are gone with the node.
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
 * What the node lacks before it is ready for work, in words for people; nothing if it is ready.
 *
 * **When to use**
 *
 * To wait for it, or to tell somebody. {@link layerProbes} answers those who ask by HTTP.
 *
 * **Details**
 *
 * A node that is to be part of a network (`Global.layer`) has to find it first; one that drains is not ready any more, nor is one that listens only
 * at servers which are away (`Transport.layerNats`). A node that votes in locks (`Global.locks`) is ready when it grants keys, one lease after its
 * start: so whoever restarts nodes one after the other, and waits for each, always leaves a majority. One that runs entities (`Cluster.layer`) is ready
 * as long as it takes part in it, and has a majority of the voters. Of a node that `emp run` runs all services have to be up.
 *
 * **Example** (A node by itself lacks nothing)
 *
 * ```ts
 * import { Node } from "effect-mp"
 * import { Effect } from "effect"
 *
 * await Effect.runPromise(Node.lacks.pipe(Effect.provide(Node.layerLocal))) // => []
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const lacks: Effect.Effect<ReadonlyArray<string>, never, Node> = Effect.map(NodeRouter, lacksOf)

/**
 * Adds the routes to a program's HTTP server by which an orchestrator, such as Kubernetes, asks after it.
 *
 * **When to use**
 *
 * In a program of its own; a node that `emp run --metrics` runs has them. {@link lacks} says the same within the program.
 *
 * **Details**
 *
 * `GET /healthz` is answered as long as the event loop turns. `GET /readyz` is 200, or 503 with what the node {@link lacks}. For metrics there
 * is `PrometheusMetrics.layerHttp` of Effect: those of the node are among them.
 *
 * **Example** (Probes and metrics)
 *
 * ```ts
 * import { Node } from "effect-mp"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 * import { PrometheusMetrics } from "effect/observability"
 *
 * const routes = Layer.mergeAll(Node.layerProbes, PrometheusMetrics.layerHttp()).pipe(Layer.provide(Node.layerLocal))
 * const { dispose, handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
 *
 * const answers = await Promise.all(["healthz", "readyz", "metrics"].map((path) => handler(new Request(`http://localhost/${path}`))))
 * await dispose()
 * answers.map(({ status }) => status) // => [200, 200, 200]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProbes: Layer.Layer<never, never, Node | HttpRouter.HttpRouter> = Layer.unwrap(
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const { probes } = yield* loadProbes
    return probes(Effect.sync(() => lacksOf(router)))
  })
)

/**
 * Nodes that come and go: first an `Up` for every node that there is a link to now, then what happens.
 *
 * **When to use**
 *
 * To follow the network. {@link upNodes} and {@link peers} say how it is now. A program that depends on a port elsewhere monitors that port
 * (`Port.mon`): it hears of its node as well.
 *
 * **Gotchas**
 *
 * The reason of a `Down` is for people: the transport's text, such as `Unexpected end-of-file`. Programs decide by `linkError`: the
 * tag under which `docs/errors.md` tells what happened (`node_left`: it stopped in order, which `orderly` says too; `link_lost`;
 * `peer_silent`). That a node is down is a verdict, and can be wrong: it may live behind a broken network.
 *
 * **Example** (The first node that comes)
 *
 * ```ts
 * import { Global, Node, Transport } from "effect-mp"
 * import { Effect, Layer, Option, Stream } from "effect"
 *
 * const node = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
 *   Global.layer({ seeds }).pipe(Layer.provideMerge(Node.layer({ nodeId, secret: "swordfish", binds: [bind] })))
 *
 * const program = Effect.gen(function*() {
 *   const a = yield* Layer.build(node("a", "memory:1", []))
 *   yield* Layer.build(node("b", "memory:2", ["memory:1"]))
 *   const first = yield* Stream.runHead(Node.events).pipe(Effect.provide(a))
 *   return Option.getOrThrow(first)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => { _tag: "Up", nodeId: "b" }
 * ```
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
 * Answers where nodes live, for as long as the scope lasts.
 *
 * **When to use**
 *
 * Where a program knows its nodes by itself: a fixed set of them, or a registry of its own. Otherwise `Global.layer` does it, for nodes that
 * find each other by seeds.
 *
 * **Details**
 *
 * `find` gets a node ID and answers addresses of the form `host:port`, none if it does not know the node. Finding and
 * dialling together may take `connectInterval`. Of several address books the last one is asked. A node without a network
 * asks nobody.
 *
 * **Example** (Two nodes that know each other)
 *
 * ```ts
 * import { Node, Port, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const book = new Map([["a", ["memory:1"]], ["b", ["memory:2"]]])
 *
 * const start = (nodeId: string) =>
 *   Layer.build(Layer.provideMerge(
 *     Layer.effectDiscard(Node.addressBook((wanted) => Effect.succeed(book.get(wanted) ?? []))),
 *     Node.layer({ nodeId, secret: "swordfish", binds: book.get(nodeId) })
 *   ))
 *
 * const program = Effect.gen(function*() {
 *   const a = yield* start("a")
 *   const b = yield* start("b")
 *   const echo = yield* Effect.provide(Port.make({ echo: (text, to) => Port.snd(to, text) }), b)
 *   return yield* Effect.provide(Port.cal(echo, "echo", "hello"), a)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => "hello"
 * ```
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
