/**
 * `npm run chaos`: real processes, or threads, killed, stopped and restarted at random under load; then what they saw is held
 * against the same checkers as a simulated run.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Struct from "effect/Struct"
import { Chaos } from "./chaos.ts"
import { report } from "./report.ts"
import { wires } from "./wires.ts"

const command = Command.make("chaos", {
  wire: Flag.Literals("wire", Struct.keys(wires)).pipe(
    Flag.withDescription(
      "What links the nodes. With threads all are in one process: killed is terminated, stopped is held up between two turns of the " +
        "event loop, and a further node, which nobody harms, is the seed"
    ),
    Flag.withDefault("tcp")
  ),
  minutes: Flag.Finite("minutes").pipe(
    Flag.withDescription("How long to break things. It takes half a minute longer"),
    Flag.withDefault(1)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("What is done to whom, and when. The rest is up to the machine"),
    Flag.withDefault(1)
  ),
  processes: Flag.Int("processes").pipe(
    Flag.withDescription("How many processes, or threads. Two are seeds"),
    Flag.withDefault(8)
  ),
  keep: Flag.Boolean("keep").pipe(Flag.withDescription("Keeps the events of all"), Flag.withDefault(false)),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Prints the result as one line of JSON"),
    Flag.withDefault(false)
  )
}, ({ json, ...options }) =>
  Effect.scoped(Effect.gen(function*() {
    const chaos = yield* Effect.acquireRelease(
      Effect.sync(() => new Chaos(options)),
      (chaos) => Effect.promise(() => chaos.end())
    )
    const result = yield* Effect.promise(() => chaos.run())
    yield* Console.log(json ? JSON.stringify(result.summary) : report(result, options.seed))
    if (result.summary.violation !== undefined) {
      yield* Effect.sync(() => {
        process.exitCode = 1
      })
    }
  }))).pipe(Command.withDescription("Kill, stop and restart real processes or threads, and check what they saw"))

/** Standard output is for the result: the node that watches has a log of its own. */
const logging = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

NodeRuntime.runMain(Command.run(command, { version: "1" }).pipe(Effect.provide([NodeServices.layer, logging])))
