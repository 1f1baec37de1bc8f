/** What nodes prove themselves with: several secrets, what is renewed while they run, what protects a link, certificates that end. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as net from "node:net"
import { Node, Port, Transport } from "../src/index.ts"
import { pem, pemFile } from "./certificates.ts"
import {
  connect,
  follow,
  isDown,
  isUp,
  makeWorld,
  peerOf,
  roundTrip,
  type TestNode,
  testOver,
  transports,
  until,
  watch,
  within,
  type World
} from "./harness.ts"
import { connectRaw } from "./rawPeer.ts"

/** A node with a certificate of the fixtures, and no secret. */
const withCert = (name: string, more: Node.Options = {}): Node.Options => ({
  secret: undefined,
  cert: pem(name),
  ...more
})

const securityOf = (node: TestNode, nodeId: string): Effect.Effect<Node.Security | undefined> =>
  Effect.map(peerOf(node, nodeId), (peer) => peer?.security)

const downs = (events: ReadonlyArray<Node.NodeEvent>) => events.filter(({ _tag }) => _tag === "Down")

/** Makes links anew: all that stand are broken. */
const reconnect = (world: World, from: TestNode, to: TestNode) =>
  Effect.gen(function*() {
    yield* world.cut
    yield* until("both have seen it", () => Effect.map(isDown(from, to.id), (down) => down))
    yield* connect(from, to)
  })

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`secrets, over ${name}`, () => {
    for (
      const [what, a, b] of [
        ["the old one alone, on the side that is dialled", ["new", "old"], "old"],
        ["the old one alone, on the side that dials", "old", ["new", "old"]],
        ["lists in another order", ["new", "old"], ["old", "new"]],
        ["lists of which the last ones fit", ["a", "b", "c"], ["d", Redacted.make("c")]],
        ["the same list", ["new", "old"], ["new", "old"]]
      ] as ReadonlyArray<[string, Node.Secrets, Node.Secrets]>
    ) {
      test(`let nodes in that have ${what}`, (world) =>
        Effect.gen(function*() {
          const [left, right] = [yield* world.start("a", { secret: a }), yield* world.start("b", { secret: b })]
          yield* connect(left, right)
          yield* roundTrip(right, left)
        }))
    }

    test("change while the network runs, in any order of the nodes, and links say how far that is", (world) =>
      Effect.gen(function*() {
        const nodes = [
          yield* world.start("a", { secret: "old" }),
          yield* world.start("b", { secret: "old" }),
          yield* world.start("c", { secret: "old" })
        ]
        const [a, b, c] = nodes as [TestNode, TestNode, TestNode]
        yield* connect(a, b)
        yield* connect(b, c)
        const events = yield* follow(a)
        for (const node of [b, a, c]) {
          yield* node.run(Node.renew({ secret: ["new", "old"] }))
          yield* within("the link", Effect.scoped(reachEachOther(a, b, c)))
        }
        assert.deepStrictEqual(downs(events), [])
        assert.strictEqual((yield* securityOf(a, "b"))?.received.secret, 0)
        yield* reconnect(world, a, b)
        yield* connect(b, c)
        for (const node of [c, a, b]) {
          yield* node.run(Node.renew({ secret: "new" }))
          yield* reachEachOther(a, b, c)
        }
        yield* reconnect(world, a, b)
        const security = yield* securityOf(a, "b")
        assert.deepStrictEqual(security, {
          tls: undefined,
          received: { method: "hmac_sha3_512", subject: undefined, secret: 0 },
          sent: { method: "hmac_sha3_512", subject: undefined, secret: 0 }
        })
      }))

    test("that are older show on a link, on the side that has a newer one", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { secret: ["new", "old"] })
        const b = yield* world.start("b", { secret: "old" })
        yield* connect(a, b)
        const seen = yield* Effect.all([securityOf(a, "b"), securityOf(b, "a")])
        assert.deepStrictEqual(seen.map((security) => [security?.received.secret, security?.sent.secret]), [
          [1, 1],
          [0, 0]
        ])
      }))

    test("that are wrong change nothing when they are renewed", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", { secret: "s" }), yield* world.start("b", { secret: "s" })]
        for (const secret of ["\n", ["s", ""], ["x", "\u0100"], Array.from({ length: 9 }, (_, n) => `s${n}`)]) {
          const error = yield* Effect.flip(a.run(Node.renew({ secret })))
          assert.deepStrictEqual([error._tag, error.option], ["InvalidOption", "secret"])
        }
        const error = yield* Effect.flip(a.run(Node.renew({ secret: "t", cert: "nothing" })))
        assert.strictEqual(error.option, "cert")
        yield* connect(a, b)
      }))
  })

  describe(`certificates, over ${name}`, () => {
    test("are renewed without losing a link, and links that are made later go by the new ones", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
        yield* connect(a, b)
        const events = yield* follow(a)
        const before = yield* securityOf(b, "a")
        assert.match(String(before?.tls?.version), /^TLSv1\.[23]$/)
        assert.isString(before?.tls?.cipher)
        assert.deepStrictEqual(before?.received, { method: "tls_sha3_512", subject: "CN=a", secret: undefined })
        assert.deepStrictEqual(before?.sent, { method: "tls_sha3_512", subject: "CN=b", secret: undefined })
        yield* a.run(Node.renew({ cert: pem("c") }))
        yield* roundTrip(a, b)
        assert.deepStrictEqual(downs(events), [])
        assert.deepStrictEqual(yield* securityOf(b, "a"), before)
        yield* reconnect(world, a, b)
        assert.strictEqual((yield* securityOf(b, "a"))?.received.subject, "CN=c")
        assert.strictEqual((yield* securityOf(a, "b"))?.sent.subject, "CN=c")
      }))

    test("may be given to a node that had none; it demands TLS from then on", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* connect(a, b)
        yield* a.run(Node.renew({ cert: pem("a") }))
        yield* roundTrip(a, b)
        const plain = yield* world.start("plain")
        const error = yield* Effect.flip(plain.dial(a.address))
        assert.include(["certificate_required", "handshake_closed"], error.reason)
        yield* b.run(Node.renew({ cert: pem("b") }))
        yield* reconnect(world, a, b)
        assert.isDefined((yield* securityOf(a, "b"))?.tls)
      }))

    test("that let others in without TLS are worth a warning", (world) =>
      Effect.gen(function*() {
        yield* world.start("quiet", { cert: pem("a") })
        yield* world.start("open", { cert: pem("a"), authAccept: ["tls_sha3_512", "hmac_sha3_512"] })
        assert.deepStrictEqual(world.logs.map((line) => line.slice(0, 90)), [
          "WARN open this node has a certificate, and lets others in without TLS: authAccept says so"
        ])
      }))
  })
}

