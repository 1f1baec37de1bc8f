/**
 * Whether a node is ready for work: it has its place in the network, what is to run on it runs, and it is not about to stop.
 *
 * @internal
 */
import type { Router } from "./router.ts"

/** Why it is not, for people; none if it is. */
export const readinessOf = ({ isDraining, observed }: Router): ReadonlyArray<string> => [
  ...isDraining ? ["draining"] : [],
  ...observed.seeding?.isCutOff === true ? ["not joined: no seed has answered yet"] : [],
  ...observed.awaited,
  ...observed.isReady === false && observed.awaited.length === 0 ? ["starting"] : []
]
