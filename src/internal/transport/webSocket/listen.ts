/**
 * Listening for WebSockets: on a port of our own, or at a path of a server that the program has.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import { type Address, formatAddress } from "../../values/address.ts"
import { LinkError } from "../linkError.ts"
import { thisMachine } from "../tcp.ts"
import { hostsOf, listenAt, malformed, type OpenServer, told } from "../tcpListen.ts"
import type { Carrier, Wire } from "../wire.ts"
import { formatWebSocket, parseWebSocket, type WebSocketAddress } from "./address.ts"
import { accepted, pathOf, refusal, refuse } from "./opening.ts"
import { claim } from "./sharedServer.ts"

/** Documented as `Transport.WebSocketOptions`. */
export interface WebSocketOptions {
  /**
   * A server of the program, HTTP or HTTPS. A node that binds `ws:/path` listens at that path of it; all else that is asked of the server stays
   * the program's business. Default: none; a node listens on a port of its own.
   */
  readonly server?: http.Server | undefined
  /** The pages whose scripts may connect, as `https://example.org`. Who is no browser names no page, and may. Default: none. */
  readonly origins?: ReadonlyArray<string> | undefined
}

type Accept = (wire: Wire) => void

// ---- a port of our own

/** How many connections may be without a request; beyond it the oldest one has to go. */
const maxWithoutRequest = 1000
/** For so long one may be. */
const requestTimeoutMillis = 10_000
const maxHeaderSize = 16 * 1024

/** Serves one path, and refuses all else. What has asked for nothing yet is in `waiting`. */
const openWith =
  (path: string, origins: ReadonlyArray<string>, waiting: Set<Duplex>, accept: Accept): OpenServer =>
  ({ host, port }) =>
    Effect.callback((resume) => {
      const server = http.createServer({
        headersTimeout: requestTimeoutMillis,
        requestTimeout: requestTimeoutMillis,
        connectionsCheckingInterval: requestTimeoutMillis / 2,
        maxHeaderSize
      })
      server.on("connection", (socket) => {
        waiting.add(socket)
        socket.once("close", () => waiting.delete(socket))
        const [oldest] = waiting
        if (waiting.size > maxWithoutRequest) oldest?.destroy()
      })
      server.on("request", (request, response) => {
        const status = pathOf(request) === path ? 426 : 404
        const { body, headers } = refusal(status)
        response.writeHead(status, headers).end(body)
      })
      server.on("upgrade", (request, socket, head) => {
        waiting.delete(socket)
        if (pathOf(request) !== path) return refuse(socket, 404)
        const wire = accepted(request, socket, head, origins)
        if (wire !== undefined) accept(wire)
      })
      server.on("error", (error) => resume(Effect.fail(error)))
      server.listen({ host, port }, () => resume(Effect.succeed(server)))
      return Effect.sync(() => server.close())
    })

const listenOnPort = (
  bind: string,
  { host, path, port }: WebSocketAddress & { readonly host: string },
  origins: ReadonlyArray<string>,
  accept: Accept,
  moved: (addresses: ReadonlyArray<string>) => void
): Effect.Effect<ReadonlyArray<string>, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const waiting = new Set<Duplex>()
    yield* Effect.addFinalizer(() => Effect.sync(() => waiting.forEach((socket) => socket.destroy())))
    const texts = (found: ReadonlyArray<Address>) =>
      found.map((address) => formatWebSocket("ws", formatAddress(address), path))
    const open = openWith(path, origins, waiting, accept)
    return texts(yield* listenAt(thisMachine, bind, { host, port }, open, (found) => moved(texts(found))))
  })

// ---- the program's own server

/** The addresses at which a server is dialled: none as long as it does not listen. */
const addressesOf = (server: http.Server, path: string): ReadonlyArray<string> => {
  const bound = server.address()
  if (bound === null || typeof bound === "string") return []
  const scheme = server instanceof tls.Server ? "wss" : "ws"
  return told(thisMachine, { host: bound.address, port: bound.port })
    .map((address) => formatWebSocket(scheme, formatAddress(address), path))
}

const listenOnServer = (
  server: http.Server,
  path: string,
  origins: ReadonlyArray<string>,
  accept: Accept,
  moved: (addresses: ReadonlyArray<string>) => void
): Effect.Effect<ReadonlyArray<string>, LinkError, Scope.Scope> => {
  const listening = (): void => moved(addressesOf(server, path))
  const release = claim(server, path, (request, socket, head) => {
    const wire = accepted(request, socket, head, origins)
    if (wire !== undefined) accept(wire)
  })
  if (release === undefined) {
    return Effect.fail(
      new LinkError({ reason: "listen_failed", peer: `ws:${path}`, detail: "another node listens there" })
    )
  }
  server.on("listening", listening)
  return Effect.as(
    Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.off("listening", listening)
        release()
      })
    ),
    addressesOf(server, path)
  )
}

// ---- both

export const listenWith =
  ({ origins = [], server }: WebSocketOptions): Carrier["listen"] => (bind, accept, _host, moved = () => {}) =>
    Effect.suspend(() => {
      const address = parseWebSocket(bind)
      if (address === undefined) return Effect.fail(malformed(bind))
      const { host, isSecure, path, query } = address
      const fail = (detail: string) => Effect.fail(new LinkError({ reason: "listen_failed", peer: bind, detail }))
      if (isSecure) return fail("wss is for dialling: listen on ws behind a proxy, or at a path of an HTTPS server")
      if (query !== "") return fail("a path to listen at has no query")
      if (host !== undefined) return listenOnPort(bind, { ...address, host }, origins, accept, moved)
      return server === undefined
        ? fail("there is no server for a path alone: give the transport one, or name host and port")
        : listenOnServer(server, path, origins, accept, moved)
    })

/** `ws://*:8080` and the like stand for this host's own addresses, as binds do. Names stay: servers and certificates go by them. */
export const resolve: Carrier["resolve"] = (text) => {
  const address = parseWebSocket(text)
  if (address?.host === undefined || address.port === 0) return Effect.fail(malformed(text))
  const { host, isSecure, path, port, query } = address
  const hosts = host === "*" ? Effect.orDie(hostsOf(thisMachine, host)) : Effect.succeed([host])
  return Effect.map(hosts, (found) => {
    const all = found.flatMap((one) => told(thisMachine, { host: one, port }))
    const isItself = all.length === 1 && all[0]?.host === host
    return isItself
      ? [text]
      : all.map((one) => formatWebSocket(isSecure ? "wss" : "ws", formatAddress(one), path) + query)
  })
}
