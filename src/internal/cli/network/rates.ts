/**
 * What nodes do in a second: from what they have told one time after the other (pure).
 *
 * @internal
 */
import type { Status } from "../../node/status.ts"
import { isCommand } from "./commandId.ts"

/** What is not known is `null`: there was no sample before, or the node does not tell. */
export interface Rates {
  /** Messages that ports of the node have handled. */
  readonly messagesPerSecond: number | null
  /** Those that came and went over its links. */
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
  /** Of one processor. */
  readonly cpuPercent: number | null
}

export const unknownRates: Rates = {
  messagesPerSecond: null,
  inPerSecond: null,
  outPerSecond: null,
  cpuPercent: null
}

/** Whether two samples are of one life of a node: its counts begin anew with each. */
const isSameLife = (before: Status, now: Status): boolean => before.pid === now.pid && now.uptime > before.uptime

/** The rates between two samples of a node, in the time that the node itself says has passed. */
export const ratesBetween = (before: Status | undefined, now: Status): Rates => {
  if (before === undefined || !isSameLife(before, now)) return unknownRates
  const millis = now.uptime - before.uptime
  const rate = (of: (status: Status) => number | undefined, each: number): number | null => {
    const [first, last] = [of(before), of(now)]
    // What has grown less was counted in another life: a process may get the ID that the last one had.
    return first === undefined || last === undefined || last < first ? null : (last - first) * each / millis
  }
  return {
    messagesPerSecond: rate(({ messages }) => messages?.handled, 1000),
    inPerSecond: rate(({ messages }) => messages?.in, 1000),
    outPerSecond: rate(({ messages }) => messages?.out, 1000),
    cpuPercent: rate(({ cpuMillis }) => cpuMillis, 100)
  }
}

/** What goes over a link from one node to another. */
export interface LinkRate {
  readonly from: string
  readonly to: string
  readonly bytesPerSecond: number
  readonly queued: number
}

/** Those of a node but those to commands. A link that is new has sent what it has sent since the sample before. */
export const linkRates = (before: Status | undefined, now: Status): ReadonlyArray<LinkRate> => {
  const millis = before !== undefined && isSameLife(before, now) ? now.uptime - before.uptime : undefined
  const sentBefore = new Map(before?.peers.map(({ nodeId, sent }) => [nodeId, sent]))
  return now.peers.filter(({ nodeId }) => !isCommand(nodeId)).map(({ nodeId, queued, sent }) => {
    const bytes = sent - (sentBefore.get(nodeId) ?? 0)
    // Less than before: another link.
    const bytesPerSecond = millis === undefined ? 0 : (bytes < 0 ? sent : bytes) * 1000 / millis
    return { from: now.nodeId, to: nodeId, bytesPerSecond, queued }
  })
}
