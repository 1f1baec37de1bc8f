import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Port, Transport } from "../src/index.ts"
import { nameOf } from "../src/internal/values/portId.ts"
import { begin, connect, isDown, local, roundTrip, testOver, transports, until } from "./harness.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"
import { SeededRandom } from "./simulation/random.ts"

const Work = Port.protocol({ job: Port.message(Schema.Number).replies(Schema.Number) })

/** A port that is busy with its first job until `go`: which jobs it has begun. */
const makeWorker = Effect.gen(function*() {
  const begun: Array<number> = []
  const gate = yield* Deferred.make<void>()
  const port = yield* Port.make(Work, {
    job: (n) => {
      begun.push(n)
      return Effect.as(Deferred.await(gate), n)
    }
  })
  return { begun, port, go: Deferred.succeed(gate, undefined) }
})

describe("a call that nobody waits for any more", () => {
  it.live("is not begun, be its caller interrupted or out of patience", () =>
    local(Effect.gen(function*() {
      const { begun, go, port } = yield* makeWorker
      const first = yield* begin(Port.cal(port, "job", 1))
      const interrupted = yield* begin(Port.cal(port, "job", 2))
      const late = yield* begin(Effect.exit(Port.calTimeout(port, "1 millis", "job", 3)))
      const last = yield* begin(Port.cal(port, "job", 4))
      yield* until("the first one begins", () => begun.length === 1)
      yield* Fiber.interrupt(interrupted)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(late)))
      yield* go
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(last)], [1, 4])
      assert.deepStrictEqual(begun, [1, 4])
    })))

  it.live("is told from all others, whichever are given up, and when", () =>
    local(Effect.gen(function*() {
      const begun = new Set<number>()
      const port = yield* Port.make(Work, {
        job: (n) => {
          begun.add(n)
          return Effect.as(Effect.yieldNow, n)
        }
      })
      const random = new SeededRandom("abandoned")
      const calls: Array<readonly [n: number, call: Fiber.Fiber<number, Port.Killed>]> = []
      for (let n = 0; n < 2000; n++) {
        calls.push([n, yield* begin(Port.cal(port, "job", n))])
        if (random.chance(0.3)) yield* Fiber.interrupt(random.pick(calls)![1])
        if (random.chance(0.1)) yield* Effect.yieldNow
      }
      for (const [n, call] of calls) {
        const exit = yield* Fiber.await(call)
        if (Exit.isSuccess(exit)) assert.deepStrictEqual([exit.value, begun.has(n)], [n, true])
      }
      assert.isBelow(begun.size, 2000)
    })))
})

for (const [name, layer] of transports) {
  testOver(layer)(
    `a call that nobody waits for any more is not begun on another node, over ${name}`,
    (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { begun, go, port } = yield* there.run(makeWorker)
        const call = (n: number) => begin(here.run(Port.cal(port, "job", n)))
        const first = yield* call(1)
        yield* connect(here, there)
        const interrupted = yield* call(2)
        const last = yield* call(3)
        yield* until("the first one begins", () => begun.length === 1)
        yield* Fiber.interrupt(interrupted)
        yield* roundTrip(here, there)
        yield* go
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(last)], [1, 3])
        assert.deepStrictEqual(begun, [1, 3])
      })
  )

  testOver(layer)(
    `a call that waits in a port is not begun when its caller's link has been lost, over ${name}`,
    (world) =>
      Effect.gen(function*() {
        const [here, there] = [yield* world.start("here"), yield* world.start("there")]
        const { begun, go, port } = yield* there.run(makeWorker)
        const call = (n: number) => begin(Effect.exit(here.run(Port.calTimeout(port, "1 hour", "job", n))))
        yield* connect(here, there)
        const lost = [yield* call(1), yield* call(2)]
        yield* until("the first one begins", () => begun.length === 1)
        yield* roundTrip(here, there)
        yield* world.cut
        yield* Effect.forEach(lost, Fiber.join)
        yield* until("the other side knows", () => isDown(there, "here"))
        yield* connect(here, there)
        const again = yield* call(3)
        yield* roundTrip(here, there)
        yield* go
        assert.deepStrictEqual(yield* Fiber.join(again), Exit.succeed(3))
        assert.deepStrictEqual(begun, [1, 3])
      })
  )
}

describe("what goes beside a call", () => {
  const overTcp = testOver(Transport.layerTcp)
  const aside = ";effect-mp-aside=1"

  overTcp("says how long its caller waits: later it is not begun", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("node")
      const { begun, go, port } = yield* node.run(makeWorker)
      const raw = yield* connectRaw(node.address, { keys: `${ownKind(300_000)}${aside}` })
      const call = (n: number, beside: unknown) => ["", "emp_aside", beside, nameOf(port), "job", n, `raw#${n}`]
      raw.send(
        [nameOf(port), "job", 1, "raw#1"],
        call(2, { patience: 0 }),
        call(3, { patience: 300_000 }),
        call(4, "what")
      )
      yield* until("the first one begins", () => begun.length === 1)
      yield* go
      yield* until("the last one begins", () => begun.at(-1) === 4)
      assert.deepStrictEqual(begun, [1, 3, 4])
    }))

  overTcp("is sent to those who have a word for it, and to nobody else", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("node")
      const to = (raw: string) => node.run(Effect.exit(Port.calTimeout(`${raw}#port`, "100 millis", "job", 1)))
      const known = yield* connectRaw(node.address, { nodeId: "known", keys: `${ownKind(300_000)}${aside}` })
      const older = yield* connectRaw(node.address, { nodeId: "older", keys: ownKind(300_000) })
      const perl = yield* connectRaw(node.address, { nodeId: "perl" })
      const heard = (raw: typeof known) =>
        raw.packets.filter(([name, ...rest]) => name === "port" || rest.includes("port"))
      yield* Effect.forEach(["known", "older", "perl"], to)
      const beside = heard(known).find(([, request]) => request === "emp_aside")?.[2]
      assert.deepStrictEqual(beside, { patience: 100 })
      assert.isTrue(heard(older).some(([name, tag]) => name === "port" && tag === "job"))
      assert.isFalse(older.packets.some(([, request]) => request === "emp_aside"))
      assert.isTrue(heard(perl).some(([name, tag]) => name === "port" && tag === "job"))
      assert.isFalse(perl.packets.some(([, request]) => String(request).startsWith("emp_")))
    }))
})
