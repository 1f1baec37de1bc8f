/**
 * Addresses as AEMP writes them: `host:port`, `[v6]:port`, and the shorter forms of binds. Follows protocol sections
 * 1 and 19.
 *
 * @internal
 */

import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/** Where to connect to or to listen. Port 0 is any free port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** IPv6 addresses are written in brackets. */
export const formatAddress = (address: Address): string =>
  `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`

const pattern = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]]+))(?::(\d{1,5}|\*))?$/

/**
 * Reads `host:port`, `[v6]:port`, `host`, `host:*`, `*:port`, `*` and (digits only) a port on this host. A missing or
 * `*` port is 0; a host of `*` stays `*`.
 */
export const parseAddress = (text: string, hostname: string): Address | undefined => {
  if (/^\d+$/.test(text)) return checked({ host: hostname, port: Number(text) })
  const match = pattern.exec(text)
  if (match === null) return undefined
  const port = match[3]
  return checked({ host: match[1] ?? match[2]!, port: port === undefined || port === "*" ? 0 : Number(port) })
}

const checked = (address: Address): Address | undefined => address.port <= 65535 ? address : undefined

/**
 * Of the addresses of all interfaces those that other machines can dial: none that loop back, and of IPv6 only global and
 * unique-local ones. IPv4 first.
 */
export const reachable = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ips = addresses.map((text) => Result.getOrUndefined(NetAddress.ipFromString(text))).filter((ip) =>
    ip !== undefined
  )
  const v4 = ips.filter((ip) => NetAddress.isIpv4Address(ip) && !NetAddress.isLoopback(ip))
  const v6 = ips.filter((ip) =>
    NetAddress.isIpv6Address(ip) && NetAddress.isUnicast(ip) && !NetAddress.isLoopback(ip) &&
    !NetAddress.isLinkLocal(ip)
  )
  return [...v4, ...v6].map(NetAddress.formatIp)
}

/** List elements of a profile may hold several addresses, separated by commas. */
export const splitAddresses = (elements: ReadonlyArray<string>): ReadonlyArray<string> =>
  elements.flatMap((element) => element.split(",")).map((text) => text.trim()).filter((text) => text !== "")
