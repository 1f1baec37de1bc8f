/**
 * The commands that look at a network: their flags and arguments, and no more. What they do is loaded when it is needed.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { mostPorts, sortings } from "../../node/portOptions.ts"
import { longestTapMillis, mostTapped } from "../../node/tapLimits.ts"
import { endless } from "../terminal/interruption.ts"
import { UsageError } from "../terminal/usage.ts"
import { anyNode, flags, follow, modules, node, on, port } from "./onNetwork.ts"
import { topSortings } from "./topSorting.ts"

/** Throws for what is no time, or too long. */
const millisOf = (text: string): number => {
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const millis = Number(count) * (unit === "ms" ? 1 : unit === "s" ? 1000 : 60_000)
  if (millis >= 1 && millis <= longestTapMillis) return millis
  throw new RangeError(text)
}

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

export const looking = [status, top, ps, groups, trace, tree, tap, ping, bench, logs, logLevel] as const
