/** What went wrong in AEMP's own history, once each: none of it may come back here. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { collector, connect, follow, roundTrip, testOver, transports, until, watch, type World } from "./harness.ts"
import { connectRaw, dialRaw, listenRaw, opening } from "./rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

describe("kil and mon keep their place among messages", () => {
  const inOrder = (port: Port.PortId) =>
    Effect.gen(function*() {
      yield* Port.snd(port, 1)
      const scope = yield* Scope.make()
      yield* Scope.provide(Port.mon(port, () => {}), scope)
      yield* Port.snd(port, 2)
      yield* Scope.close(scope, Exit.void)
      yield* Port.snd(port, 3)
      yield* Port.kil(port, "why")
      yield* Port.snd(port, 4)
    })
  const packets = [["p", 1], ["", "mon1", "p"], ["p", 2], ["", "mon0", "p"], ["p", 3], ["", "kil1", "p", "why"], [
    "p",
    4
  ]]

  overTcp("on a link", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      const raw = yield* connectRaw(node.address)
      yield* until("the link stands", () => node.router.isUp("raw"))
      yield* node.run(inOrder("raw#p"))
      assert.deepStrictEqual(yield* raw.settle, packets)
    }))

  overTcp("while they wait for one", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      const raw = yield* listenRaw()
      world.book.set("raw", [raw.address])
      yield* node.run(inOrder("raw#p"))
      yield* until("the packets", () => raw.peers[0]?.packets.length === packets.length)
      assert.deepStrictEqual(raw.peers[0]!.packets, packets)
    }))
})

describe("the source of a message is the link that it came on", () => {
  overTcp("however connections that are accepted cross", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      const [watched, other] = [yield* collector(node), yield* collector(node)]
      const names = ["one", "two", "three"]
      const raws = yield* Effect.forEach(names, (nodeId) => dialRaw(node.address, { nodeId, opening: "" }))
      const lines = names.map((nodeId) => opening(nodeId).split("\n").slice(0, 3))
      for (let i = 0; i < 3; i++) {
        for (const [j, raw] of raws.entries()) {
          raw.write(`${lines[j]![i]!}\n`)
          yield* Effect.sleep("1 millis")
        }
      }
      yield* Effect.forEach(raws, (raw) => until("our auth line", () => raw.lines.length === 3))
      raws[0]!.send(["", "mon1", watched.name])
      raws[1]!.send(["", "mon1", other.name])
      yield* Effect.forEach(raws, (raw) => raw.settle)
      yield* node.run(Port.kil(watched.port, "end"))
      yield* raws[0]!.has(1)
      assert.deepStrictEqual(yield* Effect.forEach(raws, (raw) => raw.settle), [
        [["", "kil0", watched.name, "end"]],
        [],
        []
      ])
    }))
})

for (const [name, transport] of transports) {
  const test = testOver(transport)
  const nodes = (world: World) => Effect.all([world.start("a"), world.start("b"), world.start("c")])

  describe(`links over ${name}`, () => {
    test("what is sent while a node comes up is not lost, and goes behind what waited", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes(world)
        const [atA, atB] = [yield* collector(a), yield* collector(b)]
        for (const [node, to] of [[a, atB.port], [b, atA.port]] as const) {
          node.router.listeners.add({
            up: () => {
              for (const i of [3, 4]) node.router.send(to, [i])
            },
            down: () => {}
          })
        }
        for (const i of [1, 2]) yield* a.run(Port.snd(atB.port, i))
        yield* until("the link stands", () => a.router.isUp("b") && b.router.isUp("a"))
        for (const i of [5, 6]) yield* a.run(Port.snd(atB.port, i))
        yield* Effect.andThen(atA.has(2), atB.has(6))
        assert.deepStrictEqual([atA.messages, atB.messages], [[[3], [4]], [[1], [2], [3], [4], [5], [6]]])
      }))

    test("two nodes that connect at once lose neither messages nor answers", (world) =>
      Effect.gen(function*() {
        for (let round = 0; round < 20; round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const [a, b] = yield* nodes(world)
            const [atA, atB] = [yield* collector(a), yield* collector(b)]
            const lost = [yield* watch(a, atB.port), yield* watch(b, atA.port)]
            for (let i = 0; i < 100; i++) {
              a.router.send(atB.port, [i])
              b.router.send(atA.port, [i])
            }
            yield* Effect.all([roundTrip(a, b), roundTrip(b, a)], { concurrency: "unbounded" })
            const all = Array.from({ length: 100 }, (_, i) => [i])
            assert.deepStrictEqual([atA.messages, atB.messages, lost], [all, all, [[], []]])
          }))
        }
        assert.deepStrictEqual(world.logs, [])
      }))

    test("monitors of ports elsewhere leave nothing behind, in whatever order they go", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes(world)
        yield* connect(a, b)
        const peers = [a.router.peers.get("b")!, b.router.peers.get("a")!] as const
        const left = () => [peers[0]["monitors"].size, peers[1]["monitored"].size]
        const kept = yield* collector(b)
        for (let i = 0; i < 100; i++) yield* Effect.scoped(watch(a, kept.port))
        yield* roundTrip(a, b)
        assert.deepStrictEqual(left(), [0, 0], "taken back")
        const cell = b.router.ports.get(kept.port) as unknown as { readonly watchers: ReadonlySet<unknown> | undefined }
        assert.strictEqual(cell.watchers?.size ?? 0, 0)
        yield* Effect.scoped(Effect.gen(function*() {
          for (let i = 0; i < 100; i++) {
            const port = yield* b.run(Port.make({}))
            const fired = yield* watch(a, port)
            yield* roundTrip(a, b)
            yield* b.run(Port.kil(port, "end"))
            yield* until("the monitor fires", () => fired.length > 0)
          }
        }))
        yield* roundTrip(a, b)
        assert.deepStrictEqual(left(), [0, 0], "taken back behind the end of the port")
        yield* Effect.scoped(Effect.gen(function*() {
          for (let i = 0; i < 100; i++) yield* watch(a, `b#ghost${i}`)
          yield* roundTrip(a, b)
        }))
        assert.deepStrictEqual(left(), [0, 0], "of ports that never were")
      }))

    test("the end of a link inside of a handler, or of a listener, ends no other link", (world) =>
      Effect.gen(function*() {
        const [a, b, c] = yield* nodes(world)
        yield* Effect.andThen(connect(a, b), connect(a, c))
        const inbox = yield* collector(c)
        const events = yield* follow(c)
        a.router.listeners.add({
          up: () => {},
          down: (nodeId) => a.router.send(inbox.port, ["down", nodeId])
        })
        const port = yield* a.run(Port.make({
          go: () => Effect.andThen(world.cutOff("b"), Port.snd(inbox.port, "from the handler"))
        }))
        yield* a.run(Port.snd(port, "go"))
        yield* inbox.has(2)
        assert.sameDeepMembers(inbox.messages, [["down", "b"], ["from the handler"]])
        yield* roundTrip(a, c)
        assert.deepStrictEqual(events, [{ _tag: "Up", nodeId: "a" }])
      }))

    test("a link that ends while it is taken in use ends alone, and comes back", (world) =>
      Effect.gen(function*() {
        const [a, b, c] = yield* nodes(world)
        yield* connect(a, c)
        const events = yield* follow(c)
        let cuts = 0
        a.router.listeners.add({
          up: (nodeId) => {
            if (nodeId === "b" && cuts++ === 0) Effect.runSync(world.cutOff("b"))
          },
          down: () => {}
        })
        const inbox = yield* collector(b)
        yield* a.run(Port.snd(inbox.port, "lost"))
        yield* until("it was cut", () => cuts === 1)
        yield* until("a message arrives", () =>
          Effect.as(
            Effect.andThen(a.run(Port.snd(inbox.port, "found")), Effect.sleep("5 millis")),
            inbox.messages.length > 0
          ))
        assert.deepStrictEqual(inbox.messages[0], ["found"])
        yield* roundTrip(c, a)
        assert.deepStrictEqual(events, [{ _tag: "Up", nodeId: "a" }])
      }))

    test("a connection that breaks in the listener that hears of its link is no link", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes(world)
        const seen: Array<string> = []
        a.router.listeners.add({
          up: (nodeId) => {
            seen.push(`${nodeId} is up`)
            if (seen.length === 1) Effect.runSync(world.cut)
          },
          down: (nodeId) => seen.push(`${nodeId} is down`)
        })
        const inbox = yield* collector(b)
        yield* a.run(Port.snd(inbox.port, "lost"))
        yield* until("it is lost", () => seen.length === 2)
        yield* a.run(Port.snd(inbox.port, "found"))
        yield* inbox.has(1)
        assert.deepStrictEqual([inbox.messages, seen], [[["found"]], ["b is up", "b is down", "b is up"]])
      }))

    test("a link that ends while its queue is sent ends alone, and comes back", (world) =>
      Effect.gen(function*() {
        const [a, , c] = yield* nodes(world)
        const json = yield* world.start("json", { framings: ["json"] })
        yield* connect(a, c)
        const [events, inbox, atC] = [yield* follow(c), yield* collector(json), yield* collector(c)]
        const lost = yield* watch(a, inbox.port)
        for (const part of [1, new Uint8Array(2), 3]) a.router.send(inbox.port, [part])
        yield* until("the monitor fires", () => lost.length > 0)
        assert.include(String(lost[0]![2]), "is bytes")
        for (const to of [inbox, atC]) yield* a.run(Port.snd(to.port, "again"))
        yield* Effect.andThen(inbox.has(1), atC.has(1))
        assert.deepStrictEqual([inbox.messages, atC.messages], [[["again"]], [["again"]]])
        assert.deepStrictEqual(events, [{ _tag: "Up", nodeId: "a" }])
      }))
  })

  describe(`one process, over ${name}`, () => {
    test("two ports in endless ping-pong hold up neither timers nor sockets", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* nodes(world)
        let rounds = 0
        const [one, two] = [yield* a.run(Port.make()), yield* a.run(Port.make())]
        for (const [port, other] of [[one, two], [two, one]] as const) {
          yield* a.run(Port.rcv(port, "ping", () => {
            rounds++
            return Port.snd(other, "ping")
          }))
        }
        yield* a.run(Port.snd(one, "ping"))
        yield* Effect.sleep("5 millis")
        const before = rounds
        yield* Effect.andThen(roundTrip(a, b), roundTrip(b, a))
        assert.isAbove(before, 0)
        assert.isAbove(rounds, before, "it goes on meanwhile")
        yield* a.run(Port.kil(one))
      }))

    test("a default receiver stays when tags get receivers of their own, and when they lose them", (world) =>
      Effect.gen(function*() {
        const [a] = yield* nodes(world)
        const seen: Array<unknown> = []
        const say = (who: string) => (...args: ReadonlyArray<unknown>) => void seen.push([who, ...args])
        const port = yield* a.run(Port.make())
        yield* a.run(Port.rcv(port, say("default")))
        yield* a.run(Port.rcv(port, "tag", say("tag")))
        for (const tag of ["tag", "other"]) yield* a.run(Port.snd(port, tag, 1))
        yield* until("two messages", () => seen.length === 2)
        yield* a.run(Port.rcv(port, "tag"))
        yield* a.run(Port.snd(port, "tag", 2))
        yield* until("the third one", () => seen.length === 3)
        assert.deepStrictEqual(seen, [["tag", 1], ["default", "other", 1], ["default", "tag", 2]])
      }))
  })
}

describe("an unknown framing", () => {
  overTcp(
    "is passed over if there is another one, and refused if not; the node goes on",
    (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("a")
        const greet = (framings: string) => opening("raw").replace(";json\n", `;${framings}\n`)
        const refused = yield* dialRaw(node.address, { opening: greet("storable,msgpack") })
        yield* refused.closed
        const raw = yield* connectRaw(node.address, { opening: greet("storable,json,msgpack") })
        assert.match(raw.lines[2]!, /;json$/)
        assert.deepStrictEqual(yield* raw.settle, [])
      })
  )
})
