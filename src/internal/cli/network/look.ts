/**
 * Commands that look at nodes: `status`, `trace`, `tree`, `ping`, `bench`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Global from "../../../Global.ts"
import * as Supervisor from "../../../Supervisor.ts"
import { upNodesQuestion } from "../../node/nodePort.ts"
import { entriesOf } from "../../node/observed.ts"
import type { Status } from "../../node/status.ts"
import { isCommand } from "../../values/commandId.ts"
import { showDuration } from "../../values/duration.ts"
import { printableInLine } from "../../values/printable.ts"
import type { Outputs } from "../outputs.ts"
import { columns, print, printOutput, showBytes, showMillis, spread, table, wrap } from "../terminal/screen.ts"
import { clusterDetails, clusterTables, clusterTrees, clusterTroubles } from "./clusters.ts"
import {
  type Answer,
  askAll,
  askStatus,
  isOfOtherKind,
  lookAt,
  type OtherKind,
  type Problem,
  roundTrip,
  silent,
  unlessSilent
} from "./nodes.ts"
import { showSecurity } from "./security.ts"
import {
  allNodes,
  ask,
  failed,
  isOwnKind,
  type Network,
  reach,
  type Session,
  withHalfTheTime,
  within
} from "./session.ts"

/** The nodes that a node has links to, without those of commands. */
const linksOf = (status: Status): ReadonlyArray<string> =>
  status.peers.filter(({ nodeId, state }) => state === "up" && !isCommand(nodeId)).map(({ nodeId }) => nodeId)

/** How many links a node has but those to commands. */
export const linksIn = (status: Status): number => status.links - commandsOf(status)

/** How many commands have a link to a node, this one among them. */
const commandsOf = (status: Status): number =>
  status.peers.filter(({ nodeId, state }) => state === "up" && isCommand(nodeId)).length

/** The status of every node, as it gives it itself, and what is known of those that do not. */
export const statuses = (session: Session) =>
  Effect.flatMap(allNodes(session), (names) => askAll(session, names, lookAt))

/** For programs: with the counts that the table shows. */
export const forPrograms = (answer: Answer): Outputs["status"][number] =>
  "links" in answer ? withoutCommands(answer) : answer

const withoutCommands = (answer: Status | OtherKind) =>
  isOfOtherKind(answer)
    ? answer
    : { ...answer, links: answer.links - commandsOf(answer), entries: answer.isGlobal ? entriesOf(answer) : null }

/** The nodes in a table, and those of other kinds, of which less is known, in one below it. */
export const overview = (answers: ReadonlyArray<Answer>): string => {
  const others = answers.filter(isOfOtherKind)
  const own = answers.flatMap((answer) => isOfOtherKind(answer) ? [] : [answer])
  const told = own.filter(tells)
  const notes = told.flatMap((status) => [...stateOf(status), ...clusterTroubles(status)])
  const tables = [
    ...own.length > 0 ? [ownNodes(own)] : [],
    ...others.length > 0 ? [otherNodes(others)] : [],
    ...clusterTables(told)
  ]
  return [...tables, ...notes.length > 0 ? [notes.map((note) => wrap(note)).join("\n")] : []].join("\n\n")
}

/** Whether a node has told of itself. */
const tells = (answer: Answer): answer is Status => !isOfOtherKind(answer) && !("problem" in answer)

/** Why a node that answers does not serve; nothing if it does. */
const stateOf = ({ drained, draining, lacks = [], nodeId, ready }: Status): ReadonlyArray<string> => {
  if (draining) {
    return [
      drained ? `node ${nodeId} has drained: it takes no new calls` : `node ${nodeId} drains, and takes no new calls`
    ]
  }
  if (lacks.length > 0) return [`node ${nodeId} is not ready: ${printableInLine(lacks.join("; "))}`]
  return ready === false
    ? [`node ${nodeId} is not ready: it has not joined its network, or a service is not up`]
    : []
}

