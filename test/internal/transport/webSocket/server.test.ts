/** What a server of WebSockets answers to whom: other clients, strangers, and programs that share their server with it. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as tls from "node:tls"
import { webSocketCarrier } from "../../../../src/internal/transport/webSocket/carrier.ts"
import type { WebSocketOptions } from "../../../../src/internal/transport/webSocket/listen.ts"
import type { Wire } from "../../../../src/internal/transport/wire.ts"
import { pem } from "../../../certificates.ts"
import { begin, until, within } from "../../../harness.ts"
import { SeededRandom } from "../../../simulation/random.ts"
import { sized } from "../../../size.ts"

/** A server whose wires say what they hear. */
interface Server {
  readonly address: string
  readonly port: number
  readonly path: string
  readonly wires: Array<Wire>
  readonly heard: Array<string>
}

/** Listens, and sends back what it hears. */
const listen = (bind: string, options: WebSocketOptions = {}): Effect.Effect<Server, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const wires: Array<Wire> = []
    const heard: Array<string> = []
    const accept = (wire: Wire): void => {
      wires.push(wire)
      wire.start({
        data: (chunk) => {
          heard.push(Buffer.from(chunk).toString())
          wire.write(Uint8Array.from(chunk))
        },
        drained: () => {},
        closed: (why) => void heard.push(`closed: ${why}`)
      })
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => wires.forEach((wire) => wire.destroy())))
    const [address = ""] = yield* webSocketCarrier(options).listen(bind, accept, "node")
    const url = new URL(address)
    return { address, port: Number(url.port), path: url.pathname, wires, heard }
  })

const own = listen("ws://127.0.0.1:*/nodes")

const upgrade = {
  "Connection": "Upgrade",
  "Upgrade": "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="
}

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks, and answers with what status: 101 where it becomes a WebSocket. */
const ask = (port: number, { headers = upgrade, method = "GET", path = "/nodes" }: Asked) =>
  within(
    "an answer",
    Effect.callback<http.IncomingMessage>((resume) => {
      const asked = http.request({ host: "127.0.0.1", port, path, method, headers, agent: false })
      const answer = (response: http.IncomingMessage): void => resume(Effect.succeed(response))
      asked.once("response", (response) => answer(response.resume()))
      asked.once("upgrade", (response, socket) => {
        socket.destroy()
        answer(response)
      })
      asked.once("error", (error) => resume(Effect.die(error)))
      asked.end()
    })
  )

const statusOf = (port: number, asked: Asked) => Effect.map(ask(port, asked), ({ statusCode }) => statusCode)

/** A plain socket, behind the opening handshake; what comes on it is not read until somebody asks. */
const connectRaw = (port: number, path = "/nodes"): Effect.Effect<net.Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const asked = http.request({ host: "127.0.0.1", port, path, headers: upgrade, agent: false })
      asked.once("upgrade", (_response, socket) => {
        socket.on("error", () => {})
        resume(Effect.succeed(socket.pause()))
      })
      asked.once("error", (error) => resume(Effect.die(error)))
      asked.end()
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** Waits for the end of a connection. */
const ended = (socket: net.Socket): Effect.Effect<void> =>
  within(
    "the connection is closed",
    Effect.callback<void>((resume) => {
      socket.once("close", () => resume(Effect.void))
      socket.resume()
      if (socket.destroyed) resume(Effect.void)
    })
  )

/** A wire that is to stay what it is, whatever happens to others. */
const good = ({ address }: Server) =>
  Effect.gen(function*() {
    const wire = yield* webSocketCarrier({}).dial(address, "good")
    let text = ""
    let why: string | undefined
    wire.start({
      data: (chunk) => void (text += Buffer.from(chunk).toString()),
      drained: () => {},
      closed: (reason) => void (why = reason)
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => wire.destroy()))
    let expected = ""
    return {
      echoes: Effect.suspend(() => {
        const word = `word ${expected.length};`
        expected += word
        wire.write(Buffer.from(word))
        return Effect.andThen(
          until("an echo", () => text.length >= expected.length || why !== undefined),
          Effect.sync(() => {
            assert.isUndefined(why)
            assert.strictEqual(text, expected)
          })
        )
      })
    }
  })

