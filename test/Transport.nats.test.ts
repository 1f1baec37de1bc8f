/** Nodes over a real server of NATS, and what may happen to that: whatever it is, no message is missing before a monitor has fired. */
import { assert, describe, it } from "@effect/vitest"
import { connect, nkeyAuthenticator, nkeys } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Node, Port, Transport } from "../src/index.ts"
import { pem } from "./certificates.ts"
import { makeLogs, secret, until } from "./harness.ts"
import { hasNats, ifNats, NatsServer, sharedNats } from "./natsServer.ts"
import { Feeding, ownConnection, sendAtOnce, startNats, startOn } from "./natsWorld.ts"
import { freePort, root, start } from "./processes.ts"
import { isFull, sized } from "./size.ts"

const test = (title: string, body: Effect.Effect<unknown, unknown, Scope.Scope>, isRun = true): void =>
  it.live.skipIf(!hasNats || !isRun)(ifNats(title), () => Effect.scoped(body))

const server = (config?: string) => Effect.promise(() => startNats(config))
const shared = Effect.promise(sharedNats)
let lastNetwork = 0
const ownNetwork = () => `own-${process.pid}-${++lastNetwork}`

const three = (nats: Transport.NatsOptions, through?: (client: Transport.NatsClient) => Transport.NatsClient) =>
  Effect.forEach(["a", "b", "c"], (id) => startOn({ nats, ...through === undefined ? {} : { through } }, id))

/** Waits until everybody hears everybody again. */
const goesOn = (feeding: Feeding, messages = 200) =>
  Effect.suspend(() => {
    const before = feeding.received
    return until("messages pass", () => feeding.received > before + messages)
  })

const fires = (feeding: Feeding, monitors: number) =>
  Effect.suspend(() => until(`${monitors} monitors fire`, () => feeding.fired >= monitors))

describe("no message is missing before the monitor fires", () => {
  test(
    "while the server is killed and started again",
    Effect.gen(function*() {
      const nats = yield* server()
      const feeding = new Feeding()
      yield* feeding.among(yield* three({ servers: nats.url }))
      yield* goesOn(feeding)
      for (let times = 1; times <= sized(1, 10); times++) {
        const { fired } = feeding
        yield* Effect.promise(() => nats.kill())
        // All at once, and not when the patience of nodes ends.
        yield* fires(feeding, fired + 6)
        yield* Effect.promise(() => nats.begin())
        yield* goesOn(feeding)
      }
      assert.deepStrictEqual(feeding.holes, [])
    })
  )

  test(
    "while the server stands still for longer than nodes wait",
    Effect.gen(function*() {
      const nats = yield* server()
      const feeding = new Feeding()
      yield* feeding.among(yield* three({ servers: nats.url }))
      yield* goesOn(feeding)
      yield* Effect.promise(async () => nats.signal("SIGSTOP"))
      yield* fires(feeding, 6)
      yield* Effect.promise(async () => nats.signal("SIGCONT"))
      yield* goesOn(feeding)
      assert.deepStrictEqual(feeding.holes, [])
    })
  )

  test(
    "while what is published is lost now and then",
    Effect.gen(function*() {
      const nats = yield* shared
      let published = 0
      let dropped = 0
      const lossy = (client: Transport.NatsClient): Transport.NatsClient =>
        new Proxy(client, {
          get: (target, name) => {
            if (name === "publish") {
              return (...args: Parameters<Transport.NatsClient["publish"]>) => {
                // Of what is large enough to hold messages.
                if (args[1].length > 500 && ++published % 150 === 0) return void dropped++
                target.publish(...args)
              }
            }
            const value: unknown = Reflect.get(target, name, target)
            return typeof value === "function" ? value.bind(target) : value
          }
        })
      const feeding = new Feeding()
      yield* feeding.among(yield* three({ servers: nats.url, network: ownNetwork() }, lossy))
      yield* until("many are lost", () => dropped >= sized(10, 200))
      yield* fires(feeding, 10)
      yield* goesOn(feeding)
      assert.deepStrictEqual(feeding.holes, [])
    })
  )

  test(
    "while one of two servers of a cluster is killed",
    Effect.gen(function*() {
      const [one, other] = yield* Effect.promise(async () => {
        const ports = [await freePort(), await freePort()] as const
        const cluster = (own: number, to: number) =>
          `cluster { name: c, listen: "127.0.0.1:${own}", routes: ["nats://127.0.0.1:${to}"] }`
        return [await startNats(cluster(...ports)), await startNats(cluster(ports[1], ports[0]))] as const
      })
      const both = (first: NatsServer, second: NatsServer) => ({
        connect: (options: Transport.NatsConnectOptions) => connect({ ...options, noRandomize: true }),
        servers: [first.url, second.url]
      })
      const feeding = new Feeding()
      yield* feeding.among([
        yield* startOn({ nats: both(one, other) }, "a"),
        yield* startOn({ nats: both(other, one) }, "b"),
        yield* startOn({ nats: both(other, one) }, "c")
      ])
      yield* goesOn(feeding)
      const { fired } = feeding
      yield* Effect.promise(() => other.kill())
      yield* fires(feeding, fired + 4)
      yield* goesOn(feeding, 500)
      assert.deepStrictEqual(feeding.holes, [])
    })
  )
})

