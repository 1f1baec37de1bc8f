/**
 * What is below a supervisor: asked for by messages, on whichever nodes it is, and drawn for people.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { Node } from "../../Node.ts"
import { nodeOf } from "../../Port.ts"
import { NodeRouter } from "../node/router.ts"
import { showDuration } from "../values/duration.ts"
import { printableInLine } from "../values/printable.ts"
import { exitFromReason, showReason } from "../values/reason.ts"
import type { Strategy } from "./decisions.ts"
import type { ChildInfo } from "./errors.ts"
import { about, type AskError, which } from "./remote.ts"

/** Documented as `Supervisor.Tree`. */
export interface Tree {
  readonly name: string
  readonly port: string
  readonly node: string
  readonly strategy: Strategy | "dynamic" | "restart" | "failover"
  readonly children: ReadonlyArray<TreeChild>
}

/** Documented as `Supervisor.TreeChild`. */
export interface TreeChild extends ChildInfo {
  readonly node: string | undefined
  readonly tree: Tree | string | undefined
}

/** So many supervisors are asked. */
const mostAsked = 10_000

/** For so long after the first one was asked others are begun with. */
const patienceMillis = 10_000

/** Asks a supervisor, and those below it, all at once. One that does not answer is told of in its place. */
export const readTree = (port: string): Effect.Effect<Tree, AskError, Node> =>
  Effect.flatMap(
    NodeRouter,
    (router) => readFrom(port, { seen: new Set([port]), deadline: router.monotonic() + patienceMillis })
  )

/** What those that read a tree have in common. A node may say anything of its supervisors, even that they are in a ring. */
interface Walk {
  readonly seen: Set<string>
  readonly deadline: number
}

const readFrom = (port: string, walk: Walk): Effect.Effect<Tree, AskError, Node> =>
  Effect.gen(function*() {
    const { name, strategy } = yield* about(port)
    const infos = yield* which(port)
    const children = yield* Effect.forEach(infos, (info) =>
      Effect.map(below(info, walk), (tree) => ({
        ...info,
        node: info.port === undefined ? undefined : nodeOf(info.port),
        tree
      })), { concurrency: 16 })
    return { name, port, node: nodeOf(port), strategy, children }
  })

const below = (info: ChildInfo, walk: Walk): Effect.Effect<Tree | string | undefined, never, Node> => {
  const { deadline, seen } = walk
  const { port, type } = info
  if (type !== "supervisor" || port === undefined) return Effect.succeed(undefined)
  if (seen.has(port)) return Effect.succeed("is shown elsewhere")
  if (seen.size >= mostAsked) return Effect.succeed(`is one of more than ${mostAsked}`)
  seen.add(port)
  return Effect.flatMap(NodeRouter, (router) =>
    router.monotonic() > deadline
      ? Effect.succeed("was not asked: it took too long to get here")
      : Effect.catch(readFrom(port, walk), () => Effect.succeed("does not answer")))
}

/** So many children of one supervisor are shown; if there is only one more, that one too. */
const mostChildren = 20

/** The tree as lines: what it is, and how it fares. */
export const render = (tree: Tree, width = 80): string => {
  const lines: Array<string> = []
  const draw = (tree: Tree, indent: string): void => {
    const shown = tree.children.slice(0, tree.children.length > mostChildren + 1 ? mostChildren : undefined)
    const more = tree.children.length - shown.length
    for (const [at, child] of shown.entries()) {
      const isLast = at === shown.length - 1 && more === 0
      lines.push(`${indent}${isLast ? "└─" : "├─"} ${describeChild(child)}`)
      const deeper = `${indent}${isLast ? "   " : "│  "}`
      if (typeof child.tree === "string") lines.push(`${deeper}(${child.tree})`)
      else if (child.tree !== undefined) draw(child.tree, deeper)
    }
    if (more > 0) lines.push(`${indent}└─ and ${more} more`)
  }
  lines.push(`${tree.name} (${tree.strategy}) ${tree.port}`)
  draw(tree, "")
  return lines.map(printableInLine).map((line) => line.length > width ? `${line.slice(0, width - 1)}…` : line).join(
    "\n"
  )
}

const describeChild = (child: TreeChild): string => {
  const { tree } = child
  const what = typeof tree === "object" ? `${child.id}: ${tree.name} (${tree.strategy})` : child.id
  const since = child.uptime === undefined ? "" : `, up ${showDuration(child.uptime)}`
  const restarts = child.restarts === 0 ? "" : `, ${child.restarts} ${child.restarts === 1 ? "restart" : "restarts"}`
  const last = child.lastReason === undefined ? "" : `, last end: ${showReason(exitFromReason("", child.lastReason))}`
  return `${what} ${child.status === "running" ? child.port : child.status}${since}${restarts}${last}`
}
