/**
 * The command `emp run`: its flags, and who does what: the watchdog that was called, or the node that a watchdog looks after.
 *
 * @internal
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import { commandPrefix, isCommand } from "../../values/commandId.ts"
import { runParams, runSources } from "../config/commands.ts"
import { endless } from "../terminal/interruption.ts"
import { UsageError } from "../terminal/usage.ts"
import { hangups } from "./hangup.ts"
import * as services from "./service.ts"
import { isWatched, watchdog } from "./watchdog.ts"

const loadLog = Effect.promise(() => import("./log.ts"))

const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flatMap(loadLog, ({ withLog }) => withLog(effect))

export const run = Command.make("run", {
  ...runParams,
  allowEval: Flag.Boolean("allow-eval").pipe(
    Flag.withDescription("Let every node of the network run code on this one"),
    Flag.withDefault(false)
  ),
  watchdog: Flag.Boolean("watchdog").pipe(
    Flag.withDescription(
      "Run the node in a process of its own, and start it again when it dies or hangs; or --no-watchdog"
    ),
    Flag.withDefault(true)
  ),
  hangTimeout: Flag.Finite("hang-timeout").pipe(
    Flag.withDescription("After how many seconds without a sign of life the node counts as hanging. Default: 30"),
    Flag.filter((seconds) => seconds >= 2, () => "2 or more"),
    Flag.withDefault(30)
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDescription("Restart the node when a source file beside one of its services changes"),
    Flag.withDefault(false)
  )
}, (input) =>
  Effect.gen(function*() {
    const trace = yield* Config.String("EMP_TRACE").pipe(Config.withDefault("0"))
    const sources = yield* runSources(input)
    const { runOptions } = yield* Effect.promise(() => import("../../config/options.ts"))
    const reloads = yield* hangups
    // The node's watchdog has read the same configuration, and has logged already what there is to say of it.
    const options = yield* Effect.provideService(
      runOptions(sources),
      References.MinimumLogLevel,
      isWatched() ? "None" : yield* References.MinimumLogLevel
    )
    const { beginLog } = yield* loadLog
    beginLog(options)
    if (isCommand(options.nodeId ?? "")) {
      const problem = `node ID ${options.nodeId}: those that begin with ${commandPrefix} are of commands`
      return yield* new UsageError({ problem })
    }
    if (options.perlServices.length > 0 && !isWatched()) {
      yield* Effect.logInfo(`skipping the services of AnyEvent::MP: ${options.perlServices.join(", ")}`)
    }
    if (input.watchdog && !isWatched()) {
      const watched = input.watch ? options.services.flatMap(services.fileOf) : []
      return yield* endless(watchdog({ hangSeconds: input.hangTimeout, watched, reloads }))
    }
    if (input.watch && !input.watchdog) {
      return yield* new UsageError({ problem: "--watch: without its watchdog nobody starts the node again" })
    }
    const { runNode } = yield* Effect.promise(() => import("./node.ts"))
    const { renewing } = yield* Effect.promise(() => import("./renewal.ts"))
    return yield* endless(
      runNode(
        options,
        Effect.forEach(options.services, services.load),
        { allowEval: input.allowEval, trace: trace !== "" && trace !== "0" },
        renewing(options, reloads, Effect.flatMap(runSources(input), runOptions))
      ),
      "outlives its readers"
    )
  }).pipe(Effect.scoped, logged)).pipe(
    Command.withDescription("Run a node until it is interrupted"),
    Command.withExamples([
      {
        command: "EMP_SECRET=swordfish emp run --node-id seed --bind 127.0.0.1:4040",
        description: "A node that others can use as seed"
      },
      {
        command: "EMP_SECRET=swordfish emp run --node-id anon/ --seed 127.0.0.1:4040 --service ./receiver.ts",
        description: "A node that joins it and runs a service"
      },
      {
        command: "emp run profile seed",
        description: "A node as the profile seed of the configuration file has it"
      }
    ])
  )
