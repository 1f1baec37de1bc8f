/**
 * The agreement between nodes on which of them runs a service: what a node does next, by what it knows of the others. Pure; `failover.ts`
 * carries it out.
 *
 * @internal
 */

/** What a node does: it runs the service, or is about to, or does not. */
export type Part = "running" | "idle"

/**
 * What a node knows of another one: what that does, that it takes no part at present (`absent`), that it would rather not run the
 * service (`resting`), or nothing (`unknown`).
 */
export type Known = Part | "resting" | "unknown" | "absent"

/** What a node does next about the service. */
export type NextMove = "start" | "stop" | "stay"

/** A node and what it knows. */
export interface View {
  /** This node. */
  readonly self: string
  readonly part: Part
  /** Whether this node would rather not run the service. */
  readonly isResting: boolean
  /** All that may run the service, this node among them, in order of preference. */
  readonly nodes: ReadonlyArray<string>
  /** The node that gets the service back when it returns. */
  readonly preferred: string | undefined
  readonly known: (node: string) => Known
  /** Whether the one that runs it has a lease of it: others that seem to run it are about to stop, and do not count. */
  readonly isLeased: boolean
}

/**
 * Who runs the service keeps it, unless the preferred node is there and can have it back, or another one runs it too: then the first
 * of them keeps it, or the one that has the lease. A node that rests runs it only if all others do too.
 */
export const decideFailover = ({ isLeased, isResting, known, nodes, part, preferred, self }: View): NextMove => {
  const others = nodes.filter((node) => node !== self)
  const runners = others.filter((node) => known(node) === "running")
  const isBefore = (node: string): boolean => nodes.indexOf(node) < nodes.indexOf(self)
  if (part === "running") {
    if (!isLeased && runners.some(isBefore)) return "stop"
    // The other one, which comes later, steps back.
    if (runners.length > 0) return "stay"
    return preferred !== undefined && preferred !== self && known(preferred) === "idle" ? "stop" : "stay"
  }
  if (runners.length > 0 || others.some((node) => known(node) === "unknown")) return "stay"
  const goesFirst = (node: string): boolean =>
    known(node) === "idle" ? isResting || isBefore(node) : known(node) === "resting" && isResting && isBefore(node)
  return others.some(goesFirst) ? "stay" : "start"
}

/** The preferred node first. */
export const preferredFirst = (nodes: ReadonlyArray<string>, preferred: string | undefined): ReadonlyArray<string> =>
  preferred === undefined ? nodes : [preferred, ...nodes.filter((node) => node !== preferred)]
