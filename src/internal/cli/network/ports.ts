/**
 * Commands about single ports: `ps` lists them, `kil` ends one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import { PortList, type PortsOptions, portsRequest, type PortStatus } from "../../node/portList.ts"
import type { Sorting } from "../../node/portOptions.ts"
import { NodeRouter } from "../../node/router.ts"
import { cutMiddle } from "../../values/cut.ts"
import { showDuration } from "../../values/duration.ts"
import { reasonFromExit } from "../../values/reason.ts"
import { columns, print, printOutput, widest } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { askAll, type Problem, unlessSilent } from "./nodes.ts"
import { allNodes, ask, failed, isOwnKind, reachPort, type Session, within } from "./session.ts"
import { printEnd, readArguments } from "./talk.ts"

/** The ports of a node, as it tells of them itself; or why it does not. */
export const askPorts = (session: Session, nodeId: string, options: PortsOptions) =>
  Effect.gen(function*() {
    if (!(yield* isOwnKind(session, nodeId))) return { nodeId, problem: "is of another kind" } satisfies Problem
    const [can] = yield* ask(session, nodeId, "can", portsRequest)
    if (can !== true) return { nodeId, problem: "is of a version that does not tell of its ports" } satisfies Problem
    const [list] = yield* ask(session, nodeId, portsRequest, options)
    // A node speaks for itself only.
    if (Schema.is(PortList)(list) && list.nodeId === nodeId) return list
    return { nodeId, problem: typeof list === "string" ? list : "gave an answer that makes no sense" } satisfies Problem
  })

const measures: Record<Sorting, (port: PortStatus) => number> = {
  mailbox: ({ mailbox }) => mailbox,
  handled: ({ handled }) => handled,
  age: ({ ageMillis }) => ageMillis,
  oldest: ({ oldestMillis }) => oldestMillis
}

/** `what` has what the rest of the line leaves; the IDs of ports stay whole, so that they can be copied. */
export const showPorts = (ports: ReadonlyArray<PortStatus>): string => {
  const head = ["PORT", "MAILBOX", "HANDLED", "OLDEST", "AGE", "MON"]
  const rows = ports.map((port) => [
    port.port,
    String(port.mailbox),
    String(port.handled),
    port.oldestMillis === 0 ? "-" : showDuration(port.oldestMillis),
    showDuration(port.ageMillis),
    String(port.monitors)
  ])
  const lines = columns([head, ...rows], "right").split("\n")
  const width = Math.max(...lines.map((line) => line.length))
  const whats = ["WHAT", ...ports.map(describePort)]
  return lines.map((line, at) =>
    `${line.padEnd(width)}  ${cutMiddle(whats[at] ?? "", Math.max(20, widest - width - 2))}`.trimEnd()
  ).join("\n")
}

/** What a port is, in one line. */
export const describePort = ({ kind, name, what }: Pick<PortStatus, "kind" | "name" | "what">): string =>
  [name === undefined ? "" : `"${name}",`, kind, what].filter((part) => part !== "").join(" ")

/** The ports of a node, or of all nodes, that lead. */
export const ps = (session: Session, node: string | undefined, sort: Sorting, limit: number) =>
  Effect.gen(function*() {
    const one = (session: Session, nodeId: string) => askPorts(session, nodeId, { sort, limit })
    const answers = node === undefined
      ? yield* askAll(session, yield* allNodes(session), one)
      : [yield* one(session, node)]
    const problems = answers.flatMap((answer) => "problem" in answer ? [answer] : [])
    const lists = answers.flatMap((answer) => "problem" in answer ? [] : [answer])
    const [problem] = problems
    if (node !== undefined && problem !== undefined) return yield* failed(`node ${node} ${problem.problem}`)
    const total = lists.reduce((sum, list) => sum + list.total, 0)
    const measure = measures[sort]
    const ports = lists.flatMap((list) => list.ports).toSorted((a, b) => measure(b) - measure(a)).slice(0, limit)
    const text = [
      showPorts(ports),
      ...ports.length < total ? [`${ports.length} of ${total} ports, those with the most first: ${sort}`] : [],
      ...problems.map(({ nodeId, problem }) => `node ${nodeId} ${problem}`)
    ].join("\n")
    yield* session.json ? printOutput("ps", { total, ports, problems }) : print(text)
    yield* unlessSilent(problems)
  })

/** Ends a port, waits until it has, and answers the reason that it ended with. */
export const endPort = (session: Session, port: string, reason: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    if (Port.isPortId(port) && port === Port.nodeOf(port)) {
      return yield* new UsageError({ problem: `${port} is a node: its own port ends with it, and cannot be killed` })
    }
    yield* reachPort(session, port)
    // The monitor goes before the kill on the same link: a port that is not there says so.
    const ended = yield* Effect.forkScoped(Port.exit(port), { startImmediately: true })
    const router = yield* NodeRouter
    router.kill(port, reason)
    const exit = yield* within(session, Fiber.join(ended), `${port} was told to end, and has not ended yet`)
    const ending = reasonFromExit(exit)
    return ending[0] === "no_such_port" ? yield* failed(`no such port: ${port}`) : ending
  })

/** Ends a port, and says how it has ended. */
export const kil = (session: Session, port: string, words: ReadonlyArray<string>, allJson = false) =>
  Effect.gen(function*() {
    const reason = yield* readArguments(words, allJson)
    yield* printEnd(session, port, yield* endPort(session, port, reason))
  })
