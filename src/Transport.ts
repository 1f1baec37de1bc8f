/**
 * How nodes reach each other: connections that carry AEMP's wire protocol.
 *
 * A transport is a Layer. Nothing above it knows which one it has: a program moves from {@link layerMemory}, where all nodes
 * live in one process, to {@link layerTcp} by replacing one line. What the network in memory can be made to suffer is in {@link MemoryNetwork}.
 * {@link layerUnix} is for nodes of one machine, {@link layerThreads} for those of one process, {@link layerWebSocket} for networks that only HTTP passes, {@link layerNats} for nodes that meet at a server of NATS, and {@link any} for nodes that are on several
 * transports at once.
 *
 * {@link LinkError} is what goes wrong with a connection. {@link Carrier} is for those who write a transport of their own.
 *
 * `docs/transports.md` says which one to take, and what one of your own has to do. `docs/operating-reference.md` has the forms of addresses, `docs/testing.md` tests on a network in memory, `docs/protocol.md` the bytes.
 *
 * @since 0.1.0
 */
import { natsCarrier, tcpCarrier, threadCarrier, unixCarrier, webSocketCarrier } from "#transports"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { anyOf } from "./internal/transport/carriers.ts"
import * as frames from "./internal/transport/framed.ts"
import * as linkError from "./internal/transport/linkError.ts"
import { makeMemoryNetwork } from "./internal/transport/memory/network.ts"
import type * as nats from "./internal/transport/nats/options.ts"
import type * as webSocket from "./internal/transport/webSocket/listen.ts"
import { platformCarrier } from "./internal/transport/webSocket/platform.ts"
import type * as wire from "./internal/transport/wire.ts"

/**
 * Why a connection did not become a link, or why a link ended.
 *
 * **Details**
 *
 * - `reason`: one of the tags of `docs/errors.md`, which says what to do.
 * - `peer`: the address or node ID of the other side.
 * - `detail`: what else is known, in words for people; it may be missing.
 *
 * `Node.layer` fails with it where it cannot listen. Programs meet its reason more often: in `linkError` of a `Port.Killed`, and in `Node.events`.
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
 * An error of the class of this name.
 *
 * @category errors
 * @since 0.1.0
 */
export type LinkError = linkError.LinkError

/**
 * The tags of a {@link LinkError}.
 *
 * @category models
 * @since 0.1.0
 */
export type LinkErrorReason = linkError.LinkErrorReason

