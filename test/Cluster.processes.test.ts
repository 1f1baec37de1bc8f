/**
 * A cluster of real processes that are frozen, killed and stopped in order: who is alive at which time, by the clock that they share, and who is
 * heard.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { layer, type Member, Probe, voters } from "./clusterMember.ts"
import { makeFolder } from "./folders.ts"
import { eventually, freePort, type Process, start } from "./processes.ts"
import { sized } from "./size.ts"

const now = (): bigint => process.hrtime.bigint()

/** One life of an entity. */
interface Life {
  readonly key: string
  readonly life: string
  readonly began: bigint
  readonly ended: bigint | undefined
}

const livesOf = (stdout: string): ReadonlyArray<Life> => {
  const ended = new Map(
    Array.from(stdout.matchAll(/^ended \S+ (\S+) (\d+)$/gm), ([, life = "", at = ""]) => [life, BigInt(at)])
  )
  return Array.from(
    stdout.matchAll(/^began (\S+) (\S+) (\d+)$/gm),
    ([, key = "", life = "", at = ""]) => ({ key, life, began: BigInt(at), ended: ended.get(life) })
  )
}

/** Whose answers a process has heard, without those that repeat. */
const heardBy = (process: Process): ReadonlyArray<string> =>
  Array.from(process.stdout.matchAll(/^heard \S+ (\S+)$/gm), ([, life = ""]) => life)

/** A process, and what was done to it. */
interface Runner {
  readonly process: Process
  killedAt: bigint | undefined
  readonly frozen: Array<{ readonly from: bigint }>
}

class World {
  private readonly member: Member
  private readonly running = new Map<string, Runner>()
  private readonly all: Array<Runner> = []

  constructor(member: Member) {
    this.member = member
  }

  async begin(id: string): Promise<void> {
    const process = start(["test/fixtures/clusterRunner.ts", JSON.stringify({ ...this.member, id })])
    const made: Runner = { process, killedAt: undefined, frozen: [] }
    this.all.push(made)
    this.running.set(id, made)
    await process.sees(/^ready$/m)
  }

  of(id: string): Process {
    return this.running.get(id)!.process
  }

  /** From now on the process calls an entity again and again. */
  listen(id: string, key: string): Process {
    const process = this.of(id)
    process.child.stdin!.write(`${key}\n`)
    return process
  }

  /** The process whose life of the entity answers now, as another one hears it. */
  placeBy(id: string): string | undefined {
    return heardBy(this.of(id)).at(-1)?.slice(0, 1)
  }

  async kill(id: string): Promise<void> {
    await this.of(id).end("SIGKILL")
    this.running.get(id)!.killedAt = now()
  }

  async stop(id: string): Promise<void> {
    await this.of(id).end("SIGTERM")
  }

  /** The condition holds when its leases are over. */
  async freezeUntil(id: string, what: string, condition: () => boolean): Promise<void> {
    const { frozen, process } = this.running.get(id)!
    const from = now()
    process.child.kill("SIGSTOP")
    await eventually(what, condition)
    frozen.push({ from })
    process.child.kill("SIGCONT")
  }

  /** All that was printed. */
  get said(): string {
    return this.all.map(({ process }) => process.stdout).join("")
  }

  /**
   * Who begins while another life of its key goes on. What a process has when it is frozen for longer than its leases has lived until then: when it
   * thaws it has that for a moment, before it looks at them.
   */
  get doubled(): ReadonlyArray<string> {
    return this.lives.flatMap(([{ began, ended, key, life }, { frozen, killedAt }]) => {
      const ends = [frozen.find(({ from }) => began < from)?.from, ended, killedAt]
      const isAlive = (at: bigint): boolean => began <= at && ends.every((end) => end === undefined || at < end)
      return this.lives.filter(([other]) => other.key === key && other.life !== life && isAlive(other.began))
        .map(([other]) => `${other.life} of ${key} begins while ${life} is alive`)
    })
  }

