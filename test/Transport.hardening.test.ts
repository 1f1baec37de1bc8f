/** Strangers: those who cannot authenticate can neither get in, nor keep others out, nor leave anything behind. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  collector,
  connect,
  follow,
  isDown,
  isUp,
  makeWorld,
  secret,
  type TestNode,
  testOver,
  until,
  upNodes,
  within
} from "./harness.ts"
import { connectRaw, dialRaw, greeting, listenRaw, opening, ownKind, type RawPeer } from "./rawPeer.ts"

const test = testOver(Transport.layerTcp)

/** They wait for each other much longer than any test does. */
const patient = { monitorTimeout: "3 minutes", connectInterval: "2 minutes" } as const

const handles = (kind: RegExp): number => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length

const handshakes = (node: TestNode) => Effect.map(node.run(Node.gauges), (gauges) => gauges.handshakes)

/** Nobody came up, nothing is under way, and a good peer is taken. */
const unharmed = (node: TestNode): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    yield* until("no handshake is left", () => Effect.map(handshakes(node), (count) => count === 0))
    assert.deepStrictEqual(yield* node.run(Node.peers), [])
    const inbox = yield* collector(node)
    const good = yield* connectRaw(node.address, { nodeId: "good" })
    good.send([inbox.name, "alive"])
    yield* inbox.has(1)
    assert.deepStrictEqual(inbox.messages, [["alive"]])
  })

const greeted = (raw: RawPeer): Effect.Effect<void> => until("the node's greeting", () => raw.lines.length >= 2)

/** A stranger that says who it is, and nothing more. */
const staller = (address: string, nodeId: string): Effect.Effect<RawPeer, never, Scope.Scope> =>
  Effect.tap(dialRaw(address, { opening: greeting(nodeId, ownKind(1000)) }), greeted)

describe("a handshake that was heard elsewhere", () => {
  test("is of no use when it is said again", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const heard: Array<Buffer> = []
      const tap = yield* tapped(node.address, heard)
      const victim = yield* world.start("victim", { binds: [] })
      yield* Effect.scoped(within("the link", victim.dial(tap)))
      yield* until("both are up", () => isUp(node, "victim"))
      yield* victim.stop
      yield* until("it is gone", () => isDown(node, "victim"))
      const lines = Buffer.concat(heard).toString("latin1").split("\n").slice(0, 3).map((line) => `${line}\n`).join("")
      assert.match(lines, /^aemp;1;victim;.*\n.{88}\nhmac_sha3_512;[0-9a-f]{128};cbor\n$/)
      const events = yield* follow(node)
      const thief = yield* dialRaw(node.address, { nodeId: "victim", opening: lines })
      yield* thief.closed
      assert.isTrue(world.logs.at(-1)?.includes("authentication failed"), world.logs.join("\n"))
      assert.deepStrictEqual(events, [])
      yield* unharmed(node)
    }))

  test("and our own auth line neither", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const events = yield* follow(node)
      const mirror = yield* staller(node.address, "mirror")
      yield* until("our auth line", () => mirror.lines.length === 3)
      mirror.write(`${mirror.lines[2]}\n`)
      yield* mirror.closed
      assert.deepStrictEqual(events, [])
      assert.isTrue(world.logs.at(-1)?.includes("authentication failed"), world.logs.join("\n"))
      yield* unharmed(node)
    }))

  test("nor that of another connection", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const one = yield* staller(node.address, "mirror")
      const events = yield* follow(node)
      yield* until("our auth line", () => one.lines.length === 3)
      // Our nonce, under another name, and our auth line with it.
      const [, nonce, auth] = one.lines
      const bytes = `aemp;1;mirror2;hmac_sha3_512;json\n${nonce}\n${auth}\n`
      const two = yield* dialRaw(node.address, { opening: bytes })
      yield* two.closed
      one.socket.destroy()
      assert.deepStrictEqual(events, [])
      yield* unharmed(node)
    }))
})

describe("a handshake that ends", () => {
  test("at any byte leaves nothing behind", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed", { monitorTimeout: "1 minute" })
      const events = yield* follow(node)
      const bytes = opening("raw", secret, ownKind(1000))
      const cuts = Array.from({ length: bytes.length }, (_, end) => bytes.slice(0, end))
      yield* Effect.forEach(
        cuts,
        (said) =>
          Effect.gen(function*() {
            const raw = yield* dialRaw(node.address, { opening: said })
            yield* greeted(raw)
            raw.socket.end()
            yield* raw.closed
          }),
        { concurrency: 20, discard: true }
      )
      assert.deepStrictEqual(events, [])
      yield* unharmed(node)
    }))

  test("in the node's own stop is closed with it", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed", patient)
      const raws = [yield* dialRaw(node.address, { opening: "aemp" }), yield* staller(node.address, "raw")]
      yield* within("the stop", node.stop)
      for (const raw of raws) yield* raw.closed
      assert.deepStrictEqual([yield* handshakes(node), world.logs], [0, []])
    }))
})