/**
 * Told what happens on a {@link Wire}: what a node gives to it. Nothing of it may throw.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type WireEvents = wire.WireEvents

/**
 * One connection as a stream of bytes: what a {@link Carrier} makes.
 *
 * **Details**
 *
 * A wire that calls what `write` is given, when it has no more need of the bytes, lets their memory be used again.
 *
 * What was written just before `destroy` still leaves, as far as the system has room for it.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Wire = wire.Wire

/**
 * What a transport has to provide: how a node listens, and how it dials. A `Layer.succeed(Transport.Transport, carrier)` makes it
 * one.
 *
 * **When to use**
 *
 * For a network that neither {@link layerTcp} nor {@link layerMemory} is: another kind of sockets, or one of them with something in between.
 *
 * **Details**
 *
 * `host` is the ID of the node that listens or dials: a network that is made up needs to know from where to where bytes travel, a real one
 * ignores it. Handshake, framings, limits and TLS are not the transport's business.
 *
 * **Example** (A transport that counts the connections of another one)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * let dialled = 0
 * const counting = Layer.effect(
 *   Transport.Transport,
 *   Effect.map(Transport.Transport, (inner): Transport.Carrier => ({
 *     ...inner,
 *     dial: (address, host) => {
 *       dialled++
 *       return inner.dial(address, host)
 *     }
 *   }))
 * ).pipe(Layer.provide(Transport.layerMemory))
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["*"] })
 * await Effect.runPromise(Node.addresses.pipe(Effect.provide(node.pipe(Layer.provide(counting)))))
 * dialled // => 0
 * ```
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Carrier = wire.Carrier

/**
 * The service that nodes listen and dial with. {@link layerTcp}, {@link layerUnix} and {@link layerMemory} provide it; several nodes may share one.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, Carrier>()("effect-mp/Transport") {}

/**
 * TCP. `AEMP 2` nodes and ours speak the same protocol over it.
 *
 * **When to use**
 *
 * For programs that run. {@link layerUnix} is for nodes that are all on one machine, {@link layerMemory} for tests, and for several nodes in one
 * process. A node that is on two of them has {@link any}.
 *
 * **Details**
 *
 * Small messages leave at once (`TCP_NODELAY`); all messages of one tick to one node leave in one write. TLS comes with the option `cert` of
 * `Node.layer`, and does not depend on the transport.
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
 * Unix sockets: nodes of one machine reach each other without a network, and without a port that others could find.
 *
 * **When to use**
 *
 * Where {@link layerTcp} would listen on the loopback interface, which every user of the machine may connect to. With {@link any} a node is on both.
 *
 * **Details**
 *
 * Addresses are `unix:/run/emp.sock`, as binds and as seeds. The file is its owner's alone (mode 600), from its first moment on; who may
 * write to it may begin a handshake, which asks for the secret as everywhere. What a killed process has left behind is removed; a file where
 * somebody listens, or that is no socket, is not. It goes away with the node,
 * and comes back within seconds when somebody else takes it away before.
 *
 * Others are told `unix://HOST/run/emp.sock`: on another machine nobody dials it. AEMP nodes are told nothing of it.
 *
 * **Gotchas**
 *
 * A path may have 107 bytes, and that of its folder 95. In a list, and before a label, a comma and an `@` are written `%2C` and `%40`, and
 * a `%` is `%25`. The folder must be there, and writable, as the socket is made beside its name first.
 *
 * **Example** (A node that listens on a Unix socket, and on TCP)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const socket = `unix:/tmp/effect-mp-${process.pid}.sock`
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: [socket, "127.0.0.1:*"] })
 * const transport = Transport.any([Transport.layerTcp, Transport.layerUnix])
 *
 * const program = Effect.map(Node.addresses, (addresses) => addresses.length).pipe(
 *   Effect.provide(node.pipe(Layer.provide(transport)))
 * )
 *
 * await Effect.runPromise(program) // => 2
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerUnix: Layer.Layer<Transport> = Layer.succeed(Transport, unixCarrier)

/**
 * What {@link layerWebSocket} is made with.
 *
 * **Example** (Pages of one site)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 *
 * const options: Transport.WebSocketOptions = { origins: ["https://example.org"] }
 *
 * Transport.layerWebSocket(options)
 * ```
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type WebSocketOptions = webSocket.WebSocketOptions

/**
 * WebSockets: nodes reach each other where only HTTP gets through, behind proxies and load balancers, or at a path of a server that the
 * program has anyway.
 *
 * **When to use**
 *
 * Where {@link layerTcp} does not get through: it costs less. Together with it by {@link any}: then each node takes what it can.
 *
 * **Details**
 *
 * Addresses are `ws://host:port/path`, as binds and as seeds; the path is `/` if there is none, and the port `*` a free one. Where it listens on a
 * port of its own, all other requests are answered with 404 or 426. `ws:/path`, without a host, listens at a path of the `server` of the options.
 * `wss://host/path` is for dialling: TLS is that of a proxy or of an HTTPS server, and the authentication and TLS of nodes work inside of
 * it as over `ws://`. AEMP nodes are told nothing of these addresses.
 *
 * Nothing is compressed. Messages of WebSocket may have any size, since nothing waits until one is whole; what nodes take of each other has its own
 * limit, `maxMessageSize`. A page of a browser is refused by its `Origin`, unless `origins` has it.
 *
 * **Gotchas**
 *
 * Others dial what a node listens on. Behind a proxy that is not what they can dial: `advertise: ["wss://example.org/path"]` names that.
 *
 * Proxies close connections on which nothing happens, often after a minute. A node sends something at least once in a fifth of its
 * `monitorTimeout`: with the default, every six seconds.
 *
 * `server.close` of the program's server calls back when there is no link on it any more: the node goes first. Frameworks on the same server never
 * see a request for a WebSocket at a node's path.
 *
 * **Example** (A node at a path of an HTTP server)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 * import { createServer } from "node:http"
 *
 * const server = createServer((_request, response) => response.end("hello"))
 * await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["ws:/nodes"] })
 * const transport = Transport.layerWebSocket({ server })
 *
 * const program = Effect.map(Node.addresses, ([address]) => /^ws:\/\/127.0.0.1:\d+\/nodes$/.test(address ?? ""))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(node.pipe(Layer.provide(transport))))) // => true
 * server.close()
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocket = (options: WebSocketOptions = {}): Layer.Layer<Transport> =>
  Layer.succeed(Transport, webSocketCarrier(options))

/**
 * WebSockets by the platform's own `WebSocket`, which Node, Deno, Bun and pages have. It dials only.
 *
 * **When to use**
 *
 * Where Node's modules are not: in a page. Elsewhere {@link layerWebSocket} dials too: it waits while nobody reads, says why there is no connection, and can give one up.
 *
 * **Details**
 *
 * In a page there is no other transport: {@link layerTcp}, {@link layerUnix} and {@link layerThreads} fail with a {@link LinkError} that says so, and
 * {@link layerWebSocket} dials as this one does. `docs/guides/bundling.md` says how a page is bundled.
 *
 * **Gotchas**
 *
 * The platform says no reason why there is no connection. It reads whether somebody wants it or not, and holds a message until it is whole. On
 * Node a connection whose other side does not answer cannot be given up: the process does not end by itself until the system does.
 *
 * **Example** (A node that dials, and listens nowhere)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish" }).pipe(Layer.provide(Transport.layerWebSocketClient))
 *
 * await Effect.runPromise(Node.addresses.pipe(Effect.provide(node))) // => []
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWebSocketClient: Layer.Layer<Transport> = Layer.succeed(Transport, platformCarrier)

/**
 * Nodes in the threads of one process, each of which has a core of its own.
 *
 * **When to use**
 *
 * For work that keeps a core busy, beside a node that has to answer at once. A thread costs less memory than a process, and starts sooner; but
 * all threads of a process end together. `Supervisor.spawnThread` starts one, and starts it again when it has ended.
 *
 * **Details**
 *
 * Addresses are `thread:THREADID:NAME`, where 0 is the main thread. A bind is `thread:`, which listens by the ID of the node, or `thread:NAME`.
 * Large bytes change hands without being copied where they can. A thread that ends, for whatever reason, ends its links, and what it had sent
 * before still arrives. Where nobody listens, a dial fails at once.
 *
 * Others are told `thread://HOST:PID/THREADID:NAME`: in another process nobody dials it. AEMP nodes are told nothing of it.
 *
 * **Gotchas**
 *
 * A node that listens on `thread:` alone is reached by nodes of its process, and by no command of `emp`. With `Transport.any` it listens on TCP as
 * well.
 *
 * There is no need for a network between threads, but the handshake asks for the secret there too: all of them are given the same one.
 *
 * A name of digits alone is written with its thread, `thread:0:7`: `thread:7` is the port 7 of a host.
 *
 * **Example** (A node that other threads find by `thread:0:seed`)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Node.layer({ nodeId: "seed", secret: "swordfish", binds: ["thread:"] })
 *
 * const program = Effect.map(Node.addresses, ([address]) => address?.replace(/.*\//, "thread:")).pipe(
 *   Effect.provide(node.pipe(Layer.provide(Transport.layerThreads)))
 * )
 *
 * await Effect.runPromise(program) // => "thread:0:seed"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerThreads: Layer.Layer<Transport> = Layer.succeed(Transport, threadCarrier)

/**
 * What {@link layerNats} is made with.
 *
 * **Details**
 *
 * `servers` may say who we are: `nats://user:password@host:4222`, `nats://token@host`, with `%40` for an `@`; `tls://host` asks for TLS. Several are of one
 * cluster. `credentials` is the path of a `.creds` file, which is read again for each connection.
 *
 * **Example** (A network of its own, over TLS)
 *
 * ```ts
 * import type { Transport } from "effect-mp"
 *
 * const options: Transport.NatsOptions = {
 *   servers: ["tls://nats1.example.org", "tls://nats2.example.org"],
 *   network: "billing",
 *   credentials: "/etc/emp/billing.creds",
 *   tls: { caFile: "/etc/emp/nats-ca.pem" }
 * }
 * ```
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type NatsOptions = nats.NatsOptions

/**
 * What a client of NATS is asked to connect with: options of `connect` of `@nats-io/transport-node`, to which a program can add others.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type NatsConnectOptions = nats.NatsConnectOptions

/**
 * What {@link layerNats} needs of a connection with a server: that of `@nats-io/transport-node` is one.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type NatsClient = nats.NatsClient

/**
 * NATS: nodes meet at a server, or a cluster of servers, and listen on no port of their own.
 *
 * **When to use**
 *
 * Where nodes cannot reach each other, but all of them reach a server of NATS; or where many nodes in few processes would have too many connections.
 * {@link layerTcp} is faster, and fails with nobody but the two nodes of a link. With {@link any} a node is on both.
 *
 * **Details**
 *
 * Needs the package `@nats-io/transport-node`, which is loaded when the layer is built; a bundled program hands over its own: `connect: (options) =>
 * connect(options)`.
 *
 * An address is `nats:NODE`, as a seed; as a bind, `nats:` listens by the ID of the node. Where nobody listens, a dial fails at once. All nodes of a
 * process whose layers have equal options have one connection with the server.
 *
 * What the server loses ends the links that it was of, as a broken connection of TCP does: frames are numbered, and nothing is sent again. While the server is away there are
 * no links, a node whose only transport it is says so to probes (`Node.lacks`), and all begins anew when it is back. The layer is built
 * though the server is not there; a server that refuses us, and a missing package, are a {@link LinkError}.
 *
 * Handshake and TLS of nodes work from end to end, and the server need not be trusted with certificates of nodes (the option `cert`).
 *
 * **Gotchas**
 *
 * With a secret alone, whoever may publish to the subjects of the network, `emp.NETWORK.>`, may break into links that have been made: give these
 * permissions to nodes alone, or nodes certificates.
 *
 * NATS keeps no second listener out. A node asks before it listens; where two nodes with one ID come in the same moment, their peers notice.
 *
 * **Example** (A client of one's own, with an nkey)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 * import { connect, nkeyAuthenticator } from "@nats-io/transport-node"
 *
 * const seed = new TextEncoder().encode("SUAAVJSKEBC37BH6MVEOPQA4TT7F7DLMDOQYJDAPU6NTZN5NKWUSO5SBSM")
 *
 * Transport.layerNats({
 *   servers: "nats://127.0.0.1:4222",
 *   connect: (options) => connect({ ...options, authenticator: nkeyAuthenticator(seed) })
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerNats = (options: NatsOptions = {}): Layer.Layer<Transport, LinkError> =>
  Layer.effect(Transport, Effect.suspend(() => natsCarrier(options)))

/**
 * What travels on a {@link Channel}: `data` has bytes of the stream, `ack` how many bytes of it were taken so far, `fin` is the end of one side,
 * `rst` that of both at once.
 *
 * **Details**
 *
 * All but `rst` are numbered, from 0 on, for each direction. Numbers are whole and below 2^53.
 *
 * @category models
 * @since 0.1.0
 */
