/**
 * How long an entity does not answer whose process is killed, frozen or stopped in order: three runners in processes of their own, on our nodes,
 * or on Effect's own sockets with its locks in SQLite.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { layer, type Member, Probe, voters } from "../../test/clusterMember.ts"
import { freePort } from "../../test/freePort.ts"
import { Child } from "../processes.ts"
import type { Side, Workload } from "../workload.ts"

/** The process that something happens to. */
const victim = "c"

/** So long nothing has moved: then all shards are where they belong. */
const settledMillis = 3000

const runner = fileURLToPath(new URL("../../test/fixtures/clusterRunner.ts", import.meta.url))

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bench-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** A key whose entity is with the victim, when none has moved for a while. */
const settled = Effect.gen(function*() {
  const probes = yield* Probe.client
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`)
  const look = Effect.forEach(keys, (key) => probes(key).where(), { concurrency: "unbounded" })
  let seen = ""
  for (let since = performance.now();;) {
    const places = (yield* look).map(({ on }) => on)
    const now = places.join()
    if (now !== seen || new Set(places).size < voters.length) since = performance.now()
    if (performance.now() - since > settledMillis) return keys[places.indexOf(victim)]!
    seen = now
    yield* Effect.sleep("200 millis")
  }
})

const moved = (signal: NodeJS.Signals, pid: number) =>
  Effect.gen(function*() {
    const key = yield* settled
    const probes = yield* Probe.client
    const began = performance.now()
    process.kill(pid, signal)
    // One that stops in order answers for a moment yet.
    while ((yield* probes(key).where()).on === victim) yield* Effect.sleep("5 millis")
    return performance.now() - began
  })

const side = (kind: Member["kind"], signal: NodeJS.Signals, times: Pick<Member, "leaseMillis">): Side => ({
  measure: () =>
    Effect.gen(function*() {
      const database = join(yield* folder, "cluster.sqlite")
      const ports: Record<string, number> = {}
      for (const id of voters) ports[id] = yield* Effect.promise(freePort)
      const member: Member = { kind, ports, ...times, ...kind === "sockets" && { database } }
      const begin = (id: string) =>
        Effect.acquireRelease(
          Effect.sync(() =>
            new Child({ command: process.execPath, args: [runner, JSON.stringify({ ...member, id })] })
          ),
          (child) => Effect.promise(() => child[Symbol.asyncDispose]())
        )
      const runners = yield* Effect.forEach(voters, begin)
      yield* Effect.promise(() => Promise.all(runners.map(({ words }) => words)))
      return yield* Effect.provide(moved(signal, runners[voters.indexOf(victim)]!.pid), layer(member))
      // Before the figure is known: whoever has it ends this process, and a frozen one would stay.
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
})

const workload = (
  name: string,
  what: string,
  signal: NodeJS.Signals,
  times: Pick<Member, "leaseMillis"> = { leaseMillis: 6000 }
): Workload => ({
  name,
  title: `from ${what} to the next answer of an entity, three runners, ${
    times.leaseMillis === undefined ? "their own defaults" : `a lease of ${times.leaseMillis / 1000} s`
  }`,
  unit: "ms",
  takesLong: true,
  sides: {
    "ports": side("ports", signal, times),
    "sockets with SQL": side("sockets", signal, times)
  },
  lines: [{ side: "ports", peer: "sockets with SQL" }]
})

export const moves: ReadonlyArray<Workload> = [
  workload("clusterKilled", "kill -9", "SIGKILL"),
  workload("clusterFrozen", "SIGSTOP", "SIGSTOP"),
  workload("clusterClosed", "SIGTERM", "SIGTERM"),
  workload("clusterDefaults", "kill -9", "SIGKILL", {})
]
