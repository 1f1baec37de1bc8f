import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Global, Node, Port } from "../src/index.ts"
import { transports, until } from "./harness.ts"
import { linkedTo, type MeshNode, meshTestOver } from "./meshWorld.ts"

const member = (node: MeshNode, group: string) =>
  node.run(Effect.tap(Port.make(() => {}), (port) => Effect.orDie(Global.register(port, group))))

const pick = (node: MeshNode, choice?: Global.Choice) =>
  Effect.map(Effect.orDie(node.run(Global.pick("workers", choice))), Option.getOrUndefined)

for (const [name, transport] of transports) {
  const test = meshTestOver(transport)

  describe(`groups, over ${name}`, () => {
    test("are watched: first who is there, then who comes and goes, and nothing else", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const node = yield* world.start("node", { seeds: [seed.address] })
        const first = yield* member(node, "workers")
        yield* seed.run(Global.awaitGroup("workers", 1))
        const seen: Array<Global.GroupChange> = []
        yield* seed.run(Stream.runForEach(Global.watch("workers"), (change) => Effect.sync(() => seen.push(change))))
          .pipe(Effect.forkScoped)
        yield* until("the first one is seen", () => seen.length === 1)
        const second = yield* member(seed, "workers")
        yield* until("the second one is seen", () => seen.length === 2)
        // No member: a key that is no port.
        yield* node.run(Global.set("workers", "note", "not a port"))
        yield* node.run(Port.kil(first))
        yield* until("the end of the first one is seen", () => seen.length === 3)
        assert.deepStrictEqual(seen, [
          { group: "workers", members: [first], joined: [first], left: [] },
          { group: "workers", members: [first, second], joined: [second], left: [] },
          { group: "workers", members: [second], joined: [], left: [first] }
        ])
      }))

    test("take a member from a pipe, or as an argument", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const piped = yield* seed.run(Port.make(() => {}).pipe(Effect.tap(Global.register("workers"))))
        const given = yield* member(seed, "workers")
        assert.deepStrictEqual(new Set(yield* seed.run(Global.find("workers"))), new Set([piped, given]))
      }))

    test("lose a member whose port has ended, and say why if that was not in order", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const [failed, ended] = [yield* member(seed, "workers"), yield* member(seed, "workers")]
        yield* seed.run(Global.awaitGroup("workers", 2))
        yield* seed.run(Port.kil(ended))
        yield* seed.run(Port.kil(failed, "why", 1))
        yield* until("both have gone", () => Effect.map(pick(seed), (port) => port === undefined))
        assert.deepStrictEqual(world.warnings(), [
          `WARN seed port ${failed}, registered in workers, has ended: why: 1`
        ])
      }))

    test("lose the members of a node that drains, for good; what else it has set stays", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const node = yield* world.start("node", { seeds: [seed.address], global: true })
        const stays = yield* member(seed, "workers")
        const goes = yield* member(node, "workers")
        yield* node.run(Global.set("workers", "note", "not a port"))
        const looking = yield* seed.run(Global.group("workers"))
        yield* looking.awaitMembers(2)
        yield* node.run(Node.drain())
        // Its own word comes before that of the database.
        assert.deepStrictEqual(yield* looking.members, [stays])
        const late = yield* member(node, "workers")
        yield* node.run(Global.set("workers", "note", "that it is late"))
        yield* until(
          "the database tells",
          () =>
            Effect.map(Effect.orDie(seed.run(Global.family("workers"))), (all) => all.get("note") === "that it is late")
        )
        const all = yield* seed.run(Global.family("workers"))
        assert.deepStrictEqual([all.has(goes), all.has(late), all.has(stays)], [false, false, true])
        assert.strictEqual(yield* pick(node), stays)
      }))

    test("of nobody have no member to pick, and are watched from the start", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        assert.isUndefined(yield* pick(seed))
        const [first] = yield* seed.run(Stream.runCollect(Stream.take(Global.watch("workers"), 1)))
        assert.deepStrictEqual(first, { group: "workers", members: [], joined: [], left: [] })
      }))

    test("have members to pick: any, in turn, or the nearest", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const node = yield* world.start("node", { seeds: [seed.address] })
        yield* linkedTo(node, "seed")
        const near = [yield* member(node, "workers"), yield* member(node, "workers")]
        const all = [...near, yield* member(seed, "workers"), yield* member(seed, "workers")]
        yield* node.run(Global.awaitGroup("workers", 4))
        const picks = (choice: Global.Choice, count: number) =>
          Effect.forEach(Array.from({ length: count }), () => pick(node, choice))
        const inTurn = yield* picks("round-robin", 8)
        assert.sameMembers(inTurn.slice(0, 4), all)
        assert.deepStrictEqual(inTurn.slice(4), inTurn.slice(0, 4))
        assert.includeMembers(near, yield* picks("nearest", 20))
        assert.includeMembers(all, yield* picks("random", 20))
        for (const port of near) yield* node.run(Port.kil(port))
        yield* until("the near ones are gone", () => Effect.map(picks("nearest", 1), ([port]) => !near.includes(port!)))
      }))
  })

  describe(`entries, over ${name}`, () => {
    test("that were set again outlive the scope that set them first", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const [first, second] = [yield* Scope.make(), yield* Scope.make()]
        yield* seed.run(Global.set("settings", "key", 1)).pipe(Scope.provide(first))
        yield* seed.run(Global.set("settings", "key", 2)).pipe(Scope.provide(second))
        yield* Scope.close(first, Exit.void)
        yield* seed.has("settings", { key: 2 })
        yield* Scope.close(second, Exit.void)
        yield* seed.has("settings", {})
      }))

    test("that do not fit a schema are left out and told, and cannot be set", (world) =>
      Effect.gen(function*() {
        const seed = yield* world.start("seed", { global: true })
        const node = yield* world.start("node", { seeds: [seed.address] })
        const limits = Global.typed("limits", Schema.Number)
        const seen: Array<Record<string, number>> = []
        yield* seed.run(
          Stream.runForEach(limits.mon, ({ entries }) => Effect.sync(() => seen.push(Object.fromEntries(entries))))
        ).pipe(Effect.forkScoped)
        yield* node.run(limits.set("a", 1))
        yield* node.run(Global.set("limits", "b", "many"))
        yield* node.run(limits.set("c", 3))
        yield* until("the others are seen", () => Object.keys(seen.at(-1) ?? {}).length === 2)
        assert.deepStrictEqual(seen.at(-1), { a: 1, c: 3 })
        assert.deepStrictEqual(Object.fromEntries(yield* seed.run(limits.entries)), { a: 1, c: 3 })
        const error = yield* Effect.flip(node.run(limits.set("d", "x" as never)))
        assert.match(error.message, /limits.*the value of d does not fit/)
      }))
  })
}