export const otherNodes = (others: ReadonlyArray<OtherKind>): string =>
  columns([
    ["NODE", "KIND", "ROUND TRIP", "ADDRESSES"],
    ...others.map(({ addresses, kind, nodeId, roundTripMillis }) => [
      nodeId,
      kind,
      showMillis(roundTripMillis),
      // One to a line: a machine may have many.
      addresses.join("\n") || "nowhere"
    ])
  ], "left")

const ownNodes = (answers: ReadonlyArray<Status | Problem>): string =>
  table(
    ["NODE", "UP", "LINKS", "PORTS", "QUEUE", "MEMORY", "ENTRIES"],
    answers.map((answer) =>
      "problem" in answer
        ? [answer.nodeId, answer.problem]
        : [
          answer.nodeId,
          showDuration(answer.uptime),
          String(answer.links - commandsOf(answer)),
          String(answer.ports),
          String(answer.queuedMessages),
          showBytes(answer.memory),
          // A node that is no global one has its data at another.
          answer.isGlobal ? String(entriesOf(answer)) : "-"
        ]
    )
  )

const details = (status: Status): string => {
  const { families, peers, ...rest } = status
  const clusters = clusterDetails(status)
  const facts = [
    `node ${rest.nodeId}, pid ${rest.pid}, effect-mp ${rest.version} on ${rest.runtime}, up ${
      showDuration(rest.uptime)
    }`,
    `listening on ${rest.addresses.join(", ") || "nothing"}`,
    ...stateOf(status),
    ...clusterTroubles(status),
    rest.isGlobal ? "global" : `its data is at ${rest.master ?? "nobody"}`,
    `${rest.ports} ports, ${rest.supervisors.length} supervisors, ${showBytes(rest.memory)} of memory, ${
      showBytes(rest.heap)
    } of it heap`,
    `${rest.queuedMessages} messages wait for links, ${
      showBytes(rest.unsentBytes)
    } are on their way, ${rest.waitingSenders} senders wait`,
    ...guestsAndStreams(status),
    ...clusters.facts
  ]
  const links = table(
    ["LINK", "STATE", "RECEIVED", "SENT", "QUEUE", "SECURITY"],
    peers.map((peer) => [
      peer.nodeId,
      typeof peer.guestUntil === "number" ? `${peer.state}, guest` : peer.state,
      showBytes(peer.received),
      showBytes(peer.sent),
      String(peer.queued),
      peer.security === null ? "-" : showSecurity(peer.security)
    ])
  )
  const data = table(
    ["FAMILY", "ENTRIES"],
    Object.entries(families).toSorted().map(([name, count]) => [name, String(count)])
  )
  const tables = [links, ...clusters.tables, ...(rest.isGlobal ? [data] : [])]
  return [facts.map((fact) => wrap(fact)).join("\n"), ...tables].join("\n\n")
}

/** What only few nodes have. */
const guestsAndStreams = ({ byteStreams = 0, guests = 0, peers }: Status): ReadonlyArray<string> => {
  const until = peers.flatMap(({ guestUntil }) => typeof guestUntil === "number" ? [guestUntil] : [])
  const [first, last] = [Math.min(...until), Math.max(...until)].map((millis) =>
    Number.isFinite(millis) ? new Date(millis).toISOString() : "?"
  )
  const when = guests === 1 ? `until ${first}` : `the first until ${first}, the last until ${last}`
  return [
    ...guests === 0 ? [] : [`${guests} ${guests === 1 ? "guest" : "guests"}, ${when}`],
    ...byteStreams === 0 ? [] : [`${byteStreams} ${byteStreams === 1 ? "stream" : "streams"} of bytes`]
  ]
}

export const status = (session: Session, node: string | undefined) =>
  Effect.gen(function*() {
    if (node !== undefined) {
      const one = yield* lookAt(session, node)
      if (session.json) return yield* printOutput("status NODE", withoutCommands(one))
      return yield* print(isOfOtherKind(one) ? otherNodes([one]) : details(one))
    }
    const answers = yield* statuses(session)
    yield* session.json ? printOutput("status", answers.map(forPrograms)) : print(overview(answers))
    yield* unlessSilent(answers)
  })