/** Messages go both ways between all of them. */
const reachEachOther = (...nodes: ReadonlyArray<TestNode>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    for (const one of nodes) {
      for (const other of nodes) if (one !== other) yield* roundTrip(one, other)
    }
  })

describe("a node without a network", () => {
  it.effect("refuses a secret and a certificate that no node could have, and takes others", () =>
    Effect.gen(function*() {
      for (const [renewal, option] of [[{ secret: "\n" }, "secret"], [{ cert: "nothing" }, "cert"]] as const) {
        assert.strictEqual((yield* Effect.flip(Node.renew(renewal))).option, option)
      }
      yield* Node.renew({ secret: ["new", "old"], cert: pem("a") })
    }).pipe(Effect.provide(Node.layerLocal)))
})

describe("a node of another kind", () => {
  const test = testOver(Transport.layerTcp)
  for (const [secret, position] of [["new", 0], ["old", 1]] as const) {
    test(`is let in with its one secret, if that is among ours: ${secret}`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("a", { secret: ["new", "old"] })
        const raw = yield* connectRaw(node.address, { secret })
        assert.strictEqual(raw.lines.length, 3)
        yield* until("the node sees it", () => isUp(node, "raw"))
        assert.strictEqual((yield* securityOf(node, "raw"))?.received.secret, position)
        assert.strictEqual((yield* securityOf(node, "raw"))?.received.method, "cleartext")
      }))
  }
})

describe("a certificate that has ended", () => {
  it.live("keeps a node from starting", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const error = yield* Effect.flip(world.start("a", withCert("expired")))
      assert.strictEqual(error._tag, "InvalidOption")
      assert.match(error.message, /^node option cert: the certificate ended on 2020-02-01/)
    }).pipe(Effect.provide(Transport.layerMemory)))
})

// ---- what OpenSSL says of our certificate, as Perl nodes have it say

