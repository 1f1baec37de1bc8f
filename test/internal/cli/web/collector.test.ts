/** Who asks the nodes of a network, in memory, and what is in the picture of it. Time is a TestClock. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { Events, Picture } from "../../../../src/internal/cli/web/api.ts"
import { applyChanges, emptyPicture } from "../../../../src/internal/cli/web/changes.ts"
import { Collector } from "../../../../src/internal/cli/web/collector.ts"
import { eventsFor } from "../../../../src/internal/cli/web/handlers.ts"
import { readStatus, statusRequest } from "../../../../src/internal/node/status.ts"
import * as TestNetwork from "../../../../src/TestNetwork.ts"
import * as Transport from "../../../../src/Transport.ts"
import { begin } from "../../../harness.ts"
import { makeMeshWorld, type MeshNode } from "../../../meshWorld.ts"
import { node, picture } from "./pictures.ts"
import { session } from "./session.ts"

/** A global node, two that use it, and the one that looks at them. */
const looking = Effect.gen(function*() {
  const { start } = yield* makeMeshWorld
  const seed = yield* start("seed", { global: true })
  const seeds = [seed.address]
  const a = yield* start("a", { seeds })
  const b = yield* start("b", { seeds })
  const web = yield* start("emp/web", { seeds, binds: [] })
  const collector = new Collector(session)
  yield* begin(Effect.scoped(web.run(collector.run)))
  const stateOf = (id: string) => collector.picture.nodes.get(id)?.state
  const shows = (what: string, condition: () => boolean) => TestNetwork.until(what, condition)
  const told = () => collector.entriesAfter(0).map(({ kind, node }) => `${node ?? "-"} ${kind}`)
  return { start, seeds, seed, a, b, web, collector, stateOf, shows, told }
})

type Looking = Effect.Success<typeof looking>

const test = (
  title: string,
  body: (
    looking: Looking
  ) => Effect.Effect<unknown, unknown, Scope.Scope | TestNetwork.TestNetwork | Transport.MemoryNetwork>
) => it.effect(title, () => Effect.scoped(Effect.flatMap(looking, body)).pipe(Effect.provide(TestNetwork.layer)))

const everywhere: Transport.Route = { from: "*", to: "*" }

/** How often a node is asked how it is, from now on. */
const countAsked = (node: MeshNode): { count: number } => {
  const asked = { count: 0 }
  const answer = node.router.requests.get(statusRequest)
  node.router.requests.add(statusRequest, (from, args) => {
    asked.count++
    answer?.(from, args)
  })
  return asked
}

const complete = ({ collector, shows }: Looking) =>
  Effect.andThen(collector.look, shows("a complete picture", () => collector.picture.isComplete))

describe("the picture", () => {
  test("has all nodes and their links, when somebody has looked for a moment", (looking) =>
    Effect.gen(function*() {
      const { collector, stateOf } = looking
      yield* complete(looking)
      assert.deepStrictEqual(["seed", "a", "b", "emp/web"].map(stateOf), ["up", "up", "up", undefined])
      const links = Array.from(collector.picture.links.values(), ({ a, b }) => `${a}-${b}`)
      assert.sameMembers(links, ["a-seed", "b-seed"])
      assert.deepStrictEqual(collector.entriesAfter(0), [])
    }))

  test("has a node that stops at once, keeps it with the time when it was seen last, and tells of it", (looking) =>
    Effect.gen(function*() {
      const { a, collector, shows, stateOf, told } = looking
      yield* complete(looking)
      const version = collector.picture.nodes.get("a")?.version ?? null
      yield* a.stop
      yield* shows("the node is down", () => stateOf("a") === "down")
      const shown = collector.picture.nodes.get("a")
      assert.isNumber(shown?.lastSeenAt)
      assert.deepInclude(shown, { problem: "has stopped in order", ports: null, version })
      assert.deepStrictEqual(told(), ["a down"])
      yield* shows("later pictures", () => collector.picture.version > 20)
      assert.strictEqual(stateOf("a"), "down")
    }))

  test("has a node that is back as one that was restarted, if it is another process", (looking) =>
    Effect.gen(function*() {
      const { a, collector, seeds, shows, start, stateOf, told } = looking
      yield* complete(looking)
      yield* a.stop
      yield* shows("the node is down", () => stateOf("a") === "down")
      const again = yield* start("a", { seeds })
      const answer = again.router.requests.get(statusRequest)
      again.router.requests.add(statusRequest, (from, [to, ...rest]) => {
        if (typeof to === "string") again.router.relay(from, to, [...rest, { ...readStatus(again.router), pid: 4711 }])
        else answer?.(from, [to, ...rest])
      })
      yield* shows("the node is back", () => stateOf("a") === "up")
      assert.strictEqual(collector.picture.nodes.get("a")?.pid, 4711)
      assert.deepStrictEqual(told(), ["a down", "a restart"])
    }))

  test("has a node that does not answer as silent, and the others as ever", (looking) =>
    Effect.gen(function*() {
      const { collector, shows, stateOf, told } = looking
      const network = yield* Transport.MemoryNetwork
      yield* complete(looking)
      yield* TestNetwork.part(["a"], ["emp/web"])
      yield* shows("the node is silent", () => stateOf("a") === "silent")
      assert.strictEqual(stateOf("b"), "up")
      assert.isNumber(collector.picture.nodes.get("a")?.lastSeenAt)
      const { version } = collector.picture
      yield* shows("others are asked as ever", () => collector.picture.version > version + 5)
      assert.strictEqual(stateOf("b"), "up")
      assert.deepStrictEqual(told(), ["a silent"])
      yield* network.heal(everywhere)
      yield* shows("the node is back", () => stateOf("a") === "up")
    }))

  test("is split when nodes lose their way to each other, and whole again when they have it back", (looking) =>
    Effect.gen(function*() {
      const { shows, told } = looking
      const network = yield* Transport.MemoryNetwork
      yield* complete(looking)
      yield* TestNetwork.part(["a"], ["seed"])
      yield* shows("a split", () => told().includes("- split"))
      yield* network.heal(everywhere)
      yield* shows("a merge", () => told().includes("- merge"))
    }))
})

