/**
 * Shared set-up: nodes that know each other over any transport, a network that can be cut, what was logged, and waiting
 * for conditions with a deadline. `rawPeer.ts` is a node that speaks the wire protocol by hand.
 */
import { it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { NodeRouter, type Router } from "../src/internal/node/router.ts"
import type { Carrier, Wire, WireEvents } from "../src/internal/transport/wire.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { natsAsTcp, threadsAsTcp, unixAsTcp, webSocketAsTcp } from "./asTcp.ts"
import { isOfLife } from "./life.ts"
import { patienceMillis } from "./patience.ts"

/** Its hexadecimal form has letters. */
export const secret = "swordfish & mellon"

/** Other networks that tests can have in the place of TCP. */
const others: Readonly<Record<string, Layer.Layer<Transport.Transport>>> = {
  nats: natsAsTcp,
  threads: threadsAsTcp,
  unix: unixAsTcp,
  websocket: webSocketAsTcp
}

/** With `TEST_WIRE=unix` and so on it is that. */
const chosen = process.env["TEST_WIRE"] ?? ""
const network: readonly [name: string, transport: Layer.Layer<Transport.Transport>] = chosen in others
  ? [chosen, others[chosen]!]
  : ["TCP", Transport.layerTcp]

/** What the same tests run over. */
export const transports = [["memory", Transport.layerMemory], network] as const

/** What the suites of links alone run over. */
export const wires = [...transports, ["threads", threadsAsTcp]] as const

/** A test in real time with a world of its own over the transport. */
export const testOver = (transport: Layer.Layer<Transport.Transport>) =>
(
  title: string,
  body: (world: World) => Effect.Effect<unknown, unknown, Scope.Scope>,
  timeout?: number
): void => it.live(title, () => Effect.flatMap(makeWorld, body).pipe(Effect.provide(transport)), timeout)

/** Runs a body on a node without a network. */
export const local = <A, E>(body: Effect.Effect<A, E, Node.Node | Scope.Scope>): Effect.Effect<A, E> =>
  Effect.provide(Effect.scoped(body), Node.layerLocal)

/** Forks an effect that has begun when this returns. */
export const begin = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.Fiber<A, E>, never, R | Scope.Scope> => Effect.forkScoped(effect, { startImmediately: true })

/** Waits until a condition holds; dies, naming it, when the deadline passes. */
export const until = (
  what: string,
  condition: () => boolean | Effect.Effect<boolean>
): Effect.Effect<void> =>
  Effect.gen(function*() {
    const end = performance.now() + patienceMillis
    for (;;) {
      const holds = condition()
      if (typeof holds === "boolean" ? holds : yield* holds) return
      if (performance.now() > end) return yield* Effect.die(new Error(`waited in vain: ${what}`))
      yield* Effect.sleep("2 millis")
    }
  })

/** The effect's result, unless the deadline passes. */
export const within = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.timeoutOrElse(effect, {
    duration: patienceMillis,
    orElse: () => Effect.die(new Error(`waited in vain: ${what}`))
  })

/**
 * What was logged at Info or above, as one line each: `WARN node text`; or `WARN text`, where it says nothing whose node that is. What nodes
 * say of their lives is apart from that.
 */
export const makeLogs = (
  names: "nodes" | "no nodes" = "nodes"
): { readonly lines: Array<string>; readonly life: Array<string>; readonly layer: Layer.Layer<never> } => {
  const lines: Array<string> = []
  const life: Array<string> = []
  const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    const parts = [message].flat().map(String)
    const node = names === "nodes" && fiber.getRef(References.CurrentLogAnnotations)["node"]
    const line = [logLevel.toUpperCase(), node, ...parts, Cause.pretty(cause)].filter(Boolean).join(" ")
    if (logLevel === "Info" && isOfLife(line)) life.push(line)
    else lines.push(line)
  })
  return { lines, life, layer: Logger.layer([logger]) }
}

/** One running node. */
export interface TestNode {
  readonly id: string
  readonly address: string
  /** Runs an effect on the node. Ports that it makes live in the caller's scope. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Node.Node>>
  /** What the node is made of: for tests of the inside, and for this file. All others use what programs use. */
  readonly router: Router
  /** Connects to an address, as seeds are connected to. */
  readonly dial: (address: string) => ReturnType<Router["network"]["dial"]>
  /** Closes the node's layer. */
  readonly stop: Effect.Effect<void>
}

