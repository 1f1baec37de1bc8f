import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as os from "node:os"
import { Connections } from "../src/internal/node/connections.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { ownKindKey } from "../src/internal/transport/handshake/greeting.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  areParted,
  collector,
  connect,
  follow,
  isDown,
  isUp,
  peerOf,
  reasonOf,
  roundTrip,
  secret,
  testOver,
  transports,
  until,
  watch,
  within
} from "./harness.ts"

describe("a node without a network", () => {
  it.live("delivers between its own ports", () =>
    Effect.gen(function*() {
      const heard = yield* Deferred.make<unknown>()
      const port = yield* Port.make({ test: (data) => Deferred.succeed(heard, data) })
      yield* Port.snd(port, "test", 123)
      assert.strictEqual(yield* within("the message", Deferred.await(heard)), 123)
    }).pipe(Effect.provide(Node.layerLocal)))

  it.live("has an ID, no address, no peer and no other node", () =>
    Effect.gen(function*() {
      assert.match(yield* Node.id, /^local\/[0-9A-Za-z]{10}$/)
      assert.deepStrictEqual(yield* Node.addresses, [])
      yield* Port.snd("elsewhere#port", "lost")
      assert.deepStrictEqual(yield* Node.upNodes, [])
      const here = yield* Effect.context<Node.Node>()
      const noPeer = Effect.map(Node.peers, (peers) => peers.length === 0).pipe(Effect.provide(here))
      yield* until("the message is given up", () => noPeer)
    }).pipe(Effect.provide(Node.layerLocal)))

  it.live("fires monitors of ports of other nodes: it knows no address", () =>
    Effect.gen(function*() {
      const exit = yield* within("the monitor", Port.exit("elsewhere#port"))
      assert.deepStrictEqual(reasonOf(exit), ["transport_error", "elsewhere", "no known address"])
      const node = yield* within("the node's monitor", Port.exit("elsewhere"))
      assert.deepStrictEqual(reasonOf(node), ["transport_error", "elsewhere", "no known address"])
    }).pipe(Effect.provide(Node.layerLocal)))

  it.live("fails calls to other nodes", () =>
    Effect.gen(function*() {
      const error = yield* within("the call", Effect.flip(Port.cal("elsewhere#port", "ask")))
      assert.deepStrictEqual(error.reason, ["transport_error", "elsewhere", "no known address"])
    }).pipe(Effect.provide(Node.layerLocal)))
})

describe("node IDs", () => {
  const idOf = (nodeId: string | undefined) =>
    Node.id.pipe(
      Effect.provide(Node.layer({ nodeId, secret, binds: [] })),
      Effect.provide(Transport.layerMemory)
    )

  it.live("%n is the host name", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* idOf("%n-1"), `${os.hostname()}-1`)
    }))

  it.live("a trailing / gets random characters, which %u repeats", () =>
    Effect.gen(function*() {
      assert.match(yield* idOf("anon/"), /^anon\/[0-9A-Za-z]{10}$/)
      assert.match(yield* idOf("x%u-%u/"), /^x([0-9A-Za-z]{10})-\1\/\1$/)
      assert.notStrictEqual(yield* idOf("anon/"), yield* idOf("anon/"))
    }))

  it.live("%u without a trailing / is random too", () =>
    Effect.gen(function*() {
      assert.match(yield* idOf("job-%u-a"), /^job-[0-9A-Za-z]{10}-a$/)
    }))

  it.live("are not repeated by a program that repeats its own chance, and neither are incarnations and port names", () =>
    Effect.gen(function*() {
      const unique = Effect.gen(function*() {
        const { names, network, nodeId } = yield* NodeRouter
        const incarnation = network instanceof Connections &&
          network.settings.proof.current.identity.keys.get(ownKindKey)
        return {
          local: names.localId(),
          unique: [nodeId, incarnation, names.spawned()],
          chance: yield* Random.next
        }
      })
      const start = (nodeId: string) =>
        unique.pipe(
          Effect.provide(Node.layer({ nodeId, secret, binds: [] })),
          Effect.provide(Transport.layerMemory),
          Random.withSeed("my program")
        )
      const [one, two] = [yield* start("job-%u"), yield* start("job-%u")]
      assert.strictEqual(one.chance, two.chance, "the program repeats")
      for (const [i, text] of one.unique.entries()) assert.notStrictEqual(text, two.unique[i])
      // Where the node ID is given, its ports have names of their own.
      assert.notStrictEqual((yield* start("job")).local, (yield* start("job")).local)
    }))

  it.live("without one, it is the host name and random characters", () =>
    Effect.gen(function*() {
      const nodeId = yield* idOf(undefined)
      assert.strictEqual(nodeId.slice(0, -10), `${os.hostname()}/`)
    }))
})