describe("a process that is gone, or stands still", () => {
  const sink = (nats: NatsServer) =>
    Effect.gen(function*() {
      const process = yield* Effect.sync(() => start([`${root}test/fixtures/natsSink.ts`, "sink", secret, nats.url]))
      const [, port = ""] = yield* Effect.promise(() => process.sees(/counts with (\S+)/))
      return { process, port }
    })
  const patient = { monitorTimeout: "30 seconds" } as const

  test(
    "is missed as soon as something is sent to it, long before nodes lose their patience",
    Effect.gen(function*() {
      const nats = yield* server()
      const { port, process } = yield* sink(nats)
      const a = yield* startOn({ nats: { servers: nats.url }, node: { monitorTimeout: "10 minutes" } }, "a")
      yield* a.run(Port.cal(port, "count", "a"))
      yield* Effect.promise(() => process.end("SIGKILL"))
      const error = yield* a.run(Effect.flip(Port.cal(port, "count", "a")))
      assert.strictEqual(error._tag === "Killed" && error.linkError, "link_lost")
    })
  )

  test(
    "makes its senders wait, while the server keeps little for it, and gets all when it goes on",
    Effect.gen(function*() {
      const nats = yield* server()
      const { port, process } = yield* sink(nats)
      const a = yield* startOn({ nats: { servers: nats.url }, node: patient }, "a")
      yield* a.run(Port.cal(port, "count", "a"))
      process.child.kill("SIGSTOP")
      let sent = 0
      yield* Effect.forkScoped(
        a.run(Effect.forever(Effect.suspend(() => Port.snd(port, "n", "a", ++sent, "x".repeat(10_000)))))
      )
      let before = -1
      yield* until("the sender waits", () => Effect.delay(Effect.sync(() => before === (before = sent)), "100 millis"))
      assert.isBelow(sent * 10_000, 4_000_000)
      process.child.kill("SIGCONT")
      const waited = sent
      yield* until("it goes on", () => sent > waited + 500)
      yield* until(
        "all arrives",
        () => Effect.map(a.run(Effect.orDie(Port.cal(port, "count", "a"))), (count) => Number(count) > waited)
      )
      assert.notInclude(process.stdout, "hole")
    })
  )

  test(
    "is cut off by a server that has to keep too much for it, which both sides are told at once",
    Effect.gen(function*() {
      const nats = yield* server(`max_payload: 70000, max_pending: 140000, write_deadline: "200ms"`)
      const { port, process } = yield* sink(nats)
      // Together they have more on their way than the sockets in between have room for.
      const senders = yield* Effect.forEach(
        Array.from({ length: 60 }, (_, n) => `s${n}`),
        (id) => startOn({ nats: { servers: nats.url }, node: patient }, id)
      )
      for (const { id, run } of senders) yield* run(Port.cal(port, "count", id))
      process.child.kill("SIGSTOP")
      const haveFired = senders.map((sender) => sendAtOnce(sender, port, 40, 10_000))
      yield* Effect.sleep("1 second")
      process.child.kill("SIGCONT")
      yield* until("all monitors fire", () => haveFired.every((hasFired) => hasFired()))
      assert.notInclude(process.stdout, "hole")
    }),
    isFull
  )
})

