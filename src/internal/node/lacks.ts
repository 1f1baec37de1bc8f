/**
 * What a node lacks before it is ready for work: its place in the network, or something that is to run on it. One that is about to stop is
 * not ready any more, and neither is one that has lost what it needs for its work.
 *
 * @internal
 */
import type { Observed } from "./observed.ts"
import type { Router } from "./router.ts"
import { hasMajority, showLacking } from "./votes.ts"

/** In words, for people; nothing if it is ready. */
export const lacksOf = ({ isDraining, network, observed }: Router): ReadonlyArray<string> => [
  ...isDraining ? ["draining"] : [],
  ...network.away === undefined ? [] : [network.away],
  ...observed.seeding?.isCutOff === true ? ["not joined: no seed has answered yet"] : [],
  ...observed.lacks,
  ...lackedVotes(observed),
  ...observed.clusters.flatMap(({ name, refusal }) =>
    refusal === null ? [] : [`a part in cluster ${name}: ${refusal}`]
  ),
  // As long as nothing is known that could be named.
  ...observed.hasStarted === false && observed.lacks.length === 0 ? ["starting"] : []
]

/**
 * Votes that others do not give this node, and the vote that it does not give others yet. Who starts nodes again one after the other, and
 * waits for each of them to be ready, so always leaves a majority.
 */
const lackedVotes = ({ lockTables, needs }: Observed): ReadonlyArray<string> => {
  const needed = Array.from(needs).flatMap(({ purpose, table }) =>
    lockTables.filter((one) => one.name === table && !hasMajority(one)).map((one) =>
      `a majority of the voters of ${purpose}: ${showLacking(one)}`
    )
  )
  const starting = lockTables.filter(({ kept }) => kept?.isVoting === false)
  return [
    ...needed,
    ...starting.map(({ name }) => `the vote of this node in locks ${name}: it has started, and grants nothing yet`)
  ]
}
