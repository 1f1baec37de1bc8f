/**
 * The node IDs of commands: nodes that live as long as a command.
 *
 * @internal
 */

/** How they begin. Commands come and go, and are of no interest to those who look at a network. */
export const commandPrefix = "emp/"

export const isCommand = (nodeId: string): boolean => nodeId.startsWith(commandPrefix)