export type Frame = frames.Frame

/**
 * Told by a {@link Channel} what has come: a frame, whose bytes are only good until the call returns, or that the channel is gone, and why, in
 * words for people.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type ChannelEvents = frames.ChannelEvents

/**
 * One end of what carries messages between two nodes, as {@link framed} makes a wire of it.
 *
 * **Details**
 *
 * Frames arrive in order, whole, and once. Any of them may be lost, as long as all that come later are numbered as they were sent.
 *
 * When the channel is lost, or the other side is gone, it calls `closed`, as soon as it knows. A frame for an end that was closed is answered with
 * `rst`, if the channel can lose any: that the other end was lost may have been lost itself.
 *
 * It does not throw, or call the events within `open`, `send` or `close`.
 *
 * @interface
 * @category models
 * @since 0.1.0
 */
export type Channel = frames.Channel

/**
 * A wire over a channel of messages, such as a message port, or a subject of a broker: most of a transport for it.
 *
 * **Details**
 *
 * What arrives is always a prefix of what was sent: a frame that is lost ends the wire on both sides, when the next one comes. Links send something
 * every few seconds, so that it does. Whoever does not read makes the other side wait, though the channel itself may hold back nobody.
 *
 * **Gotchas**
 *
 * The channel does not keep its two sides apart from strangers: whoever can send frames into it can end the wire, or, where links are not protected
 * by TLS, send messages.
 *
 * **Example** (A wire over one of two message ports)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 * import { MessageChannel, type MessagePort } from "node:worker_threads"
 *
 * const overPort = (port: MessagePort, remote: string): Transport.Wire =>
 *   Transport.framed({
 *     remote,
 *     open: ({ closed, frame }) => {
 *       port.on("message", frame)
 *       port.on("close", () => closed("the port was closed"))
 *     },
 *     // Of a view all of its buffer would be copied.
 *     send: (frame) => port.postMessage(frame.kind === "data" ? { ...frame, bytes: frame.bytes.slice() } : frame),
 *     close: () => port.close()
 *   })
 *
 * const { port1, port2 } = new MessageChannel()
 * const [here, there] = [overPort(port1, "there"), overPort(port2, "here")]
 * const closed = new Promise<string>((resolve) =>
 *   there.start({
 *     data: (bytes) => console.log(new TextDecoder().decode(bytes)),
 *     drained: () => {},
 *     closed: resolve
 *   })
 * )
 * here.write(new TextEncoder().encode("hello"))
 * here.end(() => {})
 * await closed // => "Unexpected end-of-file"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const framed: (channel: Channel) => Wire = frames.framed

/**
 * Several transports as one: each address goes to the first of them that knows its scheme. A node listens on addresses of all of them, and
 * dials others by whichever both have.
 *
 * **When to use**
 *
 * Where {@link layerTcp}, or any other one, is not all that a node is to be reached by.
 *
 * **Example** (A node on TCP and on a transport of your own)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const nowhere = (peer: string) => Effect.fail(new Transport.LinkError({ reason: "connect_failed", peer }))
 * const pigeons = Layer.succeed(Transport.Transport, {
 *   schemes: ["pigeon"],
 *   listen: nowhere,
 *   resolve: (address) => Effect.succeed([address]),
 *   dial: nowhere
 * })
 *
 * const schemes = Transport.Transport.useSync(({ schemes }) => schemes)
 * await Effect.runPromise(Effect.provide(schemes, Transport.any([Transport.layerTcp, pigeons]))) // => ["", "pigeon"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const any = <E, R>(layers: ReadonlyArray<Layer.Layer<Transport, E, R>>): Layer.Layer<Transport, E, R> =>
  Layer.effect(
    Transport,
    Effect.map(
      Effect.forEach(layers, (layer) => Effect.map(Layer.build(layer), Context.get(Transport))),
      anyOf
    )
  )

/**
 * From which host to which: node IDs, or `"*"` for any. It leads in one direction only.
 *
 * **Gotchas**
 *
 * Of an address where nobody listens no host is known: routes to `"*"` alone lead there.
 *
 * **Example** (All that reaches a node)
 *
 * ```ts
 * import type { Transport } from "effect-mp"
 *
 * const route: Transport.Route = { from: "*", to: "backup" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Route {
  /** Whose bytes: a node ID, or `"*"`. */
  readonly from: string
  /** Who gets them: a node ID, or `"*"`. */
  readonly to: string
}

