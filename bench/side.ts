/**
 * One side of a workload, in a process of its own: `node side.ts WORKLOAD SIDE` is a partner, with the partners as a third
 * argument it is what is measured. Prints one line when it is ready, or done, and nothing else. Ends with its standard input.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type { Partner } from "./workload.ts"
import { workloads } from "./workloads.ts"

const [workload, name, partners] = process.argv.slice(2)
process.stdin.on("end", () => process.exit(1)).resume()

const side = workloads.find((one) => one.name === workload)?.sides[name!]
if (side === undefined) throw new Error(`no side ${name} of ${workload}`)

const run = (words: Effect.Effect<ReadonlyArray<string | number>, unknown, Scope.Scope>, then: Effect.Effect<void>) =>
  Effect.runPromise(
    Effect.scoped(Effect.andThen(
      Effect.flatMap(words, (words) => Effect.sync(() => console.log(words.join(" ")))),
      then
    )).pipe(Effect.provide(Logger.layer([])))
  )

if (partners === undefined) {
  if (Effect.isEffect(side.partner)) await run(side.partner, Effect.never)
} else if (typeof side.measure === "function") {
  const measured = side.measure(JSON.parse(partners) as ReadonlyArray<Partner>)
  await run(Effect.map(measured, (figure) => [figure]), Effect.void)
  process.exit()
}
