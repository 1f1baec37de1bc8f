/**
 * The rooms, as lines of the log name them: levels can be set for each.
 *
 * @internal
 */

export const modules = ["Port", "Node", "Transport", "Global", "Supervisor", "Rpc", "Cluster", "Cli"] as const
export type Module = typeof modules[number]
