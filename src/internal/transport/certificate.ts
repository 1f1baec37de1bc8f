/**
 * What is known of a certificate, and whom it is for.
 *
 * @internal
 */
import { isIp, readIp } from "../values/ip.ts"

/** What is known of a certificate before anybody shows it. */
export interface Certificate {
  readonly subject: string
  readonly validFromMillis: number
  readonly validToMillis: number
  readonly names: ReadonlyArray<string>
}

export const hasEnded = ({ validToMillis }: Certificate, nowMillis: number): boolean => nowMillis >= validToMillis

/** The day on which it ends: for people. */
export const lastDay = ({ validToMillis }: Certificate): string => new Date(validToMillis).toISOString().slice(0, 10)

/**
 * Whether one of the names is that of a node. In `*.example.com` the star stands for one label, the leftmost, and for nothing else
 * (RFC 6125, section 6.4.3). IPv6 addresses have several spellings.
 */
export const areFor = (names: ReadonlyArray<string>, nodeId: string): boolean => {
  const [label = "", rest = ""] = partedAtDot(nodeId)
  const wildcard = rest !== "" && /^[\w-]+$/.test(label) ? `*.${rest}` : undefined
  const address = spelled(nodeId)
  return names.some((name) =>
    name === nodeId || name === wildcard || address !== undefined && spelled(name) === address
  )
}

const partedAtDot = (text: string): ReadonlyArray<string> => {
  const dot = text.indexOf(".")
  // The numbers of an address are no labels.
  return dot < 0 || isIp(text) ? [text] : [text.slice(0, dot), text.slice(dot + 1)]
}

/** An IPv6 address in a spelling that all of them share. */
const spelled = (text: string): string | undefined => text.includes(":") ? readIp(text)?.join() : undefined
