/**
 * The commands that do something in a network: their flags and arguments, and no more. What they do is loaded when it is needed.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { endless } from "../terminal/interruption.ts"
import { answerSeconds, flags, follow, modules, node, on, port } from "./onNetwork.ts"

const family = Argument.String("family")
const key = Argument.String("key")
const words = Argument.String("arg").pipe(
  Argument.withDescription("What begins with [, { or \" is JSON, everything else is text"),
  Argument.atLeast(0)
)
const jsonArgs = Flag.Boolean("json-args").pipe(
  Flag.withDescription("All arguments are JSON: numbers, true, false and null too"),
  Flag.withDefault(false)
)
const owner = Flag.String("node").pipe(
  Flag.withDescription(
    "The node that the entry is to belong to, and to live as long as. Default: the seed that answers"
  ),
  Flag.optional
)

const snd = Command.make(
  "snd",
  { ...flags, jsonArgs, port, words },
  (input) => on(input, modules.talk, ({ snd }, session) => snd(session, input.port, input.words, input.jsonArgs))
).pipe(
  Command.withDescription("Send a message to a port; ends when it has certainly arrived at its node"),
  Command.withExamples([{ command: "emp snd receiver#a test hello" }, { command: "emp snd receiver#a list '[1, 2]'" }, {
    command: "emp snd receiver#a '\"add\"' 5 --json-args"
  }])
)

const cal = Command.make(
  "cal",
  { ...flags, jsonArgs, port, words },
  (input) => on(input, modules.talk, ({ cal }, session) => cal(session, input.port, input.words, input.jsonArgs))
).pipe(
  Command.withDescription("Send a message with a port to reply to, and show the reply"),
  Command.withExamples([{ command: "emp cal seed time" }])
)

const kil = Command.make(
  "kil",
  { ...flags, jsonArgs, port, words },
  (input) => on(input, modules.ports, ({ kil }, session) => kil(session, input.port, input.words, input.jsonArgs))
).pipe(
  Command.withDescription("End a port, with a reason or in order, and wait until it has ended"),
  Command.withExamples([{ command: "emp kil receiver#a" }, { command: "emp kil receiver#a too_slow" }])
)

const mon = Command.make(
  "mon",
  { ...flags, port },
  (input) => follow(input, modules.talk, ({ mon }, session) => endless(mon(session, input.port)))
).pipe(
  Command.withDescription("Wait for the end of a port, and show its reason"),
  Command.withExamples([{ command: "emp mon receiver#a" }, {
    command: "emp mon receiver",
    description: "The end of the link"
  }])
)

const evaluate = Command.make(
  "eval",
  { ...flags, node, code: Argument.String("expression").pipe(Argument.atLeast(1)) },
  (input) => on(input, modules.talk, ({ evaluate }, session) => evaluate(session, input.node, input.code.join(" ")))
).pipe(
  Command.withDescription("Run JavaScript on a node that was started with --allow-eval: an expression, or statements"),
  Command.withExamples([{ command: "emp eval seed 'process.uptime()'" }])
)

const nodes = node.pipe(Argument.atLeast(1))
const wait = Flag.Boolean("wait").pipe(
  Flag.withDescription("Wait until it is done; or --no-wait"),
  Flag.withDefault(true)
)
/** What nodes do that stop takes longer than an answer. */
const timeout = Flag.Finite("timeout").pipe(
  Flag.withDescription("How many seconds one node may take. Default: 60"),
  Flag.filter((seconds) => seconds > 0, () => "more than 0 seconds"),
  Flag.withDefault(60)
)
const stoppingFlags = { ...flags, timeout, wait, nodes }
type StoppingFlags = Command.Command.Config.Infer<typeof stoppingFlags>
type Stopping = typeof import("./stopping.ts")

/** Does something to nodes, one after the other, however many there are. An answer may take no longer than one of other commands. */
const toEach = (input: StoppingFlags, verb: "drain" | "stop" | "restart") =>
  Effect.flatMap(answerSeconds, (seconds) =>
    follow(
      { ...input, timeout: Option.some(Math.min(input.timeout, seconds)) },
      modules.stopping,
      (does: Stopping, session) =>
        does[verb](session, input.nodes, { isAwaited: input.wait, patienceSeconds: input.timeout })
    ))

