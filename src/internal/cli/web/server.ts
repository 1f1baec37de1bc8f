/**
 * `emp web`: a server of pages that show the network, on a node of its own.
 *
 * @internal
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpEffect from "effect/http/HttpEffect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServer } from "effect/http/HttpServer"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { randomBytes } from "node:crypto"
import { createServer, type Server } from "node:http"
import { hostname } from "node:os"
import type * as Global from "../../../Global.ts"
import * as Node from "../../../Node.ts"
import { type Address, formatAddress, isWildcard, parseAddress } from "../../values/address.ts"
import { failed, type Session } from "../network/session.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { api } from "./api.ts"
import { assets } from "./assets.ts"
import { Collector } from "./collector.ts"
import { Guard, isLocal, securityHeaders } from "./guard.ts"
import { handlers } from "./handlers.ts"

/** What the command is told. */
export interface WebOptions {
  /** Nothing: the default. */
  readonly bind: string | undefined
  readonly allowActions: boolean
  /** Nothing: a random one. */
  readonly token: string | undefined
  readonly noToken: boolean
}

/** Where it listens unless it is told otherwise; if somebody else has that port, at a free one. */
const defaultAddress = { host: "127.0.0.1", port: 4080 } as const

/** Tokens that somebody chose have to be as long as this. */
const shortestToken = 16

/** So many connections at most; each of them is over when nothing can be read or written for so long. */
const mostConnections = 200
const idleMillis = 30_000

/** So long a request may take to come in, and so large it may be. */
const requestMillis = 10_000
const mostHeaderBytes = 16 * 1024
const mostBodyBytes = ByteSize.kibibytes(16)

/** Where to listen, and whether another port of this host would do as well. */
const whereTo = (bind: string | undefined) =>
  Effect.gen(function*() {
    if (bind === undefined) return { address: defaultAddress, isDefault: true }
    const address = parseAddress(bind, defaultAddress.host)
    if (address === undefined) return yield* new UsageError({ problem: `--bind ${JSON.stringify(bind)}: no HOST:PORT` })
    return { address: address.host === "*" ? { ...address, host: "0.0.0.0" } : address, isDefault: false }
  })

const tokenFor = ({ noToken, token }: WebOptions, host: string) =>
  Effect.gen(function*() {
    if (noToken) {
      if (token !== undefined) return yield* new UsageError({ problem: "--token and --no-token: one of them" })
      if (isLocal(host)) return undefined
      return yield* new UsageError({
        problem: `--no-token: everybody who can connect to ${host} could look; that is for addresses like 127.0.0.1`
      })
    }
    if (token === undefined) return randomBytes(24).toString("base64url")
    if (/^\S*$/.test(token) && token.length >= shortestToken) return token
    return yield* new UsageError({ problem: `--token: ${shortestToken} characters or more, without spaces` })
  })

const listen = (address: Address) =>
  Effect.gen(function*() {
    let server: Server | undefined
    const made = yield* NodeHttpServer.make(() => {
      server = createServer({
        requestTimeout: requestMillis,
        headersTimeout: requestMillis,
        maxHeaderSize: mostHeaderBytes
      })
      server.maxConnections = mostConnections
      // Who does not read what is sent is gone after this time: there is something to send more often.
      server.timeout = idleMillis
      return server
    }, { ...address, disablePreemptiveShutdown: true })
    // Streams of events have no end of their own.
    yield* Effect.addFinalizer(() => Effect.sync(() => server?.closeAllConnections()))
    return made
  })

/** Somebody may have the default port already: another `emp web`, for instance. */
const listenSomewhere = (address: Address, isDefault: boolean) =>
  Effect.catch(listen(address), (error) => isDefault ? listen({ ...address, port: 0 }) : Effect.fail(error)).pipe(
    Effect.catch(({ cause }) =>
      failed(`cannot listen on ${formatAddress(address)}: ${cause instanceof Error ? cause.message : String(cause)}`)
    )
  )

/** The page that puts the token away: it is in a cookie from now on, and not in the address. */
const entered = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>emp web</title><link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url=/"></head>
<body><a href="/">emp web</a></body></html>
`

/** Asks the guard before anything else is done for a request. */
const guarded = (guard: Guard) => <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest
    const verdict = guard.judge(request)
    if (verdict._tag === "Refuse") {
      return HttpServerResponse.text(`${verdict.problem}\n`, { status: verdict.status, headers: securityHeaders })
    }
    if (verdict._tag === "Enter") {
      const headers = { ...securityHeaders, "set-cookie": verdict.cookie }
      return HttpServerResponse.text(entered, { contentType: "text/html; charset=utf-8", headers })
    }
    yield* HttpEffect.appendPreResponseHandler((_request, response) =>
      Effect.succeed(HttpServerResponse.setHeaders(response, securityHeaders))
    )
    return yield* Effect.provideService(answer, MaxBodySize, mostBodyBytes)
  })

const asset = (path: `/${string}`, text: string, contentType: string) =>
  HttpRouter.add(
    "GET",
    path,
    Effect.succeed(HttpServerResponse.text(text, { contentType: `${contentType}; charset=utf-8` }))
  )

const pages = Layer.mergeAll(
  asset("/", assets.html, "text/html"),
  asset("/app.js", assets.js, "text/javascript"),
  asset("/app.css", assets.css, "text/css")
)

/** Serves until the scope closes, and answers the address to open. */
export const serve = (session: Session, options: WebOptions) =>
  Effect.gen(function*() {
    const { address, isDefault } = yield* whereTo(options.bind)
    const token = yield* tokenFor(options, address.host)
    const nodeId = yield* Node.id
    const collector = new Collector(session)
    yield* Effect.forkScoped(collector.run)
    const server = yield* listenSomewhere(address, isDefault)
    const port = "port" in server.address ? server.address.port : address.port
    const context = yield* Effect.context<Node.Node | Global.Global>()
    const site = handlers({ session, collector, context, nodeId, allowsActions: options.allowActions })
    const guard = new Guard({ token, host: address.host, port })
    const routes = Layer.merge(pages, Layer.provide(HttpApiBuilder.layer(api), site))
    yield* Layer.build(
      HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true, middleware: guarded(guard) }).pipe(
        Layer.provide([Layer.succeed(HttpServer, server), NodeHttpServer.layerHttpServices])
      )
    )
    const host = isWildcard(address.host) ? hostname() : address.host
    const path = token === undefined ? "/" : `/?token=${encodeURIComponent(token)}`
    return { url: `http://${formatAddress({ host, port })}${path}`, nodeId, isLocal: isLocal(address.host) }
  })

/** The command: runs until it is interrupted. */
export const web = (session: Session, options: WebOptions) =>
  Effect.gen(function*() {
    const { isLocal, nodeId, url } = yield* serve(session, options)
    if (!isLocal) {
      yield* Effect.logWarning(
        "emp web: what is shown and the token travel in the clear: keep it to a network that you trust, or behind a server with TLS"
      )
    }
    yield* session.json ? printOutput("web", { nodeId, url, allowsActions: options.allowActions }) : print(url)
    return yield* Effect.never
  })
