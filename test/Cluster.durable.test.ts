/** Durable calls: what becomes of them when their runner, their caller or both are gone, with Effect's own SQL storage. */
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as DeliverAt from "effect/cluster/DeliverAt"
import * as Entity from "effect/cluster/Entity"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as PrimaryKey from "effect/PrimaryKey"
import * as Random from "effect/Random"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Transport } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import { keyOn, Machine, staged } from "./clusterStage.ts"
import { Refused, soon, test, voters } from "./clusterWorld.ts"
import { sized } from "./size.ts"

class Later extends Schema.Class<Later>("Later")({ id: Schema.String, at: Schema.Number }) {
  [PrimaryKey.symbol](): string {
    return this.id
  }
  [DeliverAt.symbol](): DateTime.DateTime {
    return DateTime.makeUnsafe(this.at)
  }
}

const timed = { id: Schema.String, millis: Schema.Number }
const primaryKey = ({ id }: { readonly id: string }) => id

const Ledger = Entity.make("Ledger", [
  EffectRpc.make("book", { payload: timed, success: Schema.String, primaryKey }),
  EffectRpc.make("keep", { payload: timed, success: Schema.String, primaryKey })
    .annotate(ClusterSchema.Uninterruptible, true),
  EffectRpc.make("ask", { payload: timed, success: Schema.String }).annotate(ClusterSchema.Persisted, false),
  EffectRpc.make("later", { payload: Later, success: Schema.Number }),
  EffectRpc.make("count", { payload: timed, success: Schema.Number, stream: true, primaryKey }),
  EffectRpc.make("fails", { payload: timed, error: Refused, primaryKey }),
  EffectRpc.make("throws", { payload: timed, primaryKey }),
  EffectRpc.make("wrong", { payload: timed, success: Schema.Number, primaryKey })
]).annotateRpcs(ClusterSchema.Persisted, true)

const LedgerLive = Ledger.toLayer(
  Effect.gen(function*() {
    const { nodeId, note } = yield* Machine
    const work = (
      { payload: { id, millis } }: { readonly payload: { readonly id: string; readonly millis: number } }
    ) =>
      note(`begins ${id}`).pipe(
        Effect.andThen(Effect.sleep(millis)),
        Effect.andThen(note(`is done with ${id}`)),
        Effect.onInterrupt(() => note(`is interrupted in ${id}`)),
        Effect.as(nodeId)
      )
    return Ledger.of({
      book: work,
      keep: work,
      ask: work,
      later: ({ payload: { id } }) => Effect.andThen(note(`begins ${id}`), Clock.currentTimeMillis),
      count: (request) => {
        const from = Option.match(request.lastSentChunkValue, { onNone: () => 0, onSome: (last) => last + 1 })
        const { id, millis } = request.payload
        return Stream.fromEffect(note(`counts ${id} from ${from}`)).pipe(
          Stream.drain,
          Stream.concat(Stream.range(from, 5).pipe(Stream.rechunk(1))),
          Stream.tap(() => Effect.sleep(millis))
        )
      },
      fails: ({ payload: { id } }) => Effect.andThen(note(`begins ${id}`), Effect.fail(new Refused({ why: id }))),
      throws: ({ payload: { id } }) => Effect.andThen(note(`begins ${id}`), Effect.die(new Error(id))),
      wrong: ({ payload: { id } }) => Effect.as(note(`begins ${id}`), "no number" as unknown as number)
    })
  }),
  { concurrency: "unbounded", disableFatalDefects: true }
)

const count = (lines: ReadonlyArray<string>, what: string): number => lines.filter((line) => line.endsWith(what)).length

