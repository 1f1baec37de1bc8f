/**
 * The events of several processes, brought into one order.
 */
import * as fs from "node:fs"
import type { Stamped, Trace } from "../simulation/trace.ts"

/** Milliseconds of the machine's own clock, which all of its processes share and which never jumps. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Reads what a process has written. Its last line may be cut: it was killed. */
const read = (file: string): ReadonlyArray<Stamped> =>
  fs.readFileSync(file, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line) as Stamped)

/**
 * All events by their time. What one process does because of what another did comes behind it: events are written before
 * anything of them leaves the process.
 */
export const merge = (files: ReadonlyArray<string>, own: ReadonlyArray<Stamped>): Trace => ({
  events: [...own, ...files.flatMap(read)].toSorted((left, right) => left.at - right.at)
})
