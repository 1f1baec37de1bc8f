/**
 * What can be asked of a list of ports: also for those who only want to ask, and load nothing else.
 *
 * @internal
 */

/** So many ports are told at most, and by default. */
export const mostPorts = 1000
export const usualPorts = 100

/** What the ports come in the order of, those with the most first. */
export const sortings = ["mailbox", "handled", "age", "oldest"] as const
export type Sorting = (typeof sortings)[number]