describe("the opening handshake", () => {
  const without = (name: keyof typeof upgrade) => {
    const { [name]: _, ...rest } = upgrade
    return rest
  }

  it.live.each<[string, number, Asked]>([
    ["a WebSocket", 101, {}],
    ["one with a query", 101, { path: "/nodes?from=here" }],
    ["no WebSocket", 426, { headers: {} }],
    ["another path", 404, { headers: {}, path: "/" }],
    ["a WebSocket at another path", 404, { path: "/nodes/" }],
    ["another method", 400, { method: "POST" }],
    ["another protocol", 400, { headers: { ...upgrade, Upgrade: "h2c" } }],
    ["no key", 400, { headers: without("Sec-WebSocket-Key") }],
    ["a key that is none", 400, { headers: { ...upgrade, "Sec-WebSocket-Key": "short" } }],
    ["another version", 426, { headers: { ...upgrade, "Sec-WebSocket-Version": "8" } }],
    ["a page of a browser", 403, { headers: { ...upgrade, Origin: "https://example.org" } }]
  ])("answers who asks for %s with %i", ([, status, asked]) =>
    Effect.gen(function*() {
      const { port, wires } = yield* own
      const response = yield* ask(port, asked)
      assert.strictEqual(response.statusCode, status)
      if (status === 101) assert.strictEqual(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      if (status === 426) assert.strictEqual(response.headers["sec-websocket-version"], "13")
      assert.strictEqual(wires.length, status === 101 ? 1 : 0)
    }))

  it.live("lets pages in that are named, and no others", () =>
    Effect.gen(function*() {
      const { port } = yield* listen("ws://127.0.0.1:*/nodes", { origins: ["https://example.org"] })
      for (
        const [origin, status] of [
          ["https://example.org", 101],
          ["https://example.org:444", 403],
          ["http://example.org", 403],
          ["null", 403]
        ] as const
      ) {
        assert.strictEqual(yield* statusOf(port, { headers: { ...upgrade, Origin: origin } }), status, origin)
      }
    }))

  it.live("may take its time for some, as long as they are not too many", () =>
    Effect.gen(function*() {
      const server = yield* own
      const sockets: Array<net.Socket> = []
      yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
      for (let n = 0; n < 1010; n++) {
        const socket = net.connect(server.port, "127.0.0.1").on("error", () => {})
        sockets.push(socket)
        yield* until("it is connected", () => !socket.connecting)
      }
      for (const socket of sockets.slice(0, 5)) yield* ended(socket)
      assert.isFalse(sockets.at(-1)!.destroyed)
      yield* (yield* good(server)).echoes
    }))

  it.live("ends with the listener for those who have asked for nothing yet", () =>
    Effect.gen(function*() {
      const socket = yield* Effect.scoped(Effect.gen(function*() {
        const { port } = yield* own
        const socket = net.connect(port, "127.0.0.1").on("error", () => {})
        yield* until("it is connected", () => !socket.connecting)
        // An answer: the server knows the connection now.
        assert.strictEqual(yield* statusOf(port, { headers: {} }), 426)
        return socket
      }))
      yield* ended(socket)
    }))

  it.live("is given up where nobody answers it, and so is its connection", () =>
    Effect.gen(function*() {
      const accepted: Array<net.Socket> = []
      const silent = yield* Effect.acquireRelease(
        Effect.callback<net.Server>((resume) => {
          const server = net.createServer((socket) => void accepted.push(socket.resume()))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = silent.address() as net.AddressInfo
      const dialling = yield* begin(webSocketCarrier({}).dial(`ws://127.0.0.1:${port}`, "node"))
      yield* until("it is connected", () => accepted.length > 0)
      yield* Fiber.interrupt(dialling)
      yield* ended(accepted[0]!)
    }))

  it.live("says to those who dial why there is no connection", () =>
    Effect.gen(function*() {
      const { port } = yield* own
      const detailOf = (address: string) =>
        Effect.map(Effect.flip(webSocketCarrier({}).dial(address, "node")), ({ detail, reason }) => detail ?? reason)
      const liar = yield* Effect.acquireRelease(
        Effect.callback<net.Server>((resume) => {
          const server = net.createServer((socket) => {
            socket.on("error", () => {})
            socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port: liarPort } = liar.address() as net.AddressInfo
      assert.strictEqual(yield* detailOf("ws://127.0.0.1:1"), "Connection refused")
      assert.strictEqual(yield* detailOf(`ws://127.0.0.1:${port}`), "no WebSocket is there: 404 Not Found")
      assert.strictEqual(yield* detailOf(`ws://127.0.0.1:${liarPort}`), "what is there is no WebSocket")
      assert.strictEqual(yield* detailOf("ws:/nodes"), "malformed_address")
      assert.strictEqual(yield* detailOf("ws://127.0.0.1:*"), "malformed_address")
    }))
})

describe("another client", () => {
  /** That of `ws`, which most servers in Node are made with. */
  const connect = ({ address }: Server) =>
    Effect.acquireRelease(
      Effect.callback<NodeWS.WebSocket>((resume) => {
        const socket = new NodeWS.WebSocket(address)
        socket.on("error", () => {})
        socket.once("open", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.terminate())
    )

  it.live("is understood: messages in parts, and pings, which are answered", () =>
    Effect.gen(function*() {
      const server = yield* own
      const socket = yield* connect(server)
      const told: Array<string> = []
      socket.on("message", (data) => told.push(String(data)))
      socket.on("pong", (data) => told.push(`pong ${String(data)}`))
      socket.send(Buffer.from("one "), { fin: false, binary: true })
      socket.ping("are you there?")
      socket.send(Buffer.from("message"), { fin: true })
      yield* until("all is answered", () => told.length === 3)
      assert.deepStrictEqual(told, ["one ", "pong are you there?", "message"])
      socket.close(4000, "enough")
      yield* until("it is closed", () => server.heard.length === 3)
      assert.deepStrictEqual(server.heard, ["one ", "message", "closed: Unexpected end-of-file"])
    }))

  it.live("that sends text is refused, with the code for it", () =>
    Effect.gen(function*() {
      const server = yield* own
      const socket = yield* connect(server)
      const codes: Array<number> = []
      socket.on("close", (code) => codes.push(code))
      socket.send("text")
      yield* until("it is closed", () => codes.length > 0)
      assert.deepStrictEqual(codes, [1003])
      assert.deepStrictEqual(server.heard, ["closed: what came is no WebSocket: text"])
    }))
})

describe("a stranger", () => {
  it.live("who sends anything at all hurts nobody else", () =>
    Effect.gen(function*() {
      const server = yield* own
      const friend = yield* good(server)
      const random = new SeededRandom("strangers on WebSockets")
      for (let n = 0; n < sized(60, 2000); n++) {
        const behind = random.chance(0.7)
        const socket = behind
          ? yield* connectRaw(server.port)
          : net.connect(server.port, "127.0.0.1").on("error", () => {})
        for (let parts = random.int(1, 5); parts > 0; parts--) {
          const first = random.pick([0x82, 0x02, 0x80, 0x00, 0x89, 0x8a, 0x88, 0xff, 0x81])!
          const second = random.pick([0x80, 0x81, 0xfe, 0xff, 0x00, 0x7f])!
          socket.write(Buffer.concat([Uint8Array.of(first, second), randomBytes(random.int(0, 200))]))
        }
        yield* friend.echoes
        if (random.chance(0.5)) socket.destroy()
        else socket.end()
      }
    }))

  it.live("who says that a message has 4 PiB sends what it likes of it, and nothing of that is kept", () =>
    Effect.gen(function*() {
      const server = yield* own
      const socket = yield* connectRaw(server.port)
      socket.resume()
      socket.write(Buffer.from("82ff001000000000000000000000", "hex"))
      for (const word of ["it", "goes", "on"]) {
        socket.write(word)
        yield* until("it is heard", () => server.heard.at(-1) === word)
      }
    }))

  it.live("who pings and reads nothing is not answered without end", () =>
    Effect.gen(function*() {
      const server = yield* own
      const socket = yield* connectRaw(server.port)
      const pings = Buffer.concat(
        Array.from({ length: 1000 }, () => Buffer.concat([Buffer.from("89fd00000000", "hex"), new Uint8Array(125)]))
      )
      for (let n = 0; n < 200; n++) {
        yield* within(
          "the server reads",
          Effect.callback<void>((resume) => void socket.write(pings, () => resume(Effect.void)))
        )
      }
      assert.isAtMost(server.wires[0]!.buffered, 256 * 1024)
      yield* (yield* good(server)).echoes
    }))
})

describe("a server that the program has", () => {
  const served = (make: (server: http.Server) => Effect.Effect<unknown, unknown, Scope.Scope> = () => Effect.void) =>
    Effect.gen(function*() {
      const server = http.createServer()
      yield* make(server)
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => {
          if (server.listening) resume(Effect.void)
          else server.listen(0, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => void server.close())
      )
      return server
    })

  it.live("has a node at one path, and answers all else itself", () =>
    Effect.gen(function*() {
      const server = yield* served((server) =>
        Effect.sync(() => server.on("request", (_request, response) => response.writeHead(200).end("hello")))
      )
      const listening = yield* listen("ws:/nodes", { server })
      const { port } = listening
      assert.strictEqual(listening.address, `ws://127.0.0.1:${port}/nodes`)
      yield* (yield* good(listening)).echoes
      assert.strictEqual(yield* statusOf(port, { headers: {} }), 200)
      // Nobody else has asked for upgrades.
      assert.strictEqual(yield* statusOf(port, { path: "/chat" }), 404)
      const others = (_request: http.IncomingMessage, socket: { readonly end: (text: string) => unknown }): void =>
        void socket.end("HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n")
      server.on("upgrade", others)
      assert.strictEqual(yield* statusOf(port, { path: "/chat" }), 418)
      assert.strictEqual(yield* statusOf(port, {}), 101)
    }))

  it.live("may be Effect's, which answers all upgrades that it sees", () =>
    Effect.gen(function*() {
      const server = http.createServer()
      yield* Layer.build(
        HttpServer.serve(Effect.succeed(HttpServerResponse.text("hello"))).pipe(
          Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
        )
      )
      const listening = yield* listen("ws:/nodes", { server })
      const friend = yield* good(listening)
      yield* friend.echoes
      assert.strictEqual(yield* statusOf(listening.port, { headers: {}, path: "/" }), 200)
      assert.strictEqual(yield* statusOf(listening.port, { path: "/chat" }), 200)
      yield* friend.echoes
    }))

  it.live("may end connections on which nothing happens: links are none of those", () =>
    Effect.gen(function*() {
      const server = yield* served((server) => Effect.sync(() => server.setTimeout(50)))
      const listening = yield* listen("ws:/nodes", { server })
      const friend = yield* good(listening)
      yield* friend.echoes
      yield* Effect.sleep("300 millis")
      yield* friend.echoes
    }))

  it.live("has a path once, for as long as a node listens there", () =>
    Effect.gen(function*() {
      const server = yield* served()
      yield* Effect.scoped(Effect.gen(function*() {
        const { port } = yield* listen("ws:/nodes", { server })
        yield* listen("ws:/others", { server })
        assert.strictEqual(
          String(yield* Effect.flip(Effect.scoped(listen("ws:/nodes", { server })))),
          "LinkError: ws:/nodes: cannot listen on this address (another node listens there)"
        )
        assert.strictEqual(yield* statusOf(port, {}), 101)
        assert.strictEqual(yield* statusOf(port, { path: "/others" }), 101)
      }))
      assert.strictEqual(server.listenerCount("upgrade"), 0)
      const { port } = yield* listen("ws:/nodes", { server })
      assert.strictEqual(yield* statusOf(port, {}), 101)
    }))

  it.live("may begin to listen later: then others are told where", () =>
    Effect.gen(function*() {
      const server = http.createServer()
      const moved: Array<ReadonlyArray<string>> = []
      const found = yield* webSocketCarrier({ server })
        .listen("ws:/nodes", (wire) => wire.destroy(), "node", (addresses) => moved.push(addresses))
      assert.deepStrictEqual(found, [])
      yield* Effect.addFinalizer(() => Effect.sync(() => void server.close()))
      server.listen(0, "127.0.0.1")
      yield* until("it says where", () => moved.length > 0)
      assert.deepStrictEqual(moved, [[`ws://127.0.0.1:${(server.address() as net.AddressInfo).port}/nodes`]])
    }))

  it.live("has TLS, if it is an HTTPS server: then it is dialled as wss", () =>
    Effect.gen(function*() {
      const server = https.createServer({ key: pem("shared"), cert: pem("shared") })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => void server.close())
      )
      const { address, port } = yield* listen("ws:/nodes", { server })
      assert.strictEqual(address, `wss://127.0.0.1:${port}/nodes`)
      // Nobody has signed that certificate whom everybody trusts.
      const error = yield* Effect.flip(webSocketCarrier({}).dial(address, "node"))
      assert.match(error.detail ?? "", /certificate/)
    }))

  it.live("carries bytes over TLS, where its certificate is one of those that the process trusts", () =>
    Effect.gen(function*() {
      const server = https.createServer({ key: pem("https"), cert: pem("https") })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => void server.close())
      )
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const before = tls.getCACertificates()
          tls.setDefaultCACertificates([...before, pem("https")])
          return before
        }),
        (before) => Effect.sync(() => tls.setDefaultCACertificates(before))
      )
      const { address, heard } = yield* listen("ws:/nodes", { server })
      const wire = yield* webSocketCarrier({}).dial(address, "node")
      let answer = ""
      wire.start({
        data: (chunk) => void (answer += Buffer.from(chunk).toString()),
        drained: () => {},
        closed: (why) => void (answer += ` closed: ${why}`)
      })
      wire.write(Buffer.from("hello"))
      yield* until("it is answered", () => answer === "hello")
      assert.deepStrictEqual(heard, ["hello"])
      wire.destroy()
    }))
})

it.live("a path alone needs a server, wss one that has TLS, and a query is nothing to listen at", () =>
  Effect.gen(function*() {
    const detailOf = (bind: string) => Effect.map(Effect.flip(Effect.scoped(listen(bind))), String)
    assert.include(yield* detailOf("ws:/nodes"), "there is no server for a path alone")
    assert.include(yield* detailOf("wss://127.0.0.1:*"), "wss is for dialling")
    assert.include(yield* detailOf("ws://127.0.0.1:*/?a"), "has no query")
  }))
