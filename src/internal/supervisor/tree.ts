/**
 * What is below a supervisor: asked for by messages, on whichever nodes it is, and drawn for people.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Node } from "../../Node.ts"
import { nodeOf } from "../../Port.ts"
import { NodeRouter } from "../node/router.ts"
import { printableInLine } from "../values/printable.ts"
import { exitFromReason, showReason } from "../values/reason.ts"
import type { Strategy } from "./decisions.ts"
import type { ChildInfo } from "./errors.ts"
import { about, type AskError, which } from "./messages.ts"

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

/** So many supervisors are looked at, and for so long others are begun with: milliseconds. */
const most = 10_000
const patience = 10_000

/** Asks a supervisor, and those below it, all at once. One that does not answer is told of in its place. */
export const readTree = (port: string): Effect.Effect<Tree, AskError, Node> =>
  Effect.flatMap(
    NodeRouter,
    (router) => readFrom(port, { seen: new Set([port]), deadline: router.monotonic() + patience })
  )

/** A node may say anything of its supervisors, even that they are in a ring. */
interface Look {
  readonly seen: Set<string>
  readonly deadline: number
}

const readFrom = (port: string, look: Look): Effect.Effect<Tree, AskError, Node> =>
  Effect.gen(function*() {
    const { name, strategy } = yield* about(port)
    const infos = yield* which(port)
    const children = yield* Effect.forEach(infos, (info) =>
      Effect.map(below(info, look), (tree) => ({
        ...info,
        node: info.port === undefined ? undefined : nodeOf(info.port),
        tree
      })), { concurrency: 16 })
    return { name, port, node: nodeOf(port), strategy, children }
  })

const below = (info: ChildInfo, look: Look): Effect.Effect<Tree | string | undefined, never, Node> => {
  const { deadline, seen } = look
  const { port, type } = info
  if (type !== "supervisor" || port === undefined) return Effect.succeed(undefined)
  if (seen.has(port)) return Effect.succeed("is shown elsewhere")
  if (seen.size >= most) return Effect.succeed(`is one of more than ${most}`)
  seen.add(port)
  return Effect.flatMap(NodeRouter, (router) =>
    router.monotonic() > deadline
      ? Effect.succeed("was not asked: it took too long to get here")
      : Effect.catch(readFrom(port, look), () => Effect.succeed("does not answer")))
}

/** Workers that are alike are shown up to this number. */
const mostAlike = 20

/** The tree as lines: what it is, and how it fares. */
export const render = (tree: Tree, width = 80): string => {
  const lines: Array<string> = []
  const draw = (tree: Tree, indent: string): void => {
    const shown = tree.children.slice(0, tree.children.length > mostAlike + 1 ? mostAlike : undefined)
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
  const since = child.uptime === undefined ? "" : `, up ${showTime(child.uptime)}`
  const restarts = child.restarts === 0 ? "" : `, ${child.restarts} ${child.restarts === 1 ? "restart" : "restarts"}`
  const last = child.lastReason === undefined ? "" : `, last end: ${showReason(exitFromReason("", child.lastReason))}`
  return `${what} ${child.status === "running" ? child.port ?? "ending" : child.status}${since}${restarts}${last}`
}

/** Two units are enough. */
const showTime = (millis: number): string =>
  millis < 1000 ? "0s" : Duration.format(Duration.seconds(Math.floor(millis / 1000))).split(" ").slice(0, 2).join(" ")
