/**
 * What `emp top` can sort by: also for those who only read the command line.
 *
 * @internal
 */
export const topSortings = ["name", "uptime", "messages", "mailbox", "delay", "cpu", "memory", "restarts"] as const
export type TopSorting = (typeof topSortings)[number]
