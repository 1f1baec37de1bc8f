/**
 * The server's side of rpc over ports: the server's own port, which clients know, and for each of them a port that serves it alone.
 * What a client sends that is no rpc ends its own connection; what it does not take holds up nobody else.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Scope from "effect/Scope"
import type { Router } from "../node/router.ts"
import { send } from "../node/sending.ts"
import { Cell } from "../port/cell.ts"
import { untraced } from "../port/contexts.ts"
import { usual } from "../port/settings.ts"
import { isPortId, nodeOf } from "../values/portId.ts"
import { type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import type { Serialization } from "./serialization.ts"
import { connectFunction, readNote, readRequest, toClient } from "./wire.ts"

type ServerProtocol = RpcServer.Protocol["Service"]
type Write = (clientId: number, message: FromClientEncoded) => Effect.Effect<void>

/** A client, as the server knows it. */
interface Client {
  readonly id: number
  readonly port: string
  /** Our port, which the client speaks to. */
  readonly partner: Cell
  /** The calls that are not answered yet. */
  readonly open: Set<unknown>
  /** So many they may be. */
  readonly mostOpen: number
}

/** A server's own port: when it is told to finish, it ends when all open calls are answered. */
class ServerPort extends Cell {
  private open = 0
  /** Told when no call is open any more. */
  private readonly whenDone: Array<() => void> = []
  private finishing: Reason | undefined = undefined
  get isFinishing(): boolean {
    return this.finishing !== undefined
  }
  begin(): void {
    this.open++
  }
  done(calls: number): void {
    this.open -= calls
    if (this.open === 0) { for (const done of this.whenDone.splice(0)) done() }
    if (this.finishing !== undefined) this.finishAndEnd(this.finishing)
  }
  /** What clients have asked. Those of other nodes ask nothing more when this is called. */
  override whenHandled(handled: () => void): void {
    if (this.open === 0) handled()
    else this.whenDone.push(handled)
  }
  override finishAndEnd(reason: Reason): void {
    this.finishing ??= reason
    if (this.open === 0) super.finishAndEnd(this.finishing)
  }
}

export class Listener<R = never> {
  /** The server: it ends with the scope that it was made in, and all its connections with it. */
  readonly port: ServerPort
  readonly protocol: ServerProtocol
  /** What the server, its connections and its handlers run in: its port's `Self` and Scope, and the services of whoever made it. */
  readonly context: Context.Context<R | Scope.Scope>
  private readonly router: Router
  private readonly serialization: Serialization
  private readonly disconnects = Effect.runSync(Queue.make<number>())
  private readonly clients = new Map<number, Client>()
  private lastClient = 0
  private write: Write = () => Effect.void

  constructor(
    router: Router,
    id: string,
    context: Context.Context<R | Scope.Scope>,
    serialization: Serialization,
    guests: boolean
  ) {
    this.router = router
    this.serialization = serialization
    this.port = new ServerPort(router, id, { ...usual, guests }, context)
    this.port.onDefault((tag) =>
      router.log.of("Rpc").warnSome(`sent to ${id}`, `${id} is an rpc server, and was sent a message`, tag)
    )
    // The spans of calls are children of their callers'.
    this.context = this.port.contextOver(untraced(context))
    const protocol = Effect.runSync(RpcServer.Protocol.make((write) => Effect.sync(() => this.serving(write))))
    this.protocol = {
      ...protocol,
      run: (handle) => Effect.ensuring(protocol.run(handle), Effect.sync(() => this.stopped()))
    }
    router.add(this.port)
    router.observed.role(id, { kind: "rpc server", what: "" })
    // What clients send at once after the server was spawned is not too early.
    this.port.watch(router.functions.add(connectFunction(id), (name, args, from) => this.accept(name, args, from)))
    if (guests) this.port.watch(router.guests.functions.add(connectFunction(id), true))
    this.port.tie(Context.get(context, Scope.Scope))
  }

  /** Runs in the server: its failure is the server's end. */
  run<A, E>(effect: Effect.Effect<A, E, R | Scope.Scope>): void {
    this.port.enter(() => void this.port.adopt(Effect.runForkWith(this.context)(effect)))
  }

  private serving(write: Write): Omit<ServerProtocol, "run"> {
    this.write = write
    return {
      disconnects: this.disconnects,
      send: (clientId, response) => Effect.suspend(() => this.send(clientId, response)),
      end: (clientId) => Effect.sync(() => this.clients.get(clientId)?.partner.kill([])),
      clientIds: Effect.sync(() => new Set(this.clients.keys())),
      initialMessage: Effect.succeed(Option.none()),
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: true,
      supportsNotifications: false,
      codecFor: this.serialization.codecFor
    }
  }

