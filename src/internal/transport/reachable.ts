/**
 * Which addresses of a machine others can dial.
 *
 * @internal
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/** An address of IPv4 may be written as one of IPv6. */
const readIp = (text: string): NetAddress.IpAddress | undefined =>
  Result.getOrUndefined(Result.map(NetAddress.ipFromString(text), (ip) => NetAddress.toCanonical(ip)))

/**
 * Of the addresses of all interfaces those that other machines can dial: none that loop back, and of IPv6 only global and
 * unique-local ones. IPv4 first.
 */
export const reachable = (addresses: ReadonlyArray<string>): ReadonlyArray<string> => {
  const ips = addresses.map(readIp).filter((ip) => ip !== undefined)
  const v4 = ips.filter((ip) => NetAddress.isIpv4Address(ip) && !NetAddress.isLoopback(ip))
  const v6 = ips.filter((ip) =>
    NetAddress.isIpv6Address(ip) && NetAddress.isUnicast(ip) && !NetAddress.isLoopback(ip) &&
    !NetAddress.isLinkLocal(ip)
  )
  return [...v4, ...v6].map(NetAddress.formatIp)
}
