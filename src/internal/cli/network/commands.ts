/**
 * The commands that talk to a network, and look at it: their flags and arguments, and no more. What they do is loaded when it
 * is needed.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { mostPorts, sortings } from "../../node/portOptions.ts"
import { longestTapMillis, mostTapped } from "../../node/tapLimits.ts"
import { commandPrefix } from "../../values/commandId.ts"
import { version } from "../../values/version.ts"
import { runParams, sourcesOf } from "../config/commands.ts"
import { presentingInShell } from "../terminal/failures.ts"
import { endless } from "../terminal/interruption.ts"
import { UsageError } from "../terminal/usage.ts"
import type { Network, Session } from "./session.ts"
import { topSortings } from "./topSorting.ts"

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
    Flag.withDescription(
      "Seconds for all that a command has to wait for; of those that go on (top, tap, logs, mon, ping, bench, shell) for each answer. Default: 5"
    ),
    Flag.filter((seconds) => seconds > 0, () => "more than 0 seconds"),
    Flag.withDefault(5)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}
type Flags = Command.Command.Config.Infer<typeof flags>

const session = ({ cert, json, nodeid, norc, profile, secret, seeds, timeout }: Flags) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const sources = yield* sourcesOf({ values: {} }, {
      profile: Option.getOrUndefined(profile),
      norc: Option.getOrUndefined(norc),
      values: {
        seeds: seeds.length === 0 ? undefined : seeds,
        secret: Option.getOrUndefined(Option.map(secret, Redacted.value)),
        cert: Option.getOrUndefined(cert)
      }
    })
    return {
      sources,
      nodeId: nodeid,
      timeoutSeconds: timeout,
      endsAtMillis: began + 1000 * timeout,
      json
    } satisfies Session
  })

const modules = {
  session: () => import("./session.ts"),
  look: () => import("./look.ts"),
  talk: () => import("./talk.ts"),
  ports: () => import("./ports.ts"),
  stopping: () => import("./stopping.ts")
}

/** What a shell is connected by, for the commands that are typed into it. */
const InShell = Context.Reference<Context.Context<Network> | undefined>("effect-mp/Cli/InShell", {
  defaultValue: () => undefined
})

/** Runs what a command does, on a node that has joined the network: its own one, or that of the shell that it is typed into. */
const on = <A, E, R, M>(
  input: Flags,
  from: () => Promise<M>,
  body: (module: M, session: Session) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const { connected } = yield* Effect.promise(modules.session)
    const module = yield* Effect.promise(from)
    const made = yield* session(input)
    const shell = yield* InShell
    return yield* shell === undefined
      ? connected(made, body(module, made))
      : Effect.provideContext(Effect.scoped(body(module, made)), shell)
  })

/** The same for what goes on for as long as somebody wants it to: the time is that of each answer. */
const follow = <A, E, R, M>(
  input: Flags,
  from: () => Promise<M>,
  body: (module: M, session: Session) => Effect.Effect<A, E, R>
) => on(input, from, (module, session) => body(module, { ...session, endsAtMillis: undefined }))

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

/** Throws for what is no time, or too long. */
const millisOf = (text: string): number => {
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const millis = Number(count) * (unit === "ms" ? 1 : unit === "s" ? 1000 : 60_000)
  if (millis >= 1 && millis <= longestTapMillis) return millis
  throw new RangeError(text)
}

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

/** Does something to nodes, one after the other. An answer may take no longer than one of other commands, all of them as long as they take. */
const toEach = (input: StoppingFlags, verb: "drain" | "stop" | "restart") =>
  follow(
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
    ),
    sort: Flag.Literals("sort", topSortings).pipe(
      Flag.withDescription("What the nodes are sorted by at first. Default: name"),
      Flag.withDefault("name")
    )
  },
  (input) =>
    follow(
      input,
      () => import("./top.ts"),
      ({ top }, session) => endless(top(session, Option.getOrUndefined(input.rounds), input.sort))
    )
).pipe(
  Command.withDescription("Watch all nodes, every second: messages, mailboxes, event loop, CPU, memory, restarts"),
  Command.withExamples([{ command: "emp top" }, { command: "emp top --sort messages" }])
)

