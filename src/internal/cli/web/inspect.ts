/**
 * What one page asks for when it is opened: a node in detail, the supervisors of the network, the families of its database. All of it
 * is bounded, and what a node does not answer is missing, with the reason.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Global from "../../../Global.ts"
import * as Port from "../../../Port.ts"
import * as Supervisor from "../../../Supervisor.ts"
import { membersOf } from "../../global/member.ts"
import { Count, list } from "../../node/told.ts"
import { stringify } from "../../values/exactJson.ts"
import { exitFromReason, showReason } from "../../values/reason.ts"
import { familySizes, isGroup } from "../network/groups.ts"
import { type Answer, askStatus, isOfOtherKind, lookAt } from "../network/nodes.ts"
import { askPorts } from "../network/ports.ts"
import { ask, demand, failed, knownNodes, type Network, type Session, within } from "../network/session.ts"
import { logTailRequest } from "../run/logRequests.ts"
import {
  type Families,
  type Family,
  type NodeDetails,
  NotFound,
  type Picture,
  type PortSort,
  type SupervisorChild,
  type Supervisors,
  type SupervisorTree
} from "./api.ts"

/** Asks for what not every node knows. */
export const askIfKnown = (session: Session, nodeId: string, request: string, ...args: ReadonlyArray<unknown>) =>
  Effect.andThen(
    demand(session, nodeId, request, "does not know this: it is of an older version, or not run by emp run"),
    ask(session, nodeId, request, ...args)
  )

// ---- a node

const mostPorts = 100
const mostLines = 200

const Line = Schema.Tuple([
  Count,
  Schema.String,
  Schema.String,
  Schema.Record(Schema.String, Schema.String)
])
const isLines = Schema.is(list(Line))

const leadingPorts = (session: Session, nodeId: string, sort: PortSort) =>
  Effect.flatMap(askPorts(session, nodeId, { sort, limit: mostPorts }), (answer) =>
    "problem" in answer
      ? failed(answer.problem)
      : Effect.succeed({ total: answer.total, rows: answer.ports.slice(0, mostPorts), problem: null }))

const askLog = (session: Session, nodeId: string) =>
  Effect.gen(function*() {
    const [answer] = yield* askIfKnown(session, nodeId, logTailRequest, { tail: mostLines })
    if (!isLines(answer)) {
      return yield* failed(typeof answer === "string" ? answer : "the node gave an answer that makes no sense")
    }
    const lines = answer.slice(-mostLines).map(([at, level, text, annotations]) => ({ at, level, text, annotations }))
    return { lines, problem: null }
  })

/** What cannot be had is told in its place. */
const orProblem = <A, B, E extends { readonly message: string }, R>(
  effect: Effect.Effect<A, E, R>,
  without: (problem: string) => B
) => Effect.catch(effect, (error) => Effect.succeed(without(error.message)))

export const nodeDetails = (
  session: Session,
  picture: Picture,
  id: string,
  sort: PortSort
): Effect.Effect<NodeDetails, NotFound, Network> =>
  Effect.gen(function*() {
    const listed = yield* Effect.option(knownNodes(session))
    const isListed = listed._tag === "Some" && listed.value.has(id)
    const seen = picture.nodes.get(id)
    if (seen === undefined && !isListed) return yield* new NotFound({ problem: `there is no node ${id}` })
    // Who has left is not in the list: why it is not there any more was told by its link.
    const gone = listed._tag === "Some" && !isListed ? seen?.problem : null
    const looked = yield* orProblem(
      lookAt(session, id),
      (problem): Answer => ({ nodeId: id, problem: gone ?? problem })
    )
    if (isOfOtherKind(looked) || "problem" in looked) {
      const problem = "problem" in looked ? looked.problem : `is of another kind: ${looked.kind}`
      return { id, status: null, problem, ports: { total: null, rows: [], problem }, log: { lines: [], problem } }
    }
    const [ports, log] = yield* Effect.all([
      orProblem(leadingPorts(session, id, sort), (problem) => ({ total: null, rows: [], problem })),
      orProblem(askLog(session, id), (problem) => ({ lines: [], problem }))
    ], { concurrency: 2 })
    return { id, status: looked, problem: null, ports, log }
  })

// ---- supervisors

/** So many supervisors of the network are asked, and so many children of each are told. */
const mostSupervisors = 1000
const mostChildren = 200

