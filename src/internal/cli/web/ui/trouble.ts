/**
 * How much trouble a link or a node is in: what colours and signs of the picture mean. Each grade has a sign of its own beside its
 * colour, for those who do not tell colours apart.
 *
 * @internal
 */
import type { LinkSummary, NodeSummary } from "../api.ts"

export const grades = ["unknown", "good", "slow", "bad"] as const
export type Grade = (typeof grades)[number]

/** From here on a round trip is slow, and bad. */
export const slowMillis = 50
export const badMillis = 250
/** From so many messages on that wait, a link is slow, and bad. */
export const slowQueue = 10
export const badQueue = 1000

const gradeBy = (value: number, slow: number, bad: number): Grade =>
  value >= bad ? "bad" : value >= slow ? "slow" : "good"

const worse = (one: Grade, other: Grade): Grade => grades.indexOf(one) >= grades.indexOf(other) ? one : other

export const gradeOfLink = ({ queued, roundTripMillis }: Pick<LinkSummary, "queued" | "roundTripMillis">): Grade =>
  worse(
    roundTripMillis === null ? "unknown" : gradeBy(roundTripMillis, slowMillis, badMillis),
    queued === 0 && roundTripMillis === null ? "unknown" : gradeBy(queued, slowQueue, badQueue)
  )

/** Of a node that answers; the others have their state. */
export const gradeOfNode = ({ queuedMessages, roundTripMillis }: NodeSummary): Grade =>
  gradeOfLink({ roundTripMillis, queued: queuedMessages ?? 0 })

/** What a node was doing when it went says nothing of how it is. */
export const isDraining = ({ isDraining, state }: NodeSummary): boolean => state === "up" && isDraining === true

/** Of nodes that are up: what the picture shows. */
export const gradeSigns: Readonly<Record<Grade, string>> = { unknown: "●", good: "●", slow: "▲", bad: "■" }

export const signs: Readonly<Record<NodeSummary["state"], string>> = {
  up: "●",
  silent: "◐",
  unreachable: "○",
  down: "✕"
}

export const stateInWords: Readonly<Record<NodeSummary["state"], string>> = {
  up: "up",
  silent: "silent: linked, but it does not answer",
  unreachable: "unreachable: known to others, no link from here",
  down: "down: its link was lost"
}