/** A node that says what it lacks. */
const awayFrom = (options: Transport.NatsOptions, binds = ["nats:"]) =>
  Effect.gen(function*() {
    const logs = makeLogs("no nodes")
    const node = Node.layer({ nodeId: "a", secret: "swordfish", binds }).pipe(
      Layer.provide(Transport.any([Transport.layerTcp, Transport.layerNats(options)]))
    )
    const context = yield* Layer.build(node).pipe(Effect.provide(logs.layer))
    return { logs: logs.lines, lacks: Effect.provide(Node.lacks, context) }
  })

describe("a server that is away", () => {
  test(
    "is told once at the start, and to probes; and that it is there",
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const { lacks, logs } = yield* awayFrom({ servers: `nats://me:secret@127.0.0.1:${port}` })
      const away = `no connection to nats://127.0.0.1:${port} (connection refused)`
      assert.deepStrictEqual(yield* lacks, [away])
      yield* Effect.sleep("1500 millis")
      assert.deepStrictEqual(logs, [`WARN ${away}: trying again until it is there`])
      yield* Effect.acquireRelease(
        Effect.promise(() => NatsServer.start("", port)),
        (server) => Effect.promise(() => server[Symbol.asyncDispose]())
      )
      yield* until("it is ready", () => Effect.map(lacks, (all) => all.length === 0))
      yield* until("that is told", () => logs.length === 2)
      assert.strictEqual(logs[1], `INFO connected to nats://127.0.0.1:${port}`)
    })
  )

  test(
    "does not matter to the probes of a node that listens elsewhere too",
    Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      const { lacks } = yield* awayFrom({ servers: `127.0.0.1:${port}` }, ["nats:", "127.0.0.1:*"])
      assert.deepStrictEqual(yield* lacks, [])
    })
  )
})

describe("who may not", () => {
  const users = `accounts {
    one: { users: [{ user: node, password: "p@ss" }, { user: mute, password: p, permissions: { publish: "other" } },
      { user: deaf, password: p, permissions: { subscribe: { deny: "emp.default.n.>" } } } ] },
    two: { users: [{ user: stranger, password: p }] }
  }`
  const failure = (options: Transport.NatsOptions) =>
    Effect.flip(Effect.scoped(Layer.build(Transport.layerNats(options))))
  const as = ({ port }: NatsServer, user: string) => ({ nats: { servers: `nats://${user}@127.0.0.1:${port}` } })

  test(
    "log in is refused at the start",
    Effect.gen(function*() {
      const nats = yield* server(users)
      const error = yield* failure({ servers: `nats://node:wrong@127.0.0.1:${nats.port}` })
      assert.strictEqual(error.message, `nats://127.0.0.1:${nats.port}: cannot connect (Authorization Violation)`)
    })
  )

  test(
    "publish is told so where it dials, and in the log",
    Effect.gen(function*() {
      const nats = yield* server(users)
      yield* startOn(as(nats, "node:p%40ss"), "there")
      const mute = yield* startOn(as(nats, "mute:p"), "mute")
      const error = yield* Effect.flip(mute.dial("nats:there"))
      assert.include(error.message, "the NATS server permits no publish to emp.default.n.dGhlcmU")
      yield* until("it is told", () => mute.logs.some((line) => line.includes("permits no publish")))
    })
  )

  test(
    "listen is refused",
    Effect.gen(function*() {
      const nats = yield* server(users)
      const error = yield* Effect.flip(startOn(as(nats, "deaf:p"), "deaf"))
      assert.include(error.message, "the NATS server permits no subscription to emp.default.n.")
    })
  )

  test(
    "see each other's account reach nobody there, and at once",
    Effect.gen(function*() {
      const nats = yield* server(users)
      yield* startOn(as(nats, "node:p%40ss"), "there")
      const stranger = yield* startOn(as(nats, "stranger:p"), "stranger")
      const error = yield* Effect.flip(stranger.dial("nats:there"))
      assert.strictEqual(error.message, "nats:there: cannot connect (Connection refused)")
    })
  )
})

