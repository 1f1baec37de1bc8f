/**
 * Port IDs and what they are made of. Follows protocol section 1: `nodeid#name`, split at the first `#`.
 *
 * @internal
 */

/** The node's part of a port ID. A bare node ID is its own. */
export const nodeOf = (portId: string): string => {
  const hash = portId.indexOf("#")
  return hash < 0 ? portId : portId.slice(0, hash)
}

/** The name's part of a port ID: empty for a bare node ID, which addresses the node port. */
export const nameOf = (portId: string): string => {
  const hash = portId.indexOf("#")
  return hash < 0 ? "" : portId.slice(hash + 1)
}

/** A node ID is not empty, fits in one octet a character, and would break neither a greeting line nor a port ID. */
export const isNodeId = (text: string): boolean => /^[\x20-\x7e\x80-\xff]+$/.test(text) && !/[#;]/.test(text)

/** Whether a value can be the address of a port: a string whose node part is a node ID. */
export const isPortId = (value: unknown): value is string => typeof value === "string" && isNodeId(nodeOf(value))

/** A port's name as it comes over the wire: `null` where the empty name is meant, and a number for its text. */
export const portName = (value: unknown): string | undefined =>
  value === null || value === undefined ? "" : readName(value)

/** Perl does not tell a number from its text: it may send a name that looks like one as one. */
export const readName = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : undefined
