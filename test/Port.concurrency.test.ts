import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Port } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { reasonFromExit } from "../src/internal/values/reason.ts"
import { begin, local, until } from "./harness.ts"
import { SeededRandom } from "./simulation/random.ts"

const Work = Port.protocol({
  job: Port.message(Schema.Number).replies(Schema.Number),
  note: Port.message(Schema.String)
})

/** A port whose jobs last until they are let go: which have begun, in order, and how many there were at once. */
const makeWorker = (options: Port.Options) =>
  Effect.gen(function*() {
    const begun: Array<number | string> = []
    const gates = new Map<number, Deferred.Deferred<void>>()
    const count = { now: 0, most: 0 }
    const port = yield* Port.make(Work, {
      job: (n) =>
        Effect.gen(function*() {
          begun.push(n)
          count.most = Math.max(count.most, ++count.now)
          const gate = yield* Deferred.make<void>()
          gates.set(n, gate)
          yield* Effect.ensuring(Deferred.await(gate), Effect.sync(() => count.now--))
          return n
        }),
      note: (text) => {
        begun.push(text)
      }
    }, options)
    const call = (n: number) => begin(Port.cal(port, "job", n))
    const release = (n: number) => Effect.suspend(() => Deferred.succeed(gates.get(n)!, undefined))
    const has = (...what: ReadonlyArray<number | string>) =>
      until(`begun: ${what.join()}`, () => begun.join() === what.join())
    return { begun, call, count, has, port, release }
  })

const settled = Effect.forEach([1, 2, 3, 4], () => Effect.promise(() => new Promise((resume) => setImmediate(resume))))

describe("a port that handles several messages at once", () => {
  it.live("begins them in order, up to its limit, and goes on when one is done", () =>
    local(Effect.gen(function*() {
      const { begun, call, has, port, release } = yield* makeWorker({ concurrency: 2 })
      const [one, two, three] = [yield* call(1), yield* call(2), yield* call(3)]
      yield* Port.snd(port, "note", "behind")
      yield* has(1, 2)
      yield* settled
      assert.deepStrictEqual(begun, [1, 2])
      yield* release(2)
      assert.strictEqual(yield* Fiber.join(two), 2)
      yield* has(1, 2, 3)
      yield* release(1)
      yield* has(1, 2, 3, "behind")
      yield* release(3)
      assert.deepStrictEqual([yield* Fiber.join(one), yield* Fiber.join(three)], [1, 3])
    })))

  it.live("may do so with some tags: the others come in between, one after the other", () =>
    local(Effect.gen(function*() {
      const { call, has, port } = yield* makeWorker({ concurrency: { job: "unbounded" } })
      yield* call(1)
      yield* Port.snd(port, "note", "a")
      yield* call(2)
      yield* Port.snd(port, "note", "b")
      yield* has(1, "a", 2, "b")
    })))

  it.live("interrupts all of them when it is killed, and has ended when they have left", () =>
    local(Effect.gen(function*() {
      const { call, count, has, port } = yield* makeWorker({ concurrency: 3 })
      const calls = yield* Effect.forEach([1, 2, 3, 4], call)
      yield* has(1, 2, 3)
      const ended = yield* begin(Port.exit(port))
      yield* Port.kil(port, "enough")
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.join(ended)), ["enough"])
      assert.deepStrictEqual([count.now, count.most], [0, 3])
      for (const each of calls) {
        assert.deepStrictEqual((yield* Effect.flip(Fiber.join(each))).reason, ["enough"])
      }
    })))

  it.live("lets them finish when it is to end in order, and begins no more", () =>
    local(Effect.gen(function*() {
      const { begun, call, has, port, release } = yield* makeWorker({ concurrency: 2 })
      const [one, two, three] = [yield* call(1), yield* call(2), yield* call(3)]
      yield* has(1, 2)
      const router = yield* NodeRouter
      router.finish(port, ["shutdown"])
      yield* release(1)
      assert.strictEqual(yield* Fiber.join(one), 1)
      yield* release(2)
      assert.strictEqual(yield* Fiber.join(two), 2)
      assert.deepStrictEqual((yield* Effect.flip(Fiber.join(three))).reason, ["shutdown"])
      assert.deepStrictEqual(begun, [1, 2])
    })))

  it.live("dies of the failure of one of them, and takes the others with it", () =>
    local(Effect.gen(function*() {
      let interrupted = 0
      const port = yield* Port.make({
        wait: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++)),
        fail: () => Effect.andThen(Effect.yieldNow, Effect.fail("boom"))
      }, { concurrency: "unbounded" })
      const ended = yield* begin(Port.exit(port))
      for (const tag of ["wait", "wait", "fail"]) yield* Port.snd(port, tag)
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.join(ended)).slice(0, 2), ["fail", "boom"])
      assert.strictEqual(interrupted, 2)
    })))

  it.live("counts those that wait, and not those in hand, against its mailbox", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make(() => Effect.never, { concurrency: 2, mailbox: 1 })
      const ended = yield* begin(Port.exit(port))
      for (const n of [1, 2, 3]) {
        yield* Port.snd(port, n)
        yield* settled
      }
      yield* Port.snd(port, 4)
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.join(ended)), ["mailbox_overflow", 1])
    })))

  it.live("never has more in hand than its limits say, and handles all of them, whatever comes", () =>
    local(Effect.gen(function*() {
      for (let seed = 0; seed < 30; seed++) {
        const random = new SeededRandom(`hands ${seed}`)
        const limits: Record<string, number> = { a: random.int(1, 4), b: random.int(1, 4), c: 1 }
        const now: Record<string, number> = { a: 0, b: 0, c: 0 }
        const [begun, wrong]: [Array<number>, Array<string>] = [[], []]
        const each = (tag: string) => (n: number, turns: number) => {
          begun.push(n)
          if (turns === 0) return
          return Effect.gen(function*() {
            if (++now[tag]! > limits[tag]!) wrong.push(tag)
            for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
            now[tag]!--
          })
        }
        const port = yield* Port.make({ a: each("a"), b: each("b"), c: each("c") }, { concurrency: limits })
        const count = 60
        for (let n = 0; n < count; n++) {
          yield* Port.snd(port, random.pick(["a", "b", "c"])!, n, random.int(0, 3))
          if (random.chance(0.2)) yield* Effect.yieldNow
        }
        yield* until(`all of seed ${seed}`, () => begun.length === count && Object.values(now).every((n) => n === 0))
        assert.deepStrictEqual(begun, Array.from({ length: count }, (_, n) => n), `seed ${seed}`)
        assert.deepStrictEqual(wrong, [], `seed ${seed}`)
      }
    })))

  it.effect("refuses a number that is none, and a tag that its protocol does not have", () =>
    local(Effect.gen(function*() {
      const misspelt = yield* Effect.exit(makeWorker({ concurrency: { jop: 2 } }))
      assert.match(String(misspelt), /Port.make: concurrency names the message "jop", which the protocol does not have/)
      const error = yield* Effect.exit(Port.make({}, { concurrency: { job: 0 } }))
      assert.match(
        String(error),
        /Port.make: concurrency of job must be a whole number of at least 1, or "unbounded"; it is 0/
      )
    })))
})