describe("a stranger under the name of a node", () => {
  // Which of two connections stays depends on the names.
  for (const us of ["a", "z"]) {
    test(`does not keep it out when it dials us (we are ${us})`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start(us, patient)
        yield* staller(node.address, "m")
        const real = yield* world.start("m", patient)
        const inbox = yield* collector(node)
        yield* within("the message", Effect.andThen(real.run(Port.snd(inbox.port, "real")), inbox.has(1)))
      }))

    test(`does not keep it out when we dial it (we are ${us})`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start(us, patient)
        yield* staller(node.address, "m")
        const inbox = yield* collector(yield* world.start("m", patient))
        yield* within("the message", Effect.andThen(node.run(Port.snd(inbox.port, "real")), inbox.has(1)))
      }))

    test(`does not keep it out when it is the stranger that we dial (we are ${us})`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start(us, patient)
        const stranger = yield* listenRaw({ opening: greeting("m", ownKind(1000)) })
        yield* Effect.forkScoped(Effect.exit(node.dial(stranger.address)))
        yield* until("our auth line", () => stranger.peers[0]?.lines.length === 3)
        const real = yield* world.start("m", { ...patient, binds: [], connectInterval: "500 millis" })
        const inbox = yield* collector(node)
        // It tries again, as seeds are tried.
        yield* until("the message", () =>
          Effect.as(
            Effect.andThen(real.run(Port.snd(inbox.port, "real")), Effect.sleep("50 millis")),
            inbox.messages.length > 0
          ))
      }))
  }

  test("does not keep it out with a crowd", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", patient)
      for (let i = 0; i < 30; i++) yield* staller(node.address, "m")
      const real = yield* world.start("m", patient)
      const inbox = yield* collector(node)
      yield* within("the message", Effect.andThen(real.run(Port.snd(inbox.port, "real")), inbox.has(1)))
    }))

  test("does not disturb it when it is connected", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", patient)
      const real = yield* connectRaw(node.address, { nodeId: "m", keys: ownKind(60_000, "one") })
      yield* until("the link stands", () => isUp(node, "m"))
      const events = yield* follow(node)
      yield* real.settle
      const silent = yield* dialRaw(node.address, { nodeId: "m", opening: greeting("m", ownKind(1000, "two")) })
      yield* greeted(silent)
      const liar = yield* dialRaw(node.address, { nodeId: "m", keys: ownKind(1000, "two"), secret: "wrong" })
      yield* liar.closed
      assert.deepStrictEqual([yield* real.settle, silent.lines.length], [[], 2])
      assert.deepStrictEqual(events, [{ _tag: "Up", nodeId: "m" }])
    }))

  test("raises no alarm when we dial it", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", patient)
      const real = yield* world.start("m", patient)
      yield* connect(real, node)
      const stranger = yield* listenRaw({ opening: greeting("m", ownKind(1000)) })
      yield* within("the refusal", Effect.flip(node.dial(stranger.address)))
      assert.deepStrictEqual([world.logs, stranger.peers[0]!.lines.length], [[], 2])
      assert.isTrue(yield* isUp(node, "m"))
    }))
})

it.live("a host that does not answer at all is given up in time", () =>
  Effect.gen(function*() {
    const carrier = yield* Transport.Transport
    const world = yield* makeWorld.pipe(
      Effect.provideService(Transport.Transport, { ...carrier, dial: () => Effect.never })
    )
    const node = yield* world.start("a", { monitorTimeout: "200 millis" })
    const error = yield* within("an answer", Effect.flip(node.dial("192.0.2.1:4040")))
    assert.deepStrictEqual([error.reason, error.peer], ["connect_timeout", "192.0.2.1:4040"])
  }).pipe(Effect.provide(Transport.layerMemory)))

