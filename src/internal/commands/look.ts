/**
 * Commands that look at nodes: `status`, `trace`, `tree`, `ping`, `bench`.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Port from "../../Port.ts"
import * as Supervisor from "../../Supervisor.ts"
import type { Status } from "../observe.ts"
import { allNodes, ask, askStatus, reach, type Session, statusOrProblem, within } from "./connect.ts"
import { age, bytes, millis, spread, table } from "./screen.ts"

type Answer = Status | { readonly nodeId: string; readonly problem: string }

/** All nodes, or one, as they say of themselves. */
export const statuses = (session: Session, node: string | undefined) =>
  Effect.gen(function*() {
    const names = node === undefined ? yield* allNodes(session) : [node]
    if (node !== undefined) yield* reach(session, node)
    return yield* Effect.forEach(names, (name) => statusOrProblem(session, name), { concurrency: 16 })
  })

const entriesOf = (status: Status): number => Object.values(status.families).reduce((sum, count) => sum + count, 0)

/** The nodes in a table. */
export const overview = (answers: ReadonlyArray<Answer>): string =>
  table(
    ["NODE", "UP", "LINKS", "PORTS", "QUEUE", "MEMORY", "ENTRIES"],
    answers.map((answer) =>
      "problem" in answer
        ? [answer.nodeId, answer.problem]
        : [
          answer.nodeId,
          age(answer.uptime),
          String(answer.peers.filter(({ state }) => state === "up").length),
          String(answer.ports),
          String(answer.queuedMessages),
          bytes(answer.memory),
          // A node that is no global one has its data at another.
          answer.isGlobal ? String(entriesOf(answer)) : "-"
        ]
    )
  )

const details = (status: Status): string => {
  const { families, peers, ...rest } = status
  const facts = [
    `node ${rest.nodeId}, pid ${rest.pid}, effect-mp ${rest.version} on ${rest.runtime}, up ${age(rest.uptime)}`,
    `listening on ${rest.addresses.join(", ") || "nothing"}`,
    rest.isGlobal ? "global" : `its data is at ${rest.master ?? "nobody"}`,
    `${rest.ports} ports, ${rest.supervisors.length} supervisors, ${bytes(rest.memory)} of memory, ${
      bytes(rest.heap)
    } of it heap`,
    `${rest.queuedMessages} messages wait for links, ${
      bytes(rest.unsentBytes)
    } are on their way, ${rest.waitingSenders} senders wait`
  ]
  const links = table(
    ["LINK", "STATE", "RECEIVED", "SENT", "QUEUE"],
    peers.map((peer) => [peer.nodeId, peer.state, bytes(peer.received), bytes(peer.sent), String(peer.queued)])
  )
  const data = table(
    ["FAMILY", "ENTRIES"],
    Object.entries(families).toSorted().map(([name, count]) => [name, String(count)])
  )
  return [facts.join("\n"), links, ...(rest.isGlobal ? [data] : [])].join("\n\n")
}

export const status = (session: Session, node: string | undefined) =>
  Effect.gen(function*() {
    const answers = yield* statuses(session, node)
    if (session.json) return yield* Console.log(JSON.stringify(node === undefined ? answers : answers[0]))
    const [first] = answers
    yield* Console.log(
      node !== undefined && first !== undefined && !("problem" in first) ? details(first) : overview(answers)
    )
  })

/** Who is linked to whom, from a node on: each node is asked once. */
export const trace = (session: Session, from: string | undefined, form: "text" | "json" | "dot") =>
  Effect.gen(function*() {
    const [first] = from === undefined ? yield* allNodes(session) : [from]
    const links = new Map<string, ReadonlyArray<string> | undefined>()
    let wave = first === undefined ? [] : [first]
    if (from !== undefined) yield* reach(session, from)
    while (wave.length > 0) {
      const answers = yield* Effect.forEach(wave, (name) => statusOrProblem(session, name), { concurrency: 16 })
      for (const answer of answers) {
        // Nodes of commands come and go, and are of no interest.
        const up = "problem" in answer
          ? undefined
          : answer.peers.filter((peer) => peer.state === "up" && !peer.nodeId.startsWith("emp/")).map(({ nodeId }) =>
            nodeId
          )
        links.set(answer.nodeId, up?.toSorted())
      }
      wave = Array.from(new Set(Array.from(links.values()).flatMap((all) => all ?? []))).filter((name) =>
        !links.has(name)
      )
    }
    yield* Console.log(drawings[form](links))
  })

type Links = ReadonlyMap<string, ReadonlyArray<string> | undefined>

const drawings: Record<"text" | "json" | "dot", (links: Links) => string> = {
  text: (links) =>
    Array.from(links, ([node, others]) =>
      others === undefined
        ? `${node}\n   does not answer`
        : [node, ...others.map((other, at) => `${at === others.length - 1 ? "└─" : "├─"} ${other}`)].join("\n")).join(
        "\n"
      ),
  json: (links) => JSON.stringify(Object.fromEntries(Array.from(links, ([node, others]) => [node, others ?? null]))),
  dot: (links) => {
    const pairs = Array.from(links).flatMap(([node, others = []]) =>
      others.map((other) => [node, other].toSorted().map((name) => JSON.stringify(name)).join(" -- "))
    )
    return ["graph network {", ...Array.from(new Set(pairs), (pair) => `  ${pair}`), "}"].join("\n")
  }
}

/** The supervisors of a node that are nobody's children, and all that is below them. */
export const tree = (session: Session, node: string) =>
  Effect.gen(function*() {
    const { supervisors } = yield* askStatus(session, node)
    const trees = yield* Effect.forEach(
      supervisors,
      (port) => Effect.option(within(session, Supervisor.tree(port), `${port} has not answered`)),
      { concurrency: 16 }
    )
    const found = trees.flatMap((tree) => tree._tag === "Some" ? [tree.value] : [])
    const below = new Set(found.flatMap(({ children }) => children.map(({ port }) => port)))
    const roots = found.filter(({ port }) => !below.has(port))
    if (session.json) return yield* Console.log(JSON.stringify(roots))
    yield* Console.log(
      roots.length === 0 ? `node ${node} has no supervisors` : roots.map((root) => Supervisor.render(root)).join("\n\n")
    )
  })

const roundTrip = (session: Session, node: string) =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(ask(session, node, "time"), () => performance.now() - began)
  })

export const ping = (session: Session, node: string, count: number) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    for (let n = 0; n < count; n++) {
      if (n > 0) yield* Effect.sleep("200 millis")
      const time = yield* roundTrip(session, node)
      times.push(time)
      if (!session.json) yield* Console.log(`${node}: ${millis(time)}`)
    }
    const { max, median, min } = spread(times)
    yield* Console.log(
      session.json
        ? JSON.stringify({ node, count, min, median, max })
        : `${count} round trips: min ${millis(min)}, median ${millis(median)}, max ${millis(max)}`
    )
  })

/** Round trips one after the other, then many at once, for a second each. */
export const bench = (session: Session, node: string) =>
  Effect.gen(function*() {
    yield* roundTrip(session, node)
    const single = yield* measure(roundTrip(session, node), 1)
    const many = yield* measure(roundTrip(session, node), 64)
    if (session.json) {
      return yield* Console.log(JSON.stringify({ node, roundTrips: single, concurrentRoundTrips: many }))
    }
    yield* Console.log(`${single} round trips/s one after the other, ${many}/s with 64 at a time`)
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

/** The node that a port or a node ID is of. */
export const nodeOf = Port.nodeOf
