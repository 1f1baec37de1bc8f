/** How entities, what they hold and singletons live over several runners: when they end, when they come back by themselves, who waits. */
import { assert, describe } from "@effect/vitest"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as EntityResource from "effect/cluster/EntityResource"
import * as Singleton from "effect/cluster/Singleton"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Transport } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { keyOn, Machine, makeStage, staged } from "./clusterStage.ts"
import { soon, test, three } from "./clusterWorld.ts"

const Thing = Entity.make("Thing", [
  EffectRpc.make("add", { success: Schema.Number }),
  EffectRpc.make("work", { payload: { id: Schema.String, millis: Schema.Number }, success: Schema.String }),
  EffectRpc.make("stay", { payload: { stays: Schema.Boolean } })
])

type Options = NonNullable<Parameters<typeof Thing.toLayer>[1]>

const thing = (options?: Options, entity: typeof Thing = Thing) =>
  entity.toLayer(
    Effect.gen(function*() {
      const { nodeId, note } = yield* Machine
      const address = yield* Entity.CurrentAddress
      yield* Effect.acquireRelease(note("is there"), () => note("is gone"))
      let total = 0
      return Thing.of({
        add: () => Effect.sync(() => ++total),
        work: ({ payload: { id, millis } }) =>
          note(`begins ${id}`).pipe(
            Effect.andThen(Effect.sleep(millis)),
            Effect.andThen(note(`ends ${id}`)),
            Effect.as(nodeId)
          ),
        stay: ({ payload: { stays } }) => Effect.provideService(Entity.keepAlive(stays), Entity.CurrentAddress, address)
      })
    }),
    options
  )

describe("an entity", () => {
  test(
    "is gone when nobody has called it for a while, unless it stays, and begins anew with the next call",
    Effect.gen(function*() {
      const { nodes } = yield* staged(thing({ maxIdleTime: "2 seconds" }))
      const things = yield* nodes[0].run(Thing.client)
      const [idle, staying] = [things("idle"), things("staying")]
      const addBoth = soon(Effect.all([idle.add(), staying.add()]))
      yield* soon(staying.stay({ stays: true }))
      assert.deepStrictEqual(yield* addBoth, [1, 1])
      yield* TestClock.adjust("8 seconds")
      assert.deepStrictEqual(yield* addBoth, [1, 2])
      yield* soon(staying.stay({ stays: false }))
      yield* TestClock.adjust("8 seconds")
      assert.deepStrictEqual(yield* addBoth, [1, 1])
    })
  )

  test(
    "that stays is there again on another node when its own is killed, without a call",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(thing())
      const key = yield* keyOn(Thing, nodes[2])
      yield* soon((yield* nodes[0].run(Thing.client))(key).stay({ stays: true }))
      assert.deepStrictEqual(lines, ["c is there"])
      yield* nodes[2].kill
      yield* TestNetwork.until("it is there again", () => lines.length === 2)
      assert.match(lines[1] ?? "", /^[ab] is there$/)
    })
  )

  test(
    "does one thing after the other, in the order of each caller, whatever nodes they are on",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(thing())
      yield* soon(
        Effect.forEach(
          nodes,
          ({ nodeId, run }) =>
            Effect.flatMap(
              run(Thing.client),
              (things) =>
                Effect.forEach([1, 2, 3], (n) => things("key").work({ id: `${nodeId}${n}`, millis: 100 }), {
                  concurrency: "unbounded"
                })
            ),
          {
            concurrency: "unbounded"
          }
        )
      )
      const works = lines.filter((line) => !line.endsWith("is there")).map((line) => line.slice(2))
      const begun = works.flatMap((work) => work.startsWith("begins") ? [work.slice("begins ".length)] : [])
      assert.deepStrictEqual(works, begun.flatMap((id) => [`begins ${id}`, `ends ${id}`]))
      for (const caller of ["a", "b", "c"]) {
        assert.deepStrictEqual(begun.filter((id) => id.startsWith(caller)), [1, 2, 3].map((n) => `${caller}${n}`))
      }
    })
  )

  test(
    "whose mailbox is full refuses the next call, on other nodes too, and takes calls again when it has room",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(thing({ mailboxCapacity: 2 }))
      const key = yield* keyOn(Thing, nodes[2])
      const client = (yield* nodes[0].run(Thing.client))(key)
      const calls = yield* Effect.forkChild(
        Effect.forEach(["1", "2"], (id) => client.work({ id, millis: 1000 }), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestNetwork.until("it is at work", () => lines.includes("c begins 1"))
      assert.strictEqual((yield* soon(Effect.flip(client.add())))._tag, "MailboxFull")
      yield* soon(Fiber.join(calls))
      assert.strictEqual(yield* soon(client.add()), 1)
    })
  )

  test(
    "that does not finish when its node stops is interrupted after its time, and does its work anew elsewhere, only then",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(thing(), { entityTerminationTimeout: "3 seconds" })
      const key = yield* keyOn(Thing, nodes[2])
      const things = yield* nodes[0].run(Thing.client)
      const call = yield* Effect.forkChild(things(key).work({ id: "long", millis: 20_000 }), { startImmediately: true })
      yield* TestNetwork.until("it is at work", () => lines.includes("c begins long"))
      yield* nodes[2].stop
      assert.match(yield* soon(Fiber.join(call)), /^[ab]$/)
      assert.deepStrictEqual(lines.slice(0, 3), ["c is there", "c begins long", "c is gone"])
      assert.match(lines.slice(3).join(), /^([ab]) is there,\1 begins long,\1 ends long$/)
    })
  )

  test(
    "goes on when nobody waits for its answer: a caller that wants none is not held up",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(thing())
      const key = yield* keyOn(Thing, nodes[2])
      const things = yield* nodes[0].run(Thing.client)
      yield* things(key).work({ id: "long", millis: 5000 }, { discard: true }).pipe(TestNetwork.within("1 second"))
      yield* TestNetwork.until("it is done", () => lines.includes("c ends long"))
    })
  )

  test(
    "of a shard group is on nodes of that group alone; without one its calls wait",
    Effect.gen(function*() {
      const Special: typeof Thing = Thing.annotate(ClusterSchema.ShardGroup, () => "special")
      const { lines, start, startAll } = yield* makeStage(thing({}, Special), {
        availableShardGroups: ["default", "special"]
      })
      const [a] = yield* startAll
      const call = yield* Effect.forkChild(
        (yield* a.run(Special.client))("key").work({ id: "work", millis: 0 }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(lines, [])
      yield* soon(start("d", { assignedShardGroups: ["special"] }))
      assert.strictEqual(yield* soon(Fiber.join(call)), "d")
    })
  )
})

