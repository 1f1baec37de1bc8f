import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import { Node, Port, Transport } from "../src/index.ts"
import { pem } from "./certificates.ts"
import {
  areParted,
  collector,
  connect,
  isUp,
  makeWorld,
  peerOf,
  reasonOf,
  roundTrip,
  type TestNode,
  testOver,
  transports,
  until,
  watch,
  within
} from "./harness.ts"

/** A node whose proof is a certificate alone. */
const withCert = (name: string, more: Node.Options = {}): Node.Options => ({
  secret: undefined,
  cert: pem(name),
  ...more
})

/** Years before now: certificates that are valid no more were valid then. */
const long = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.Clock, (clock) => {
    const before = Date.parse("2020-01-15")
    const old: Clock.Clock = Object.create(clock, {
      currentTimeMillis: { value: Effect.succeed(before) },
      currentTimeMillisUnsafe: { value: () => before }
    })
    return Effect.provideService(effect, Clock.Clock, old)
  })

const refusedFor = (node: TestNode, address: string): Effect.Effect<string> =>
  Effect.map(Effect.flip(node.dial(address)), (error: Transport.LinkError) => error.reason).pipe(Effect.orDie)

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
        [
          "a certificate on one side, and a secret, where that side accepts it without TLS",
          withCert("a", { secret: "both", authAccept: ["tls_sha3_512", "hmac_sha3_512"] }),
          { secret: "both" }
        ],
        ["an authority between a certificate and the one that both know", withCert("a"), withCert("chained")],
        [
          "certificates whose common name alone is the node's ID",
          withCert("a", { nodeIdInCert: true }),
          withCert("common", { nodeIdInCert: true })
        ]
      ] as ReadonlyArray<[string, Node.Options, Node.Options]>
    ) {
      test(`nodes connect with ${what}, and messages of all sizes pass both ways`, (world) =>
        Effect.gen(function*() {
          for (let round = 0; round < 4; round++) {
            // Which side is client depends on the nonces.
            yield* Effect.scoped(Effect.gen(function*() {
              const [left, right] = [yield* world.start("a", a), yield* world.start("b", b)]
              const [here, there] = [yield* collector(left), yield* collector(right)]
              const count = round === 0 ? 10_000 : 100
              for (let n = 0; n < count; n++) {
                yield* left.run(Port.snd(there.port, "number", n))
                yield* right.run(Port.snd(here.port, "number", n))
              }
              const large = "x".repeat(16 * 1024 * 1024)
              if (round === 0) {
                yield* left.run(Port.snd(there.port, "large", large))
                yield* right.run(Port.snd(here.port, "large", large))
              }
              for (const inbox of [here, there]) {
                yield* inbox.has(round === 0 ? count + 1 : count)
                const expected = Array.from({ length: count }, (_, n) => ["number", n])
                assert.deepStrictEqual(inbox.messages.slice(0, count), expected)
                if (round === 0) assert.isTrue(inbox.messages[count]![1] === large)
              }
            }))
          }
          assert.deepStrictEqual(world.logs.filter((line) => !line.includes("lets others in without TLS")), [])
        }))
    }

    for (
      const [what, a, b, here, there] of [
        ["an authority that we do not know", withCert("a"), withCert("stranger"), "tls_untrusted", "tls_untrusted"],
        ["an expired certificate", withCert("a"), withCert("expired"), "tls_expired", "tls_refused"],
        [
          "a certificate for another node",
          withCert("a", { nodeIdInCert: true }),
          withCert("c"),
          "tls_wrong_node",
          "tls_refused"
        ],
        [
          "no certificate, and the same secret",
          withCert("a", { secret: "s" }),
          { secret: "s" },
          "tls_required",
          "certificate_required"
        ],
        [
          "a certificate for another node, with its ID in places that do not count",
          withCert("a", { nodeIdInCert: true }),
          withCert("spoof"),
          "tls_wrong_node",
          "tls_refused"
        ],
        [
          "an untrusted certificate, and tls_anon, where the ID has to be proven",
          withCert("a", { nodeIdInCert: true, authAccept: ["tls_sha3_512", "tls_anon"] }),
          withCert("stranger", { authAccept: ["tls_sha3_512", "tls_anon"], authOffer: ["tls_anon"] }),
          "tls_untrusted",
          "tls_refused"
        ],
        [
          "no certificate, and another secret",
          withCert("a", { secret: "one", authAccept: ["tls_sha3_512", "hmac_sha3_512"] }),
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
      ] as ReadonlyArray<[string, Node.Options, Node.Options, string, string]>
    ) {
      for (const dialler of ["a", "b"]) {
        test(`a node is refused that has ${what}, by name; ${dialler} dials`, (world) =>
          Effect.gen(function*() {
            // One of the certificates ended long ago: a node with it was started before.
            const [left, right] = [yield* world.start("a", a), yield* long(world.start("b", b))]
            const [from, to] = dialler === "a" ? [left, right] : [right, left]
            const refused = yield* within("a refusal", refusedFor(from, to.address))
            // Of two that refuse each other, the one that is slower may only see that the connection is closed.
            const own = dialler === "a" ? here : there
            assert.include([own, "handshake_closed", "tls_closed"], refused)
            if (own === "tls_refused") assert.strictEqual(refused, own)
            assert.isTrue(yield* areParted(left, right))
            yield* until("the reason is told by one of them", () =>
              [here, there].some((reason) =>
                reason === refused || world.logs.some((line) =>
                  line.includes(said[reason]!)
                )
              ))
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
  tls_required: "we have a certificate and demand TLS",
  certificate_required: "the other side has a certificate and demands TLS",
  tls_refused: "the other side does not accept our certificate",
  auth_failed: "authentication failed",
  no_common_auth: "no authentication method"
}

// ---- peers that are no nodes of ours

const greeting = (nodeId: string): string => `aemp;1;${nodeId};tls_sha3_512,tls_anon,hmac_sha3_512;json;tls=1.0`

/** The lowest nonce that there is makes its sender the client, the highest one the server. */
const nonces = { client: "!", server: "~" } as const

/** What the stranger has to say inside of TLS, with a method; it comes with the right digest, where that takes no secret. */
type AuthLine = (method: string) => string

/**
 * Greets like a node with a certificate, and then speaks TLS as it likes, or something else. Answers when the node has
 * closed the connection.
 */
const stranger = (node: TestNode, role: "client" | "server", act: (socket: net.Socket, auth: AuthLine) => void) =>
  Effect.callback<"closed">((resume) => {
    const own = `${greeting("stranger")}\n${nonces[role]}\n`
    const socket = net.connect(Number(node.address.split(":")[1]), "127.0.0.1", () => socket.write(own))
    let seen = ""
    const auth: AuthLine = (method) => {
      const digest = crypto.createHash("sha3-512").update(own + seen, "latin1").digest("hex")
      return `${method};${method === "tls_anon" ? "" : digest};json\n`
    }
    socket.on("readable", function greeted() {
      // Byte by byte: what comes behind the two lines belongs to TLS.
      while (seen.split("\n").length < 3) {
        const byte: Buffer | null = socket.read(1)
        if (byte === null) return
        seen += byte.toString("latin1")
      }
      socket.off("readable", greeted)
      act(socket, auth)
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed("closed")))
    return Effect.sync(() => socket.destroy())
  })

/** Speaks TLS on a stranger's socket, shows nothing or what it is told to, and authenticates. */
const speakTls = (
  socket: net.Socket,
  role: "client" | "server",
  options: tls.SecureContextOptions,
  stands: (inside: tls.TLSSocket) => void
): void => {
  const either = { rejectUnauthorized: false, ...options }
  if (role === "client") {
    const inside = tls.connect({ socket, ...either, checkServerIdentity: () => undefined })
    inside.on("error", () => {}).resume()
    // In TLS 1.3 a client is done before the server has seen its certificate.
    inside.on("secureConnect", () => stands(inside))
  } else {
    const server = tls.createServer({ requestCert: true, ...either })
    server.on("tlsClientError", () => {})
    server.on("secureConnection", (inside) => {
      // What the node has to say is of no interest; an end is seen only by one who reads.
      inside.on("error", () => {}).resume()
      stands(inside)
    })
    server.emit("connection", socket)
  }
}

const identityOf = (name: string): tls.SecureContextOptions => ({ cert: pem(name), key: pem(name) })

describe("TLS with strangers", () => {
  const test = testOver(transports[1][1])
  const anon: Node.Options = { authAccept: ["tls_sha3_512", "tls_anon"], authOffer: ["tls_sha3_512", "tls_anon"] }

  for (
    const [what, role, options, method, text, more] of [
      ["shows no certificate", "client", {}, "tls_sha3_512", "has shown no certificate", {}],
      ["shows one of its own making", "client", identityOf("shared"), "tls_sha3_512", "nobody whom we trust", {}],
      ["shows one of its own making", "server", identityOf("shared"), "tls_sha3_512", "nobody whom we trust", {}],
      ["shows an old one", "client", identityOf("expired"), "tls_sha3_512", "not valid at this time", {}],
      ["shows an old one", "server", identityOf("expired"), "tls_sha3_512", "not valid at this time", {}],
      ["has none and claims more than tls_anon", "client", {}, "tls_sha3_512", "has shown no certificate", anon],
      [
        "has one of its own making and claims more than tls_anon",
        "server",
        identityOf("shared"),
        "tls_sha3_512",
        "nobody whom we trust",
        anon
      ],
      ["wants tls_anon, which is not allowed", "client", identityOf("c"), "tls_anon", "did not offer", {}],
      [
        "speaks an old version",
        "client",
        { ...identityOf("c"), maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "ALL@SECLEVEL=0" },
        "tls_sha3_512",
        "TLS could not be established (unsupported protocol)",
        {}
      ]
    ] as ReadonlyArray<[string, "client" | "server", tls.SecureContextOptions, string, string, Node.Options]>
  ) {
    test(`a ${role} that ${what} is refused, and the node goes on`, (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a", withCert("a", more)), yield* world.start("b", withCert("b"))]
        yield* connect(a, b)
        const end = yield* within(
          "the stranger is shown out",
          stranger(a, role, (socket, auth) =>
            speakTls(socket, role, options, (inside) =>
              void inside.write(auth(method))))
        )
        assert.strictEqual(end, "closed")
        yield* until("it is logged", () =>
          world.logs.some((line) => line.includes(text)))
        yield* roundTrip(a, b)
        assert.isFalse(yield* isUp(a, "stranger"))
      }))
  }

  for (
    const [what, role, options, method, more] of [
      ["TLS 1.2", "client", { ...identityOf("c"), maxVersion: "TLSv1.2" }, "tls_sha3_512", {}],
      ["TLS 1.2", "server", { ...identityOf("c"), maxVersion: "TLSv1.2" }, "tls_sha3_512", {}],
      ["TLS 1.3", "client", { ...identityOf("c"), minVersion: "TLSv1.3" }, "tls_sha3_512", {}],
      ["TLS 1.3", "server", { ...identityOf("c"), minVersion: "TLSv1.3" }, "tls_sha3_512", {}],
      ["tls_anon, where it is allowed, without a certificate", "client", {}, "tls_anon", anon],
      ["tls_anon, where it is allowed, with any certificate", "server", identityOf("shared"), "tls_anon", anon]
    ] as ReadonlyArray<[string, "client" | "server", tls.SecureContextOptions, string, Node.Options]>
  ) {
    test(`a ${role} comes up with ${what}`, (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", withCert("a", more))
        yield* Effect.forkScoped(stranger(a, role, (socket, auth) =>
          speakTls(socket, role, options, (inside) =>
            void inside.write(auth(method)))))
        yield* until("the link stands", () =>
          isUp(a, "stranger"))
      }))
  }

  for (
    const [what, act, text] of [
      ["garbage", (socket) => socket.write("GET / HTTP/1.1\r\n\r\n".repeat(10)), "TLS could not be established"],
      [
        "an alert",
        (socket) => socket.write(Buffer.from("15030100020228", "hex")),
        "TLS could not be established"
      ],
      ["half a ClientHello", (socket) => socket.end(halfAClientHello), "during the handshake"],
      [
        "half a ClientHello and a reset",
        (socket) => socket.write(halfAClientHello, () => socket.resetAndDestroy()),
        "during the handshake"
      ],
      ["nothing, and goes,", (socket) => socket.end(), "during the handshake"],
      ["nothing, and stays,", () => {}, "took too long"],
      ["half a ClientHello, and stays,", (socket) => socket.write(halfAClientHello), "took too long"]
    ] as ReadonlyArray<[string, (socket: net.Socket) => void, string]>
  ) {
    for (const role of ["client", "server"] as const) {
      test(`a ${role} that sends ${what} where TLS should begin ends its own connection and no other`, (world) =>
        Effect.gen(function*() {
          const options = { monitorTimeout: "500 millis" } as const
          const [a, b] = [yield* world.start("a", withCert("a", options)), yield* world.start("b", withCert("b"))]
          yield* connect(a, b)
          const fired = yield* watch(b, "a")
          const end = yield* within(
            "the end of the connection",
            stranger(a, role, (socket) => {
              // What the node has to say is of no interest.
              socket.resume()
              act(socket)
            })
          )
          assert.strictEqual(end, "closed")
          yield* until("it is logged", () => world.logs.some((line) => line.includes(text)))
          yield* until(
            "nothing is left of it",
            () => Effect.map(a.run(Node.gauges), ({ handshakes }) => handshakes === 0)
          )
          yield* roundTrip(a, b)
          assert.deepStrictEqual(fired, [])
        }))
    }
  }
})

const halfAClientHello = Buffer.from("1603010200010001fc0303", "hex")

describe("a reset in the middle of a large message over TLS", () => {
  it.live("fires monitors on both sides, and the nodes connect anew", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const network = yield* Transport.MemoryNetwork
      const [a, b] = [yield* world.start("a", withCert("a")), yield* world.start("b", withCert("b"))]
      const [here, there] = [yield* collector(a), yield* collector(b)]
      yield* connect(a, b)
      const fired = [yield* watch(a, there.port), yield* watch(b, here.port)]
      yield* roundTrip(a, b)
      yield* roundTrip(b, a)
      yield* network.shape({ from: "a", to: "b" }, { bandwidth: 5_000_000 })
      yield* a.run(Port.snd(there.port, "large", "x".repeat(32 * 1024 * 1024)))
      const received = Effect.map(peerOf(b, "a"), (peer) => peer?.received ?? 0)
      yield* until("some of it has come", () => Effect.map(received, (bytes) => bytes > 100_000))
      yield* network.reset({ from: "a", to: "b" }, 20_000)
      yield* until("both monitors fire", () => fired.every((reasons) => reasons.length > 0))
      assert.deepStrictEqual(fired, [
        [["transport_error", "b", "Connection reset by peer"]],
        [["transport_error", "a", "Connection reset by peer"]]
      ])
      assert.deepStrictEqual(there.messages, [])
      yield* connect(a, b)
      yield* a.run(Port.snd(there.port, "again"))
      yield* there.has(1)
    }).pipe(Effect.provide(Transport.layerMemory)))
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
    const [what, authAccept, reason] of [
      ["notice by their digests, where they go on without TLS", ["tls_sha3_512", "hmac_sha3_512"], "auth_failed"],
      ["go no further, where they demand TLS", undefined, "tls_required"]
    ] as const
  ) {
    test(`nodes ${what}`, (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", withCert("a", { secret: "both", authAccept }))
        const b = yield* world.start("b", withCert("b", { secret: "both", authAccept }))
        const { address } = yield* stripping(b.address)
        const own = yield* within("a refusal", refusedFor(a, address))
        assert.include([reason, "handshake_closed", "tls_closed"], own)
        yield* until("it is told", () => own === reason || world.logs.some((line) => line.includes(said[reason]!)))
        assert.isFalse(yield* isUp(a, "b"))
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
      ],
      ["with an encrypted key", pem("a").replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), /key is encrypted/],
      // These would make TLS throw when a connection needs it.
      ["with a key that is too weak for TLS", pem("weak"), /TLS cannot use it: ee key too small/],
      [
        "with a further one that is broken",
        `${pem("a")}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
        /TLS cannot use it: wrong tag/
      ],
      ["that was cut off", pem("a").slice(0, -100), /TLS cannot use it/],
      ["that is for servers only", pem("server"), /not for both roles/]
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

it.live("a node ID can be wanted in certificates only by a node that has one", () =>
  Effect.gen(function*() {
    const layer = Node.layer({ nodeId: "x", secret: "s", nodeIdInCert: true, binds: [] })
    const error = yield* Effect.flip(Effect.scoped(Effect.asVoid(Effect.provide(Node.id, layer))))
    assert.strictEqual(error.message, "node option nodeIdInCert: means nothing without cert")
  }).pipe(Effect.provide(transports[0][1])))

describe("a node with neither secret nor certificate", () => {
  const test = testOver(transports[1][1])
  test("takes an empty secret for none, and listens where it is told to", (world) =>
    Effect.gen(function*() {
      const told = yield* world.start("told", { secret: "", binds: ["[::1]:*", "127.0.0.1:*"] })
      assert.match((yield* told.run(Node.addresses)).join(), /^\[::1\]:\d+,127\.0\.0\.1:\d+$/)
      assert.strictEqual(world.logs.filter((line) => line.includes("nobody can connect")).length, 1)
    }))

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
