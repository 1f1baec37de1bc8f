import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Port } from "../src/index.ts"
import { reasonFromExit } from "../src/internal/values/reason.ts"
import { begin, connect, local, testOver, transports, until } from "./harness.ts"
import { SeededRandom } from "./simulation/random.ts"

const Numbers = Port.protocol({
  odd: Port.message(Schema.Number),
  even: Port.message(Schema.Number),
  ask: Port.message(Schema.String).replies(Schema.Number)
})

describe("an inbox", () => {
  it.live("gives its messages in the order of arrival", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(Numbers)
      for (const n of [1, 3, 5]) yield* Port.snd(inbox.port, "odd", n)
      yield* Port.snd(inbox.port, "even", 2)
      const read = yield* Effect.replicateEffect(Port.receive(inbox), 4)
      assert.deepStrictEqual(read, [["odd", 1], ["odd", 3], ["odd", 5], ["even", 2]])
    })))

  it.live("gives those that are picked, and keeps the others", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(Numbers)
      for (const n of [1, 3, 5]) yield* Port.snd(inbox.port, "odd", n)
      yield* Port.snd(inbox.port, "even", 2)
      assert.deepStrictEqual(yield* Port.receive(inbox, "even"), ["even", 2])
      assert.deepStrictEqual(yield* Port.receive(inbox, ([, n]) => n === 3), ["odd", 3])
      assert.deepStrictEqual(yield* Effect.replicateEffect(Port.receive(inbox), 2), [["odd", 1], ["odd", 5]])
    })))

  it.live("serves those who wait by what they want, the first before the last", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(Numbers)
      const even = yield* begin(Port.receive(inbox, "even"))
      const [first, second] = [yield* begin(Port.receive(inbox)), yield* begin(Port.receive(inbox))]
      for (const n of [1, 3]) yield* Port.snd(inbox.port, "odd", n)
      yield* Port.snd(inbox.port, "even", 2)
      assert.deepStrictEqual([yield* Fiber.join(even), yield* Fiber.join(first), yield* Fiber.join(second)], [
        ["even", 2],
        ["odd", 1],
        ["odd", 3]
      ])
    })))

  it.live("loses nothing to a reader that has gone, or whose wish throws", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(Numbers)
      const gone = yield* begin(Port.receive(inbox))
      const broken = yield* begin(Effect.exit(Port.receive(inbox, () => {
        throw new Error("no wish")
      })))
      yield* Fiber.interrupt(gone)
      yield* Port.snd(inbox.port, "odd", 1)
      assert.match(String(yield* Fiber.join(broken)), /no wish/)
      assert.deepStrictEqual(yield* Port.receive(inbox), ["odd", 1])
    })))

  it.live("answers calls when its program does", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(Numbers)
      const call = yield* begin(Port.cal(inbox.port, "ask", "how many"))
      const [, , replyTo] = yield* Port.receive(inbox, "ask")
      yield* Port.reply(replyTo, 42)
      assert.strictEqual(yield* Fiber.join(call), 42)
    })))

  it.live("fails its readers when it ends, and from then on", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox()
      const reader = yield* begin(Effect.flip(Port.receive(inbox)))
      yield* Port.kil(inbox.port, "enough")
      assert.deepStrictEqual((yield* Fiber.join(reader)).reason, ["enough"])
      assert.deepStrictEqual((yield* Effect.flip(Port.receive(inbox, "tag"))).reason, ["enough"])
    })))

  it.live("ends when more wait than it may hold", () =>
    local(Effect.gen(function*() {
      const inbox = yield* Port.inbox(undefined, { mailbox: 2 })
      const ended = yield* begin(Port.exit(inbox.port))
      for (const n of [1, 2]) {
        yield* Port.snd(inbox.port, n)
        assert.deepStrictEqual(yield* Port.receive(inbox), [n])
      }
      for (const n of [3, 4, 5]) {
        yield* Port.snd(inbox.port, n)
        yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
      }
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.join(ended)), ["mailbox_overflow", 2])
    })))

  it.live("gives each message once, in order for each wish, whatever is picked and given up", () =>
    local(Effect.gen(function*() {
      for (let seed = 0; seed < 30; seed++) {
        const random = new SeededRandom(`inbox ${seed}`)
        const inbox = yield* Port.inbox()
        const got: Array<ReadonlyArray<unknown>> = []
        const tags = ["a", "b", "c"]
        let sent = 0
        for (let step = 0; step < 100; step++) {
          const tag = random.pick(tags)!
          if (random.chance(0.5)) yield* Port.snd(inbox.port, tag, sent++)
          else {
            const reader = yield* begin(Effect.map(Port.receive(inbox, tag), (message) => got.push(message)))
            if (random.chance(0.3)) yield* Fiber.interrupt(reader)
          }
          if (random.chance(0.3)) yield* Effect.yieldNow
        }
        for (const tag of tags) {
          const rest = Effect.forever(Effect.map(Port.receive(inbox, tag), (message) => got.push(message)))
          yield* begin(rest)
        }
        yield* until(`all of seed ${seed}`, () => got.length === sent)
        for (const tag of tags) {
          const numbers = got.filter(([of]) => of === tag).map(([, n]) => Number(n))
          assert.deepStrictEqual(numbers, numbers.toSorted((a, b) => a - b), `seed ${seed}`)
        }
        assert.strictEqual(new Set(got.map(([, n]) => n)).size, sent)
      }
    })))
})

for (const [name, layer] of transports) {
  testOver(layer)(
    `an inbox takes nothing that its protocol does not know, over ${name}`,
    (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const inbox = yield* there.run(Port.inbox(Numbers, { invalid: "refuse" }))
        const untyped: Port.PortId = inbox.port
        yield* connect(here, there)
        const refused = yield* Effect.flip(here.run(Port.cal(untyped, "unknown")))
        yield* here.run(Port.snd(untyped, "odd", "text"))
        yield* here.run(Port.snd(untyped, "odd", 1))
        assert.strictEqual(refused.reason[0], "unhandled_message")
        assert.deepStrictEqual(yield* Port.receive(inbox), ["odd", 1])
      })
  )
}
