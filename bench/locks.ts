/**
 * What locks cost, and how soon a key is free again. Three voters and an owner in one process, over TCP; whoever loses a key to them is a process
 * of its own.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { fileURLToPath } from "node:url"
import { Global, Node, Transport } from "../src/index.ts"
import type { Goal } from "./goal.ts"
import { Child } from "./processes.ts"

const lockOptions: Global.LocksOptions = { voters: ["a", "b", "c"], lease: "6 seconds", grace: "1200 millis" }

interface Figures {
  readonly one: number
  readonly many: number
  readonly refresh: number
  readonly released: number
  readonly ended: number
  readonly killed: number
  readonly frozen: number
}

const victim = {
  command: process.execPath,
  args: [fileURLToPath(new URL("victims/locker.ts", import.meta.url))]
}

const start = (nodeId: string, seed: ReadonlyArray<string>) =>
  Layer.build(Layer.provideMerge(
    Global.layer({ seeds: seed, global: nodeId === "a" }),
    Node.layer({ nodeId, secret: "bench", binds: ["127.0.0.1:*"] })
  ))

/** The median of some, in milliseconds, after as many that do not count. */
const median = <A, E>(count: number, work: Effect.Effect<A, E>, between: Effect.Effect<unknown> = Effect.void) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    for (let n = 0; n < 2 * count; n++) {
      const began = performance.now()
      yield* work
      times.push(performance.now() - began)
      yield* between
    }
    return times.slice(count).toSorted((a, b) => a - b)[count >> 1]!
  })

/** From when something is done to the process that holds the key until this owner has it. */
const freed = (locks: Global.Locks, seed: string, signal: NodeJS.Signals) =>
  Effect.promise(async () => {
    await using child = new Child({ ...victim, args: [...victim.args, seed, JSON.stringify(lockOptions)] })
    await child.words
    const waiting = Effect.runPromise(Effect.scoped(locks.hold("x")))
    // It has asked, and has been refused.
    await new Promise((resolve) => setTimeout(resolve, 500))
    const began = performance.now()
    process.kill(child.pid, signal)
    await waiting
    return performance.now() - began
  })

const figures: Effect.Effect<Figures, unknown> = Effect.gen(function*() {
  const [first, ...others] = yield* Effect.gen(function*() {
    const a = yield* start("a", [])
    const seed = yield* Effect.provide(Node.addresses, a)
    return [a, ...yield* Effect.forEach(["b", "c", "owner"], (nodeId) => start(nodeId, seed))]
  })
  const [seed = ""] = yield* Effect.provide(Node.addresses, first!)
  const tables = yield* Effect.forEach([first!, ...others], (node) => Effect.provide(Global.locks(lockOptions), node))
  const locks = tables.at(-1)!
  yield* locks.ready
  const keys = Array.from({ length: 300 }, (_, n) => `shard ${n}`)
  const one = yield* median(200, locks.acquire(["y"]), locks.release(["y"]))
  const many = yield* median(20, locks.acquire(keys), locks.release(keys))
  yield* locks.acquire(keys)
  const refresh = yield* median(20, locks.refresh(keys))
  yield* locks.releaseAll
  const released = yield* median(
    20,
    Effect.andThen(tables[0]!.release(["z"]), locks.acquire(["z"])),
    Effect.andThen(
      locks.release(["z"]),
      tables[0]!.acquire(["z"])
    )
  )
  return {
    one,
    many,
    refresh,
    released,
    ended: yield* freed(locks, seed, "SIGTERM"),
    killed: yield* freed(locks, seed, "SIGKILL"),
    frozen: yield* freed(locks, seed, "SIGSTOP")
  }
}).pipe(Effect.scoped, Effect.provide(Transport.layerTcp), Effect.provide(Logger.layer([])))

let measured: Promise<Figures> | undefined

const goal = (name: string, atMost: number, of: keyof Figures): Goal => ({
  name,
  unit: "ms",
  atMost,
  measure: async () => (await (measured ??= Effect.runPromise(figures)))[of]
})

export const locks: ReadonlyArray<Goal> = [
  goal("locks: to acquire one key, three voters", 3, "one"),
  goal("locks: to acquire 300 keys", 30, "many"),
  goal("locks: to refresh 300 keys", 30, "refresh"),
  goal("locks: to release a key, and acquire it elsewhere", 6, "released"),
  goal("locks: from SIGTERM to the next owner", 700, "ended"),
  goal("locks: from kill -9 to the next owner, grace 1.2 s", 1_900, "killed"),
  goal("locks: from SIGSTOP to the next owner, lease 6 s", 7_000, "frozen")
]
