/**
 * What the picture shows of a node and of its links, from what nodes answer about themselves: rates, from two answers after
 * one another. Numbers are rounded: what hardly changes is not sent again.
 *
 * @internal
 */
import type { Status } from "../../node/status.ts"
import { isCommand } from "../network/commandId.ts"
import type { Answer } from "../network/nodes.ts"
import type { LinkSummary, NodeSummary } from "./api.ts"
import { linkKey } from "./changes.ts"

/** What a node has answered, and when. */
export interface Sample {
  readonly at: number
  readonly status: Status
}

const unknown: Omit<NodeSummary, "id" | "state" | "kind"> = {
  problem: null,
  lastSeenAt: null,
  startedAt: null,
  pid: null,
  version: null,
  runtime: null,
  addresses: [],
  isGlobal: null,
  master: null,
  isDraining: null,
  roundTripMillis: null,
  ports: null,
  supervisors: null,
  queuedMessages: null,
  waitingSenders: null,
  memory: null,
  heap: null,
  cpuPercent: null,
  loopDelayMeanMillis: null,
  loopDelayMaxMillis: null,
  messagesInPerSecond: null,
  messagesOutPerSecond: null,
  handledPerSecond: null,
  bytesInPerSecond: null,
  bytesOutPerSecond: null,
  openCalls: null,
  restarts: null,
  refusedMessages: null,
  droppedMessages: null,
  databaseEntries: null
}

/** A node that has not answered yet. */
export const notSeen = (id: string, problem: string): NodeSummary => ({
  ...unknown,
  id,
  state: "unreachable",
  kind: "effect-mp",
  problem
})

/** A node that has answered, and does not any more: what it was, without what it status. */
export const awayFrom = (
  known: NodeSummary,
  state: NodeSummary["state"],
  problem: string,
  lastSeenAt: number | null
): NodeSummary => {
  const { addresses, id, isGlobal, kind, pid, restarts, runtime, startedAt, version } = known
  return {
    ...unknown,
    id,
    kind,
    startedAt,
    pid,
    version,
    runtime,
    addresses,
    isGlobal,
    restarts,
    state,
    problem,
    lastSeenAt
  }
}

/** To two digits, so that small changes do not count. */
const rough = (value: number): number => Number(value.toPrecision(2))
const fine = (value: number): number => Number(value.toPrecision(3))
const rounded = (value: number | undefined, round: (value: number) => number): number | null =>
  value === undefined ? null : round(value)

/** What counts up, by the second; nothing of what was reset. */
const rate = (before: number | undefined, after: number | undefined, millis: number): number | undefined =>
  before === undefined || after === undefined || after < before || millis <= 0
    ? undefined
    : (after - before) * 1000 / millis

/** Less than this are the signs of life of a link that carries nothing. */
const leastBytesPerSecond = 100
const roughBytes = (value: number): number => value < leastBytesPerSecond ? 0 : rough(value)

/** The links of a node to others, without those to commands. */
const linksOf = (status: Status) => status.peers.filter(({ nodeId, state }) => state === "up" && !isCommand(nodeId))

/** The bytes of all links that there were both times: a new link begins at zero. */
const bytesPerSecond = (before: Sample, after: Sample, way: "received" | "sent"): number => {
  const old = new Map(linksOf(before.status).map((link) => [link.nodeId, link[way]]))
  const rates = linksOf(after.status).map((link) => rate(old.get(link.nodeId), link[way], after.at - before.at) ?? 0)
  return rates.reduce((sum, each) => sum + each, 0)
}

/** The sample before, if it is of the same process. */
const sameProcess = (before: Sample | undefined, after: Sample): Sample | undefined =>
  before !== undefined && before.status.pid === after.status.pid && before.status.uptime <= after.status.uptime
    ? before
    : undefined

