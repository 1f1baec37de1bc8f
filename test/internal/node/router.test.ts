/** The middle of a node, and what it hears of links: listeners that act in the same call, monitors, and what is left of both. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { NodeRouter } from "../../../src/internal/node/router.ts"
import * as Node from "../../../src/Node.ts"
import * as Port from "../../../src/Port.ts"
import {
  areLinked,
  collector,
  connect,
  follow,
  roundTrip,
  testOver,
  transports,
  until,
  watch,
  type World
} from "../../harness.ts"

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
        yield* until("the link stands", () => areLinked(a, b))
        for (const i of [5, 6]) yield* a.run(Port.snd(atB.port, i))
        yield* Effect.andThen(atA.has(2), atB.has(6))
        assert.deepStrictEqual([atA.messages, atB.messages], [[[3], [4]], [[1], [2], [3], [4], [5], [6]]])
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
  })
}

it.live("a stream of events that has ended listens no more", () =>
  Effect.gen(function*() {
    const { listeners } = yield* NodeRouter
    const following = yield* Effect.forkScoped(Stream.runDrain(Node.events))
    yield* until("it listens", () => listeners.size === 1)
    yield* Fiber.interrupt(following)
    assert.strictEqual(listeners.size, 0)
  }).pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
