import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as tls from "node:tls"
import { Node, Port, type Transport } from "../src/index.ts"
import {
  collector,
  connect,
  reasonOf,
  roundTrip,
  type TestNode,
  testOver,
  transports,
  until,
  watch,
  within
} from "./harness.ts"

const pem = (name: string): string => fs.readFileSync(new URL(`fixtures/certs/${name}.pem`, import.meta.url), "utf8")

/** A node whose proof is a certificate alone. */
const withCert = (name: string, more: Node.Options = {}): Node.Options => ({
  secret: undefined,
  cert: pem(name),
  ...more
})

const refusedFor = (node: TestNode, address: string): Effect.Effect<string> =>
  Effect.map(Effect.flip(node.network.dial(address)), (error: Transport.LinkError) => error.reason).pipe(Effect.orDie)

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`TLS, over ${name}`, () => {
    for (
      const [what, a, b] of [
        ["certificates of one authority", withCert("a"), withCert("b")],
        ["one certificate for all", withCert("shared"), withCert("shared")],
        ["different secrets, which TLS makes void", withCert("a", { secret: "one" }), withCert("b", { secret: "two" })],
        [
          "certificates that are for the nodes' IDs",
          withCert("a", { nodeIdInCert: true }),
          withCert("b", { nodeIdInCert: true })
        ],
        [
          "tls_anon, where both allow it",
          withCert("stranger", { authAccept: ["tls_anon"], authOffer: ["tls_anon"] }),
          withCert("b", {
            authAccept: ["tls_anon"],
            authOffer: ["tls_anon"]
          })
        ],
        ["a certificate on one side, and a secret", withCert("a", { secret: "both" }), { secret: "both" }]
      ] as ReadonlyArray<[string, Node.Options, Node.Options]>
    ) {
      test(`nodes connect with ${what}, and messages of all sizes pass both ways`, (world) =>
        Effect.gen(function*() {
          for (let round = 0; round < 4; round++) {
            // Which side is client depends on the nonces.
            yield* Effect.scoped(Effect.gen(function*() {
              const [left, right] = [yield* world.start("a", a), yield* world.start("b", b)]
              const [here, there] = [yield* collector(left), yield* collector(right)]
              for (let n = 0; n < 1000; n++) {
                yield* left.run(Port.snd(there.port, "number", n))
                yield* right.run(Port.snd(here.port, "number", n))
              }
              if (round === 0) {
                const large = "x".repeat(8 * 1024 * 1024)
                yield* left.run(Port.snd(there.port, "large", large))
                yield* right.run(Port.snd(here.port, "large", large))
              }
              for (const inbox of [here, there]) {
                yield* inbox.has(round === 0 ? 1001 : 1000)
                assert.deepStrictEqual(
                  inbox.messages.slice(0, 1000),
                  Array.from({ length: 1000 }, (_, n) => ["number", n])
                )
              }
            }))
          }
          assert.deepStrictEqual(world.logs, [])
        }), 60_000)
    }

    for (
      const [what, a, b, here, there] of [
        ["an authority that we do not know", withCert("a"), withCert("stranger"), "tls_untrusted", "tls_untrusted"],
        ["an expired certificate", withCert("a"), withCert("expired"), "tls_expired", undefined],
        [
          "a certificate for another node",
          withCert("a", { nodeIdInCert: true }),
          withCert("c"),
          "tls_wrong_node",
          undefined
        ],
        ["no certificate, and no secret on our side", withCert("a"), { secret: "s" }, "tls_required", "no_common_auth"],
        [
          "no certificate, and another secret",
          withCert("a", { secret: "one" }),
          { secret: "two" },
          "auth_failed",
          "auth_failed"
        ],
        [
          "tls_anon on its side alone",
          withCert("a"),
          withCert("b", { authOffer: ["tls_anon"], authAccept: ["tls_anon"] }),
          "no_common_auth",
          "no_common_auth"
        ],
        [
          "an untrusted certificate for more than tls_anon",
          withCert("a", { authAccept: ["tls_sha3_512", "tls_anon"] }),
          withCert("stranger", { authAccept: ["tls_sha3_512", "tls_anon"] }),
          "tls_untrusted",
          "tls_untrusted"
        ]
      ] as ReadonlyArray<[string, Node.Options, Node.Options, string, string | undefined]>
    ) {
      for (const dialler of ["a", "b"]) {
        test(`a node is refused that has ${what}, by name; ${dialler} dials`, (world) =>
          Effect.gen(function*() {
            const [left, right] = [yield* world.start("a", a), yield* world.start("b", b)]
            const [from, to] = dialler === "a" ? [left, right] : [right, left]
            // The side that is quicker to refuse closes the connection: the other one may not come to its own verdict.
            const own: ReadonlyArray<string> = [here, there ?? "handshake_closed", "handshake_closed"]
            assert.include(own, yield* within("a refusal", refusedFor(from, to.address)))
            assert.isFalse(left.router.isUp("b") || right.router.isUp("a"))
            const texts = [here, there].filter((reason) => reason !== undefined)
            yield* until(`${texts.join(" or ")} is told`, () =>
              world.logs.some((line) =>
                texts.some((reason) => line.includes(said[reason]!))
              ) ||
              texts.some((reason) => own.includes(reason)))
          }))
      }
    }

    test("a link that breaks fires its monitors, and others live on", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
        const inbox = yield* collector(b)
        const fired = yield* watch(a, inbox.port)
        yield* roundTrip(a, b)
        yield* world.cut
        yield* until("the monitor fires", () => fired.length > 0)
        assert.deepStrictEqual(fired.map((reason) => reason.slice(0, 2)), [["transport_error", "b"]])
        yield* connect(a, b)
        yield* a.run(Port.snd(inbox.port, "again"))
        yield* inbox.has(1)
      }))

    test("a node that stops delivers what it has sent", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
        const inbox = yield* collector(b)
        yield* connect(a, b)
        for (let n = 0; n < 500; n++) yield* a.run(Port.snd(inbox.port, "last", n))
        yield* a.stop
        yield* inbox.has(500)
      }))
  })
}