  /**
   * Nobody serves any more, and handlers are about to be interrupted. Their callers were not, and are not to be told so: they hear of the
   * end of the server, by that of their connection.
   */
  private stopped(): void {
    this.port.kill([])
    const reason = reasonFromExit(this.port.doomed ?? Exit.void)
    for (const { partner } of this.clients.values()) partner.kill(reason)
    this.clients.clear()
  }

  /** From the fiber of a handler, which waits while the client's node takes no more: what a stream has to wait for. */
  private send(clientId: number, response: FromServerEncoded): Effect.Effect<void> {
    const client = this.clients.get(clientId)
    const message = toClient(response)
    if (client === undefined || message === undefined) return Effect.void
    const sent = send(this.router, client.port, message)
    if (response._tag === "Chunk") return sent
    if (!Exit.isExit(sent)) return Effect.ensuring(sent, Effect.sync(() => this.answered(client, response)))
    this.answered(client, response)
    return sent
  }

  /** A defect answers all calls of its client, an exit one. */
  private answered({ open }: Client, response: FromServerEncoded): void {
    if (response._tag === "Exit" && open.delete(response.requestId)) this.port.done(1)
    if (response._tag === "Defect") this.forget(open)
  }

  private forget(open: Client["open"]): void {
    const calls = open.size
    open.clear()
    this.port.done(calls)
  }

  /** Somebody spawns a partner here. */
  private accept(name: string, [client, format]: ReadonlyArray<unknown>, from: string): void {
    // Nobody else has to do with it, if its client is a guest.
    const partner = new Cell(this.router, `${this.router.nodeId}#${name}`, { ...usual, guests: from }, this.context)
    this.router.add(partner)
    this.router.observed.role(partner.id, { kind: "rpc connection", what: `of ${this.port.id}` })
    partner.tie(Context.get(this.context, Scope.Scope))
    const { contentType } = this.serialization
    // A node speaks for its own ports, and for nobody else's.
    if (!isPortId(client) || nodeOf(client) !== from) partner.kill(refused("the client is no port of its node"))
    else if (format !== contentType) partner.kill(refused(`the client speaks ${format}, and the server ${contentType}`))
    else this.connect({ id: ++this.lastClient, port: client, partner, open: new Set(), mostOpen: this.mostOpen(from) })
  }

  /** How many calls a client there may have open. */
  private mostOpen(nodeId: string): number {
    const { network, peers } = this.router
    return peers.get(nodeId)?.isGuest === true ? network.guestLimits?.mailbox ?? 0 : Infinity
  }

  private connect(client: Client): void {
    const { id, open, partner, port } = client
    this.clients.set(id, client)
    const unwatch = this.router.monitor(port, () => partner.kill([]))
    partner.watch(() => {
      unwatch()
      this.clients.delete(id)
      this.forget(open)
      Queue.offerUnsafe(this.disconnects, id)
    })
    // Spelled out, as the arguments of nearly all messages here: a rest array for each of them shows.
    partner.on(
      "q",
      (requestId, tag, payload, discard, headers, traceId, spanId, sampled) =>
        this.take(client, readRequest(requestId, tag, payload, discard, headers, traceId, spanId, sampled))
    )
    partner.on("a", (requestId) => this.take(client, readNote("Ack", requestId)))
    partner.on("i", (requestId) => this.take(client, readNote("Interrupt", requestId)))
  }

  /** Hands a message to the server. The next one of the client waits until it is decoded, and its handler has begun. */
  private take(
    { id, mostOpen, open, partner }: Client,
    message: FromClientEncoded | undefined
  ): Effect.Effect<unknown> | void {
    if (message === undefined) return partner.kill(refused("the client sent what is no message of rpc"))
    if (message._tag === "Request" && !open.has(message.id)) {
      // As what waits in the mailbox of a port that finishes: it is not begun, and its caller hears of the end.
      if (this.port.isFinishing) return
      if (open.size >= mostOpen) return partner.kill(refused(`the client has more than ${mostOpen} calls open`))
      open.add(message.id)
      this.port.begin()
    }
    const fiber = Effect.runForkWith(this.context)(this.write(id, message))
    if (fiber.pollUnsafe() === undefined) return Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
  }
}

const refused = (why: string) => reasons.invalid_message("effect_mp::rpc", why)