/** Nodes that find each other, and the network between them. */
export interface World {
  /** Addresses by node ID: what the nodes' address book answers. Nodes enter themselves. */
  readonly book: Map<string, ReadonlyArray<string>>
  readonly logs: Array<string>
  readonly start: (
    nodeId: string,
    options?: Node.Options
  ) => Effect.Effect<TestNode, Node.InvalidOption | Transport.LinkError, Scope.Scope>
  /** Breaks all connections at both ends: nothing on its way arrives. */
  readonly cut: Effect.Effect<void>
  /**
   * All connections go silent: no byte passes, and nobody is told. Those that are made later work. When the scope closes,
   * they are cut, so that nodes which stop do not wait for them.
   */
  readonly freeze: Effect.Effect<void, never, Scope.Scope>
  /** Breaks all connections of one node at its ends. The other ends see that they are closed, unless they are frozen. */
  readonly cutOff: (nodeId: string) => Effect.Effect<void>
}

export const makeWorld: Effect.Effect<World, never, Transport.Transport> = Effect.gen(function*() {
  const network = new CuttableNetwork(yield* Transport.Transport)
  const logs = makeLogs()
  const book = new Map<string, ReadonlyArray<string>>()
  const start: World["start"] = Effect.fnUntraced(function*(nodeId, options) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    // What only this timeout would put right is to fail.
    const defaults = { secret, binds: ["127.0.0.1:*"], monitorTimeout: "3 minutes" } as const
    const layer = Node.layer({ nodeId, ...defaults, ...options })
    const context = yield* Layer.buildWithScope(layer, scope).pipe(
      Effect.provideService(Transport.Transport, network.carrier),
      Effect.provide(logs.layer)
    )
    const router = Context.get(context, NodeRouter)
    yield* Node.addressBook((id) => Effect.sync(() => book.get(id) ?? [])).pipe(
      Effect.provide(context),
      Scope.provide(scope)
    )
    book.set(router.nodeId, router.addresses)
    return {
      id: router.nodeId,
      address: router.addresses[0] ?? "none",
      run: (effect) => Effect.provide(effect, context),
      router,
      dial: (address) => router.network.dial(address),
      stop: Scope.close(scope, Exit.void)
    } satisfies TestNode
  })
  const cut = Effect.sync(() => network.cut())
  const freeze = Effect.acquireRelease(Effect.sync(() => network.freeze()), () => cut)
  return {
    book,
    logs: logs.lines,
    start,
    cut,
    freeze,
    cutOff: (nodeId) => Effect.sync(() => network.cut(nodeId))
  }
})

/** A transport whose connections can be broken. */
class CuttableNetwork {
  readonly carrier: Carrier
  private readonly wires = new Set<CuttableWire>()
  constructor(inner: Carrier) {
    const keep = (wire: Wire, host: string): Wire => {
      const cuttable = new CuttableWire(wire, host, () => this.wires.delete(cuttable))
      this.wires.add(cuttable)
      return cuttable
    }
    this.carrier = {
      ...inner,
      listen: (bind, accept, host, moved) => inner.listen(bind, (wire) => accept(keep(wire, host)), host, moved),
      dial: (address, host) => Effect.map(inner.dial(address, host), (wire) => keep(wire, host))
    }
  }
  cut(host?: string): void {
    for (const wire of this.wires) if (host === undefined || wire.host === host) wire.cut()
  }
  freeze(): void {
    for (const wire of this.wires) wire.freeze()
  }
}

class CuttableWire implements Wire {
  readonly remote: string
  /** The node whose end of the connection it is. */
  readonly host: string
  private readonly inner: Wire
  private readonly gone: () => void
  private events: WireEvents | undefined
  private frozen = false
  /** Bytes that were written since, and never leave. */
  private stuck = 0
  constructor(inner: Wire, host: string, gone: () => void) {
    this.inner = inner
    this.remote = inner.remote
    this.host = host
    this.gone = gone
  }
  get buffered(): number {
    return this.inner.buffered + this.stuck
  }
  start(events: WireEvents): void {
    this.events = events
    this.inner.start({
      data: (chunk) => this.frozen || events.data(chunk),
      drained: () => this.frozen || events.drained(),
      closed: (why) => {
        if (this.frozen) return
        this.gone()
        events.closed(why)
      }
    })
  }
  write(bytes: Uint8Array, left?: () => void): void {
    if (this.frozen) this.stuck += bytes.length
    else this.inner.write(bytes, left)
  }
  end(closed: () => void): void {
    if (!this.frozen) this.inner.end(closed)
  }
  destroy(): void {
    this.gone()
    this.inner.destroy()
  }
  freeze(): void {
    this.frozen = true
  }
  cut(): void {
    this.destroy()
    this.events?.closed("cut")
  }
}