/** Who a node says that it is linked to; nothing, if it is of another kind and does not say. */
interface Told {
  readonly nodeId: string
  readonly links: ReadonlyArray<string> | undefined
}

const linksTold = (session: Session, nodeId: string) =>
  Effect.gen(function*() {
    if (yield* isOwnKind(session, nodeId)) {
      return { nodeId, links: linksOf(yield* askStatus(session, nodeId)).toSorted() }
    }
    // As AnyEvent::MP's own command asks it. A node that is secure may be silent, or answer that it runs no code.
    const answer = yield* Effect.option(ask(session, nodeId, "eval", upNodesQuestion))
    if (answer._tag === "None" || answer.value[0] !== "") return { nodeId, links: undefined } satisfies Told
    const isOther = (name: unknown): name is string => typeof name === "string" && name !== nodeId && !isCommand(name)
    return { nodeId, links: answer.value.slice(1).filter(isOther).toSorted() } satisfies Told
  })

/** Who is linked to whom, from a node on: each node is asked once. */
export const trace = (session: Session, from: string | undefined, form: "text" | "json" | "dot") =>
  Effect.gen(function*() {
    // Without a node to begin with: where the command is connected, which certainly answers.
    const first = from ?? (yield* Global.Global).master
    const told = new Map<string, Told | Problem>()
    let wave = first === undefined ? [] : [first]
    if (from !== undefined) yield* reach(session, from)
    while (wave.length > 0) {
      for (const answer of yield* askAll<Told, unknown, Network>(session, wave, linksTold)) {
        told.set(answer.nodeId, answer)
      }
      const named = Array.from(told.values()).flatMap(namedBy)
      wave = Array.from(new Set(named)).filter((name) => !told.has(name))
    }
    const links = withHearsay(told)
    yield* form === "json"
      ? printOutput(
        "trace",
        Object.fromEntries(Array.from(links, ([node, others]) => [node, typeof others === "string" ? null : others]))
      )
      : print(form === "dot" ? dot(links) : listed(links))
    yield* unlessSilent(told.values())
  })

const namedBy = (told: Told | Problem): ReadonlyArray<string> => "links" in told ? told.links ?? [] : []

/** Of a node that does not say, what others say of their links to it. */
const withHearsay = (told: ReadonlyMap<string, Told | Problem>): Links => {
  const linkedTo = (node: string): ReadonlyArray<string> =>
    Array.from(told).flatMap(([other, answer]) => namedBy(answer).includes(node) ? [other] : [])
  return new Map(
    Array.from(told, ([node, answer]) => [
      node,
      "problem" in answer ? answer.problem : answer.links ?? linkedTo(node).toSorted()
    ])
  )
}

/** What nodes are linked to, or why that is not known. */
type Links = ReadonlyMap<string, ReadonlyArray<string> | string>

const listed = (links: Links): string =>
  Array.from(links, ([node, others]) =>
    typeof others === "string"
      ? `${node}\n   ${others}`
      : [node, ...others.map((other, at) => `${at === others.length - 1 ? "└─" : "├─"} ${other}`)].join("\n")).join(
      "\n"
    )

const dot = (links: Links): string => {
  const pairs = Array.from(links).flatMap(([node, others]) =>
    typeof others === "string"
      ? []
      : others.map((other) => [node, other].toSorted().map((name) => JSON.stringify(name)).join(" -- "))
  )
  // A node without links is a node of the network all the same.
  const alone = Array.from(links).filter(([, others]) => others.length === 0).map(([node]) => JSON.stringify(node))
  return ["graph network {", ...Array.from(new Set([...alone, ...pairs]), (line) => `  ${line}`), "}"].join("\n")
}