  /** Lives from before a freeze that did not end after it. */
  get remaining(): ReadonlyArray<string> {
    return this.lives.flatMap(([{ began, ended, life }, { frozen, killedAt }]) =>
      frozen.some(({ from }) => began < from) && ended === undefined && killedAt === undefined ? [life] : []
    )
  }

  private get lives(): ReadonlyArray<readonly [Life, Runner]> {
    return this.all.flatMap((runner) => livesOf(runner.process.stdout).map((life) => [life, runner] as const))
  }
}

const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)

describe("runners in processes of their own", () => {
  it.live("are never two for one key, whatever happens to them; a durable call is answered once, and a durable stream goes on", () =>
    Effect.gen(function*() {
      const ports: Record<string, number> = {}
      for (const id of voters) ports[id] = yield* Effect.promise(freePort)
      const database = join(makeFolder(), "cluster.sqlite")
      const member: Member = { kind: "ports", ports, leaseMillis: 2500, graceMillis: 1500, database }
      const world = new World(member)
      const promise = (work: () => Promise<unknown>) => Effect.promise(work)
      yield* promise(() => Promise.all(voters.map((id) => world.begin(id))))
      yield* Effect.gen(function*() {
        const probes = yield* Probe.client
        const callAll = Effect.forEach(keys, (key) => probes(key).where(), { concurrency: "unbounded" })
        const keyOn = Effect.fnUntraced(function*(id: string) {
          for (;;) {
            const key = keys[(yield* callAll).findIndex(({ on }) => on === id)]
            if (key !== undefined) return key
            yield* Effect.sleep("50 millis")
          }
        })

        yield* Effect.forkChild(Effect.forever(Effect.delay(callAll, "200 millis")))
        const key = yield* keyOn("c")
        const listeners = ["a", "c"].map((id) => world.listen(id, key))
        yield* promise(() => eventually("both hear c", () => ["a", "c"].every((id) => world.placeBy(id) === "c")))
        yield* promise(() => world.freezeUntil("c", "another one answers", () => world.placeBy("a") !== "c"))
        yield* promise(() =>
          eventually("c hears what a hears", () => heardBy(world.of("c")).at(-1) === heardBy(world.of("a")).at(-1))
        )

        yield* promise(() => eventually("what c had has ended", () => world.remaining.length === 0))

        const call = probes("ledger").book({ id: "first", millis: 3000 })
        const answer = yield* Effect.forkChild(call, { startImmediately: true })
        const count = Stream.runCollect(probes("ledger").count({ id: "numbers", millis: 400 }))
        const counting = yield* Effect.forkChild(count, { startImmediately: true })
        const books = (id: string) => world.of(id).stdout.includes("books first")
        yield* promise(() => eventually("somebody begins it", () => voters.some(books)))
        const first = voters.find(books)!
        yield* promise(() => world.kill(first))
        const on = yield* Fiber.join(answer)
        assert.notStrictEqual(on, first)
        assert.deepStrictEqual(yield* Fiber.join(counting), [0, 1, 2, 3, 4, 5])
        const begun = world.said.split("books first").length
        assert.strictEqual(yield* call, on)
        assert.lengthOf(world.said.split("books first"), begun)

        yield* promise(() => world.begin(first))
        for (let round = 0; round < sized(1, 12); round++) {
          const id = voters[round % voters.length]!
          yield* keyOn(id)
          yield* promise(() => round % 2 === 0 ? world.stop(id) : world.kill(id))
          assert.notInclude((yield* callAll).map(({ on }) => on), id)
          yield* promise(() => world.begin(id))
        }
        // Whoever has been replaced is not heard again: not even by its own process, which had it to itself for a moment when it thawed.
        for (const heard of listeners.map(heardBy)) assert.lengthOf(new Set(heard), heard.length)
      }).pipe(Effect.provide(layer(member)))

      assert.deepStrictEqual(world.doubled, [])
    }).pipe(Effect.provide(Logger.layer([]))))
})
