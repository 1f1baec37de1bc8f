/**
 * How a node is: a sign, a word, and why.
 *
 * @internal
 */
import type { NodeSummary } from "../api.ts"
import { showAge } from "./format.ts"
import { gradeOfNode, gradeSigns, isDraining, signs, stateInWords } from "./trouble.ts"

interface Properties {
  readonly node: NodeSummary
  /** What time it is: with it the state of a node that is gone says when it was seen last. */
  readonly at?: number
}

export const State = ({ at, node }: Properties) => {
  const { lastSeenAt, problem, state } = node
  const isUp = state === "up"
  const grade = gradeOfNode(node)
  return (
    <span class={`state ${isUp ? `grade-${grade}` : `state-${state}`}`} title={problem ?? stateInWords[state]}>
      <span aria-hidden="true">{isDraining(node) ? "◇" : isUp ? gradeSigns[grade] : signs[state]}</span>{" "}
      {isDraining(node) ? "draining" : state}
      {at === undefined || lastSeenAt === null ? null : <small>{` seen ${showAge(at - lastSeenAt)} ago`}</small>}
      {isUp && (grade === "slow" || grade === "bad") ? " (slow)" : null}
    </span>
  )
}
