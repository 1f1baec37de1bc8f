/** What went wrong in AEMP's own history, once each: none of it may come back here. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  collector,
  connect,
  follow,
  isUp,
  roundTrip,
  testOver,
  transports,
  until,
  watch,
  type World
} from "./harness.ts"
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
      yield* until("the link stands", () => isUp(node, "raw"))
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
    test("two nodes that connect at once lose neither messages nor answers", (world) =>
      Effect.gen(function*() {
        for (let round = 0; round < 20; round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const [a, b] = yield* nodes(world)
            const [atA, atB] = [yield* collector(a), yield* collector(b)]
            const lost = [yield* watch(a, atB.port), yield* watch(b, atA.port)]
            for (let i = 0; i < 100; i++) {
              yield* a.run(Port.snd(atB.port, i))
              yield* b.run(Port.snd(atA.port, i))
            }
            yield* Effect.all([roundTrip(a, b), roundTrip(b, a)], { concurrency: "unbounded" })
            const all = Array.from({ length: 100 }, (_, i) => [i])
            assert.deepStrictEqual([atA.messages, atB.messages, lost], [all, all, [[], []]])
          }))
        }
        assert.deepStrictEqual(world.logs, [])
      }))

    test("a link that ends while its queue is sent ends alone, and comes back", (world) =>
      Effect.gen(function*() {
        const [a, , c] = yield* nodes(world)
        const json = yield* world.start("json", { framings: ["json"] })
        yield* connect(a, c)
        const [events, inbox, atC] = [yield* follow(c), yield* collector(json), yield* collector(c)]
        const lost = yield* watch(a, inbox.port)
        for (const part of [1, new Uint8Array(2), 3]) {
          // Where nothing can be interrupted, a sender does not wait for the link to know what it carries.
          yield* a.run(Effect.uninterruptible(Port.snd(inbox.port, part)))
        }
        yield* until("the monitor fires", () => lost.length > 0)
        assert.include(String(lost[0]![2]), "is bytes")
        for (const to of [inbox, atC]) yield* a.run(Port.snd(to.port, "again"))
        yield* Effect.andThen(inbox.has(2), atC.has(1))
        assert.deepStrictEqual([inbox.messages, atC.messages], [[[1], ["again"]], [["again"]]])
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