describe("what an entity holds", () => {
  const Holder = Entity.make("Holder", [EffectRpc.make("use"), EffectRpc.make("close")])

  const HolderLive = Holder.toLayer(Effect.gen(function*() {
    const { note } = yield* Machine
    const resource = yield* EntityResource.make({
      acquire: Effect.gen(function*() {
        yield* note("acquires")
        yield* Effect.addFinalizer(() => note("lets go"))
        const closed = yield* EntityResource.CloseScope
        yield* Effect.addFinalizer(() => note("closes")).pipe(Effect.provideService(Scope.Scope, closed))
      }),
      acquireEagerly: true
    })
    return Holder.of({ use: () => Effect.scoped(resource.get), close: () => resource.close })
  }))

  test(
    "goes with it to the next node, at once, and is closed when it is told so",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(HolderLive)
      const key = yield* keyOn(Holder, nodes[2])
      const holders = yield* nodes[0].run(Holder.client)
      yield* soon(holders(key).use())
      yield* nodes[2].stop
      yield* TestNetwork.until("it has moved", () => lines.length === 3)
      yield* soon(holders(key).close())
      assert.deepStrictEqual(lines.slice(0, 2), ["c acquires", "c lets go"])
      assert.match(lines.slice(2).join(), /^([ab]) acquires,\1 lets go,\1 closes$/)
    })
  )
})

describe("a call", () => {
  test(
    "whose link breaks in the middle of it is made again: it may run twice, and is answered",
    Effect.gen(function*() {
      const { clients, journal, keyOn } = yield* three
      const key = yield* keyOn("c")
      const call = yield* Effect.forkChild(clients[0](key).slow({ millis: 3000 }), { startImmediately: true })
      const begun = () => journal.lines.filter((line) => line === `c ${key} begins`).length
      yield* TestNetwork.until("it is at work", () => begun() === 1)
      yield* (yield* Transport.MemoryNetwork).reset({ from: "a", to: "c" })
      assert.strictEqual(yield* soon(Fiber.join(call)), "c")
      assert.strictEqual(begun(), 2)
    })
  )
})

describe("a singleton", () => {
  const keeper = Singleton.make(
    "keeper",
    Effect.gen(function*() {
      const { note } = yield* Machine
      yield* Effect.acquireRelease(note("begins"), () => note("ends"))
      return yield* Effect.never
    })
  )
  const hostIn = (lines: ReadonlyArray<string>): string => /^([a-z]+) begins$/.exec(lines.at(-1) ?? "")?.[1] ?? "none"
  const running = (lines: ReadonlyArray<string>) =>
    Effect.as(TestNetwork.until("it runs", () => hostIn(lines) !== "none"), lines).pipe(Effect.map(hostIn))

  test(
    "ends on the smaller side of a split before it begins on the other, and stays one when the network is whole",
    Effect.gen(function*() {
      const { lines } = yield* staged(keeper)
      const first = yield* running(lines)
      lines.splice(0)
      const others = ["a", "b", "c"].filter((id) => id !== first)
      yield* TestNetwork.part([first], others)
      yield* TestNetwork.until("it runs elsewhere", () => others.includes(hostIn(lines)))
      const next = hostIn(lines)
      assert.deepStrictEqual(lines, [`${first} ends`, `${next} begins`])
      yield* (yield* Transport.MemoryNetwork).heal({ from: "*", to: "*" })
      yield* TestClock.adjust("8 seconds")
      const moves = lines.slice(2).map((line) => line.slice(2))
      assert.deepStrictEqual(moves, moves.map((_, n) => n % 2 === 0 ? "ends" : "begins"))
      assert.notStrictEqual(hostIn(lines), "none")
    })
  )

  for (const how of ["kill", "vanish"] as const) {
    test(
      `runs elsewhere after the ${how} of its node, and does not come back twice with it`,
      Effect.gen(function*() {
        const { lines, nodes, start } = yield* staged(keeper)
        const first = yield* running(lines)
        lines.splice(0)
        yield* nodes.find(({ nodeId }) => nodeId === first)![how]
        yield* TestNetwork.until("it runs elsewhere", () => lines.length === 1)
        yield* soon(start(first))
        yield* TestClock.adjust("8 seconds")
        // It may move back to where its shard belongs: it ends before it begins.
        assert.match(lines.join(), /^([a-z]) begins(,\1 ends,([a-z]) begins)?$/)
      })
    )
  }
})