describe("who logs in", () => {
  const dials = (nats: Transport.NatsOptions) =>
    Effect.gen(function*() {
      const a = yield* startOn({ nats }, "a")
      yield* startOn({ nats }, "b")
      yield* a.dial("nats:b")
    })

  test(
    "does so with a token before the host",
    Effect.gen(function*() {
      const { port } = yield* server(`authorization { token: "s3cret/+" }`)
      yield* dials({ servers: `nats://${encodeURIComponent("s3cret/+")}@127.0.0.1:${port}` })
    })
  )

  test(
    "does so with a key, by a connection of one's own",
    Effect.gen(function*() {
      const user = nkeys.createUser()
      const nats = yield* server(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`)
      const options: Transport.NatsOptions = {
        servers: nats.url,
        connect: (options) => connect({ ...options, authenticator: nkeyAuthenticator(user.getSeed()) })
      }
      yield* dials(options)
    })
  )

  test(
    "does so over TLS, and to a server alone that somebody vouches for",
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-mp-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
      const names = ["-subj", "/CN=nats", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
      execFileSync(
        "openssl",
        [
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-keyout",
          key,
          "-out",
          cert
        ].concat(names),
        { stdio: "ignore" }
      )
      const { port } = yield* server(`tls { cert_file: "${cert}", key_file: "${key}" }`)
      const servers = `tls://127.0.0.1:${port}`
      yield* dials({ servers, tls: { caFile: cert } })
      const { lacks } = yield* awayFrom({ servers })
      assert.match((yield* lacks).join(), /no connection to nats:.*certificate/)
    })
  )
})

describe("a node on NATS", () => {
  test(
    "has an ID of its own: a second one is refused, in whichever process",
    Effect.gen(function*() {
      const nats = { servers: (yield* shared).url, network: ownNetwork() }
      yield* startOn({ nats }, "twin")
      const error = yield* Effect.flip(startOn({ nats }, "twin"))
      assert.strictEqual(error.message, "nats:: cannot listen on this address (another node listens there)")
    })
  )

  for (const id of ["7", "*", "*:1", "a.b>c *", "x@y,z%", "ä/ö"]) {
    test(
      `is reached though its name is ${JSON.stringify(id)}`,
      Effect.gen(function*() {
        const nats = { servers: (yield* shared).url, network: ownNetwork() }
        const listening = yield* startOn({ nats, node: { binds: [] } }, "listens")
        const layer = Transport.layerNats(ownConnection({ nats }))
        const { dial, listen } = yield* Effect.provide(Transport.Transport, yield* Layer.build(layer))
        const [address = ""] = yield* listen("nats:", () => {}, id)
        const wire = yield* dial(address, "dials")
        assert.strictEqual(wire.remote, address)
        assert.isTrue(listening.dials(address))
      })
    )
  }

  test(
    "shares its connection with those of its process that have equal options",
    Effect.gen(function*() {
      const { url } = yield* shared
      let connections = 0
      const open = (options: Transport.NatsConnectOptions) => {
        connections++
        return connect(options)
      }
      const options = () => ({ servers: url, network: ownNetwork.name, connect: open })
      yield* Effect.forEach([1, 2, 3], () => Layer.build(Transport.layerNats(options())), { concurrency: "unbounded" })
      assert.strictEqual(connections, 1)
      yield* Layer.build(Transport.layerNats({ ...options(), network: "another" }))
      assert.strictEqual(connections, 2)
    })
  )

  test(
    "has a new connection when all who shared one are gone",
    Effect.gen(function*() {
      const { url } = yield* shared
      let connections = 0
      const open = (options: Transport.NatsConnectOptions) => {
        connections++
        return connect(options)
      }
      const once = Effect.scoped(Layer.build(Transport.layerNats({ servers: url, connect: open })))
      yield* once
      yield* once
      assert.strictEqual(connections, 2)
    })
  )

  test(
    "says what is wrong with a server or a network without the password",
    Effect.gen(function*() {
      const failure = (options: Transport.NatsOptions) =>
        Effect.map(Effect.flip(Effect.scoped(Layer.build(Transport.layerNats(options)))), (error) => error.message)
      assert.strictEqual(
        yield* failure({ servers: "nats://me:secret@host:port" }),
        "nats://...: cannot connect (a server is not of the form nats://host:4222)"
      )
      assert.include(yield* failure({ network: "a.b" }), "the name of a network has letters")
      assert.include(yield* failure({ credentials: "/nowhere" }), "the credentials cannot be read: ENOENT")
    })
  )
})

describe("from end to end through the server", () => {
  /** All that somebody sees who may subscribe to everything. */
  const spy = (url: string) =>
    Effect.gen(function*() {
      const seen: Array<Buffer> = []
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: url })),
        (client) => Effect.promise(() => client.close())
      )
      client.subscribe("emp.>", { callback: (_error, { data }) => void seen.push(Buffer.from(data)) })
      yield* Effect.promise(() => client.flush())
      return () => Buffer.concat(seen)
    })

  const speak = (node: Node.Options, other: Node.Options) =>
    Effect.gen(function*() {
      const nats = yield* server()
      const seen = yield* spy(nats.url)
      const a = yield* startOn({ nats: { servers: nats.url }, node }, "a")
      const b = yield* startOn({ nats: { servers: nats.url }, node: other }, "b")
      const port = yield* b.run(Port.make({ echo: (bytes: Uint8Array, reply) => Port.snd(reply, bytes) }))
      const sent = new Uint8Array(1_000_000).map((_, n) => n)
      const answer = yield* a.run(Port.cal(port, "echo", sent))
      return { isWhole: answer instanceof Uint8Array && Buffer.compare(answer, sent) === 0, seen: seen() }
    })

  test(
    "nodes prove that they have the secret",
    Effect.gen(function*() {
      const { isWhole, seen } = yield* speak({}, {})
      assert.isTrue(isWhole)
      assert.isFalse(seen.includes("swordfish"))
    })
  )

  test(
    "a wrong secret is refused",
    Effect.gen(function*() {
      const nats = yield* server()
      const a = yield* startOn({ nats: { servers: nats.url } }, "a")
      yield* startOn({ nats: { servers: nats.url }, node: { secret: "another" } }, "b")
      const error = yield* Effect.flip(a.dial("nats:b"))
      assert.oneOf(error.reason, ["auth_failed", "handshake_closed"])
    })
  )

  test(
    "certificates keep the server from seeing anything",
    Effect.gen(function*() {
      const withCert = (name: string): Node.Options => ({ secret: undefined, cert: pem(name) })
      const { isWhole, seen } = yield* speak(withCert("a"), withCert("b"))
      assert.isTrue(isWhole)
      assert.isAbove(seen.length, 1_500_000)
      assert.isFalse(seen.includes("echo"))
    })
  )
})
