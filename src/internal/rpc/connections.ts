/**
 * The client's side of rpc over ports: for each client a connection with a server, which is a port here and its partner there. Each of
 * the two ends with the other one; then all calls that are open on the connection fail, and the next call makes another one.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientDefect, RpcClientError } from "effect/rpc/RpcClientError"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import * as Scope from "effect/Scope"
import { spawnRequest } from "../node/fullRequests.ts"
import type { Router } from "../node/router.ts"
import { send } from "../node/sending.ts"
import { Cell } from "../port/cell.ts"
import type { Message } from "../port/receiver.ts"
import { usual } from "../port/settings.ts"
import { describe } from "../values/describe.ts"
import { nodeOf } from "../values/portId.ts"
import {
  asUnbegun,
  Killed,
  type PortExit,
  type Reason,
  reasonFromExit,
  reasons,
  refusedByDrain
} from "../values/reason.ts"
import type { Serialization } from "./serialization.ts"
import { connectFunction, readChunk, readDefect, readExit, toServer } from "./wire.ts"

type ClientProtocol = RpcClient.Protocol["Service"]
type Write = (clientId: number, message: FromServerEncoded) => Effect.Effect<void>

/** Where the server is: its port, or who knows that, who is asked for each connection. */
export type Target = string | Effect.Effect<string, unknown>

/** What all clients of a protocol have in common. */
interface Shared {
  readonly router: Router
  readonly context: Context.Context<Scope.Scope>
  readonly scope: Scope.Scope
  readonly serialization: Serialization
  readonly target: Target
  readonly write: Write
}

/** The protocol of clients that find their server there. */
export const makeProtocol = (
  router: Router,
  context: Context.Context<Scope.Scope>,
  serialization: Serialization,
  target: Target
): Effect.Effect<ClientProtocol> =>
  Effect.map(makeSeverable(router, context, serialization, target), ({ protocol }) => protocol)

export interface Severable {
  readonly protocol: ClientProtocol
  /** Ends the connections that there are, with the calls that are open on them. The next calls make others. */
  readonly sever: (reason: Reason) => void
}

/** The same, for those who may know of a server's end before its ports tell. */
export const makeSeverable = (
  router: Router,
  context: Context.Context<Scope.Scope>,
  serialization: Serialization,
  target: Target
): Effect.Effect<Severable> => {
  const clients = new Map<number, Client>()
  // Made before the clients, it closes after them: what they still say is heard.
  const scope = Scope.forkUnsafe(Context.get(context, Scope.Scope))
  const client = (write: Write, id: number): Client => {
    const known = clients.get(id)
    if (known !== undefined) return known
    const made = new Client({ router, context, scope, serialization, target, write }, id)
    clients.set(id, made)
    return made
  }
  const end = (id: number): Effect.Effect<void> => {
    const ending = clients.get(id)
    clients.delete(id)
    return ending?.end() ?? Effect.void
  }
  return Effect.map(
    RpcClient.Protocol.make((write) =>
      Effect.succeed({
        send: (id, message) => Effect.suspend(() => client(write, id).send(message)),
        supportsAck: true,
        supportsTransferables: false,
        codecFor: serialization.codecFor
      })
    ),
    (protocol) => ({
      protocol: {
        ...protocol,
        // A client that is gone tells nobody: its connection does, by its end.
        run: (id, receive) => Effect.ensuring(protocol.run(id, receive), Effect.suspend(() => end(id)))
      },
      sever: (reason) => {
        for (const one of clients.values()) one.sever(reason)
      }
    })
  )
}

interface Connection {
  /** Our port, which hears the answers. */
  readonly port: Cell
  /** The port at the server that serves it. */
  readonly partner: string
  /** The server's node. */
  readonly node: string
  /** The calls that are not answered yet. */
  readonly open: Set<unknown>
}

class Client {
  private readonly shared: Shared
  private readonly id: number
  /** Closed with the client. */
  private readonly scope: Scope.Closeable
  private connection: Connection | undefined = undefined
  /** Connections with nodes that are about to stop: they have calls to answer yet, and get no new ones. */
  private readonly left = new Set<Connection>()
  /** While somebody asks where the server is: all calls wait for one answer. */
  private finding: Deferred.Deferred<void, RpcClientError> | undefined = undefined
  private hasEnded = false

  constructor(shared: Shared, id: number) {
    this.shared = shared
    this.id = id
    this.scope = Scope.forkUnsafe(shared.scope)
  }

  end(): Effect.Effect<void> {
    this.hasEnded = true
    return Scope.close(this.scope, Exit.void)
  }

  sever(reason: Reason): void {
    for (const { port } of [...this.left, ...(this.connection === undefined ? [] : [this.connection])]) {
      port.kill(reason)
    }
  }

  /** Its protocol is gone, and whoever still calls is told so. */
  private get isClosed(): boolean {
    return this.scope.state._tag === "Closed"
  }

  send(message: FromClientEncoded): Effect.Effect<void, RpcClientError> {
    const sent = toServer(message)
    if (sent === undefined) return Effect.void
    if (message._tag === "Request") return this.request(message.id, sent)
    // Small, and never in vain: an interruption must not wait for room that the other node does not make.
    const [, id] = sent
    const connection = Array.from(this.left).find(({ open }) => open.has(id)) ?? this.connection
    if (connection !== undefined) this.shared.router.send(connection.partner, sent)
    return Effect.void
  }