const drain = Command.make("drain", stoppingFlags, (input) => toEach(input, "drain")).pipe(
  Command.withDescription("Have nodes take no new calls, leave their groups, and finish what they have in hand"),
  Command.withExamples([{ command: "emp drain worker", description: "It runs on until it is stopped" }])
)

const stop = Command.make("stop", stoppingFlags, (input) => toEach(input, "stop")).pipe(
  Command.withDescription("Drain and stop nodes that emp run runs, and their watchdogs"),
  Command.withExamples([{ command: "emp stop worker" }])
)

const restart = Command.make("restart", stoppingFlags, (input) => toEach(input, "restart")).pipe(
  Command.withDescription(
    "Restart nodes that emp run runs with its watchdog, one after the other, each when the one before is back and its services are up"
  ),
  Command.withExamples([{ command: "emp restart worker" }, { command: "emp restart worker1 worker2 worker3" }])
)

const reload = Command.make(
  "reload",
  { ...flags, node },
  (input) => on(input, () => import("./reload.ts"), ({ reload }, session) => reload(session, input.node))
).pipe(
  Command.withDescription("Have a node that emp run runs read its configuration again"),
  Command.withExamples([{ command: "emp reload worker", description: "As SIGHUP does it" }])
)

const find = Command.make(
  "find",
  { ...flags, group: Argument.String("group") },
  (input) => on(input, modules.talk, ({ find }, session) => find(session, input.group))
).pipe(
  Command.withDescription("Show the members of a group"),
  Command.withExamples([{ command: "emp find eg_receivers" }])
)

const dbGet = Command.make(
  "get",
  { ...flags, family, key: key.pipe(Argument.optional) },
  (input) =>
    on(input, modules.talk, ({ dbGet }, session) => dbGet(session, input.family, Option.getOrUndefined(input.key)))
).pipe(
  Command.withDescription("Show a family of the database, or the value of one key"),
  Command.withExamples([{ command: "emp db get eg_settings limit" }])
)

const dbSet = Command.make(
  "set",
  { ...flags, jsonArgs, node: owner, family, key, value: Argument.String("value") },
  (input) =>
    on(
      input,
      modules.talk,
      ({ dbSet }, session) =>
        dbSet(session, Option.getOrUndefined(input.node), input.family, input.key, input.value, input.jsonArgs)
    )
).pipe(
  Command.withDescription("Set a key, for as long as the node lives that it belongs to"),
  Command.withExamples([{ command: "emp db set eg_settings mode fast --node worker" }, {
    command: "emp db set eg_settings limit 5 --json-args",
    description: "A number, not a text"
  }])
)

const dbDel = Command.make(
  "del",
  { ...flags, node: owner, family, keys: key.pipe(Argument.atLeast(1)) },
  (input) =>
    on(
      input,
      modules.talk,
      ({ dbDelete }, session) => dbDelete(session, Option.getOrUndefined(input.node), input.family, input.keys)
    )
).pipe(
  Command.withDescription("Delete keys of a node"),
  Command.withExamples([{ command: "emp db del eg_settings mode limit" }])
)

const dbMon = Command.make(
  "mon",
  { ...flags, family },
  (input) => follow(input, modules.talk, ({ dbMon }, session) => endless(dbMon(session, input.family)))
).pipe(
  Command.withDescription("Show a family and follow its changes"),
  Command.withExamples([{ command: "emp db mon eg_receivers" }])
)

const db = Command.make("db").pipe(
  Command.withDescription("Read, change and follow the shared database"),
  Command.withExamples([
    { command: "emp db get eg_settings" },
    { command: "emp db set eg_settings limit '{\"max\":5}'" },
    { command: "emp db mon eg_receivers" }
  ]),
  Command.withSubcommands([dbGet, dbSet, dbDel, dbMon])
)

export const talking = [snd, cal, mon, kil, find, db, evaluate, drain, stop, restart, reload] as const