const said: Record<string, string> = {
  tls_untrusted: "signed by nobody whom we trust",
  tls_expired: "not valid at this time",
  tls_wrong_node: "not for its node ID",
  tls_required: "we have a certificate and no secret",
  auth_failed: "authentication failed",
  no_common_auth: "no authentication method"
}

// ---- peers that are no nodes of ours

const greeting = (nodeId: string, keys: string): string => `aemp;1;${nodeId};tls_sha3_512,hmac_sha3_512;json;${keys}\n`

/** A client that greets like a node with a certificate, and then speaks TLS as it likes, or something else. */
const stranger = (node: TestNode, act: (socket: net.Socket) => void) =>
  Effect.callback<string>((resume) => {
    const port = Number(node.address.split(":")[1])
    const socket = net.connect(port, "127.0.0.1", () => {
      // The lowest nonce that there is: it makes us the client.
      socket.write(`${greeting("stranger", "tls=1.0")}!\n`)
    })
    let seen = ""
    socket.on("data", function greeted(chunk: Buffer) {
      seen += chunk.toString("latin1")
      if (seen.split("\n").length < 3) return
      socket.off("data", greeted)
      act(socket)
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed("closed")))
    return Effect.sync(() => socket.destroy())
  })

describe("TLS with strangers", () => {
  const test = testOver(transports[1][1])

  for (
    const [what, options, text] of [
      ["shows no certificate", {}, "has shown no certificate"],
      ["shows one that it made itself", { cert: pem("shared"), key: pem("shared") }, "signed by nobody whom we trust"],
      [
        "speaks an old version",
        { cert: pem("c"), key: pem("c"), maxVersion: "TLSv1.1", minVersion: "TLSv1" },
        "TLS could not"
      ]
    ] as ReadonlyArray<[string, tls.ConnectionOptions, string]>
  ) {
    test(`one that ${what} is refused, and the node goes on`, (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
        yield* connect(a, b)
        const end = yield* within(
          "the stranger is shown out",
          stranger(a, (socket) => {
            const client = tls.connect({ socket, rejectUnauthorized: false, ...options })
            client.on("error", () => {})
            // In TLS 1.3 a client is done before the server has seen its certificate.
            client.on("secureConnect", () => client.write("tls_sha3_512;00;json\n"))
          })
        )
        assert.strictEqual(end, "closed")
        yield* until("it is logged", () => world.logs.some((line) => line.includes(text)))
        yield* roundTrip(a, b)
        assert.isFalse(a.router.isUp("stranger"))
      }))
  }

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${version} does`, (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", withCert("a"))
        const protocol = yield* Deferred.make<string | null>()
        yield* Effect.forkScoped(stranger(a, (socket) => {
          const options = { cert: pem("c"), key: pem("c"), minVersion: version, maxVersion: version }
          const client = tls.connect({ socket, rejectUnauthorized: false, ...options })
          client.on("error", () => {})
          // Our side sends its auth line once it has seen the certificate.
          client.on("data", () => Deferred.doneUnsafe(protocol, Effect.succeed(client.getProtocol())))
        }))
        assert.strictEqual(yield* within("an auth line", Deferred.await(protocol)), version)
      }))
  }

  for (
    const [what, act] of [
      ["garbage", (socket: net.Socket) => void socket.write("GET / HTTP/1.1\r\n\r\n".repeat(10))],
      ["half a ClientHello", (socket: net.Socket) => void socket.end(Buffer.from("1603010200010001fc0303", "hex"))],
      ["nothing", (socket: net.Socket) => void socket.end()]
    ] as const
  ) {
    test(`one that sends ${what} where TLS should begin ends its own connection and no other`, (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
        yield* connect(a, b)
        const fired = yield* watch(b, "a")
        assert.strictEqual(yield* within("the end of the connection", stranger(a, act)), "closed")
        yield* until("it is logged", () => world.logs.some((line) => /\(node "stranger"\).*(TLS|during)/.test(line)))
        yield* roundTrip(a, b)
        assert.deepStrictEqual(fired, [])
      }))
  }
})

// ---- a man in the middle

/** Passes on what comes for a node, but takes TLS out of the greetings. */
const stripping = (target: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly address: string; readonly server: net.Server }>((resume) => {
      const server = net.createServer((client) => {
        const upstream = net.connect(Number(target.split(":")[1]), "127.0.0.1")
        for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
          from.on("data", (chunk: Buffer) => to.write(chunk.toString("latin1").replace(";tls=1.0", ""), "latin1"))
          from.on("error", () => {})
          from.on("close", () => to.destroy())
        }
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({ address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`, server })))
    }),
    ({ server }) =>
      Effect.sync(() =>
        server.close()
      )
  )