  private request(id: unknown, message: Message): Effect.Effect<void, RpcClientError> {
    const { router, target } = this.shared
    if (this.isClosed) return Effect.fail(closed())
    if (this.connection !== undefined && router.takesNoCalls(this.connection.node)) this.leave(this.connection)
    if (this.connection === undefined) {
      if (typeof target !== "string") return Effect.flatMap(this.find(target), () => this.request(id, message))
      if (router.takesNoCalls(nodeOf(target))) return Effect.fail(drains(target))
      this.connect(target)
    }
    if (this.connection === undefined) return Effect.void
    this.connection.open.add(id)
    // Its span travels in it, and not beside it.
    return send(router, this.connection.partner, message)
  }

  /** The next call makes another connection. This one ends when its calls are answered. */
  private leave(connection: Connection): void {
    this.connection = undefined
    this.left.add(connection)
    this.endIfDone(connection)
  }

  private endIfDone(connection: Connection): void {
    if (connection.open.size === 0 && this.left.has(connection)) connection.port.kill([])
  }

  /** Asks where the server is, in a fiber that no caller takes with it. */
  private find(target: Effect.Effect<string, unknown>): Effect.Effect<void, RpcClientError> {
    if (this.finding !== undefined) return Deferred.await(this.finding)
    const finding = this.finding = Deferred.makeUnsafe<void, RpcClientError>()
    this.fork(Effect.onExit(target, (exit) => {
      this.finding = undefined
      if (Exit.isFailure(exit)) return Deferred.done(finding, notFound(exit.cause))
      if (this.shared.router.takesNoCalls(nodeOf(exit.value))) return Deferred.fail(finding, drains(exit.value))
      this.connect(exit.value)
      return Deferred.done(finding, Exit.void)
    }))
    return Deferred.await(finding)
  }

  /** The partner is known at once, and so is what it is sent: nothing waits for an answer of its node. */
  private connect(server: string): void {
    const { context, router, serialization } = this.shared
    const port = new Cell(router, router.names.localId(), usual, context)
    const name = router.names.spawned()
    const node = nodeOf(server)
    const connection: Connection = { port, partner: `${node}#${name}`, node, open: new Set() }
    this.connection = connection
    port.on("x", (requestId, exit) => {
      this.take(port, readExit(requestId, exit))
      if (connection.open.delete(requestId)) this.endIfDone(connection)
    })
    port.on("c", (requestId, values) => this.take(port, readChunk(requestId, values)))
    port.on("d", (defect) => this.take(port, readDefect(defect)))
    router.add(port)
    router.observed.role(port.id, { kind: "rpc client", what: `of ${server}` })
    port.tie(this.scope)
    router.send(node, [spawnRequest, name, connectFunction(server), port.id, serialization.contentType])
    // In its turn: the answers that came before the end are answers.
    const unwatch = router.monitor(
      connection.partner,
      (exit) => port.enter(() => port.kill(reasonFromExit(exit)))
    )
    port.watch((exit) => {
      unwatch()
      const isDone = this.left.delete(connection) && connection.open.size === 0
      if (this.connection === connection) this.connection = undefined
      // What it has not answered takes all other calls of the client with it: they have no error of their own for that.
      if (this.hasEnded || isDone) return
      const error = this.isClosed ? closed() : lost(server, exit)
      this.fork(this.shared.write(this.id, { _tag: "ClientProtocolError", error }))
    })
  }

  /**
   * Hands an answer to the client. A chunk waits while the reader of its stream takes no more, and must not hold up the answers to other
   * calls: it waits in a fiber. The order of chunks is kept, since the server sends the next one when this one was taken.
   */
  private take(port: Cell, message: FromServerEncoded | undefined): void {
    if (message === undefined) {
      return port.kill(reasons.invalid_message("effect_mp::rpc", "the server sent what is no message of rpc"))
    }
    this.fork(this.shared.write(this.id, message))
  }

  /** Runs as long as the client. */
  private fork(effect: Effect.Effect<unknown, unknown>): void {
    const fiber = Effect.runForkWith(this.shared.context)(effect)
    if (fiber.pollUnsafe() === undefined) Fiber.runIn(fiber, this.scope)
  }
}

/** What ends all calls that are open: an end in order is one too, for whoever waits for an answer. */
const lost = (server: string, exit: PortExit): RpcClientError => {
  const killed = new Killed({ port: server, reason: reasonFromExit(exit) })
  return failure(`the connection with the rpc server ${server} has ended: ${killed.message}`, killed)
}

/** The server's node takes no new calls. */
const drains = (server: string): RpcClientError => {
  const refused = refusedByDrain(server, nodeOf(server))
  return asUnbegun(failure(`the rpc server ${server} is about to stop: ${refused.message}`, refused))
}

const closed = (): RpcClientError => failure("the scope of the rpc client's protocol is closed", undefined)

const notFound = (cause: Cause.Cause<unknown>): Exit.Exit<never, RpcClientError> => {
  if (Cause.hasInterruptsOnly(cause)) return Exit.interrupt()
  const error = Cause.squash(cause)
  return Exit.fail(failure(`no rpc server was found: ${describe(error)}`, error))
}

const failure = (message: string, cause: unknown): RpcClientError =>
  new RpcClientError({ reason: new RpcClientDefect({ message, cause }) })
