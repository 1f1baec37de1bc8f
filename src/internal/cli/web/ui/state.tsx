/**
 * How a node is: a sign, a word, and why.
 *
 * @internal
 */
import type { NodeSummary } from "../api.ts"
import { gradeOfNode, gradeSigns, signs, stateInWords } from "./trouble.ts"

export const State = ({ node }: { readonly node: NodeSummary }) => {
  const { isDraining, problem, state } = node
  const isUp = state === "up"
  const grade = gradeOfNode(node)
  return (
    <span class={`state ${isUp ? `grade-${grade}` : `state-${state}`}`} title={problem ?? stateInWords[state]}>
      <span aria-hidden="true">{isDraining === true ? "◇" : isUp ? gradeSigns[grade] : signs[state]}</span>{" "}
      {isDraining === true ? "draining" : state}
      {isUp && (grade === "slow" || grade === "bad") ? ", slow" : null}
    </span>
  )
}