describe("wrong options", () => {
  const wrong: ReadonlyArray<[option: keyof Node.Options, options: Node.Options, problem: RegExp]> = [
    ["nodeId", { nodeId: "" }, /empty/],
    ["nodeId", { nodeId: "a#b" }, /"a#b"/],
    ["nodeId", { nodeId: "a;b" }, /"a;b"/],
    ["nodeId", { nodeId: "a\nb" }, /control/],
    ["cert", { cert: "no PEM at all" }, /no certificate that can be read/],
    ["secret", { secret: "\u20ac" }, /U\+00FF/],
    ["secret", { secret: "a\nb" }, /control/],
    ["framings", { framings: ["storable"] }, /"storable" is none of cbor, json/],
    ["framings", { framings: [] }, /empty/],
    ["authOffer", { authOffer: ["md6"] }, /"md6" is none of/],
    ["authOffer", { authOffer: [] }, /empty/],
    ["authAccept", { authAccept: ["hmac_sha3_512", "none"] }, /"none" is none of/],
    ["authAccept", { authAccept: [] }, /empty/],
    ["monitorTimeout", { monitorTimeout: 0 }, /above zero/],
    ["monitorTimeout", { monitorTimeout: "soon" as never }, /"soon"/],
    ["connectInterval", { connectInterval: "-1 seconds" }, /above zero/],
    ["connectInterval", { connectInterval: "Infinity" as never }, /above zero/],
    ["binds", { binds: ["127.0.0.1:*", "no:such:address"] }, /"no:such:address"/],
    ["binds", { binds: ["127.0.0.1:65536"] }, /"127.0.0.1:65536"/],
    ["binds", { binds: ["127.0.0.1:4040@"] }, /"127.0.0.1:4040@" is not of the form/],
    ["advertise", { advertise: ["node.example:4040", "no:such:address"] }, /"no:such:address" is not of the form/],
    ["advertise", { advertise: ["*:4040"] }, /"\*:4040" names no host/],
    ["advertise", { advertise: ["0.0.0.0:4040@vpn"] }, /"0.0.0.0:4040@vpn" names no host/],
    ["advertise", { advertise: ["4040"] }, /"4040" names no host/],
    ["scopes", { scopes: ["vpn", "my vpn"] }, /"my vpn" is not of letters/],
    ["maxMessageSize", { maxMessageSize: 32_767 }, /at least 32768 bytes/],
    ["maxMessageSize", { maxMessageSize: Number.NaN }, /at least 32768 bytes/]
  ]
  for (const [option, options, problem] of wrong) {
    it.live(`${option}: ${JSON.stringify(options)} is refused before anything listens`, () =>
      Effect.gen(function*() {
        let listened = 0
        const carrier = Context.get(yield* Layer.build(Transport.layerMemory), Transport.Transport)
        const counting: typeof carrier = {
          ...carrier,
          listen: (bind, accept, host) => {
            listened++
            return carrier.listen(bind, accept, host)
          }
        }
        const error = yield* Layer.build(Node.layer({ nodeId: "a", secret, binds: ["127.0.0.1:1"], ...options })).pipe(
          Effect.provideService(Transport.Transport, counting),
          Effect.flip
        )
        assert.instanceOf(error, Node.InvalidOption)
        assert.strictEqual((error as Node.InvalidOption).option, option)
        assert.match(error.message, problem)
        assert.notInclude(error.message, secret)
        assert.strictEqual(listened, 0)
      }))
  }
})

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`nodes over ${name}`, () => {
    test("an address in use is refused, naming it, and what listened before is let go", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const free = yield* world.start("free")
        yield* free.stop
        const error = yield* Effect.flip(world.start("b", { binds: [free.address, a.address] }))
        assert.instanceOf(error, Transport.LinkError)
        assert.strictEqual((error as Transport.LinkError).reason, "listen_failed")
        assert.include(error.message, a.address)
        const b = yield* world.start("b", { binds: [free.address] })
        assert.strictEqual(b.address, free.address)
      }))

    test("each bind has an address with its real port", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { binds: ["127.0.0.1:*, 127.0.0.1:0", "127.0.0.1"] })
        const addresses = yield* a.run(Node.addresses)
        assert.strictEqual(new Set(addresses).size, 3)
        for (const address of addresses) assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/)
      }))

    test("a node without binds can dial", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { binds: [] })
        const b = yield* world.start("b")
        const inbox = yield* collector(b)
        yield* a.run(Port.snd(inbox.port, "hello"))
        yield* inbox.has(1)
        assert.deepStrictEqual(yield* a.run(Node.addresses), [])
      }))

    test("what is sent while connecting waits, and arrives in order before what follows", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const inbox = yield* collector(b)
        for (let i = 0; i < 100; i++) yield* a.run(Port.snd(inbox.port, i))
        const [peer] = yield* a.run(Node.peers)
        assert.include(peer, { nodeId: "b", state: "connecting", queued: 100 })
        yield* until("the link is up", () => isUp(a, "b"))
        for (let i = 100; i < 200; i++) yield* a.run(Port.snd(inbox.port, i))
        yield* inbox.has(200)
        assert.deepStrictEqual(inbox.messages, Array.from({ length: 200 }, (_, i) => [i]))
      }))

    test("an unknown node: monitors fire, what was sent is dropped, nothing is left", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const [port, node] = [yield* watch(a, "ghost#port"), yield* watch(a, "ghost")]
        yield* a.run(Port.snd("ghost#port", "lost"))
        yield* until("both monitors fire", () => port.length > 0 && node.length > 0)
        const error = yield* Effect.flip(a.run(Port.cal("ghost#port", "ask")))
        assert.deepStrictEqual(error.reason, ["transport_error", "ghost", "no known address"])
        assert.deepStrictEqual([port, node], [[error.reason], [error.reason]])
        assert.deepStrictEqual(yield* a.run(Node.peers), [])
      }))

    test("a node that refuses connections: the monitors say so", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        yield* b.stop
        const exit = yield* within("the monitor", a.run(Port.exit("b#port")))
        assert.deepStrictEqual(reasonOf(exit), ["transport_error", "b", "Connection refused"])
      }))

    test("an address that leads to another node does not bring the node up", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { connectInterval: "300 millis" })
        const b = yield* world.start("b")
        world.book.set("c", [b.address])
        const exit = yield* within("the monitor", a.run(Port.exit("c#port")))
        assert.deepStrictEqual(reasonOf(exit), ["transport_error", "c", "connect timeout"])
        assert.deepStrictEqual(yield* a.run(Node.upNodes), ["b"])
      }))

    test("an address book that fails counts as one that knows nothing", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        yield* a.run(Node.addressBook(() => Effect.die(new Error("torn"))))
        const exit = yield* within("the monitor", a.run(Port.exit("b#port")))
        assert.deepStrictEqual(reasonOf(exit).slice(0, 2), ["transport_error", "b"])
        assert.deepStrictEqual(yield* a.run(Node.peers), [])
        assert.isTrue(world.logs.some((line) => line.includes("torn")), "the failure is logged")
      }))

    test("an address book answers until its scope closes", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        yield* Effect.scoped(Effect.gen(function*() {
          yield* a.run(Node.addressBook(() => Effect.succeed([])))
          const exit = yield* within("the monitor", a.run(Port.exit("b")))
          assert.deepStrictEqual(reasonOf(exit), ["transport_error", "b", "no known address"])
        }))
        yield* connect(a, b)
      }))

    test("address books may be given back in any order: of those that are left the last one is asked", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const [b, c] = [yield* world.start("b"), yield* world.start("c")]
        const [first, second] = [yield* Scope.make(), yield* Scope.make()]
        yield* Scope.provide(a.run(Node.addressBook(() => Effect.succeed([]))), first)
        yield* Scope.provide(a.run(Node.addressBook(() => Effect.succeed([b.address]))), second)
        yield* Scope.close(first, Exit.void)
        yield* connect(a, b)
        yield* Scope.close(second, Exit.void)
        yield* connect(a, c)
      }))

    test("a second address is tried when the first refuses", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { connectInterval: "20 seconds", monitorTimeout: "1 minute" })
        const gone = yield* world.start("gone")
        yield* gone.stop
        const b = yield* world.start("b")
        world.book.set("b", [gone.address, b.address])
        yield* connect(a, b)
      }))

    test("messages before the end of a port arrive before its monitor fires", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const seen: Array<unknown> = []
        const here = yield* a.run(Port.make({
          tell: (n) => {
            seen.push(n)
          },
          watch: (port: Port.PortId) => Port.mon(port, (exit) => Effect.sync(() => seen.push(reasonOf(exit))))
        }))
        const there = yield* b.run(Port.make({
          go: () =>
            Effect.gen(function*() {
              for (let i = 0; i < 50; i++) yield* Port.snd(here, "tell", i)
              yield* Port.kil(yield* Port.Self, "done", 1)
            })
        }))
        yield* a.run(Port.snd(here, "watch", there))
        yield* until("the monitor stands", () => Effect.map(peerOf(a, "b"), (peer) => peer !== undefined))
        yield* a.run(Port.snd(there, "go"))
        yield* until("the monitor fires", () => seen.length >= 51)
        assert.deepStrictEqual(seen, [...Array.from({ length: 50 }, (_, i) => i), ["done", 1]])
      }))

    test("a lost link fires all monitors once, and nothing that was sent arrives", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const inbox = yield* collector(b)
        yield* connect(a, b)
        const monitors = [
          yield* watch(a, inbox.port),
          yield* watch(a, inbox.port),
          yield* watch(a, "b"),
          yield* watch(a, "b#no-such-port")
        ]
        yield* until("the port that is not there", () => monitors[3]!.length === 1)
        const back = yield* watch(b, "a")
        yield* a.run(Port.snd(inbox.port, "lost"))
        yield* world.cut
        const reason = ["transport_error", "b", "cut"]
        yield* until("the monitors fire", () => monitors[2]!.length > 0 && back.length > 0)
        assert.deepStrictEqual(monitors.slice(0, 3), [[reason], [reason], [reason]])
        assert.strictEqual(monitors[3]![0]![0], "no_such_port")
        assert.deepStrictEqual(back, [["transport_error", "a", "cut"]])
        yield* connect(a, b)
        yield* a.run(Port.snd(inbox.port, "again"))
        yield* inbox.has(1)
        yield* world.cut
        yield* until("the link is lost again", () => isDown(a, "b"))
        assert.deepStrictEqual(inbox.messages, [["again"]])
        assert.deepStrictEqual(monitors.map((fired) => fired.length), [1, 1, 1, 1])
      }))

    test("the monitor has fired before anything that was sent later arrives", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const order: Array<unknown> = []
        const port = yield* b.run(Port.make({
          n: (n) => {
            order.push(n)
          }
        }))
        yield* connect(a, b)
        yield* a.run(Port.mon(port, () => Effect.sync(() => order.push("lost"))))
        yield* a.run(Port.snd(port, "n", 1))
        yield* world.cut
        yield* a.run(Port.snd(port, "n", 2))
        yield* a.run(Port.snd(port, "n", 3))
        yield* until("what was sent after the loss", () => order.includes(3))
        assert.deepStrictEqual(order, ["lost", 2, 3])
      }))

    test("a link that was lost comes back with the next message", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const inbox = yield* collector(b)
        for (let round = 0; round < 5; round++) {
          yield* a.run(Port.snd(inbox.port, round))
          yield* inbox.has(round + 1)
          yield* world.cut
          yield* until("both see it", () => areParted(a, b))
        }
        assert.deepStrictEqual(inbox.messages, [[0], [1], [2], [3], [4]])
      }))

    test("a monitor that was taken back does not fire", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const port = yield* b.run(Port.make({}))
        const kept = yield* watch(a, port)
        const gone = yield* Effect.scoped(watch(a, port))
        yield* roundTrip(a, b)
        yield* b.run(Port.kil(port, "end"))
        yield* until("the other monitor fires", () => kept.length > 0)
        assert.deepStrictEqual([kept, gone], [[["end"]], []])
      }))
  })

  describe(`who is there, over ${name}`, () => {
    test("both sides list each other, with the state of the link", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        assert.deepStrictEqual([yield* a.run(Node.upNodes), yield* a.run(Node.peers)], [[], []])
        yield* connect(a, b)
        assert.deepStrictEqual([yield* a.run(Node.upNodes), yield* b.run(Node.upNodes)], [["b"], ["a"]])
        const [peer] = yield* a.run(Node.peers)
        assert.include(peer, { nodeId: "b", state: "up", address: b.address, queued: 0 })
        yield* world.cut
        yield* until("the link is lost", () => isDown(a, "b"))
        assert.deepStrictEqual([yield* a.run(Node.upNodes), yield* a.run(Node.peers)], [[], []])
      }))

    test("gauges count what waits, and are Effect metrics too", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { connectInterval: "1 minute" })
        yield* a.run(Node.addressBook(() => Effect.never))
        for (let n = 0; n < 10_000; n++) yield* a.run(Port.snd("b#port", n))
        for (let n = 0; n < 3; n++) yield* Effect.forkScoped(a.run(Port.snd("b#port", "waits")))
        yield* until("three senders wait", () => Effect.map(a.run(Node.gauges), (now) => now.waitingSenders === 3))
        const expected = {
          ports: 0,
          links: 0,
          searches: 1,
          handshakes: 0,
          queuedMessages: 10_000,
          unsentBytes: 0,
          byteStreams: 0,
          refusedMessages: 0
        }
        assert.deepStrictEqual(yield* a.run(Node.gauges), { ...expected, waitingSenders: 3 })
        const queued = Effect.map(Metric.snapshot, (metrics) =>
          metrics.find(({ attributes, id }) =>
            id === "effect_mp_queued_messages" && attributes?.["node"] === "a"
          )?.state)
        yield* until("the metric says so", () =>
          Effect.map(queued, (state) =>
            state !== undefined && "value" in state && state.value === 10_000))
      }))

    test("events begin with what is up now, then tell what happens", (world) =>
      Effect.gen(function*() {
        const [a, b, c] = [yield* world.start("a"), yield* world.start("b"), yield* world.start("c")]
        yield* connect(a, b)
        const seen = yield* follow(a)
        yield* until("the present state", () => seen.length === 1)
        yield* connect(c, a)
        yield* until("c comes up", () => seen.length === 2)
        yield* world.cut
        yield* until("both go down", () => seen.length === 4)
        assert.deepStrictEqual(seen.slice(0, 2), [{ _tag: "Up", nodeId: "b" }, { _tag: "Up", nodeId: "c" }])
        assert.sameDeepMembers(seen.slice(2), [
          { _tag: "Down", nodeId: "b", reason: "cut", linkError: "link_lost", orderly: false },
          { _tag: "Down", nodeId: "c", reason: "cut", linkError: "link_lost", orderly: false }
        ])
      }))

    test("a node that was never up does not go down", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const seen = yield* follow(a)
        yield* within("the monitor", a.run(Port.exit("ghost")))
        yield* connect(a, b)
        yield* until("an event", () => seen.length > 0)
        assert.deepStrictEqual(seen, [{ _tag: "Up", nodeId: "b" }])
      }))
  })

  describe(`a node that stops, over ${name}`, () => {
    test("delivers what it sent", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const inbox = yield* collector(b)
        yield* connect(a, b)
        const text = "x".repeat(10_000)
        for (let i = 0; i < 2000; i++) yield* a.run(Port.snd(inbox.port, i, text))
        yield* a.stop
        yield* inbox.has(2000)
        assert.deepStrictEqual(inbox.messages.map((message) => message[0]), Array.from({ length: 2000 }, (_, i) => i))
      }))

    test("fires its own monitors and those of others, and listens no more", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const port = yield* b.run(Port.make({}))
        const [own, other] = [yield* watch(a, port), yield* watch(b, "a")]
        yield* connect(a, b)
        yield* a.stop
        assert.deepStrictEqual(own, [["transport_error", "b", "this node stopped"]])
        yield* until("the other node sees it", () => other.length > 0)
        assert.deepStrictEqual(other, [["transport_error", "a", "the other node stopped"]])
        const exit = yield* within("a monitor afterwards", b.run(Port.exit("a#port")))
        assert.deepStrictEqual(reasonOf(exit), ["transport_error", "a", "Connection refused"])
        const late = yield* within("a monitor of the stopped node", a.run(Port.exit(port)))
        assert.deepStrictEqual(reasonOf(late), ["transport_error", "b", "this node stopped"])
      }))

    test("gives up connections that are under way", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { connectInterval: "1 hour" })
        yield* a.run(Node.addressBook(() => Effect.never))
        const fired = yield* watch(a, "b#port")
        yield* within("the node stops", a.stop)
        yield* until("the monitor has fired", () => fired.length > 0)
        assert.deepStrictEqual(fired, [["transport_error", "b", "this node stopped"]])
      }))
  })
}
