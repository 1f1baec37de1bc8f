/**
 * Tickets: what a guest is let in by that cannot keep the secret of a network, such as a page. A ticket is for one node ID and ends at one
 * moment; its key is made of those and a secret, so whoever knows the secret can make it again, and nothing is stored.
 *
 * @internal
 */
import { hmacSha3, latin1Bytes } from "#platform"
import { isNodeId } from "../../values/portId.ts"

/** What a ticket says. */
export interface Ticket {
  readonly nodeId: string
  /** Seconds since 1970, by wall clock. */
  readonly expires: number
  /** What its guest proves itself with, as others do with the secret: 128 hexadecimal digits. */
  readonly key: string
}

/**
 * The key of a ticket. An auth line is a digest of text that begins with `aemp` under the same secret: none is ever the key of a ticket, and
 * no key an auth line. The node ID comes last: it may hold anything but line ends.
 */
export const ticketKey = (secret: string, nodeId: string, expires: number): string =>
  keyed(secret, `effect-mp guest ticket 1\n${expires}\n${nodeId}`)

const keyed = (secret: string, text: string): string => hmacSha3(latin1Bytes(secret), latin1Bytes(text))

/**
 * What a guest that has a link proves a new ticket with: the ticket itself would be seen by whoever listens. It is good for this link: the two
 * ends are the incarnations of its nodes.
 */
export const renewalProof = (
  { expires, key, nodeId }: Ticket,
  ends: { readonly guest: string | undefined; readonly host: string | undefined }
): string => keyed(key, `effect-mp new ticket 1\n${expires}\n${ends.guest}\n${ends.host}\n${nodeId}`)

const toBase64Url = (octets: string): string =>
  btoa(octets).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")

const fromBase64Url = (text: string): string =>
  text.length % 4 === 1 ? "" : atob(text.replaceAll("-", "+").replaceAll("_", "/"))

/** A ticket as text that needs no quotes anywhere: `emp-guest.EXPIRES.KEY.NODEID`, the last one in base64url. */
export const writeTicket = ({ expires, key, nodeId }: Ticket): string =>
  `emp-guest.${expires}.${key}.${toBase64Url(nodeId)}`

const form = /^emp-guest\.([1-9]\d{0,11})\.([0-9a-f]{128})\.([\w-]+)$/

/** What a text says that is a ticket. Whether it is any good, only the host knows. */
export const readTicket = (text: string): Ticket | undefined => {
  const [, expires = "", key = "", encoded = ""] = form.exec(text.trim()) ?? []
  const nodeId = fromBase64Url(encoded)
  return isNodeId(nodeId) ? { nodeId, expires: Number(expires), key } : undefined
}

/** The latest moment that a ticket can have. */
export const latestExpiry = 999_999_999_999