describe("the log", () => {
  test("has no warning of health checks, which connect and leave", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      for (const leave of ["end", "destroy"] as const) {
        for (let i = 0; i < 20; i++) {
          const probe = yield* dialRaw(node.address, { opening: "" })
          // Half of them wait for what we say first.
          if (i % 2 === 0) yield* greeted(probe)
          probe.socket[leave]()
          yield* probe.closed
        }
      }
      yield* unharmed(node)
      assert.deepStrictEqual(world.logs, [])
    }))

  test("has a few warnings of strangers, and their number", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      for (let i = 0; i < 100; i++) {
        const stranger = yield* dialRaw(node.address, { nodeId: `stranger${i}`, secret: "wrong" })
        yield* stranger.closed
      }
      yield* unharmed(node)
      const [first, ...others] = world.logs
      assert.match(first!, /^WARN seed refused a connection from .*stranger0.*authentication failed/)
      assert.strictEqual(others.length, 4, world.logs.join("\n"))
      yield* node.stop
      assert.match(world.logs.at(-1)!, /stranger99.* \.\.\. 95 more like it within a minute$/)
      assert.strictEqual(world.logs.length, 6)
    }))

  test("has a few lines of what one peer sends and makes no sense, and their number", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      for (let i = 0; i < 500; i++) raw.send(["", "snd", i], ["", "AnyEvent::MP::_spawn", `p${i}`, `no::${i}`])
      yield* raw.settle
      assert.strictEqual(world.logs.filter((line) => line.includes("asked to relay")).length, 5)
      assert.strictEqual(world.logs.filter((line) => line.includes("asked to spawn")).length, 5)
      yield* node.stop
      assert.strictEqual(world.logs.filter((line) => line.includes("495 more like it within a minute")).length, 2)
    }))
})

describe("a flood of connections", () => {
  for (
    const [what, said] of [["say nothing", ""], ["say half a greeting", "aemp;1;raw;hmac"], [
      "say a greeting",
      greeting("raw")
    ]] as const
  ) {
    it.live(`500 that ${what} keep nobody out, and leave nothing`, () =>
      Effect.gen(function*() {
        // Other tests of this process may have left some.
        const others = handles(/^TCP/)
        const timers = handles(/^Timeout/)
        yield* Effect.scoped(Effect.gen(function*() {
          const world = yield* makeWorld
          const node = yield* world.start("seed", { monitorTimeout: "2 seconds" })
          const raws = yield* Effect.forEach(
            Array.from({ length: 500 }),
            () => dialRaw(node.address, { opening: said })
          )
          const good = yield* world.start("good")
          const inbox = yield* collector(node)
          yield* good.run(Port.snd(inbox.port, "hello"))
          yield* inbox.has(1)
          yield* until("all are closed", () => raws.every((raw) => raw.isClosed()))
          assert.strictEqual(yield* handshakes(node), 0)
          assert.deepStrictEqual(yield* upNodes(node), ["good"])
          assert.isTrue(yield* isUp(good, "seed"))
          // Two listeners, and both ends of the link.
          yield* until("no other socket is open", () => handles(/^TCP/) <= others + 4)
        })).pipe(Effect.provide(Transport.layerTcp))
        yield* until("no socket is left", () => handles(/^TCP/) <= others)
        yield* until("no timer is left", () => handles(/^Timeout/) <= timers)
      }))
  }

  test("above 1000 handshakes the oldest has to go, and a good node gets in", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed", patient)
      const raws: Array<RawPeer> = []
      for (let i = 0; i < 1000; i++) raws.push(yield* dialRaw(node.address, { opening: "" }))
      yield* until("all are in their handshakes", () => Effect.map(handshakes(node), (count) => count === 1000))
      assert.isFalse(raws.some((raw) => raw.isClosed()))
      const good = yield* world.start("good", patient)
      yield* connect(good, node)
      yield* raws[0]!.closed
      for (let i = 0; i < 10; i++) raws.push(yield* dialRaw(node.address, { opening: "" }))
      yield* until("ten more are closed", () => raws.filter((raw) => raw.isClosed()).length >= 10)
      assert.isTrue(raws.slice(0, 9).every((raw) => raw.isClosed()), "the oldest ones")
      assert.isFalse(raws.slice(20).some((raw) => raw.isClosed()))
      assert.isAtMost(yield* handshakes(node), 1000)
      assert.isTrue(yield* isUp(node, "good"))
    }))

  it.live("more than a thousand at once are no more than a thousand", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const carrier = yield* Transport.Transport
      const node = yield* world.start("seed", patient)
      for (let i = 0; i < 1500; i++) yield* carrier.dial(node.address, "stranger")
      assert.isAtMost(yield* handshakes(node), 1000)
      const good = yield* world.start("good", patient)
      yield* connect(good, node)
    }).pipe(Effect.provide(Transport.layerMemory)))
})

/** A way to an address on which everything that is said towards it is heard. */
const tapped = (address: string, heard: Array<Buffer>): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer((socket) => {
        const onward = net.connect({ host: "127.0.0.1", port: Number(address.split(":")[1]) })
        socket.on("data", (chunk) => void heard.push(chunk)).on("error", () => {})
        socket.pipe(onward).on("error", () => {}).pipe(socket)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => `127.0.0.1:${(server.address() as net.AddressInfo).port}`))
