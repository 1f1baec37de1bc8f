/**
 * What a process of a run knows, and where it tells what it sees.
 */
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type * as Global from "../../src/Global.ts"
import type * as Node from "../../src/Node.ts"
import type * as Port from "../../src/Port.ts"
import type { SeededRandom } from "./random.ts"
import type { Event, Life, Odd, Reason } from "./trace.ts"

/** Where a process finds the others. */
export interface Directory {
  /** Ports that there are or were, on any node. */
  readonly ports: () => ReadonlyArray<string>
  readonly nodes: () => ReadonlyArray<string>
  /** Lets others find a port. */
  readonly add: (port: string) => void
}

/** What a process draws from for rpc, and how its calls are encoded: as data, or as bytes, which not all links carry. */
export interface RpcPart {
  readonly random: SeededRandom
  readonly isBinary: boolean
}

/** What a process draws from for locks, and who votes. */
export interface LockPart {
  readonly random: SeededRandom
  readonly voters: ReadonlyArray<string>
  /** Whether its process is a runner of a cluster on them. */
  readonly hasCluster: boolean
  /** How many times as long it pauses between two actions as it does in a short run. */
  readonly leisure: number
}

export interface Member {
  readonly life: Life
  readonly random: SeededRandom
  /** For what it does with supervisors, if it has any: what it draws for that changes nothing of the rest. */
  readonly supervisors?: SeededRandom | undefined
  /** For what it does with rpc, if it does: the same holds. */
  readonly rpcs?: RpcPart | undefined
  /** For what it does with locks, if it does. */
  readonly locks?: LockPart | undefined
  readonly directory: Directory
  readonly emit: (event: Event) => void
  /** How long to wait between two actions, on average, in milliseconds. */
  readonly pace: number
}

export type Services = Node.Node | Global.Global | Scope.Scope

/** Names that are unique in a run. */
export const makeNames = (life: Life): (kind: string) => string => {
  let counter = 0
  return (kind) => `${life}:${kind}${++counter}`
}

/** The reason list of a port's end, as an event holds it. */
export const reasonOf = (exit: Exit.Exit<unknown, Port.Killed>): Reason => {
  if (Exit.isSuccess(exit)) return []
  const [reason] = exit.cause.reasons
  return reason?._tag === "Fail" ? shownReason(reason.error.reason) : [reason?._tag]
}

export const shownReason = (reason: Reason): Reason => reason.map(partOf)

const odd: Odd = { odd: true }

const partOf = (part: unknown): unknown =>
  part === null || typeof part === "boolean" || Number.isFinite(part) || typeof part === "string" && part.isWellFormed()
    ? part
    : odd