/**
 * How a route carries what travels on it.
 *
 * **Example** (A link over the ocean, and a node that reads slowly)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const ocean = Transport.MemoryNetwork.use((network) =>
 *   network.shape({ from: "*", to: "*" }, { latency: "80 millis", jitter: "10 millis" })
 * )
 * const slowReader = Transport.MemoryNetwork.use((network) =>
 *   network.shape({ from: "*", to: "backup" }, { bandwidth: 10_000 })
 * )
 *
 * await Effect.runPromise(Effect.andThen(ocean, slowReader).pipe(Effect.provide(Transport.layerMemory)))
 * ```
 *
 * @see {@link Faults}, whose `shape` takes it
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  /** How long bytes, connects, closes and resets travel. Default: 0, the next turn of the event loop. */
  readonly latency?: Duration.Input
  /** A random time up to this one is added. The bytes of one connection stay in order. Default: 0. */
  readonly jitter?: Duration.Input
  /**
   * Bytes per second, for each connection. What waits for its turn counts as `buffered`, so that a slow route makes senders
   * wait. Default: `Infinity`.
   */
  readonly bandwidth?: number
}

/**
 * What can be done to the network of {@link layerMemory}: what {@link MemoryNetwork} holds. Hosts are node IDs; of two calls that concern the same
 * route, the later one counts: `heal({ from: "*", to: "*" })` undoes every `cut`.
 *
 * **When to use**
 *
 * `cut` is a network that loses everything, `hold` one that is late, `reset` a connection that is broken off. `vanish` is a machine without power,
 * `pause` a process that stands still. `TestNetwork.part` cuts both ways between nodes.
 *
 * **Gotchas**
 *
 * A fault of one direction leaves the other one alone: to part two nodes, cut both routes.
 *
 * **Example** (Two nodes that are parted for a while)
 *
 * ```ts
 * import { Transport } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const part = Effect.fnUntraced(function*(one: string, other: string) {
 *   const network = yield* Transport.MemoryNetwork
 *   const routes = [{ from: one, to: other }, { from: other, to: one }]
 *   yield* Effect.forEach(routes, (route) => network.cut(route))
 *   yield* Effect.sleep("20 millis")
 *   yield* Effect.forEach(routes, (route) => network.heal(route))
 * })
 *
 * await Effect.runPromise(part("here", "there").pipe(Effect.provide(Transport.layerMemory)))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /**
   * Sets what the shape names, for what leaves from now on, on connections that are open too. What it does not name stays
   * as it is.
   */
  readonly shape: (route: Route, shape: Shape) => Effect.Effect<void>
  /**
   * Nothing passes any more. What is on its way is lost, and so is what is sent until `heal`, and nobody is told. Later
   * bytes on a connection that has lost some end it at both ends, with "Connection reset by peer". Dials wait.
   */
  readonly cut: (route: Route) => Effect.Effect<void>
  /** Undoes `cut`. */
  readonly heal: (route: Route) => Effect.Effect<void>
  /** What travels waits where it would have arrived. Nothing is lost. */
  readonly hold: (route: Route) => Effect.Effect<void>
  /** Undoes `hold`: what waited arrives, in order. */
  readonly release: (route: Route) => Effect.Effect<void>
  /**
   * Breaks all connections between the two hosts, whichever of them dialled: lets at most so many bytes of what is on its
   * way from `from` to `to` through (default: 0), then tells both ends "Connection reset by peer". What is cut or held
   * does not keep them from being told, unless there are bytes before it.
   */
  readonly reset: (route: Route, afterBytes?: number) => Effect.Effect<void>
  /**
   * The host loses its power. It listens no more; its ends of connections are never told anything, and nothing comes from
   * them; the other ends notice nothing. When a new node of that name listens, bytes on old connections are answered with
   * a reset, as by a machine that was started again.
   *
   * The node itself goes on until its scope closes, and reaches nobody.
   */
  readonly vanish: (host: string) => Effect.Effect<void>
  /**
   * The process stands still, as after SIGSTOP: it is told nothing, and nothing that it writes leaves. What others write
   * is taken up to 256 KiB for each connection; beyond, it stays with them as `buffered`.
   *
   * Its clock goes on, and with it its patience with others.
   */
  readonly pause: (host: string) => Effect.Effect<void>
  /** Undoes `pause`, in the next turn of the event loop. Nothing was lost. */
  readonly resume: (host: string) => Effect.Effect<void>
  /**
   * How many connections somebody holds an end of, those that are being dialled included. It is 0 when all nodes have
   * stopped and what they sent has arrived.
   */
  readonly connections: Effect.Effect<number>
}

