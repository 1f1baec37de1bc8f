/**
 * `emp`, the command line: it runs nodes, looks at networks, talks to them, and edits their configuration.
 *
 * Nobody needs this module to use `emp`, nor to write a program with nodes: it is for programs that have the command line inside. `command` is
 * the command, to be made part of another one; `main` runs it as the whole program. Imported as `effect-mp/Cli`, and by no other module; it needs
 * `@effect/platform-node`.
 *
 * `docs/operating.md` says what the commands do, `docs/operating-reference.md` has the keys of the configuration, and `docs/json.md` what
 * commands print with `--json`.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { completionOf } from "./internal/cli/completion/command.ts"
import { configGroups, runParams, runSources, sourcesOf } from "./internal/cli/config/commands.ts"
import { formNames } from "./internal/cli/init/forms.ts"
import { talkGroups } from "./internal/cli/network/commands.ts"
import { runProgram } from "./internal/cli/program.ts"
import { isWatched } from "./internal/cli/run/channel.ts"
import { run } from "./internal/cli/run/command.ts"
import * as services from "./internal/cli/run/service.ts"
import { teardownOf } from "./internal/cli/terminal/failures.ts"
import { CurrentEnding, Ending } from "./internal/cli/terminal/interruption.ts"

/**
 * A service that `emp run` cannot load or start, or that failed: the `service` as it was given, and what the `problem` is.
 *
 * **Details**
 *
 * The `reason` is `not_found` when there is no such file or package, `no_service` when what is there cannot be a service, and `failed` when
 * the service failed while it was made, started, or ran.
 *
 * @category errors
 * @since 0.1.0
 */
export const ServiceError = services.ServiceError

/**
 * The type of a {@link ServiceError}.
 *
 * @category errors
 * @since 0.1.0
 */
export type ServiceError = services.ServiceError

const demo = Command.make("demo", {}, () =>
  Effect.flatMap(
    Effect.promise(() => import("./internal/cli/demo/demo.ts")),
    (module) => module.demo
  )).pipe(
    Command.withDescription("Start three nodes, kill one of them, and watch the conversation go on"),
    Command.withExamples([{ command: "emp demo" }])
  )

