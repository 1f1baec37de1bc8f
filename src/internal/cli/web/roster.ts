/**
 * What is known of each node, from what it answers, does not answer, and what links tell (pure): the picture is made of it.
 *
 * @internal
 */
import type { Status } from "../../node/status.ts"
import { type Answer, isOfOtherKind } from "../network/nodes.ts"
import { listensNowhere } from "../network/session.ts"
import type { LinkSummary, NodeSummary } from "./api.ts"
import { awayFrom, linksBetween, notSeen, type Sample, summaryOf, summaryOfOther } from "./summary.ts"

/** So many answers one after the other may be missing before a node that answered counts as silent. */
const mostMissing = 2

/** For so long nodes that are down stay visible, and so many of them. */
const goneAfterMillis = 3_600_000
const mostGone = 200

/** So many nodes are looked at: whoever knows the secret can name any number. */
export const mostNodes = 2000

interface Seen {
  /** Nothing, until it has answered, or has not. */
  summary: NodeSummary | undefined
  before: Sample | undefined
  last: Sample | undefined
  seenAt: number | undefined
  /** So many questions had no answer, one after the other. */
  missing: number
  /** The network has it in its list of nodes, and whether it says there that it listens nowhere. */
  isListed: boolean
  isDeaf: boolean
}

export class Roster {
  private readonly nodes = new Map<string, Seen>()

  /** The nodes of the network as its database has them, with their addresses. */
  list(known: ReadonlyMap<string, unknown>): void {
    for (const [id, seen] of this.nodes) seen.isListed &&= known.has(id)
    for (const [id, addresses] of known) {
      if (this.nodes.size >= mostNodes && !this.nodes.has(id)) continue
      const seen = this.seen(id)
      // One that comes back is worth the next question.
      if (!seen.isListed) seen.missing = 0
      seen.isListed = true
      seen.isDeaf = listensNowhere(addresses)
    }
  }

  private seen(id: string): Seen {
    const known = this.nodes.get(id)
    if (known !== undefined) return known
    const seen: Seen = {
      summary: undefined,
      before: undefined,
      last: undefined,
      seenAt: undefined,
      missing: 0,
      isListed: false,
      isDeaf: false
    }
    this.nodes.set(id, seen)
    return seen
  }

  /** Those to ask: who answers, and who has not been asked yet. */
  get present(): ReadonlyArray<string> {
    return this.those((seen) => seen.missing < mostMissing)
  }

  /** Those who do not answer, and may come back. */
  get absent(): ReadonlyArray<string> {
    return this.those((seen) => seen.missing >= mostMissing && seen.isListed)
  }

  private those(are: (seen: Seen) => boolean): ReadonlyArray<string> {
    return Array.from(this.nodes).flatMap(([id, seen]) => are(seen) ? [id] : [])
  }

  /** Whether it is of any use to ask a node that there is no link to. */
  isDeaf(id: string): boolean {
    return this.nodes.get(id)?.isDeaf === true
  }

  answered(id: string, answer: Answer, at: number, roundTripMillis: number | undefined): void {
    if ("problem" in answer) return
    const seen = this.seen(id)
    seen.missing = 0
    seen.seenAt = at
    if (isOfOtherKind(answer)) {
      seen.summary = summaryOfOther(answer)
      return
    }
    const sample = { at, status: answer }
    seen.summary = summaryOf(seen.last, sample, seen.summary, roundTripMillis)
    seen.before = seen.last
    seen.last = sample
  }

  /** A node has not answered, with a link to it or without. */
  missed(id: string, isLinked: boolean): void {
    const seen = this.nodes.get(id)
    if (seen === undefined) return
    seen.missing++
    if (seen.seenAt === undefined) {
      // Of a node that never answered the first question decides.
      seen.missing = mostMissing
      const problem = seen.isDeaf
        ? "listens nowhere: only nodes that it has dialled itself can ask it"
        : "no link to it can be made from here"
      seen.summary = isLinked ? { ...notSeen(id, "does not answer"), state: "silent" } : notSeen(id, problem)
      return
    }
    if (seen.missing < mostMissing) return
    if (isLinked) this.leave(seen, "silent", "does not answer, though the link to it stands")
    // Who is down was told of already, by its link.
    else if (seen.summary?.state !== "down") this.leave(seen, "unreachable", "cannot be reached from here")
  }

  /** The link to a node was lost. */
  lost(id: string, why: string): void {
    const seen = this.nodes.get(id)
    if (seen === undefined || seen.seenAt === undefined) return
    seen.missing = mostMissing
    this.leave(seen, "down", why)
  }

  /** There is a link to a node: it is worth the next question. */
  linked(id: string): void {
    const seen = this.nodes.get(id)
    if (seen !== undefined) seen.missing = 0
  }

  private leave(seen: Seen, state: "silent" | "unreachable" | "down", problem: string): void {
    if (seen.summary === undefined) return
    seen.summary = awayFrom(seen.summary, state, problem, seen.seenAt ?? null)
    seen.before = undefined
    // Its links are not known any more, but those that others tell of.
    seen.last = undefined
  }

  /** Forgets those that are down, after an hour, or the oldest of many. */
  forget(now: number): void {
    const gone = Array.from(this.nodes).filter(([, seen]) => seen.missing >= mostMissing && !seen.isListed)
      .toSorted(([, one], [, other]) => (other.seenAt ?? 0) - (one.seenAt ?? 0))
    for (const [at, [id, seen]] of gone.entries()) {
      if (at >= mostGone || now - (seen.seenAt ?? 0) > goneAfterMillis) this.nodes.delete(id)
    }
  }

  /** What those nodes have said last that answer. */
  get statuses(): ReadonlyArray<Status> {
    return Array.from(this.nodes.values()).flatMap(({ last }) => last === undefined ? [] : [last.status])
  }

  read(): { readonly nodes: ReadonlyMap<string, NodeSummary>; readonly links: ReadonlyMap<string, LinkSummary> } {
    const all = Array.from(this.nodes)
    return {
      nodes: new Map(all.flatMap(([id, { summary }]) => summary === undefined ? [] : [[id, summary] as const])),
      links: linksBetween(all.flatMap(([, { before, last }]) => last === undefined ? [] : [[before, last] as const]))
    }
  }
}