/** The supervisors of a node, or of all nodes, that are nobody's children, and all that is below them; parts of clusters beside them. */
export const tree = (session: Session, node: string | undefined) =>
  Effect.gen(function*() {
    const patient = yield* withHalfTheTime(session)
    const answers = node === undefined ? yield* statuses(patient) : [yield* askStatus(session, node)]
    const supervisors = answers.flatMap((answer) => "supervisors" in answer ? answer.supervisors : [])
    const { roots, silent: quiet } = yield* within(
      patient,
      Supervisor.forest(supervisors),
      "the supervisors have not answered"
    )
    const where = node === undefined ? "the network" : `node ${node}`
    const trees = [
      ...supervisors.length === 0 ? [`${where} has no supervisors`] : roots.map((root) => Supervisor.render(root)),
      ...clusterTrees(answers.filter(tells))
    ]
    yield* session.json ? printOutput("tree", roots) : print(trees.join("\n\n"))
    const missing = [...quiet, ...roots.flatMap(unanswered)]
    if (missing.length > 0) yield* failed(`supervisors of ${where} do not answer: ${missing.join(", ")}`)
    yield* unlessSilent(answers)
  })

/** The supervisors in a tree that stand there as those that do not answer. */
const unanswered = ({ children }: Supervisor.Tree): ReadonlyArray<string> =>
  children.flatMap(({ port, tree }) =>
    typeof tree === "object" ? unanswered(tree) : tree === silent ? [String(port)] : []
  )

export const ping = (session: Session, node: string, count: number) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    let lost = 0
    // The search for the node is no round trip.
    yield* reach(session, node)
    const once = Effect.matchEffect(roundTrip(session, node), {
      onSuccess: (time) => {
        times.push(time)
        return session.json ? Effect.void : print(`${node}: ${showMillis(time)}`)
      },
      onFailure: ({ message }) => {
        lost++
        return session.json ? Effect.void : print(message)
      }
    })
    const sum = Effect.suspend(() => {
      const { max, median, min } = spread(times)
      if (session.json) {
        const figures = times.length === 0 ? { min: null, median: null, max: null } : { min, median, max }
        return printOutput("ping", { node, count: times.length, lost, ...figures })
      }
      const figures = `min ${showMillis(min)}, median ${showMillis(median)}, max ${showMillis(max)}`
      return print(
        `${times.length} round ${times.length === 1 ? "trip" : "trips"}${
          lost === 0 ? "" : `, ${lost} without an answer`
        }${times.length === 0 ? "" : `: ${figures}`}`
      )
    })
    const all = Effect.gen(function*() {
      for (let n = 0; n < count; n++) {
        if (n > 0) yield* Effect.sleep("200 millis")
        yield* once
      }
    })
    yield* Effect.andThen(Effect.onInterrupt(all, () => sum), sum)
    if (lost > 0) yield* failed(`node ${node} has not answered ${lost} of ${count} times`)
  })

/** Round trips one after the other, then many at once, for a second each. */
export const bench = (session: Session, node: string) =>
  Effect.gen(function*() {
    yield* roundTrip(session, node)
    const single = yield* measure(roundTrip(session, node), 1)
    const many = yield* measure(roundTrip(session, node), 64)
    yield* session.json
      ? printOutput("bench", { node, roundTrips: single, concurrentRoundTrips: many })
      : print(`${single} round trips/s one after the other, ${many}/s with 64 at a time`)
  })

const measure = <E, R>(one: Effect.Effect<unknown, E, R>, width: number): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const began = performance.now()
    let count = 0
    const more = (): boolean => performance.now() - began < 1000
    const loop = Effect.whileLoop({
      while: more,
      body: () => one,
      step: () => {
        count++
      }
    })
    return Effect.map(
      Effect.forEach(Array.from({ length: width }), () => loop, { concurrency: width, discard: true }),
      () => Math.round(count / (performance.now() - began) * 1000)
    )
  })
