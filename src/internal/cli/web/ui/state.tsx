/**
 * How a node is: a sign, a word, and why.
 *
 * @internal
 */
import type { NodeSummary } from "../api.ts"
import { gradeOfNode, signs, stateInWords } from "./trouble.ts"

export const State = ({ node }: { readonly node: NodeSummary }) => {
  const { isDraining, problem, state } = node
  const isUp = state === "up"
  return (
    <span class={`state ${isUp ? `grade-${gradeOfNode(node)}` : `state-${state}`}`} title={problem ?? stateInWords[state]}>
      <span aria-hidden="true">{isDraining === true ? "◇" : signs[state]}</span> {isDraining === true ? "draining" : state}
    </span>
  )
}
