/**
 * What is below a supervisor: asked for by messages, on whichever nodes it is, and drawn for people.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { Node } from "../../Node.ts"
import { nodeOf } from "../../Port.ts"
import { NodeRouter } from "../node/router.ts"
import { cutMiddle } from "../values/cut.ts"
import { showDuration } from "../values/duration.ts"
import { printableInLine } from "../values/printable.ts"
import { exitFromReason, showReason } from "../values/reason.ts"
import type { Strategy } from "./decisions.ts"
import type { ChildInfo } from "./errors.ts"
import { about, type AskError, which } from "./remote.ts"

/** Documented as `Supervisor.Tree`. */
export interface Tree {
  /** What it is called: `name` of its options. */
  readonly name: string
  /** Its own port. */
  readonly port: string
  /** The ID of the node of that. */
  readonly node: string
  /** Of one that has none, which kind it is. */
  readonly strategy: Strategy | "dynamic" | "restart" | "failover"
  /** In start order. */
  readonly children: ReadonlyArray<TreeChild>
  /** The port that it was made in, which ends with it. */
  readonly owner: string | undefined
}

/** Documented as `Supervisor.TreeChild`. */
export interface TreeChild extends ChildInfo {
  /** The ID of the node of its port, if it has one. */
  readonly node: string | undefined
  /** What is below it if it is a supervisor, or why that could not be seen. */
  readonly tree: Tree | string | undefined
  /** Supervisors that were made in its port, of those that were read together: those of a service. */
  readonly made: ReadonlyArray<Tree>
}

/** So many supervisors are asked. */
const mostAsked = 10_000

/** So deep the tree is that is shown. A node may say that it is deeper than any program could walk. */
const deepest = 100

/** For so long after the first one was asked others are begun with. */
const patienceMillis = 10_000

/** Asks a supervisor, and those below it, all at once. One that does not answer is told of in its place. */
export const readTree = (port: string): Effect.Effect<Tree, AskError, Node> =>
  Effect.flatMap(
    NodeRouter,
    (router) => readFrom(port, { seen: new Set([port]), depth: 0, deadline: router.monotonic() + patienceMillis })
  )

/** What those that read a tree have in common. A node may say anything of its supervisors, even that they are in a ring. */
interface Walk {
  readonly seen: Set<string>
  /** How many supervisors are above. */
  readonly depth: number
  readonly deadline: number
}

const deeper = (walk: Walk): Walk => ({ ...walk, depth: walk.depth + 1 })

/** A supervisor alone: its children are known by what it says of them. */
interface Flat extends Omit<Tree, "children"> {
  readonly infos: ReadonlyArray<ChildInfo>
}

const readFlat = (port: string): Effect.Effect<Flat, AskError, Node> =>
  Effect.gen(function*() {
    const { name, owner, strategy } = yield* about(port)
    return { name, port, node: nodeOf(port), strategy, owner, infos: yield* which(port) }
  })

const childOf = (info: ChildInfo, tree: TreeChild["tree"], made: ReadonlyArray<Tree> = []): TreeChild => ({
  ...info,
  node: info.port === undefined ? undefined : nodeOf(info.port),
  tree,
  made
})

const readFrom = (port: string, walk: Walk): Effect.Effect<Tree, AskError, Node> =>
  Effect.gen(function*() {
    const { infos, ...flat } = yield* readFlat(port)
    const children = yield* Effect.forEach(
      infos,
      (info) => Effect.map(below(info, deeper(walk)), (tree) => childOf(info, tree)),
      { concurrency: 16 }
    )
    return { ...flat, children }
  })

/** Documented as `Supervisor.Forest`. */
export interface Forest {
  /** Those that are below no other one, nor made in the port of one's child, with all that is below them. */
  readonly roots: ReadonlyArray<Tree>
  /** Those that have not answered. */
  readonly silent: ReadonlyArray<string>
}