/**
 * The network of {@link layerMemory}, for tests: what it does to nodes, they have to survive.
 *
 * **When to use**
 *
 * In tests of what a program does when its network fails. `TestNetwork.layer` has one, with a `TestClock` that waits for what is under way, and
 * `TestNetwork.start` starts nodes on it.
 *
 * **Details**
 *
 * Time is that of the `Clock`, and chance that of the `Random`, which the layer was built with: under `TestClock` a latency
 * passes when the test says so, and a run repeats with its seed.
 *
 * **Gotchas**
 *
 * A node that stops waits until what it said last has arrived. Under `TestClock` that takes an adjustment of the clock,
 * unless the routes have no latency any more, or the network is given up before its nodes.
 *
 * **Example** (A message over a slow route)
 *
 * ```ts
 * import { Node, Port, Transport } from "effect-mp"
 * import { Duration, Effect, Layer } from "effect"
 *
 * const start = (nodeId: string) =>
 *   Layer.build(Node.layer({ nodeId, secret: "swordfish", binds: [`${nodeId}:1`] }))
 *
 * const program = Effect.gen(function*() {
 *   const a = yield* start("a")
 *   const b = yield* start("b")
 *   yield* Node.addressBook(() => Effect.succeed(["b:1"])).pipe(Effect.provide(a))
 *   const network = yield* Transport.MemoryNetwork
 *   yield* network.shape({ from: "a", to: "b" }, { latency: "50 millis" })
 *   const [took] = yield* Port.calMessage("b", "time").pipe(Effect.timed, Effect.provide(a))
 *   return Duration.toMillis(took) >= 50
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Transport.layerMemory), Effect.scoped)) // => true
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<MemoryNetwork, Faults>()("effect-mp/Transport/MemoryNetwork") {}

/**
 * A network inside the process. Handshake, framings and all limits are those of {@link layerTcp}.
 *
 * **When to use**
 *
 * For tests, and for programs that are made of several nodes without a network between them. Between processes there is {@link layerTcp}. Tests
 * that are to move the clock take `TestNetwork.layer`, which has it.
 *
 * **Details**
 *
 * Every build of the layer is a network of its own: nodes must share one to meet. Addresses are any `host:port`; the
 * host `*` is `memory`, and the port `*` a free one. {@link MemoryNetwork} makes it slow, or breaks it.
 *
 * **Example** (A node on a free port of its own network)
 *
 * ```ts
 * import { Node, Transport } from "effect-mp"
 * import { Effect, Layer } from "effect"
 *
 * const node = Node.layer({ nodeId: "here", secret: "swordfish", binds: ["*"] })
 *
 * const program = Node.addresses.pipe(Effect.provide(node.pipe(Layer.provide(Transport.layerMemory))))
 *
 * await Effect.runPromise(program) // => ["memory:10001"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Transport | MemoryNetwork> = Layer.effectContext(
  Effect.map(
    makeMemoryNetwork,
    ({ carrier, faults }) => Context.make(Transport, carrier).pipe(Context.add(MemoryNetwork, faults))
  )
)