describe("a durable call", () => {
  test(
    "that is made while there is no runner is carried out once when there is one",
    Effect.gen(function*() {
      const { lines, nodes, startAll, startClient } = yield* staged(LedgerLive)
      const ledgers = yield* (yield* soon(startClient("front"))).run(Ledger.client)
      yield* Effect.forEach(nodes, ({ stop }) => stop, { concurrency: "unbounded" })
      const call = yield* Effect.forkChild(ledgers("key").book({ id: "early", millis: 10 }), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* startAll
      yield* soon(Fiber.join(call))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(count(lines, "begins early"), 1)
    })
  )

  test(
    "that its caller interrupts is interrupted where it is carried out, and is not carried out again by the next runner",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(LedgerLive)
      const key = yield* keyOn(Ledger, nodes[2])
      const ledgers = yield* nodes[0].run(Ledger.client)
      const call = yield* Effect.forkChild(ledgers(key).book({ id: "long", millis: 60_000 }), {
        startImmediately: true
      })
      yield* TestNetwork.until("it is at work", () => count(lines, "begins long") === 1)
      yield* soon(Fiber.interrupt(call))
      yield* TestNetwork.until("it is over", () => count(lines, "is interrupted in long") === 1)
      yield* nodes[2].kill
      yield* soon(ledgers(key).book({ id: "other", millis: 0 }))
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(count(lines, "begins long"), 1)
    })
  )

  test(
    "goes on when the node of its caller stops, and has an answer for who asks again",
    Effect.gen(function*() {
      const { lines, nodes, startClient } = yield* staged(LedgerLive)
      const front = yield* soon(startClient("front"))
      const key = yield* keyOn(Ledger, nodes[2])
      const payload = { id: "long", millis: 8_000 }
      const ledgers = yield* front.run(Ledger.client)
      yield* Effect.forkChild(ledgers(key).book(payload), { startImmediately: true })
      yield* TestNetwork.until("it is at work", () => count(lines, "begins long") === 1)
      yield* front.stop
      yield* TestNetwork.until("it is done", () => count(lines, "is done with long") === 1)
      assert.strictEqual(yield* soon((yield* nodes[0].run(Ledger.client))(key).book(payload)), "c")
      assert.strictEqual(count(lines, "begins long"), 1)
    })
  )

  test(
    "that must not be interrupted begins anew elsewhere when its runner stops before it is done",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(LedgerLive, { entityTerminationTimeout: "2 seconds" })
      const key = yield* keyOn(Ledger, nodes[2])
      const ledgers = yield* nodes[0].run(Ledger.client)
      const call = yield* Effect.forkChild(ledgers(key).keep({ id: "kept", millis: 30_000 }), {
        startImmediately: true
      })
      yield* TestNetwork.until("it is at work", () => count(lines, "begins kept") === 1)
      yield* nodes[2].stop
      assert.notStrictEqual(yield* soon(Fiber.join(call)), "c")
      assert.strictEqual(count(lines, "is done with kept"), 1)
    })
  )

  test(
    "that has failed, has thrown, or has answered what does not fit, has ended so for all runners to come",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(LedgerLive)
      const key = yield* keyOn(Ledger, nodes[2])
      const ledgers = yield* nodes[0].run(Ledger.client)
      const all = soon(Effect.gen(function*() {
        const ledger = ledgers(key)
        assert.instanceOf(yield* Effect.flip(ledger.fails({ id: "f", millis: 0 })), Refused)
        const thrown = yield* Effect.exit(ledger.throws({ id: "t", millis: 0 }))
        assert.isTrue(Exit.hasDies(thrown))
        const wrong = yield* Effect.exit(ledger.wrong({ id: "w", millis: 0 }))
        assert.match(Exit.isFailure(wrong) ? Cause.pretty(wrong.cause) : "none", /MalformedMessage|Expected/)
      }))
      yield* all
      yield* nodes[2].kill
      yield* soon(ledgers(key).book({ id: "other", millis: 0 }))
      yield* all
      for (const id of ["f", "t", "w"]) assert.strictEqual(count(lines, `begins ${id}`), 1)
    })
  )

  test(
    "is carried out once when the link breaks in the middle of it; what is not durable is answered too",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(LedgerLive)
      const ledger = (yield* nodes[0].run(Ledger.client))(yield* keyOn(Ledger, nodes[2]))
      const fork = Effect.forkChild({ startImmediately: true })
      const durable = yield* fork(ledger.book({ id: "durable", millis: 3000 }))
      const passing = yield* fork(ledger.ask({ id: "passing", millis: 3000 }))
      const begun = () => [count(lines, "begins durable"), count(lines, "begins passing")]
      yield* TestNetwork.until("both are at work", () => begun().join() === "1,1")
      yield* (yield* Transport.MemoryNetwork).reset({ from: "a", to: "c" })
      assert.strictEqual(yield* soon(Fiber.join(passing)), "c")
      assert.strictEqual(yield* soon(Fiber.join(durable)), "c")
      assert.strictEqual(begun()[0], 1)
    })
  )

  test(
    "for a later time is carried out then, once, though the runner that has it is killed before",
    Effect.gen(function*() {
      const { lines, nodes } = yield* staged(LedgerLive, { entityMessagePollInterval: "1 second" })
      const key = yield* keyOn(Ledger, nodes[2])
      const ledger = (yield* nodes[0].run(Ledger.client))(key)
      const at = (yield* Clock.currentTimeMillis) + 20_000
      const call = yield* Effect.forkChild(ledger.later(new Later({ id: "later", at })), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* nodes[2].kill
      const ran = yield* soon(Fiber.join(call))
      assert.isTrue(ran >= at && ran < at + 5_000, `${ran - at} ms after its time`)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(count(lines, "begins later"), 1)
    })
  )
})