const ps = Command.make(
  "ps",
  {
    ...flags,
    node: anyNode,
    sort: Flag.Literals("sort", sortings).pipe(
      Flag.withDescription(
        "What comes first: the most messages that wait, the most handled, the oldest port, the oldest message. Default: mailbox"
      ),
      Flag.withDefault("mailbox")
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("How many ports are shown. Default: 20"),
      Flag.filter((limit) => limit > 0 && limit <= mostPorts, () => `from 1 to ${mostPorts}`),
      Flag.withDefault(20)
    )
  },
  (input) =>
    on(
      input,
      modules.ports,
      ({ ps }, session) => ps(session, Option.getOrUndefined(input.node), input.sort, input.limit)
    )
).pipe(
  Command.withDescription("Show the ports of all nodes, or of one: what they are, what waits, what they have handled"),
  Command.withExamples([{ command: "emp ps" }, { command: "emp ps worker --sort oldest --limit 5" }])
)

const groups = Command.make(
  "groups",
  { ...flags, group: Argument.String("group").pipe(Argument.optional) },
  (input) =>
    on(
      input,
      () => import("./groups.ts"),
      ({ groups }, session) => groups(session, Option.getOrUndefined(input.group))
    )
).pipe(
  Command.withDescription("Show the groups of the network, or one of them, with what their members are"),
  Command.withExamples([{ command: "emp groups" }, { command: "emp groups eg_receivers" }])
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
  { ...flags, node: anyNode },
  (input) => on(input, modules.look, ({ tree }, session) => tree(session, Option.getOrUndefined(input.node)))
).pipe(
  Command.withDescription("Show the supervisors of all nodes, or of one, and all that is below them"),
  Command.withExamples([{ command: "emp tree" }, { command: "emp tree worker" }])
)

const tap = Command.make(
  "tap",
  {
    ...flags,
    port,
    for: Flag.String("for").pipe(
      Flag.withDescription("For how long at most, as in 500ms, 10s, 2m; 10m at most. Default: 10s"),
      Flag.mapTryCatch(millisOf, () => "a time like 500ms, 10s or 2m, and no longer than 10m"),
      Flag.withDefault(10_000)
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withDescription("How many messages at most. Default: 100"),
      Flag.filter((limit) => limit > 0 && limit <= mostTapped, () => `from 1 to ${mostTapped}`),
      Flag.withDefault(100)
    )
  },
  (input) =>
    follow(
      input,
      () => import("./tap.ts"),
      ({ tap }, session) => endless(tap(session, input.port, input.for, input.limit))
    )
).pipe(
  Command.withDescription("Show the messages that come to a port, for a while"),
  Command.withExamples([{ command: "emp tap worker#a" }, { command: "emp tap worker#a --for 1m --limit 1000" }])
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
}, (input) => follow(input, modules.look, ({ ping }, session) => ping(session, input.node, input.count))).pipe(
  Command.withDescription("Measure round trips to a node"),
  Command.withExamples([{ command: "emp ping worker -c 10" }])
)

const bench = Command.make(
  "bench",
  { ...flags, node },
  (input) => follow(input, modules.look, ({ bench }, session) => bench(session, input.node))
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
        "The least level: trace, debug, info, warn, error, fatal. Default: info. A node has what its log_level lets through"
      ),
      Flag.withDefault("info")
    ),
    tail: Flag.Int("tail").pipe(
      Flag.withDescription("So many of the last lines of each node, before those that come"),
      Flag.filter((count) => count >= 0, () => "0 or more"),
      Flag.optional
    ),
    since: Flag.String("since").pipe(
      Flag.withDescription("The lines since a time, before those that come: 10m, 2h, 10:30, 2026-03-01T10:30"),
      Flag.optional
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withDescription("Stay, and show what comes; or --no-follow"),
      Flag.withDefault(true)
    )
  },
  (input) =>
    follow(
      input,
      () => import("./logs.ts"),
      ({ logs }, session) => {
        const shown = logs(session, Option.getOrUndefined(input.node), {
          level: input.level,
          tail: Option.getOrUndefined(input.tail),
          since: Option.getOrUndefined(input.since),
          follow: input.follow
        })
        return input.follow ? endless(shown) : shown
      }
    )
).pipe(
  Command.withDescription("Follow the log lines of all nodes that emp run runs, or of one"),
  Command.withExamples([
    { command: "emp logs --level warn" },
    { command: "emp logs worker --since 10m --no-follow", description: "What a node has said of late" }
  ])
)

