/**
 * Addresses of IP: whether a text is one, and what it says, whatever its spelling (RFC 4291, section 2.2).
 *
 * @internal
 */

/** Four numbers of eight bits, or eight of sixteen. */
type Parts = ReadonlyArray<number>

const v4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d\d?|[1-9]\d)(?:\.(?!$)|$)){4}$/

const readV4 = (text: string): Parts | undefined => v4.test(text) ? text.split(".").map(Number) : undefined

/** The numbers between colons, of which the last two may be written as an address of IPv4. */
const groups = (text: string): Parts | undefined => {
  if (text === "") return []
  const read: Array<number> = []
  const written = text.split(":")
  for (const [at, group] of written.entries()) {
    const last = at === written.length - 1 ? readV4(group) : undefined
    if (last !== undefined) read.push(last[0]! << 8 | last[1]!, last[2]! << 8 | last[3]!)
    else if (/^[\da-f]{1,4}$/i.test(group)) read.push(Number.parseInt(group, 16))
    else return undefined
  }
  return read
}

/** `::` stands once, for one zero at least. */
const readV6 = (text: string): Parts | undefined => {
  const [start = "", end, ...more] = text.split("::")
  if (more.length > 0 || end !== undefined && readV4(start.split(":").at(-1) ?? "") !== undefined) return undefined
  const [before, after] = [groups(start), groups(end ?? "")]
  if (before === undefined || after === undefined) return undefined
  const missing = 8 - before.length - after.length
  if (end === undefined ? missing !== 0 : missing < 1) return undefined
  return [...before, ...Array.from({ length: missing }, () => 0), ...after]
}

/** With the zone of an interface, or without. */
export const isIPv6 = (text: string): boolean => {
  const [address = "", zone, ...more] = text.split("%")
  return more.length === 0 && (zone === undefined || /^[\w.:-]+$/.test(zone)) && readV6(address) !== undefined
}

export const isIPv4 = (text: string): boolean => v4.test(text)

export const isIp = (text: string): boolean => isIPv4(text) || isIPv6(text)

/** An address without a zone. One of IPv4 may be written as one of IPv6. */
export const readIp = (text: string): Parts | undefined => {
  const v6 = readV6(text)
  const isMapped = v6?.every((part, at) => part === (at < 5 ? 0 : at === 5 ? 0xffff : part)) === true
  if (v6 === undefined || !isMapped) return v6 ?? readV4(text)
  const [high = 0, low = 0] = v6.slice(6)
  return [high >> 8, high & 0xff, low >> 8, low & 0xff]
}