describe("a call that is answered later", () => {
  const Lock = Port.protocol({
    acquire: Port.message().replies(Schema.Boolean),
    release: Port.message()
  })

  const makeLock = Effect.suspend(() => {
    const waiting: Array<Port.ReplyTo<boolean>> = []
    return Effect.map(
      Port.make(Lock, {
        acquire: () =>
          Port.replyLater((to) => {
            waiting.push(to)
            return Port.mon(to, () => {
              waiting.splice(waiting.indexOf(to), 1)
            })
          }),
        release: () => Effect.suspend(() => waiting[0] === undefined ? Effect.void : Port.reply(waiting[0], true))
      }),
      (port) => ({ port, waiting })
    )
  })

  it.live("leaves the port free for others meanwhile", () =>
    local(Effect.gen(function*() {
      const { port, waiting } = yield* makeLock
      const first = yield* begin(Port.cal(port, "acquire"))
      const second = yield* begin(Port.cal(port, "acquire"))
      yield* until("both wait", () => waiting.length === 2)
      yield* Port.snd(port, "release")
      assert.isTrue(yield* Fiber.join(first))
      yield* until("the first one waits no more", () => waiting.length === 1)
      yield* Port.snd(port, "release")
      assert.isTrue(yield* Fiber.join(second))
    })))

  it.live("tells that its caller is gone", () =>
    local(Effect.gen(function*() {
      const { port, waiting } = yield* makeLock
      const call = yield* begin(Port.cal(port, "acquire"))
      yield* until("it waits", () => waiting.length === 1)
      yield* Fiber.interrupt(call)
      yield* until("it waits no more", () => waiting.length === 0)
    })))

  it.live("may be failed by whoever has it", () =>
    local(Effect.gen(function*() {
      const { port, waiting } = yield* makeLock
      const call = yield* begin(Port.cal(port, "acquire"))
      yield* until("it waits", () => waiting.length === 1)
      yield* Port.kil(waiting[0]!, "denied", "not today")
      assert.deepStrictEqual((yield* Effect.flip(Fiber.join(call))).reason, ["denied", "not today"])
    })))
})
