/**
 * The commands that talk to a network, and look at it: their flags and arguments, and no more. What they do is loaded when it
 * is needed.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { runParams, runSources } from "../config/commands.ts"
import { endless } from "../terminal/interruption.ts"
import { UsageError } from "../terminal/usage.ts"
import { commandPrefix } from "./commandId.ts"
import type { Session } from "./session.ts"

const flags = {
  profile: runParams.profile,
  seeds: runParams.seeds,
  secret: runParams.secret,
  cert: runParams.cert,
  norc: runParams.norc,
  nodeid: Flag.String("node-id").pipe(
    Flag.withDescription("The ID of the command's own node. Default: emp/ and a random name"),
    Flag.withDefault(commandPrefix)
  ),
  timeout: Flag.Finite("timeout").pipe(
    Flag.withDescription("How many seconds to wait for an answer. Default: 5"),
    Flag.filter((seconds) => seconds > 0, () => "more than 0 seconds"),
    Flag.withDefault(5)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}
type Flags = Command.Command.Config.Infer<typeof flags>

const session = ({ cert, json, nodeid, norc, profile, secret, seeds, timeout }: Flags) =>
  Effect.map(
    runSources({
      profile,
      seeds,
      secret,
      cert,
      norc,
      nodeid: Option.none(),
      binds: [],
      advertise: [],
      scopes: [],
      services: [],
      monitor_timeout: Option.none(),
      connect_interval: Option.none(),
      framing_format: [],
      auth_offer: [],
      auth_accept: [],
      max_message_size: Option.none(),
      drain_timeout: Option.none(),
      node_id_in_cert: Option.none(),
      force: Option.none(),
      words: []
    }),
    (sources): Session => ({ sources, nodeId: nodeid, timeoutSeconds: timeout, json })
  )

const modules = {
  session: () => import("./session.ts"),
  look: () => import("./look.ts"),
  talk: () => import("./talk.ts"),
  stopping: () => import("./stopping.ts")
}

/** Runs what a command does, on a node that has joined the network. */
const on = <A, E, R, M>(
  input: Flags,
  from: () => Promise<M>,
  body: (module: M, session: Session) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const { connected } = yield* Effect.promise(modules.session)
    const module = yield* Effect.promise(from)
    const made = yield* session(input)
    return yield* connected(made, body(module, made))
  })

const port = Argument.String("port").pipe(Argument.withDescription("A port ID, or a node ID for its node port"))
const node = Argument.String("node").pipe(Argument.withDescription("A node ID"))
const anyNode = node.pipe(Argument.optional)
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

const mon = Command.make(
  "mon",
  { ...flags, port },
  (input) => on(input, modules.talk, ({ mon }, session) => endless(mon(session, input.port)))
).pipe(
  Command.withDescription("Wait for the end of a port, and show its reason"),
  Command.withExamples([{ command: "emp mon receiver#a" }, {
    command: "emp mon receiver",
    description: "The end of the link"
  }])
)