describe("nodes are asked", () => {
  test("once a second, and by nobody when nobody looks", (looking) =>
    Effect.gen(function*() {
      const { a, collector, shows } = looking
      const asked = countAsked(a)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(asked.count, 0)
      const watcher = yield* Scope.make()
      yield* Scope.provide(collector.look, watcher)
      yield* shows("a picture", () => collector.picture.isComplete)
      const { version } = collector.picture
      const before = asked.count
      yield* shows("ten more pictures", () => collector.picture.version >= version + 10)
      assert.isAtMost(asked.count - before, 11)
      yield* Scope.close(watcher, Exit.void)
      yield* shows("the round is over", () => collector.looking === 0)
      yield* TestClock.adjust("3 seconds")
      const last = asked.count
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(asked.count, last)
    }))
})

describe("the events", () => {
  /** A picture that a test changes. */
  const followed = () => {
    let current = emptyPicture
    return {
      get picture() {
        return current
      },
      show(next: Picture) {
        current = next
      },
      lastEntry: 0,
      entriesAfter: () => [],
      newerThan: (version: number) => current.version > version ? Effect.void : Effect.never,
      look: Effect.void
    }
  }

  it.effect("of one who reads slowly do not queue up: what comes next is what has changed since", () =>
    Effect.gen(function*() {
      const source = followed()
      const many = Array.from({ length: 100 }, (_, n) => `node ${n}`)
      source.show(picture(many.map((id) => node(id, { ports: 0 })), [], { version: 1 }))
      const taken: Array<Events> = []
      let known = emptyPicture
      const reader = yield* begin(
        eventsFor(source).pipe(
          Stream.tap((event) =>
            Effect.suspend(() => {
              taken.push(event)
              if (event.event === "network") known = applyChanges(known, event.data)
              return taken.length === 2 ? Effect.sleep("1 hour") : Effect.void
            })
          ),
          Stream.take(3),
          Stream.runDrain
        )
      )
      for (let version = 2; version <= 1000; version++) {
        source.show(picture(many.map((id) => node(id, { ports: version })), [], { version }))
      }
      yield* TestClock.adjust("2 hours")
      yield* Fiber.join(reader)
      assert.deepStrictEqual(taken.map(({ event }) => event), ["network", "timeline", "network"])
      assert.deepStrictEqual(known, source.picture)
    }))

  it.effect("come five seconds apart when nothing happens, and not more often than five a second when much does", () =>
    Effect.gen(function*() {
      const source = followed()
      source.show(picture([node("a")], [], { version: 1 }))
      let count = 0
      yield* begin(
        Stream.runForEach(eventsFor(source), ({ event }) => Effect.sync(() => event === "network" && count++))
      )
      yield* TestClock.adjust("51 seconds")
      assert.strictEqual(count, 11)
      for (let n = 0; n < 1000; n++) {
        source.show(picture([node("a", { ports: n })], [], { version: n + 2 }))
        yield* TestClock.adjust("10 millis")
      }
      assert.isAtMost(count - 11, 51)
    }))
})