const errors = Command.make("errors", {
  tag: Argument.String("tag").pipe(
    Argument.withDescription("A tag, such as no_such_port. Without one, all are listed"),
    Argument.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}, ({ json, tag }) =>
  Effect.flatMap(
    Effect.promise(() => import("./internal/cli/errors.ts")),
    ({ explain, list }) =>
      Option.match(tag, {
        onNone: () => Console.log(list(json)),
        onSome: (tag) => Effect.flatMap(Effect.fromResult(explain(tag, json)), Console.log)
      })
  )).pipe(
    Command.withDescription("Explain a tag of an error or of a kill reason"),
    Command.withExamples([{ command: "emp errors" }, { command: "emp errors no_such_port" }])
  )

const doctor = Command.make("doctor", {
  ...runParams,
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}, (input) =>
  Effect.gen(function*() {
    const sources = yield* Effect.catchTag(runSources(input), "ConfigFileError", Effect.succeed)
    const { doctor } = yield* Effect.promise(() => import("./internal/cli/doctor.ts"))
    const ending = yield* CurrentEnding
    yield* doctor(sources, input.json)
    // Modules of services may have opened something that would keep this process alive.
    process.stdout.write("", () => process.exit(ending.exitCode(false)))
  })).pipe(
    Command.withDescription(
      "Look for what could keep a node from working, with the configuration that emp run would have"
    ),
    Command.withExamples([{ command: "emp doctor" }, { command: "emp doctor profile seed" }])
  )

const ticket = Command.make("ticket", {
  node: Argument.String("node").pipe(
    Argument.withDescription("The node ID of the guest: one that no node of the network has")
  ),
  expires: Flag.String("expires").pipe(
    Flag.withDescription("After how long it ends: 90s, 15m, 1h, 7d. Default: 1h"),
    Flag.withDefault("1h")
  ),
  profile: runParams.profile,
  secret: runParams.secret,
  norc: runParams.norc,
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}, ({ expires, json, node, norc, profile, secret }) =>
  Effect.gen(function*() {
    const sources = yield* sourcesOf({ values: {} }, {
      profile: Option.getOrUndefined(profile),
      norc: Option.getOrUndefined(norc),
      values: { secret: Option.getOrUndefined(Option.map(secret, Redacted.value)) }
    })
    const { ticket } = yield* Effect.promise(() => import("./internal/cli/ticket.ts"))
    yield* ticket(sources, node, expires, json)
  })).pipe(
    Command.withDescription("Make a ticket for a guest of the network, of its secret"),
    Command.withExamples([{ command: "emp ticket guest/ada --expires 8h" }])
  )

const init = Command.make(
  "init",
  {
    folder: Argument.String("folder").pipe(
      Argument.withDescription("Where to write it. Default: here"),
      Argument.withDefault(".")
    ),
    name: Flag.String("name").pipe(
      Flag.withDescription("The name of its package. Default: that of the folder"),
      Flag.optional
    ),
    form: Flag.Literals("form", formNames).pipe(
      Flag.withDescription("A service; a service with HTTP in front; a front and workers. Default: minimal"),
      Flag.optional
    ),
    fromTarball: Flag.File("from-tarball").pipe(
      Flag.withDescription("The effect-mp that the project depends on, as npm pack makes it"),
      Flag.optional
    ),
    yes: Flag.Boolean("yes").pipe(
      Flag.withAlias("y"),
      Flag.withDescription("Ask nothing: what is not said has its default"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
  },
  (wishes) => Effect.flatMap(Effect.promise(() => import("./internal/cli/init/command.ts")), ({ init }) => init(wishes))
).pipe(
  Command.withDescription("Write a project: services, their supervisor, a test of two nodes"),
  Command.withExamples([{ command: "emp init my-nodes" }, { command: "emp init my-nodes --form workers" }])
)

const completion = completionOf((): Command.Command.Any => command)

/**
 * The `emp` command with all its subcommands, as a `Command` of `effect/cli`.
 *
 * **When to use**
 *
 * To make it part of a command line of your own, or to run single commands in a program. {@link main} is a program that is `emp` and
 * nothing else.
 *
 * **Details**
 *
 * `Command.runWith` runs it. It needs what every command of `effect/cli` needs, such as `NodeServices.layer` of `@effect/platform-node`.
 *
 * What `main` does beside it is left to the program:
 *
 * - commands fail with typed errors, whose message is for people: the program prints them and chooses the exit code;
 * - an interruption ends a command in order: the program interrupts it when a signal comes, as `NodeRuntime.runMain` does;
 * - results go to standard output, by `Console`. What is logged goes where the program's logger writes: keep it away from standard output
 *   where somebody reads the results.
 *
 * **Gotchas**
 *
 * `emp run` starts the command line of this process once more, as the node, and is its watchdog; `--no-watchdog` runs the node in this process.
 *
 * Commands take their configuration from the file and the variables that `emp` takes it from, whatever program they are part of.
 *
 * **Example** (A program with `emp` inside)
 *
 * ```ts
 * import * as Cli from "effect-mp/Cli"
 * import { NodeServices } from "@effect/platform-node"
 * import { Console, Effect } from "effect"
 * import { Command } from "effect/cli"
 *
 * const open = Command.make("open", {}, () => Console.log("the shop is open"))
 * const shop = Command.make("shop").pipe(Command.withSubcommands([open, Cli.command]))
 *
 * // As `shop emp errors no_such_port` on a command line.
 * const run = Command.runWith(shop, { version: "1.0.0" })(["emp", "errors", "no_such_port"])
 *
 * await Effect.runPromise(run.pipe(Effect.provide(NodeServices.layer)))
 * ```
 *
 * @see {@link main} for a program that is `emp`
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("emp").pipe(
  Command.withDescription("Message passing for Effect: nodes that speak AnyEvent::MP's protocol"),
  Command.withSubcommands([run, demo, doctor, init, errors, ticket, ...talkGroups, ...configGroups, completion])
)

/**
 * Runs `emp` with the arguments of this process, and ends the process.
 *
 * **When to use**
 *
 * In an executable of your own that is `emp`, such as a bundle. As a part of another command line it is {@link command}.
 *
 * **Details**
 *
 * Results go to standard output, the log and errors to standard error. The exit code is
 *
 * - 0 for success, and when a command that only ends by a signal got one;
 * - 1 for a failure, or when less was found than was asked for;
 * - 2 for a wrong command line;
 * - 3 for a time that was up;
 * - 130 (SIGINT) and 143 (SIGTERM) for a command that had not done its work.
 *
 * A second signal ends it at once.
 *
 * @see {@link command} as a part of another command line
 * @category running
 * @since 0.1.0
 */
export const main = (): void => {
  const ending = new Ending()
  // A terminal and a service manager send their signals to the watchdog too, which counts them for both.
  if (!isWatched()) ending.watchSignals()
  ending.watchOutput()
  NodeRuntime.runMain(
    runProgram(command, process.argv.slice(2), ending),
    { teardown: teardownOf(ending), disableErrorReporting: true }
  )
}
