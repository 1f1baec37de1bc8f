/**
 * Names of families: those that nodes keep about themselves, and which ones programs may use. Follows protocol section 16.
 *
 * @internal
 */

/** Where the nodes of the network listen, by node ID. */
export const listenersFamily = "'l"

/** Where they listen for nodes that dial by labels, by node ID: known among nodes of our own kind. */
export const scopedFamily = "'emp_l"

/** The global nodes, by node ID. */
export const globalsFamily = "'g"

/** So many characters the name of a family may have: every question about it has to fit into a message. */
export const longestFamilyName = 1000

/** Families that programs may use: others are kept by the nodes about themselves. */
export const isFamilyName = (name: unknown): name is string =>
  typeof name === "string" && name.length <= longestFamilyName && /^[A-Za-z][^']*$/.test(name) && name.isWellFormed()
