/**
 * The two greeting lines and the auth line. Follows protocol sections 3, 4 and 6.
 *
 * @internal
 */
import { isNodeId } from "../../values/portId.ts"
import type { LinkErrorReason } from "../linkError.ts"

/** The first field of a greeting: of a connection that is to be a link, and of one that is to carry bytes beside it. */
export const linkProtocol = "aemp"
export const dataProtocol = "aemp-dataconn"
/** By this key the two nodes know which of their data connections it is. */
export const dataKey = "dataconn_id"

/** What the other side said of itself in its first line. */
export interface Greeting {
  /** What the connection is to be, as far as its sender is concerned. */
  readonly protocol: typeof linkProtocol | typeof dataProtocol
  readonly nodeId: string
  /** Auth methods that it accepts, best first. */
  readonly auths: ReadonlyArray<string>
  /** Framings that it can decode, best first. */
  readonly framings: ReadonlyArray<string>
  /** The rest of the line. Unknown keys are kept, and ignored. */
  readonly keys: ReadonlyMap<string, string>
}

/** By this key our own nodes know each other. Its value is the incarnation: random for every process. */
export const ownKindKey = "effect-mp"
/** How long the sender, of our own kind, waits for a sign of life: milliseconds. */
export const timeoutKey = "effect-mp-timeout"
/** How large a message the sender, of our own kind, takes: bytes. */
export const sizeKey = "effect-mp-size"
/** Whether the sender, of our own kind, knows what goes beside messages: `emp_aside`. */
export const asideKey = "effect-mp-aside"

/** The sender, of our own kind, is a guest: it knows no secret, but has a ticket that ends so many seconds after 1970. */
export const guestKey = "effect-mp-guest"
/** How large a message the sender, of our own kind, takes of guests: bytes. Who does not say it takes none. */
export const guestSizeKey = "effect-mp-guest-size"

/** When the ticket of the other side ends, in seconds since 1970, if it is a guest and says so in the one form that there is. */
export const guestUntil = ({ keys }: Greeting): number | undefined => {
  const text = keys.get(guestKey)
  return text !== undefined && /^[1-9]\d{0,11}$/.test(text) && keys.has(ownKindKey) ? Number(text) : undefined
}

/** The number of the data connection that the other side dials; `undefined`: it would have a link. */
export const dataOf = ({ keys, protocol }: Greeting): string | undefined =>
  protocol === dataProtocol ? keys.get(dataKey) : undefined

/** Whether the other side has a certificate, and insists on TLS with everybody who has one. */
export const talksTls = (greeting: Greeting): boolean => Math.trunc(Number(greeting.keys.get("tls"))) === 1

/** What a greeting line holds. Perl neither encodes nor decodes values: none of them may hold a `;`. */
export const formatGreeting = (greeting: Greeting): string =>
  [
    greeting.protocol,
    "1",
    greeting.nodeId,
    greeting.auths.join(","),
    greeting.framings.join(","),
    ...Array.from(greeting.keys, ([key, value]) => `${key}=${value}`)
  ].join(";")

/** Reads a greeting line, or says what is wrong with it. */
export const parseGreeting = (
  line: string
): Greeting | { readonly reason: LinkErrorReason; readonly detail: string } => {
  const [protocol, version, nodeId = "", auths = "", framings = "", ...rest] = line.split(";")
  const keys = new Map(rest.map(keyAndValue))
  // A data connection of another kind of node is nothing that we know.
  const isData = protocol === dataProtocol && keys.has(ownKindKey) && keys.has(dataKey)
  if (protocol !== linkProtocol && !isData) {
    return { reason: "not_aemp", detail: `its greeting begins with ${visible(line)}` }
  }
  if (Number(version) !== 1) {
    return { reason: "version_mismatch", detail: `it says ${visible(version ?? "")}, we speak 1` }
  }
  if (!isNodeId(nodeId)) return { reason: "malformed_greeting", detail: `its node ID is ${visible(nodeId)}` }
  return {
    protocol: isData ? dataProtocol : linkProtocol,
    nodeId,
    auths: list(auths),
    framings: list(framings),
    keys
  }
}

const list = (text: string): ReadonlyArray<string> => text === "" ? [] : text.split(",")

const keyAndValue = (field: string): [string, string] => {
  const equals = field.indexOf("=")
  return equals < 0 ? [field, ""] : [field.slice(0, equals), field.slice(equals + 1)]
}

/** A peer's bytes for a log: short, quoted, nothing unprintable. */
export const visible = (text: string): string =>
  JSON.stringify(text.slice(0, 40).replaceAll(/[^\x20-\x7e]/g, ".")) + (text.length > 40 ? "..." : "")

/**
 * `METHOD;DATA;FRAMING[;also=DATA,...][;refused=REASON]`, as both sides send it once. Others ignore what stands behind the framing.
 */
export interface AuthLine {
  readonly method: string
  readonly data: string
  readonly framing: string
  /** Between our own nodes: the same with further secrets of the sender, the best first. One that fits is enough. */
  readonly also: ReadonlyArray<string>
  /** Between our own nodes: the sender will have no link with the other side. */
  readonly refused?: string | undefined
}

export const formatAuth = ({ also, data, framing, method, refused }: AuthLine): string =>
  [
    method,
    data,
    framing,
    ...also.length === 0 ? [] : [`also=${also.join(",")}`],
    ...refused === undefined ? [] : [`refused=${refused}`]
  ].join(";")

export const parseAuth = (line: string): AuthLine => {
  const [method = "", data = "", framing = "", ...rest] = line.split(";")
  const fields = rest.map(keyAndValue)
  const field = (name: string) => fields.find(([key]) => key === name)?.[1]
  return { method, data, framing, also: list(field("also") ?? ""), refused: field("refused") }
}

/** Both choices are the sender's: the first entry of the other side's list that the sender supports. */
export const choose = (offered: ReadonlyArray<string>, supported: ReadonlyArray<string>): string | undefined =>
  offered.find((entry) => supported.includes(entry))
