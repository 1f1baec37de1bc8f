/**
 * Names of families: those that nodes keep about themselves, and which ones programs may use. Follows protocol section 16.
 *
 * @internal
 */

/** Where the nodes of the network listen, by node ID. */
export const listenersFamily = "'l"

/** The global nodes, by node ID. */
export const globalsFamily = "'g"

/** Families that programs may use: others are kept by the nodes about themselves. */
export const isFamilyName = (name: unknown): name is string =>
  typeof name === "string" && /^[A-Za-z][^']*$/.test(name) && name.isWellFormed()