const evaluate = Command.make(
  "eval",
  { ...flags, node, code: Argument.String("expression") },
  (input) => on(input, modules.talk, ({ evaluate }, session) => evaluate(session, input.node, input.code))
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

/** Does something to nodes, one after the other. An answer may take no longer than one of other commands. */
const toEach = (input: StoppingFlags, verb: "drain" | "stop" | "restart") =>
  on(
    { ...input, timeout: Math.min(input.timeout, 5) },
    modules.stopping,
    (does: Stopping, session) =>
      does[verb](session, input.nodes, { isAwaited: input.wait, patienceSeconds: input.timeout })
  )

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
  (input) => on(input, modules.talk, ({ dbMon }, session) => endless(dbMon(session, input.family)))
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

const status = Command.make(
  "status",
  { ...flags, node: anyNode },
  (input) => on(input, modules.look, ({ status }, session) => status(session, Option.getOrUndefined(input.node)))
).pipe(
  Command.withDescription("Show all nodes, or one of them with its links and families"),
  Command.withExamples([{ command: "emp status" }, { command: "emp status seed" }])
)

const top = Command.make(
  "top",
  {
    ...flags,
    rounds: Flag.Int("rounds").pipe(
      Flag.withDescription("Draw so many times, and end"),
      Flag.filter((rounds) => rounds > 0, () => "1 or more"),
      Flag.optional
    )
  },
  (input) =>
    on(
      input,
      () => import("./top.ts"),
      ({ top }, session) => endless(top(session, Option.getOrUndefined(input.rounds)))
    )
).pipe(
  Command.withDescription("Watch all nodes, every second"),
  Command.withExamples([{ command: "emp top" }])
)

const trace = Command.make(
  "trace",
  {
    ...flags,
    node: anyNode,
    dot: Flag.Boolean("dot").pipe(Flag.withDescription("Show a graph for Graphviz"), Flag.withDefault(false))
  },
  (input) =>
    input.dot && input.json
      ? Effect.fail(new UsageError({ problem: "--dot and --json: one of them" }))
      : on(
        input,
        modules.look,
        ({ trace }, session) =>
          trace(session, Option.getOrUndefined(input.node), input.dot ? "dot" : input.json ? "json" : "text")
      )
).pipe(
  Command.withDescription("Walk the links from a node: who is linked to whom"),
  Command.withExamples([{ command: "emp trace seed" }, { command: "emp trace --dot | dot -Tsvg > network.svg" }])
)

const tree = Command.make(
  "tree",
  { ...flags, node },
  (input) => on(input, modules.look, ({ tree }, session) => tree(session, input.node))
).pipe(
  Command.withDescription("Show the supervisors of a node, and all that is below them"),
  Command.withExamples([{ command: "emp tree worker" }])
)

const ping = Command.make("ping", {
  ...flags,
  node,
  count: Flag.Int("count").pipe(
    Flag.withAlias("c"),
    Flag.withDescription("How many round trips. Default: 5"),
    Flag.filter((count) => count > 0, () => "1 or more"),
    Flag.withDefault(5)
  )
}, (input) => on(input, modules.look, ({ ping }, session) => ping(session, input.node, input.count))).pipe(
  Command.withDescription("Measure round trips to a node"),
  Command.withExamples([{ command: "emp ping worker -c 10" }])
)

const bench = Command.make(
  "bench",
  { ...flags, node },
  (input) => on(input, modules.look, ({ bench }, session) => bench(session, input.node))
).pipe(
  Command.withDescription("Measure how many round trips to a node there can be in a second"),
  Command.withExamples([{ command: "emp bench worker" }])
)

const logs = Command.make(
  "logs",
  {
    ...flags,
    node: anyNode,
    level: Flag.String("level").pipe(
      Flag.withDescription(
        "The least level: trace, debug, info, warn, error, fatal. Default: info. A node has what its EMP_VERBOSE lets through"
      ),
      Flag.withDefault("info")
    )
  },
  (input) =>
    on(
      input,
      () => import("./logs.ts"),
      ({ logs }, session) => endless(logs(session, Option.getOrUndefined(input.node), input.level))
    )
).pipe(
  Command.withDescription("Follow the log lines of all nodes that emp run runs, or of one"),
  Command.withExamples([{ command: "emp logs --level warn" }])
)

const shell = Command.make(
  "shell",
  { ...flags, node: anyNode },
  (input) =>
    on(
      input,
      () => import("./shell.ts"),
      ({ shell }, session) => endless(shell(session, Option.getOrUndefined(input.node)))
    )
).pipe(
  Command.withDescription("Give commands line by line, on one connection; help shows them"),
  Command.withExamples([{ command: "emp shell worker" }])
)

/** In their groups, as `emp --help` lists them. */
export const talkGroups = [
  { group: "Talk", commands: [snd, cal, mon, find, db, evaluate, drain, stop, restart, shell] },
  { group: "Look", commands: [status, top, trace, tree, ping, bench, logs] }
] as const
