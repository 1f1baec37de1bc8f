/**
 * Port IDs and what they are made of. Follows protocol section 1: `nodeid#name`, split at the first `#`.
 *
 * @internal
 */

/** The node's part of a port ID. A bare node ID is its own. */
export const nodeOf = (portId: string): string => {
  const end = portId.indexOf("#")
  return end < 0 ? portId : portId.slice(0, end)
}

/** The name's part of a port ID: empty for a bare node ID, which addresses the node port. */
export const nameOf = (portId: string): string => {
  const end = portId.indexOf("#")
  return end < 0 ? "" : portId.slice(end + 1)
}

/** A node ID is not empty, fits in one octet a character, and would break neither a greeting line nor a port ID. */
export const isNodeId = (text: string): boolean => text !== "" && endOfNodeId(text) === text.length

/** Whether a value can be the address of a port: a string whose node part is a node ID. */
export const isPortId = (value: unknown): value is string => {
  if (typeof value !== "string") return false
  const end = endOfNodeId(value)
  return end > 0 && (end === value.length || value.charCodeAt(end) === hash)
}

const hash = 0x23
const semicolon = 0x3b

/** Where a text goes on with something that stands in no node ID. Every message that names a port asks for it: no regular expression. */
const endOfNodeId = (text: string): number => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isOctet = code >= 0x20 && code <= 0x7e || code >= 0x80 && code <= 0xff
    if (!isOctet || code === hash || code === semicolon) return i
  }
  return text.length
}

/** A port's name as it comes over the wire: `null` where the empty name is meant, and a number for its text. */
export const portName = (value: unknown): string | undefined =>
  value === null || value === undefined ? "" : readName(value)

/** Perl does not tell a number from its text: it may send a name that looks like one as one. */
export const readName = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : undefined