/** A port that keeps whole messages, and what it kept. */
export const collector = (node: TestNode): Effect.Effect<Collector, never, Scope.Scope> =>
  Effect.suspend(() => {
    const messages: Array<ReadonlyArray<unknown>> = []
    return Effect.map(
      node.run(Port.make((...message: ReadonlyArray<unknown>) => {
        messages.push(message)
      })),
      (port) => ({
        port,
        name: port.slice(port.indexOf("#") + 1),
        messages,
        has: (count) => until(`${count} messages at ${port}`, () => messages.length >= count)
      })
    )
  })

export interface Collector {
  readonly port: Port.PortId
  /** The port's ID without its node. */
  readonly name: string
  readonly messages: Array<ReadonlyArray<unknown>>
  /** Waits for this many messages. */
  readonly has: (count: number) => Effect.Effect<void>
}

/** Monitors a port. The list gets one entry for each time that the monitor fires: its reason, empty for a normal end. */
export const watch = (
  node: TestNode,
  port: string
): Effect.Effect<Array<ReadonlyArray<unknown>>, never, Scope.Scope> =>
  Effect.suspend(() => {
    const fired: Array<ReadonlyArray<unknown>> = []
    return Effect.as(
      node.run(Port.mon(port, (exit) => Effect.sync(() => fired.push(reasonOf(exit))))),
      fired
    )
  })

/** The reason list of a port's Exit. */
export const reasonOf = (exit: Exit.Exit<unknown, Port.Killed>): ReadonlyArray<unknown> => {
  if (Exit.isSuccess(exit)) return []
  const [reason] = exit.cause.reasons
  return reason?._tag === "Fail" ? reason.error.reason : [reason?._tag]
}

/** What the node tells of others from now on, beginning with those that are up. */
export const follow = (node: TestNode): Effect.Effect<Array<Node.NodeEvent>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const events: Array<Node.NodeEvent> = []
    const before = node.router.listeners.size
    yield* Effect.forkScoped(
      node.run(Stream.runForEach(Node.events, (event) => Effect.sync(() => events.push(event))))
    )
    yield* until("the stream listens", () => node.router.listeners.size > before)
    return events
  })

/** What programs see of a node. */
export interface Seen {
  readonly id: string
  readonly run: <A, E>(effect: Effect.Effect<A, E, Node.Node>) => Effect.Effect<A, E>
}

export const upNodes = (node: Seen): Effect.Effect<ReadonlyArray<string>> => node.run(Node.upNodes)

/** Whether a node has a link to another one. */
export const isUp = (node: Seen, nodeId: string): Effect.Effect<boolean> =>
  Effect.map(upNodes(node), (up) => up.includes(nodeId))

export const isDown = (node: Seen, nodeId: string): Effect.Effect<boolean> =>
  Effect.map(isUp(node, nodeId), (up) => !up)

/** Whether both ends of a link see it. */
export const areLinked = (one: Seen, other: Seen): Effect.Effect<boolean> =>
  Effect.zipWith(isUp(one, other.id), isUp(other, one.id), (there, back) => there && back)

export const areParted = (one: Seen, other: Seen): Effect.Effect<boolean> =>
  Effect.zipWith(isDown(one, other.id), isDown(other, one.id), (there, back) => there && back)

/** What a node tells of another one. */
export const peerOf = (node: Seen, nodeId: string): Effect.Effect<Node.PeerInfo | undefined> =>
  Effect.map(node.run(Node.peers), (peers) => peers.find((peer) => peer.nodeId === nodeId))

/** Whether so many senders wait for room on the way to another node. */
export const hasWaiting = (node: Seen, nodeId: string, count: number): Effect.Effect<boolean> =>
  Effect.map(peerOf(node, nodeId), (peer) => peer?.waiting === count)

/** Brings a link up. */
export const connect = (from: TestNode, to: TestNode): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* from.run(Port.snd(to.id, "devnull"))
    yield* until(`${from.id} and ${to.id} are connected`, () => areLinked(from, to))
  })

/** Waits until the other node has handled all that was sent to it before. */
export const roundTrip = (from: TestNode, to: TestNode): Effect.Effect<void> =>
  within(`an answer of ${to.id}`, Effect.orDie(Effect.asVoid(from.run(Port.calMessage(to.id, "time")))))
