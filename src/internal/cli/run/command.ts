/**
 * The command `emp run`: its flags, and who does what: the watchdog that was called, or the node that a watchdog looks after.
 *
 * @internal
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { RunOptions } from "../../config/options.ts"
import type { Sources } from "../../config/resolve.ts"
import { commandPrefix, isCommand } from "../../values/commandId.ts"
import { runParams, runSources } from "../config/commands.ts"
import { endless } from "../terminal/interruption.ts"
import { isTraced } from "../terminal/traced.ts"
import { UsageError } from "../terminal/usage.ts"
import { isWatched, tellWatchdog } from "./channel.ts"
import { type Keeper, keeperOfProcess } from "./keeper.ts"
import { ownOrders } from "./orders.ts"
import { fileOf } from "./service.ts"

/** The node has ended for good, and its watchdog ends with the same exit code. Why, the node has said itself. */
export class NodeEnded extends Schema.TaggedError<NodeEnded>()("NodeEnded", { code: Schema.Number }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return `the node ended with exit code ${this.code}`
  }
}

/** Runs the command line of this process again, as often as it takes, until it is interrupted. */
const watchdog = Effect.flatMap(
  Effect.promise(() => import("./watchdog.ts")),
  ({ Watchdog }) =>
    Effect.callback<void, NodeEnded>((resume) => {
      const watchdog = new Watchdog()
      void watchdog.ended.then((code) => resume(code === 0 ? Effect.void : Effect.fail(new NodeEnded({ code }))))
      return Effect.promise(() => {
        watchdog.stop()
        return watchdog.ended
      })
    })
)

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
    const orders = ownOrders()
    if (input.watchdog && !isWatched() && orders === undefined) return yield* endless(watchdog)
    if (input.watch && !input.watchdog) {
      return yield* new UsageError({ problem: "--watch: without its watchdog nobody starts the node again" })
    }
    const trace = yield* isTraced
    const sources = yield* runSources(input)
    const { runOptions } = yield* Effect.promise(() => import("../../config/options.ts"))
    const { hangups, reloading } = yield* Effect.promise(() => import("./reload.ts"))
    const reloads = yield* hangups
    const { ofThread } = yield* Effect.promise(() => import("./threadOptions.ts"))
    const optionsOf = (sources: Sources) =>
      Effect.flatMap(runOptions(sources), (options) =>
        orders === undefined ? Effect.succeed(options) : ofThread(options, orders))
    const options = yield* optionsOf(sources)
    const { beginLog, chosenFormat, isLogged } = yield* loadLog
    beginLog(options)
    const { nodeId = "" } = options
    if (isCommand(nodeId)) {
      const problem = `node ID ${nodeId}: those that begin with ${commandPrefix} are of commands`
      return yield* new UsageError({ problem })
    }
    if (options.perlServices.length > 0) {
      yield* Effect.logInfo(`skipping the services of AnyEvent::MP: ${options.perlServices.join(", ")}`)
    }
    const tellSettings = ({ logFormat, services }: RunOptions): void => {
      const watched = input.watch ? services.flatMap(fileOf) : []
      const logged = { warnings: isLogged("Warn"), errors: isLogged("Error") }
      tellWatchdog({
        settings: { nodeId, hangSeconds: input.hangTimeout, watched, logFormat: chosenFormat(logFormat), logged }
      })
    }
    tellSettings(options)
    const { runNode } = yield* Effect.promise(() =>
      import("./node.ts")
    )
    const { loadServices } = yield* Effect.promise(() => import("./services.ts"))
    const reread = Effect.flatMap(runSources(input), optionsOf)
    const switches = { allowEval: input.allowEval, trace, hangSeconds: input.hangTimeout }
    const running = (keeper: Keeper) =>
      endless(
        runNode(options, loadServices(options.services), switches, keeper, (services, threads) => {
          const took = (options: RunOptions): void => {
            tellSettings(options)
            threads.reload()
          }
          return reloading({ first: options, reloads, reread, services, took })
        }),
        "outlives its readers"
      )
    if (orders === undefined) return yield* running(keeperOfProcess())
    const { inThread } = yield* Effect.promise(() => import("./thread.ts"))
    return yield* inThread(orders, running)
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
