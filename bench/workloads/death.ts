/** W6: how long it takes until a process knows that another one was killed. */
import * as Effect from "effect/Effect"
import { buildSync } from "esbuild"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Port } from "../../src/index.ts"
import * as ours from "../ours.ts"
import * as socket from "../peers/socket.ts"
import type { Partner, Program, Workload } from "../workload.ts"

/** Of each run: the median of so many. */
const victims = 5

const victim = (file: string, ...args: ReadonlyArray<string>): Program => ({
  command: process.execPath,
  args: [fileURLToPath(new URL(`../victims/${file}`, import.meta.url)), ...args]
})

/** The same program in one file, with nothing in it that it does not use. Whoever runs it first makes it. */
const bundled: Program = {
  command: process.execPath,
  get args() {
    return [bundle ??= makeBundle()]
  }
}

let bundle: string | undefined

const makeBundle = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "bench-"))
  process.on("exit", () => rmSync(folder, { recursive: true }))
  const outfile = join(folder, "node.mjs")
  buildSync({
    entryPoints: [...victim("node.js").args],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` }
  })
  return outfile
}

/** Kills them one after the other, when each has a monitor. */
const kill = <R>(
  partners: ReadonlyArray<Partner>,
  monitor: (partner: Partner, told: () => void) => Effect.Effect<unknown, never, R>
) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    for (const partner of partners) {
      let told = (): void => {}
      yield* monitor(partner, () => told())
      yield* Effect.sleep("50 millis")
      const began = performance.now()
      yield* Effect.callback<void>((resume) => {
        told = () => resume(Effect.void)
        process.kill(partner.pid, "SIGKILL")
      })
      times.push(performance.now() - began)
    }
    return times.toSorted((a, b) => a - b)[times.length >> 1]!
  })

const byMonitor = (partners: ReadonlyArray<Partner>) =>
  ours.dialling(partners, () => kill(partners, ({ words: [, port = ""] }, told) => Port.mon(port, told)))

const bySocket = (partners: ReadonlyArray<Partner>) =>
  kill(partners, (partner, told) => Effect.map(socket.connected(partner), (socket) => socket.once("close", told)))

export const death: Workload = {
  name: "W6",
  title: "the death of a process is noticed",
  unit: "ms",
  sides: {
    "mon": { partners: victims, partner: victim("node.js"), measure: byMonitor },
    "mon, bundled": { partners: victims, partner: bundled, measure: byMonitor },
    "raw": { partners: victims, partner: victim("socket.js"), measure: bySocket },
    "raw, 64 MiB more": { partners: victims, partner: victim("socket.js", "64"), measure: bySocket }
  },
  lines: [
    { side: "mon", peer: "raw" },
    { side: "mon", peer: "raw, 64 MiB more" },
    { side: "mon, bundled", peer: "raw" }
  ]
}