describe("a node that is refused by an alert of TLS", () => {
  const test = testOver(Transport.layerTcp)

  /** Runs openssl until the scope closes. */
  const openssl = (args: ReadonlyArray<string>) =>
    Effect.acquireRelease(
      Effect.sync(() => spawn("openssl", args, { stdio: ["pipe", "pipe", "ignore"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )

  const listening = (accept: (socket: net.Socket) => void) =>
    Effect.acquireRelease(
      Effect.callback<net.Server>((resume) => {
        const server = net.createServer(accept)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    )
  const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port

  const bridge = (one: net.Socket, other: net.Socket): void => {
    for (const [from, to] of [[one, other], [other, one]] as const) {
      from.on("data", (chunk: Buffer) => void (to.writable && to.write(chunk)))
      from.on("error", () => {}).on("close", () => to.end())
    }
  }

  /** Where OpenSSL speaks TLS with whom it is connected to. */
  const verifier = (role: "client" | "server", version: string) =>
    Effect.gen(function*() {
      const either = [
        "-cert",
        pemFile("stranger"),
        "-key",
        pemFile("stranger"),
        "-CAfile",
        pemFile("stranger"),
        version,
        "-quiet"
      ]
      if (role === "server") {
        const spare = yield* listening(() => {})
        const port = portOf(spare)
        yield* Effect.callback<void>((resume) => void spare.close(() => resume(Effect.void)))
        yield* openssl(["s_server", "-accept", `127.0.0.1:${port}`, "-Verify", "5", "-verify_return_error", ...either])
        const dial = Effect.callback<net.Socket>((resume) => {
          const attempt = (): void => {
            const socket = net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
            socket.on("error", () => setTimeout(attempt, 20))
          }
          attempt()
        })
        return dial
      }
      const connected: Array<net.Socket> = []
      const server = yield* listening((socket) => connected.push(socket))
      return Effect.gen(function*() {
        yield* openssl([
          "s_client",
          "-connect",
          `127.0.0.1:${portOf(server)}`,
          "-verify",
          "5",
          "-verify_return_error",
          ...either
        ])
        yield* until("OpenSSL connects", () => connected.length > 0)
        return connected[0]!
      })
    })

  for (const role of ["client", "server"] as const) {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      test(`says what the other side finds wrong: a ${role}, ${version}`, (world) =>
        Effect.gen(function*() {
          const node = yield* world.start("a", withCert("a", { authAccept: ["tls_sha3_512", "tls_anon"] }))
          const verify = yield* verifier(role, version)
          // The lower nonce is the client's.
          const greeting = `aemp;1;perl;tls_sha3_512;json;tls=1.0\n${role === "client" ? "!" : "~"}\n`
          const socket = yield* Effect.acquireRelease(
            Effect.sync(() => net.connect(Number(node.address.split(":")[1]), "127.0.0.1")),
            (socket) => Effect.sync(() => socket.destroy())
          )
          let heard = ""
          let bridged = false
          const rest: Array<Buffer> = []
          socket.on("error", () => {})
          socket.on("data", (chunk: Buffer) => {
            if (bridged) return
            heard += chunk.toString("latin1")
          })
          yield* until("its greeting", () => heard.split("\n").length >= 3)
          const inner = yield* verify
          const behind = heard.split("\n").slice(2).join("\n")
          if (behind !== "") rest.push(Buffer.from(behind, "latin1"))
          bridged = true
          for (const bytes of rest) inner.write(bytes)
          bridge(socket, inner)
          socket.write(greeting)
          yield* until("it is told", () => world.logs.some((line) => line.includes("does not accept our certificate")))
          assert.match(
            world.logs.join("\n"),
            /does not accept our certificate \(it is signed by nobody whom it trusts\)/
          )
        }))
    }
  }
})

// ---- probes

describe("a probe that connects and leaves", () => {
  const test = testOver(Transport.layerTcp)
  const texts = ["", "\n", "\r\n", "GE", "GET /health HTTP/1.1\r", "\x16\x03\x01", "aemp", "aemp;1;x;hmac"]
  const leaves = {
    "with a FIN": (socket: net.Socket) => socket.end(),
    "with a RST": (socket: net.Socket) => socket.resetAndDestroy()
  }
  for (const [how, leave] of Object.entries(leaves)) {
    for (const reads of [false, true]) {
      test(`${how}, ${reads ? "when it has read" : "without reading"}, is no warning`, (world) =>
        Effect.gen(function*() {
          const node = yield* world.start("a")
          const fired = yield* watch(node, "nobody#port")
          for (const text of texts) {
            yield* Effect.callback<void>((resume) => {
              const socket = net.connect(Number(node.address.split(":")[1]), "127.0.0.1")
              const end = (): void => socket.write(text, () => leave(socket)) as unknown as void
              socket.on("error", () => {}).on("close", () => resume(Effect.void))
              if (reads) socket.once("data", end)
              else socket.once("connect", end)
              if (!reads) socket.resume()
            })
          }
          yield* until(
            "all are gone",
            () => Effect.map(node.run(Node.gauges), ({ handshakes }) => handshakes === 0)
          )
          assert.deepStrictEqual(world.logs, [])
          yield* until("the monitor fires", () => fired.length > 0)
          yield* node.run(Port.snd("a", "devnull"))
        }))
    }
  }

  test("that sends a whole request is told as what it is", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      yield* Effect.callback<void>((resume) => {
        const socket = net.connect(Number(node.address.split(":")[1]), "127.0.0.1")
        socket.on("error", () => {}).on("close", () => resume(Effect.void)).resume()
        socket.end("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
      })
      yield* until("it is logged", () => world.logs.length > 0)
      assert.match(
        world.logs.join("\n"),
        /^WARN a refused a connection from \S+: the other side does not speak the AEMP/
      )
    }))
})