describe("a durable stream", () => {
  for (const how of ["kill", "stop"] as const) {
    test(
      `goes on where it was after the ${how} of its runner: whoever reads it sees each element once`,
      Effect.gen(function*() {
        const { lines, nodes } = yield* staged(LedgerLive, { entityTerminationTimeout: "100 millis" })
        const key = yield* keyOn(Ledger, nodes[2])
        const ledger = (yield* nodes[0].run(Ledger.client))(key)
        const seen: Array<number> = []
        const reading = yield* Effect.forkChild(
          Stream.runForEach(ledger.count({ id: "s", millis: 1000 }), (n) => Effect.sync(() => void seen.push(n)))
        )
        yield* TestNetwork.until("some have come", () => seen.length === 3)
        yield* TestNetwork.settle
        yield* nodes[2][how]
        yield* soon(Fiber.join(reading))
        assert.deepStrictEqual(seen, [0, 1, 2, 3, 4, 5])
        assert.match(lines.at(-1) ?? "", /^[ab] counts s from 3$/)
      })
    )
  }
})

describe("whatever happens to runners and links", () => {
  for (const seed of Array.from({ length: sized(1, 60) }, (_, n) => n + 1)) {
    test(
      `durable calls have one answer, and streams each element once: seed ${seed}`,
      Effect.gen(function*() {
        const { nodes, start, startClient } = yield* staged(LedgerLive, {
          entityTerminationTimeout: "1 second",
          entityMessagePollInterval: "1 second"
        })
        const ledgers = yield* (yield* soon(startClient("front"))).run(Ledger.client)
        const network = yield* Transport.MemoryNetwork
        const book = (n: number) => ledgers(`k${n % 5}`).book({ id: `book ${n}`, millis: n % 7 * 300 })
        const read = (n: number) =>
          Stream.runCollect(ledgers(`k${n % 5}`).count({ id: `count ${n}`, millis: n % 7 * 300 }))
        const work = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: 20 }, (_, n) => n),
            (n) => Effect.delay(Effect.all([book(n), read(n)], { concurrency: "unbounded" }), n * 700),
            { concurrency: "unbounded" }
          )
        )
        const members = [...nodes]
        for (let fault = 0; fault < 4; fault++) {
          yield* TestClock.adjust(yield* Random.nextIntBetween(1, 4000))
          const at = yield* Random.nextIntBetween(0, voters.length - 1)
          const how = (["kill", "stop", "vanish", "reset", "part"] as const)[yield* Random.nextIntBetween(0, 4)]!
          const [id, others] = [voters[at]!, voters.filter((_, n) => n !== at)]
          if (how === "reset") yield* network.reset({ from: id, to: "*" })
          else if (how === "part") yield* TestNetwork.part([id], [...others, "front"])
          else yield* members[at]![how]
          yield* TestClock.adjust(yield* Random.nextIntBetween(1, 15_000))
          yield* network.heal({ from: "*", to: "*" })
          if (how !== "reset" && how !== "part") members[at] = yield* soon(start(id))
          // A voter that has started votes after a lease: without it there would be no majority when the next one goes.
          yield* TestClock.adjust("11 seconds")
        }
        const answers = yield* Fiber.join(work).pipe(TestNetwork.within("5 minutes"))
        for (const [n, [answer, elements]] of answers.entries()) {
          assert.deepStrictEqual(elements, [0, 1, 2, 3, 4, 5], `count ${n}`)
          assert.strictEqual(yield* soon(book(n)), answer, `book ${n}`)
        }
      }).pipe(Random.withSeed(seed))
    )
  }
})