describe("TLS with a man in the middle who takes it out of the greetings", () => {
  const test = testOver(transports[1][1])
  for (
    const [what, secret, reason] of [
      ["that have a secret too notice by their digests", "both", "auth_failed"],
      ["that have none go no further", undefined, "tls_required"]
    ] as const
  ) {
    test(`nodes ${what}`, (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", withCert("a", { secret }))
        const b = yield* world.start("b", withCert("b", { secret }))
        const { address } = yield* stripping(b.address)
        const own = yield* within("a refusal", refusedFor(a, address))
        assert.include([reason, "handshake_closed"], own)
        yield* until("it is told", () => own === reason || world.logs.some((line) => line.includes(said[reason]!)))
        assert.isFalse(a.router.isUp("b"))
      }))
  }
})

describe("a certificate", () => {
  for (
    const [what, cert, problem] of [
      [
        "without a key",
        pem("a").replace(/-----BEGIN PRIVATE KEY[^]*END PRIVATE KEY-----\n/, ""),
        /no private key that can be read/
      ],
      ["without a certificate", pem("a").replace(/-----BEGIN CERTIFICATE[^]*/, ""), /no certificate that can be read/],
      [
        "with the key of another",
        pem("a").split("-----BEGIN CERT")[0]! + pem("b").replace(/-----BEGIN PRIVATE[^]*KEY-----\n/, ""),
        /the private key does not belong/
      ]
    ] as const
  ) {
    it.live(`${what} is refused at the start`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          Effect.scoped(Effect.asVoid(Effect.provide(Node.id, Node.layer({ nodeId: "x", cert, binds: [] }))))
        )
        assert.strictEqual(error._tag, "InvalidOption")
        assert.match(error.message, problem)
      }).pipe(Effect.provide(transports[0][1])))
  }
})

describe("a node with neither secret nor certificate", () => {
  const test = testOver(transports[1][1])
  test("listens on loopback only, says so, and lets nobody in", (world) =>
    Effect.gen(function*() {
      const lonely = yield* world.start("lonely", { secret: undefined, binds: undefined })
      const other = yield* world.start("other")
      assert.match(lonely.address, /^127\.0\.0\.1:/)
      yield* until("it says so", () => world.logs.some((line) => line.includes("nobody can connect")))
      const fired = yield* watch(other, `${lonely.id}#port`)
      yield* until("the monitor fires", () => fired.length > 0)
      assert.strictEqual(fired[0]![0], "transport_error")
      assert.strictEqual(reasonOf(yield* other.run(Port.exit("lonely#port")))[0], "transport_error")
    }))
})