/** What there is to know of a node of our own kind. `known` is what the picture shows of it so far. */
export const summaryOf = (
  earlier: Sample | undefined,
  now: Sample,
  known: NodeSummary | undefined,
  roundTripMillis: number | undefined
): NodeSummary => {
  const { status } = now
  const before = sameProcess(earlier, now)
  const millis = before === undefined ? 0 : now.at - before.at
  const old = before?.status
  const messages = (way: "in" | "out" | "handled") => rate(old?.messages?.[way], status.messages?.[way], millis)
  const cpu = rate(old?.cpuMillis, status.cpuMillis, millis)
  const isSame = known !== undefined && known.pid === status.pid
  return {
    id: status.nodeId,
    state: "up",
    kind: "effect-mp",
    problem: null,
    lastSeenAt: null,
    // Told again and again it would be another one by some milliseconds.
    startedAt: isSame ? known.startedAt : Math.round(now.at - status.uptime),
    pid: status.pid,
    version: status.version,
    runtime: status.runtime,
    addresses: status.addresses,
    isGlobal: status.isGlobal,
    master: status.master,
    isDraining: status.draining ?? null,
    roundTripMillis: rounded(roundTripMillis, rough),
    ports: status.ports,
    supervisors: status.supervisors.length,
    queuedMessages: status.queuedMessages,
    waitingSenders: status.waitingSenders,
    memory: fine(status.memory),
    heap: rough(status.heap),
    cpuPercent: rounded(cpu === undefined ? undefined : cpu / 10, Math.round),
    loopDelayMeanMillis: rounded(status.loopDelay?.meanMillis, rough),
    loopDelayMaxMillis: rounded(status.loopDelay?.maxMillis, rough),
    messagesInPerSecond: rounded(messages("in"), rough),
    messagesOutPerSecond: rounded(messages("out"), rough),
    handledPerSecond: rounded(messages("handled"), rough),
    bytesInPerSecond: before === undefined ? null : roughBytes(bytesPerSecond(before, now, "received")),
    bytesOutPerSecond: before === undefined ? null : roughBytes(bytesPerSecond(before, now, "sent")),
    openCalls: status.openCalls ?? null,
    restarts: status.restarts ?? null,
    refusedMessages: status.messages?.refused ?? null,
    droppedMessages: status.messages?.dropped ?? null,
    databaseEntries: status.databaseEntries ??
      (status.isGlobal ? Object.values(status.families).reduce((sum, count) => sum + count, 0) : null)
  }
}

/** What there is to know of a node of another kind. */
export const summaryOfOther = (answer: Exclude<Answer, Status | { readonly problem: string }>): NodeSummary => ({
  ...unknown,
  id: answer.nodeId,
  state: "up",
  kind: answer.kind,
  addresses: answer.addresses,
  roundTripMillis: rough(answer.roundTripMillis)
})

/** A link, while it is put together from what its ends say. */
interface Ends {
  readonly a: string
  readonly b: string
  roundTripMillis: number | undefined
  queued: number
  /** What each end has sent, and what the other one has received of it: the larger number counts, since one of them may be missing. */
  readonly forth: Array<number>
  readonly back: Array<number>
}

/** All links between the nodes that have answered: `samples` are their answers, with those before. */
export const linksBetween = (
  samples: ReadonlyArray<readonly [before: Sample | undefined, after: Sample]>
): ReadonlyMap<string, LinkSummary> => {
  const links = new Map<string, Ends>()
  for (const [before, after] of samples) {
    const id = after.status.nodeId
    const old = new Map(before === undefined ? [] : linksOf(before.status).map((link) => [link.nodeId, link]))
    for (const link of linksOf(after.status)) {
      const [a, b] = id < link.nodeId ? [id, link.nodeId] : [link.nodeId, id]
      const key = linkKey(a, b)
      const ends = links.get(key) ?? { a, b, roundTripMillis: undefined, queued: 0, forth: [], back: [] }
      links.set(key, ends)
      ends.queued += link.queued
      const millis = link.roundTripMillis ?? undefined
      if (millis !== undefined) ends.roundTripMillis = Math.min(millis, ends.roundTripMillis ?? millis)
      if (before === undefined) continue
      const [sent, received] = id === a ? [ends.forth, ends.back] : [ends.back, ends.forth]
      sent.push(rate(old.get(link.nodeId)?.sent, link.sent, after.at - before.at) ?? 0)
      received.push(rate(old.get(link.nodeId)?.received, link.received, after.at - before.at) ?? 0)
    }
  }
  return new Map(Array.from(links, ([key, ends]) => [key, linkOf(ends)]))
}

const linkOf = ({ a, b, back, forth, queued, roundTripMillis }: Ends): LinkSummary => ({
  a,
  b,
  roundTripMillis: rounded(roundTripMillis, rough),
  queued,
  bytesPerSecond: forth.length === 0 ? null : roughBytes(Math.max(...forth) + Math.max(...back))
})
