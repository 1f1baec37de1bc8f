import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as childProcess from "node:child_process"
import * as url from "node:url"
import { assert, describe } from "vitest"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Transport from "../src/Transport.ts"
import { bugs } from "./simulation/bugs.ts"
import { check } from "./simulation/checkers.ts"
import { shards } from "./simulation/clusters.ts"
import type { Directory } from "./simulation/member.ts"
import { Ownership } from "./simulation/ownership.ts"
import { SeededRandom } from "./simulation/random.ts"
import { failureText } from "./simulation/report.ts"
import { runSeed } from "./simulation/seedRun.ts"
import { found } from "./simulation/seeds.ts"
import type { Event, Stamped } from "./simulation/trace.ts"
import { Workload } from "./simulation/workload.ts"
import { isFull, seeds, sized } from "./size.ts"

const main = url.fileURLToPath(new URL("simulation/main.ts", import.meta.url))

interface Summary {
  readonly seeds: number
  /** Milliseconds of the runs' own time. */
  readonly simulated: number
  readonly messages: number
  readonly failures: ReadonlyArray<{ readonly seed: number; readonly checker: string; readonly message: string }>
}

/** Runs the simulation as people do. Answers its summary, and all that it wrote beside. */
const simulate = (...flags: ReadonlyArray<string>): Promise<{ readonly summary: Summary; readonly told: string }> =>
  new Promise((resolve, reject) => {
    childProcess.execFile(process.execPath, [main, "--json", ...flags], { maxBuffer: 2 ** 26 }, (_error, out, told) => {
      try {
        resolve({ summary: JSON.parse(out), told })
      } catch {
        reject(new Error(`the simulation did not come to its end: ${told}`))
      }
    })
  })

describe("simulation", () => {
  const [from = 1, ...more] = seeds(6, 120)
  const count = 1 + more.length

  it(`${count} seeds from ${from} on, and no violation`, async () => {
    const { summary, told } = await simulate("--seeds", String(count), "--from", String(from))
    assert.deepStrictEqual(summary.failures, [], told)
    assert.strictEqual(summary.seeds, count)
    assert.isAbove(summary.messages, 200 * count)
  })
})

describe.skipIf(isFull)("simulation, in one size", () => {
  it.each([...found])("seed %i, which once found: %s", async (seed) => {
    const { plan, result, violation } = await runSeed(seed)
    assert.isUndefined(violation, failureText({ plan, result, violation }, ""))
  })

  describe("a planted bug is caught by the checker for it:", () => {
    it.each(Object.entries(bugs))("%s", async (bug, { finds, seed = 1 }) => {
      const found = new Set<string>()
      // Another seed shows it when nodes do something else with this one than they did.
      const tries = [seed, ...Array.from({ length: 20 }, (_, nth) => nth + 1)]
      for (let next = tries.shift(); next !== undefined && !found.has(finds); next = tries.shift()) {
        const { violation } = await runSeed(next, { bug })
        if (violation !== undefined) found.add(violation.checker)
      }
      assert.include(Array.from(found), finds)
    })
  })

  const minutes = sized(1, 60)
  it(`a world that lives for ${minutes} minutes, through waves of faults, is well after each of them`, async () => {
    const { summary, told } = await simulate("--seeds", String(sized(1, 3)), "--hours", String(minutes / 60))
    assert.deepStrictEqual(summary.failures, [], told)
    assert.isAtLeast(summary.simulated, minutes * 60_000)
  }, 1_200_000)

  describe("who looks at the owners of shards finds", () => {
    const all = { life: "a/1", isStalled: false, held: shards }
    it("two of one shard, but where one of them has just stood still", () => {
      const ownership = new Ownership(1000)
      const other = { life: "b/1", isStalled: true, held: [3] }
      assert.isUndefined(ownership.look(0, [all, other], true))
      assert.isUndefined(ownership.look(100, [all, { ...other, isStalled: false }], true))
      const wrong = ownership.look(500, [all, { ...other, isStalled: false }], true)
      assert.strictEqual(wrong, "b/1 has shard 3, and a/1 has it too")
    })

    it("a shard without an owner for too long, but where there was no majority", () => {
      const ownership = new Ownership(1000)
      const most = { ...all, held: shards.slice(1) }
      assert.isUndefined(ownership.look(0, [most], true))
      assert.isUndefined(ownership.look(5000, [most], false))
      assert.isUndefined(ownership.look(6000, [most], true))
      assert.strictEqual(ownership.look(6250, [most], true), "shard 1 has had no owner for 1250 ms")
      assert.strictEqual(ownership.longest, 1250)
    })
  })

  it("a failure shows the run, what happened before it, and the command that repeats it", async () => {
    const { told } = await simulate("--seeds", "1", "--from", "7", "--nodes", "3", "--bug", "leak-timer")
    assert.include(told, "seed 7 failed: ")
    assert.include(told, "again: npm run simulate -- --seeds 1 --from 7 --nodes 3 --bug leak-timer")
    assert.match(told, /Stopped +life=/)
  })

  it.effect("its programs run in any world: two nodes under Effect's own TestClock", () =>
    Effect.gen(function*() {
      const events: Array<Stamped> = []
      const scope = yield* Scope.make()
      const ports: Array<string> = []
      const directory: Directory = {
        ports: () => ports,
        nodes: () => ["a", "b"],
        add: (port) => void ports.push(port)
      }
      for (const [index, nodeId] of ["a", "b"].entries()) {
        const node = yield* Layer.buildWithScope(
          Global.layer({ seeds: ["memory:1"] }).pipe(
            Layer.provideMerge(Node.layer({ nodeId, secret: "simulation", binds: [`memory:${index + 1}`] }))
          ),
          scope
        )
        const life = `${nodeId}/1`
        const emit = (event: Event): void => void events.push({ ...event, at: events.length })
        emit({ _tag: "Started", life, node: nodeId })
        const member = { life, random: new SeededRandom(nodeId), directory, emit, pace: 50 }
        yield* new Workload(
          member,
          Context.merge(Context.add(yield* Effect.context<never>(), Scope.Scope, scope), node)
        ).start
      }
      const pass = Effect.fnUntraced(function*(millis: number) {
        yield* TestClock.adjust(millis)
        for (let turns = 0; turns < 5; turns++) yield* turnOfTheLoop
      })
      for (let passed = 0; passed < 5000; passed += 50) yield* pass(50)
      const seen = (tag: Event["_tag"]): number => events.filter(({ _tag }) => _tag === tag).length
      assert.strictEqual(seen("Up"), 2)
      assert.isAbove(seen("Got"), 100)
      assert.isAbove(seen("Answered"), 5)
      assert.isUndefined(check({ events }))
      // Some of what runs in the ports takes its time to end.
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      while (closing.pollUnsafe() === undefined) yield* pass(100)
    }).pipe(Effect.provide(Transport.layerMemory), Effect.scoped))
})

const turnOfTheLoop = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
