/**
 * What has happened in the network: told by two pictures of it after one another (pure), and kept for those who come later.
 *
 * @internal
 */
import { showDuration } from "../../values/duration.ts"
import type { NodeSummary, Picture, TimelineEntry } from "./api.ts"

/** An entry without its number. */
export type Happening = Omit<TimelineEntry, "number">

/** So many names are told in one entry, and so many letters of each. */
const mostNames = 5
const longestName = 60

const clip = (name: string): string => name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name

const listed = (names: ReadonlyArray<string>): string => {
  const shown = names.slice(0, mostNames).map(clip).join(", ")
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown
}

/** What has happened between two pictures. Of a picture that is not complete nothing can be told. */
export const happenings = (before: Picture, after: Picture): ReadonlyArray<Happening> => {
  if (!before.isComplete) return []
  const { at } = after
  const ofNodes = Array.from(after.nodes.values()).flatMap((node) => happeningsOf(before.nodes.get(node.id), node, at))
  return [...ofNodes, ...masters(before, after), ...parts(before, after)]
}

const happeningsOf = (before: NodeSummary | undefined, after: NodeSummary, at: number): ReadonlyArray<Happening> => {
  const told: Array<Happening> = []
  const tell = (kind: Happening["kind"], text: string): void => void told.push({ at, kind, node: after.id, text })
  if (before === undefined) {
    if (after.state === "up") tell("up", "is new")
    return told
  }
  const isAnother = before.pid !== null && after.pid !== null && before.pid !== after.pid
  const away = before.lastSeenAt === null ? "" : ` after ${showDuration(Math.max(0, at - before.lastSeenAt))}`
  if (isAnother) tell("restart", `runs again${away}: process ${before.pid}, now ${after.pid}`)
  else if (before.state !== after.state) {
    tell(
      after.state,
      after.state === "up" ? away === "" ? "answers now" : `is back${away}` : after.problem ?? after.state
    )
  }
  const restarts = isAnother ? 0 : (after.restarts ?? 0) - (before.restarts ?? after.restarts ?? 0)
  if (restarts > 0) tell("children restarted", `supervisors restart children, ${after.restarts} since the node runs`)
  if (after.isDraining === true && before.isDraining !== true) tell("draining", "takes no new work: it drains")
  return told
}

/** Nodes whose data is at another node than before: many at once, when one is lost. */
const masters = (before: Picture, after: Picture): ReadonlyArray<Happening> => {
  const moved = Map.groupBy(
    Array.from(after.nodes.values()).filter(({ id, isGlobal, master }) => {
      const old = before.nodes.get(id)?.master ?? null
      return isGlobal === false && master !== null && old !== null && old !== master
    }),
    ({ master }) => master ?? ""
  )
  return Array.from(moved, ([master, nodes]) => {
    const [one, ...others] = nodes.map(({ id }) => id)
    const who = others.length === 0 ? "its data is" : `the data of ${listed(nodes.map(({ id }) => id))} is`
    return {
      at: after.at,
      kind: "master",
      node: others.length === 0 ? one ?? null : null,
      text: `${who} at ${clip(master)} now`
    }
  })
}

/** The parts that some nodes are in: those of one part reach each other over links, of those nodes and of others. */
const partsOf = (picture: Picture, members: ReadonlySet<string>): ReadonlyArray<ReadonlyArray<string>> => {
  const linked = new Map<string, Array<string>>()
  const tie = (one: string, other: string): void => {
    const known = linked.get(one)
    if (known === undefined) linked.set(one, [other])
    else known.push(other)
  }
  for (const { a, b } of picture.links.values()) {
    tie(a, b)
    tie(b, a)
  }
  const seen = new Set<string>()
  const reached = (first: string): ReadonlyArray<string> => {
    const part = [first]
    seen.add(first)
    for (const id of part) {
      for (const next of linked.get(id) ?? []) {
        if (seen.has(next)) continue
        seen.add(next)
        part.push(next)
      }
    }
    return part.filter((id) => members.has(id)).toSorted()
  }
  return Array.from(members).flatMap((id) => seen.has(id) ? [] : [reached(id)])
}

const isUp = ({ kind, state }: NodeSummary): boolean => state === "up" && kind === "effect-mp"

/** Splits and merges: of the nodes that have been up both times, since one that just comes has no links yet. */
const parts = (before: Picture, after: Picture): ReadonlyArray<Happening> => {
  const isOld = (id: string): boolean => {
    const old = before.nodes.get(id)
    return old !== undefined && isUp(old)
  }
  const stayed = new Set(
    Array.from(after.nodes.values()).filter((node) => isUp(node) && isOld(node.id)).map(({ id }) => id)
  )
  const [old, now] = [partsOf(before, stayed), partsOf(after, stayed)]
  if (old.length === now.length) return []
  const isSplit = now.length > old.length
  const shown = now.slice(0, mostNames).map(listed).join(" | ")
  const more = now.length > mostNames ? ` | and ${now.length - mostNames} more` : ""
  const text = now.length === 1
    ? "all nodes have a way to each other again"
    : `${now.length} parts have no way to each other: ${shown}${more}`
  return [{ at: after.at, kind: isSplit ? "split" : "merge", node: null, text }]
}

/** So many entries are kept. */
const most = 1000

/** So long no more is told of a node's children: one that ends again and again would fill the timeline. */
const calmMillis = 60_000

/** The last entries, in the order of their numbers. */
export class Timeline {
  private kept: ReadonlyArray<TimelineEntry> = []
  private count = 0
  /** When it was told last of the children of a node. */
  private readonly children = new Map<string | null, number>()

  add(told: ReadonlyArray<Happening>): void {
    const fresh: Array<TimelineEntry> = []
    for (const entry of told) if (this.isFresh(entry)) fresh.push({ number: ++this.count, ...entry })
    if (fresh.length > 0) this.kept = [...this.kept, ...fresh].slice(-most)
  }

  private isFresh({ at, kind, node }: Happening): boolean {
    if (kind !== "children restarted") return true
    for (const [id, before] of this.children) if (at - before >= calmMillis) this.children.delete(id)
    if (this.children.has(node)) return false
    this.children.set(node, at)
    return true
  }

  /** The number of the last entry. */
  get last(): number {
    return this.count
  }

  /** What is kept and came after an entry. */
  after(number: number): ReadonlyArray<TimelineEntry> {
    return number >= this.count ? [] : this.kept.filter((entry) => entry.number > number)
  }
}
