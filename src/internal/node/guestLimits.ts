/**
 * What guests may take of a node: the options that let them in, and what holds where they say nothing.
 *
 * @internal
 */
import { leastMessageSize } from "../transport/framing/framing.ts"

/** Documented as `Node.GuestOptions`. */
export interface GuestOptions {
  /**
   * Families of the database that guests may read, with all that every node has set in them. Of all others, groups among them, they see the
   * ports of this node that are open to guests, and nothing else. Default: none.
   */
  readonly families?: ReadonlyArray<string> | undefined
  /** How many guests may have a link at once. Default: 1000. */
  readonly links?: number | undefined
  /** How many of them from one address, of IPv6 from one network of 64 bits. Behind a proxy all of them come from its address. Default: 100. */
  readonly linksPerAddress?: number | undefined
  /** How many messages and requests of a guest are taken in a second; more of them wait. Default: 200. */
  readonly messagesPerSecond?: number | undefined
  /** How many bytes of a guest are taken in a second on its link; more of them wait. Streams go as fast as they are read. Default: 256 KiB. */
  readonly bytesPerSecond?: number | undefined
  /** How many bytes of a guest may wait: one more ends its link. Default: 1 MiB. */
  readonly waitingBytes?: number | undefined
  /** How large a message of a guest may be, in bytes, at least 32,768. Default: 64 KiB. */
  readonly maxMessageSize?: number | undefined
  /** How many messages may wait or be in hand at a port before those of guests wait for it; and how many calls of an rpc client may be open. Default: 100. */
  readonly mailbox?: number | undefined
  /** How many ports a guest may monitor. Default: 200. */
  readonly monitors?: number | undefined
  /** How many families and groups a guest may follow, and ask for at once. Default: 50. */
  readonly subscriptions?: number | undefined
  /** How many connections with rpc servers, and how many streams of bytes, a guest may have. Default: 8. */
  readonly connections?: number | undefined
}

/** The same, with all that was left out. */
export type GuestLimits = { readonly [K in keyof GuestOptions]-?: NonNullable<GuestOptions[K]> }

export const guestDefaults: GuestLimits = {
  families: [],
  links: 1000,
  linksPerAddress: 100,
  messagesPerSecond: 200,
  bytesPerSecond: 256 * 1024,
  waitingBytes: 1024 * 1024,
  maxMessageSize: 64 * 1024,
  mailbox: 100,
  monitors: 200,
  subscriptions: 50,
  connections: 8
}

const names = Object.keys(guestDefaults)

const isCount = (value: unknown): boolean => typeof value === "number" && value >= 1 && !Number.isNaN(value)

/** What is wrong with them, if anything is: they may come from a file. */
export const wrongGuests = (guests: boolean | GuestOptions): string | undefined => {
  if (typeof guests === "boolean") return undefined
  for (const [name, value] of Object.entries(guests)) {
    if (!names.includes(name)) return `${JSON.stringify(name)} is none of ${names.join(", ")}`
    if (value === undefined) continue
    if (name === "families") {
      if (!Array.isArray(value) || !value.every((family) => typeof family === "string" && /^[A-Za-z]/.test(family))) {
        return "families is no list of names that begin with a letter"
      }
    } else if (!isCount(value)) return `${name} is not a number of at least 1`
  }
  const { maxMessageSize = leastMessageSize } = guests
  return maxMessageSize < leastMessageSize ? `maxMessageSize is less than ${leastMessageSize} bytes` : undefined
}

/** What holds for guests; `undefined`: none are let in. */
export const limitsForGuests = (guests: boolean | GuestOptions | undefined): GuestLimits | undefined => {
  if (guests === undefined || guests === false) return undefined
  const given = guests === true ? [] : Object.entries(guests).filter(([, value]) => value !== undefined)
  return { ...guestDefaults, ...Object.fromEntries(given) }
}
