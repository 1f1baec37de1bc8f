/**
 * Addresses as AEMP writes them: `host:port`, `[v6]:port`, and the shorter forms of binds. Follows protocol sections
 * 1 and 19. An address of ours may have a label, `host:port@vpn`, which says for whom it is, and a scheme, `unix:/run/emp.sock`, which says
 * what transport it is of: what follows is that transport's alone.
 *
 * @internal
 */

import { isIPv6, readIp } from "./ip.ts"

/** Where to connect to or to listen. Port 0 is any free port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** IPv6 addresses are written in brackets. */
export const formatAddress = (address: Address): string =>
  `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`

const pattern = /^(?:\[([^\s[\]@,]+)\]|(\*|[^\s\p{Cc}:[\]@,*]+))(?::(\d{1,5}|\*))?$/u

/**
 * Reads `host:port`, `[v6]:port`, `host`, `host:*`, `*:port`, `*` and (digits only) a port on this host. A missing or
 * `*` port is 0; a host of `*` stays `*`. An IPv6 address without brackets has no port: all of it is the address.
 */
export const parseAddress = (text: string, hostname: string): Address | undefined => {
  if (/^\d+$/.test(text)) return checked({ host: hostname, port: Number(text) })
  if (isIPv6(text)) return { host: text, port: 0 }
  const [, v6, name, port] = pattern.exec(text) ?? []
  const host = v6 !== undefined && isIPv6(v6) ? v6 : name
  return host === undefined ? undefined : checked({ host, port: port === undefined || port === "*" ? 0 : Number(port) })
}

const checked = (address: Address): Address | undefined => address.port <= 65535 ? address : undefined

/** The host in an address of any scheme that has hosts in its addresses. */
export const hostOf = (address: string): string | undefined => {
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?]+)/i.exec(address) ?? []
  return parseAddress(authority ?? address, "")?.host
}

/** The scheme of addresses without one: those of AEMP, `host:port`. */
export const bare = ""

/** The schemes of addresses that lead nowhere but to this machine, and to this process. */
export const unixScheme = "unix"
export const threadScheme = "thread"

/**
 * The scheme of an address, in small letters: `unix` of `unix:/run/emp.sock`. What can be read as `host:port` has none, whatever the name of the
 * host; `undefined` of what is neither.
 */
export const schemeOf = (address: string): string | undefined => {
  if (parseAddress(address, "localhost") !== undefined) return bare
  return /^([a-z][a-z0-9+.-]*):[^\s\p{Cc},]*$/iu.exec(address)?.[1]?.toLowerCase()
}

/** What would be read as something else: the ends of addresses in lists and of labels, and what begins an escape. */
const escaped = /[%,@\s\p{Cc}]/gu

/** A text as it stands in an address with a scheme. */
export const escape = (text: string): string => text.replaceAll(escaped, encodeURIComponent)

/** The name of a host, which the kernel lets be any text, before a slash. */
export const escapeHost = (name: string): string => escape(name).replaceAll("/", "%2F")

/** The text that stands in an address with a scheme; `undefined` if none does. */
export const unescape = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

// ---- where addresses lead to

/** Whether a host is the address of no interface, which stands for all of them: `0.0.0.0` or `::`. */
export const isWildcard = (host: string): boolean => readIp(host)?.every((part) => part === 0) === true

/** Whether an address of a host leads nowhere but to that host itself. */
export const isLoopback = (host: string): boolean => {
  const ip = readIp(host)
  return ip !== undefined && (ip.length === 4 ? ip[0] === 127 : ip.every((part, at) => part === (at < 7 ? 0 : 1)))
}

/** Whether a name means the loopback interface on every machine: who binds it wants that. */
export const isNameOfLoopback = (name: string): boolean =>
  /^(?:(?:.*\.)?localhost|localhost\.localdomain|ip6-localhost|ip6-loopback)\.?$/i.test(name)

// ---- for whom an address is

/** An address, and for whom it is: for everybody, or for those nodes that dial addresses with this label. */
export interface Labelled {
  readonly address: string
  readonly label: string | undefined
}

/** Whether a text may be a label. */
export const isLabel = (text: string): boolean => /^[A-Za-z0-9_-]+$/.test(text)

/** Takes the label off an address that has one. */
export const readLabel = (text: string): Labelled => {
  const at = text.lastIndexOf("@")
  const label = text.slice(at + 1)
  return at < 0 || !isLabel(label) ? { address: text, label: undefined } : { address: text.slice(0, at), label }
}

export const writeLabel = ({ address, label }: Labelled): string =>
  label === undefined ? address : `${address}@${label}`

/**
 * Of all addresses of a node those that a node dials which has these labels, without them: first those with its labels, in the order
 * of its labels, then those for everybody.
 */
export const inScopes = (addresses: ReadonlyArray<string>, labels: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = addresses.map(readLabel)
  return [...new Set(labels), undefined].flatMap((label) => all.filter((one) => one.label === label)).map((
    { address }
  ) => address)
}

// ---- what is wrong with those that somebody gives

/** List elements of a profile may hold several addresses, separated by commas. */
export const splitAddresses = (elements: ReadonlyArray<string>): ReadonlyArray<string> =>
  elements.flatMap((element) => element.split(",")).map((text) => text.trim()).filter((text) => text !== "")

const read = (text: string): Address | undefined => parseAddress(readLabel(text).address, "localhost")

/** Whether everybody may dial an address, nodes of other kinds too: those know neither labels nor schemes. */
export const isForAll = (text: string): boolean => readLabel(text).label === undefined && schemeOf(text) === bare

/** What is wrong with an address whose scheme is none of these, `bare` among them if the simple form is one; `undefined` if nothing is. */
const wrongScheme = (text: string, schemes: ReadonlyArray<string>): string | undefined => {
  const scheme = schemeOf(readLabel(text).address)
  if (scheme !== undefined && schemes.includes(scheme)) return undefined
  const forms = schemes.map((known) => known === bare ? "host:port" : `${known}:...`)
  return `${JSON.stringify(text)} is not of the form ${forms.join(" or ")}`
}

/** Something wrong with an address; `undefined` if nothing is. */
type Wrong = string | undefined

/** What is wrong with an address to listen on. */
export const wrongBind = (text: string, schemes: ReadonlyArray<string>): Wrong => wrongScheme(text, schemes)

/** Whether a seed means this very node, wherever it listens: `*`. */
export const isOwnSeed = (text: string): boolean => {
  const address = read(text)
  return address?.host === "*" && address.port === 0
}

/** What is wrong with the address of a seed. */
export const wrongSeed = (text: string, schemes: ReadonlyArray<string>): Wrong => {
  if (isOwnSeed(text)) return undefined
  return wrongScheme(text, schemes) ??
    (read(text)?.port === 0 ? `${JSON.stringify(text)} is not of the form host:port` : undefined)
}

/** What is wrong with an address that others are to dial. It may be without a port. */
export const wrongAdvertised = (text: string, schemes: ReadonlyArray<string>): Wrong => {
  const problem = wrongScheme(text, schemes)
  const address = read(text)
  if (problem !== undefined || address === undefined) return problem
  const isOneHost = address.host !== "*" && !isWildcard(address.host) && !/^\d+$/.test(readLabel(text).address)
  return isOneHost ? undefined : `${JSON.stringify(text)} names no host that others can dial`
}