const logLevel = Command.make(
  "log-level",
  { ...flags, node, spec: Argument.String("levels").pipe(Argument.optional) },
  (input) =>
    on(
      input,
      () => import("./logs.ts"),
      ({ logLevel }, session) => logLevel(session, input.node, Option.getOrUndefined(input.spec))
    )
).pipe(
  Command.withDescription("Show how much a node logs, or change it until the node ends"),
  Command.withExamples([
    { command: "emp log-level worker" },
    { command: "emp log-level worker info,Transport=debug,greeter=trace" }
  ])
)

const shell = Command.make(
  "shell",
  { ...flags, node: anyNode },
  (input) =>
    follow(
      input,
      () => import("./shell.ts"),
      ({ shell }, session) => endless(shell(session, Option.getOrUndefined(input.node), shellCommands()))
    )
).pipe(
  Command.withDescription("Give commands line by line, on one connection; help shows them"),
  Command.withExamples([{ command: "emp shell worker" }])
)

const web = Command.make(
  "web",
  {
    ...flags,
    bind: Flag.String("bind").pipe(
      Flag.withDescription("Where to listen, as HOST:PORT. Default: 127.0.0.1:4080, or a free port if that is taken"),
      Flag.optional
    ),
    allowActions: Flag.Boolean("allow-actions").pipe(
      Flag.withDescription("Let those who look restart, drain and stop nodes, and end ports"),
      Flag.withDefault(false)
    ),
    token: Flag.String("token").pipe(
      Flag.withDescription("What those have to show who want to look. Default: EMP_WEB_TOKEN, or a random one"),
      Flag.withFallbackConfig(Config.String("EMP_WEB_TOKEN")),
      Flag.optional
    ),
    noToken: Flag.Boolean("no-token").pipe(
      Flag.withDescription("Let everybody on this machine look"),
      Flag.withDefault(false)
    )
  },
  ({ allowActions, bind, noToken, token, ...input }) =>
    follow(
      input,
      () => import("../web/server.ts"),
      ({ web }, session) =>
        endless(
          web(session, {
            allowActions,
            noToken,
            bind: Option.getOrUndefined(bind),
            token: Option.getOrUndefined(token)
          }),
          "outlives its readers"
        )
    )
).pipe(
  Command.withDescription("Show the network in the browser: open the address that it prints"),
  Command.withExamples([{ command: "emp web" }, { command: "emp web --bind 0.0.0.0:4080 --allow-actions" }])
)

const talking = [snd, cal, mon, kil, find, db, evaluate, drain, stop, restart, reload] as const
const looking = [status, top, ps, groups, trace, tree, tap, ping, bench, logs, logLevel] as const

/** In their groups, as `emp --help` lists them. */
export const talkGroups = [
  { group: "Talk", commands: [...talking, shell] },
  { group: "Look", commands: [...looking, web] }
] as const

/** What a shell knows: all of them but itself and `web`, which is for a process of its own, in their own words. */
const shellCommands = () => {
  const all = Command.make("emp").pipe(Command.withSubcommands([...talking, ...looking]))
  return {
    described: [...talking, ...looking].map(({ description = "", name }) => [name, description] as const),
    run: (words: ReadonlyArray<string>, network: Context.Context<Network>) =>
      Command.runWith(all, { version })(words).pipe(
        Effect.provideService(InShell, network),
        Effect.provide(presentingInShell)
      )
  }
}