/** Asks many supervisors, each once, and puts them together. What is below them and was not named is asked too. */
export const readForest = (ports: ReadonlyArray<string>): Effect.Effect<Forest, never, Node> =>
  Effect.gen(function*() {
    const asked = ports.slice(0, mostAsked)
    const answers = yield* Effect.forEach(asked, (port) => Effect.option(readFlat(port)), { concurrency: 64 })
    const found = new Map(
      answers.flatMap((flat) => flat._tag === "Some" ? [[flat.value.port, flat.value] as const] : [])
    )
    const top: Walk = { seen: new Set(), depth: 0, deadline: (yield* NodeRouter).monotonic() + patienceMillis }
    const known = new Set(Array.from(found.values()).flatMap(({ infos }) => infos.map(({ port }) => port)))
    const madeIn = Map.groupBy(found.values(), ({ owner }) => owner)
    const read = ({ infos, ...flat }: Flat, walk: Walk): Effect.Effect<Tree, never, Node> =>
      Effect.suspend(() => {
        walk.seen.add(flat.port)
        const children = Effect.forEach(infos, (info) => child(info, deeper(walk)))
        return Effect.map(children, (children) => ({ ...flat, children }))
      })
    const child = (info: ChildInfo, walk: Walk): Effect.Effect<TreeChild, never, Node> =>
      Effect.gen(function*() {
        const { depth, seen } = walk
        const named = info.port === undefined ? undefined : found.get(info.port)
        const isNew = named !== undefined && !seen.has(named.port) && depth < deepest
        const tree = isNew ? yield* read(named, walk) : yield* below(info, walk)
        const within = depth < deepest && info.port !== undefined ? madeIn.get(info.port) ?? [] : []
        return childOf(
          info,
          tree,
          yield* Effect.forEach(within.filter(({ port }) => !seen.has(port)), (made) => read(made, walk))
        )
      })
    const isRoot = ({ owner, port }: Flat): boolean => !known.has(port) && (owner === undefined || !known.has(owner))
    const roots = yield* Effect.forEach(Array.from(found.values()).filter(isRoot), (flat) => read(flat, top))
    // In a ring, or deeper than is shown in one tree.
    const ringed = Array.from(found.values()).filter(({ port }) => !top.seen.has(port))
    const rest = yield* Effect.forEach(
      ringed,
      (flat) =>
        Effect.suspend(() =>
          top.seen.has(flat.port) ? Effect.succeed([]) : Effect.map(read(flat, top), (tree) => [tree])
        )
    )
    return { roots: [...roots, ...rest.flat()], silent: asked.filter((port) => !found.has(port)) }
  })

const below = (info: ChildInfo, walk: Walk): Effect.Effect<Tree | string | undefined, never, Node> => {
  const { deadline, depth, seen } = walk
  const { port, type } = info
  if (type !== "supervisor" || port === undefined) return Effect.succeed(undefined)
  if (seen.has(port)) return Effect.succeed("is shown elsewhere")
  if (depth >= deepest) return Effect.succeed(`is below ${deepest} others`)
  if (seen.size >= mostAsked) return Effect.succeed(`is one of more than ${mostAsked}`)
  seen.add(port)
  return Effect.flatMap(NodeRouter, (router) =>
    router.monotonic() > deadline
      ? Effect.succeed("was not asked: it took too long to get here")
      : Effect.catch(readFrom(port, walk), () => Effect.succeed("does not answer")))
}

/** So many children of one supervisor are shown; if there is only one more, that one too. */
const mostChildren = 20

/** Of a port's ID so much is shown, however little room there is. */
const narrowest = 20

/** The tree as lines: what it is, and how it fares. */
export const render = (tree: Tree, width = 80): string => {
  const lines: Array<string> = []
  const drawHead = ({ name, port, strategy }: Tree, indent: string): void => {
    const what = `${indent}${name} (${strategy}) `
    lines.push(what + cutMiddle(port, Math.max(narrowest, width - what.length)))
  }
  const drawTrees = (trees: ReadonlyArray<Tree>, indent: string): void => {
    for (const [at, made] of trees.entries()) {
      const isLast = at === trees.length - 1
      drawHead(made, `${indent}${isLast ? "└─" : "├─"} `)
      draw(made, `${indent}${isLast ? "   " : "│  "}`)
    }
  }
  const draw = (tree: Tree, indent: string): void => {
    const shown = tree.children.slice(0, tree.children.length > mostChildren + 1 ? mostChildren : undefined)
    const more = tree.children.length - shown.length
    for (const [at, child] of shown.entries()) {
      const isLast = at === shown.length - 1 && more === 0
      const deeper = `${indent}${isLast ? "   " : "│  "}`
      lines.push(...describeChild(child, `${indent}${isLast ? "└─" : "├─"} `, deeper, width))
      if (typeof child.tree === "string") lines.push(`${deeper}(${child.tree})`)
      else if (child.tree !== undefined) draw(child.tree, deeper)
      drawTrees(child.made, deeper)
    }
    if (more > 0) lines.push(`${indent}└─ and ${more} more`)
  }
  drawHead(tree, "")
  draw(tree, "")
  return lines.map(printableInLine).map((line) => line.length > width ? `${line.slice(0, width - 1)}…` : line).join(
    "\n"
  )
}

/** One line; where that is too long, what the last end was has a line of its own, and the port is cut in the middle. */
const describeChild = (child: TreeChild, first: string, next: string, width: number): ReadonlyArray<string> => {
  const { tree } = child
  const what = typeof tree === "object" ? `${child.id}: ${tree.name} (${tree.strategy})` : child.id
  const since = child.uptime === undefined ? "" : `, up ${showDuration(child.uptime)}`
  const restarts = child.restarts === 0 ? "" : `, ${child.restarts} ${child.restarts === 1 ? "restart" : "restarts"}`
  const place = child.status === "running" ? child.port ?? "" : child.status
  const line = `${first}${what} ${place}${since}${restarts}`
  const last = child.lastReason === undefined
    ? ""
    : `last end: ${printableInLine(showReason(exitFromReason("", child.lastReason)))}`
  if (last !== "" && line.length + 2 + last.length <= width) return [`${line}, ${last}`]
  const room = Math.max(narrowest, place.length - Math.max(0, line.length - width))
  return [`${first}${what} ${cutMiddle(place, room)}${since}${restarts}`, ...last === "" ? [] : [`${next}${last}`]]
}
