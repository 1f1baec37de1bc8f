/**
 * What a node lacks before it is ready for work: its place in the network, or something that is to run on it. One that is about to stop is
 * not ready any more.
 *
 * @internal
 */
import type { Router } from "./router.ts"

/** In words, for people; nothing if it is ready. */
export const lacksOf = ({ isDraining, network, observed }: Router): ReadonlyArray<string> => [
  ...isDraining ? ["draining"] : [],
  ...network.away === undefined ? [] : [network.away],
  ...observed.seeding?.isCutOff === true ? ["not joined: no seed has answered yet"] : [],
  ...observed.lacks,
  // As long as nothing is known that could be named.
  ...observed.hasStarted === false && observed.lacks.length === 0 ? ["starting"] : []
]