/** The trees of all nodes that answer. What is a child somewhere is shown there, on whichever node it runs. */
export const supervisors = (session: Session, picture: Picture): Effect.Effect<Supervisors, never, Network> =>
  Effect.gen(function*() {
    const up = Array.from(picture.nodes.values()).filter(({ kind, state }) => state === "up" && kind === "effect-mp")
    const owners = up.filter(({ supervisors }) => supervisors !== 0)
    const asked = yield* Effect.forEach(
      owners.toSorted((one, other) => one.id < other.id ? -1 : 1),
      ({ id }) =>
        Effect.map(askStatus(session, id), ({ supervisors }) => ({ id, supervisors, problem: null })).pipe((node) =>
          orProblem(node, (problem) => ({ id, supervisors: [], problem }))
        ),
      { concurrency: 8 }
    )
    const all = asked.flatMap(({ supervisors }) => supervisors)
    const { roots, silent } = yield* Supervisor.forest(all.slice(0, mostSupervisors))
    const silentOn = Map.groupBy(silent, Port.nodeOf)
    const rootsOn = Map.groupBy(roots, ({ node }) => node)
    const nodes = asked.map(({ id, problem }) => {
      const count = silentOn.get(id)?.length ?? 0
      const trees = (rootsOn.get(id) ?? []).map(treeOf)
      return { id, trees, problem: count === 0 ? problem : `${count} of its supervisors do not answer` }
    })
    return { nodes, isCut: all.length > mostSupervisors || nodes.some(({ trees }) => trees.some(isLong)) }
  })

const isLong = (tree: SupervisorTree): boolean =>
  tree.children.length >= mostChildren ||
  tree.children.some((child) => [...child.tree === null ? [] : [child.tree], ...child.others].some(isLong))

const treeOf = ({ children, name, node, port, strategy }: Supervisor.Tree): SupervisorTree => ({
  name,
  port,
  node,
  strategy,
  children: children.slice(0, mostChildren).map(childOf)
})

const childOf = (child: Supervisor.TreeChild): SupervisorChild => {
  const { id, lastReason, made, node, port, restarts, status, tree, type, uptime } = child
  const [first = null, ...others] = [...typeof tree === "object" ? [tree] : [], ...made].map(treeOf)
  return {
    id,
    status,
    type,
    port: port ?? null,
    node: node ?? null,
    restarts,
    uptimeMillis: uptime ?? null,
    lastReason: lastReason === undefined ? null : showReason(exitFromReason("", lastReason)),
    tree: first,
    others,
    problem: typeof tree === "string" ? tree : null
  }
}

// ---- families

const mostFamilies = 100
const shortList = 20
const longList = 1000
const longestValue = 500

/** Of a family with more entries than these only the size is told where all are. */
const mostRead = 10_000

const familyOf = (name: string, entries: ReadonlyMap<string, unknown>, most: number): Family => {
  const members = new Set(membersOf(entries))
  const keys = Array.from(entries.keys()).toSorted().slice(0, most)
  return {
    name,
    total: entries.size,
    isGroup: isGroup(Array.from(members)),
    entries: keys.map((key) => ({
      key,
      node: members.has(key) ? Port.nodeOf(key) : null,
      value: members.has(key) ? null : shortened(stringify(entries.get(key)) ?? "null")
    }))
  }
}

const shortened = (value: string): string =>
  value.length > longestValue ? `${value.slice(0, longestValue - 1)}…` : value

/** One family, with all of its entries up to a thousand. */
export const family = (session: Session, name: string): Effect.Effect<Family, NotFound, Network> =>
  within(session, Global.family(name), "the database has not answered").pipe(
    Effect.mapError(({ message }) => new NotFound({ problem: message })),
    Effect.flatMap((entries) =>
      entries.size === 0
        ? Effect.fail(new NotFound({ problem: `nothing is in the family ${name}` }))
        : Effect.succeed(familyOf(name, entries, longList))
    )
  )

/** The families of the database, and the first entries of each. */
export const families = (session: Session): Effect.Effect<Families, never, Network> =>
  Effect.gen(function*() {
    const sizes = yield* familySizes(session)
    const families = yield* Effect.forEach(
      Array.from(sizes).slice(0, mostFamilies),
      ([name, total = 0]) => {
        const unread: Family = { name, total, isGroup: false, entries: [] }
        if (total > mostRead) return Effect.succeed(unread)
        const read = within(session, Global.family(name), "no answer")
        return Effect.orElseSucceed(Effect.map(read, (entries) => familyOf(name, entries, shortList)), () => unread)
      },
      { concurrency: 8 }
    )
    return { families, isCut: sizes.size > mostFamilies, problem: null }
  }).pipe((all) => orProblem(all, (problem): Families => ({ families: [], isCut: false, problem })))
