/**
 * What all nodes that have to do with one table of locks must agree on, and the errors of locks.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { isNodeId } from "../values/portId.ts"

/** Documented as `Global.LocksOptions`. */
export interface LocksOptions {
  /** The name of the table: nodes that give the same one have to do with the same keys. Default: `"locks"`. */
  readonly name?: string | undefined
  /**
   * The IDs of the nodes that vote: 1, 3, 5 or 7. Whoever has more than half of them has a key, and while fewer answer nobody gets any.
   */
  readonly voters: ReadonlyArray<string>
  /** How long a voter keeps a key for an owner that it hears nothing of. Default: 15 seconds. */
  readonly lease?: Duration.Input | undefined
  /**
   * How long a voter keeps a key for an owner whose link has broken, as that of a process that was killed; and for about how long an owner
   * goes on without an answer. Default: a third of the lease.
   */
  readonly grace?: Duration.Input | undefined
}

/** What a table goes by. */
export interface Rules {
  readonly name: string
  /** In the order of their IDs. */
  readonly voters: ReadonlyArray<string>
  /** So many of them decide. */
  readonly majority: number
  /** How long a voter keeps a key for an owner that it hears nothing of. */
  readonly leaseMillis: number
  /** The same, when the link with the owner has broken. */
  readonly graceMillis: number
  /** How long an owner goes by an answer, from when the question left. */
  readonly termMillis: number
}

/** Re-exported as `Global.InvalidLocks`, where it is documented. */
export class InvalidLocks extends Schema.TaggedError<InvalidLocks>()("InvalidLocks", {
  locks: Schema.String,
  option: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `locks ${JSON.stringify(this.locks)}, option ${this.option}: ${this.problem}`
  }
}

/** Re-exported as `Global.NoMajority`, where it is documented. */
export class NoMajority extends Schema.TaggedError<NoMajority>()("NoMajority", {
  locks: Schema.String,
  voters: Schema.Array(Schema.String),
  silent: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const who = `of the voters ${this.voters.join(", ")} no majority has answered`
    return `locks ${JSON.stringify(this.locks)}: ${who}; silent: ${this.silent.join(", ") || "none"}`
  }
}

/**
 * The clocks of two nodes may differ by this part in how fast they run. An owner goes by an answer for so much less than the voter does;
 * then it does not matter whose clock is the slow one.
 */
export const clockRates = 0.05

export const mostVoters = 7
const longestName = 100
const shortestMillis = 20
const longestMillis = 24 * 3600_000
const defaultLease = "15 seconds"

/** A key is text of so many characters. */
export const longestKey = 255
/** A voter keeps so many keys for one owner, and in all; what it is asked for beyond that it refuses. */
export const mostKeysOfOwner = 10_000
export const mostKeys = 100_000
/** So many owners may speak to one voter. */
export const mostOwners = 1_000

/**
 * Where nobody remembers a larger one, tokens are milliseconds since 1970: what is larger than this comes from no clock. Behind it there is room
 * to count up, until that which no owner could have been given.
 */
export const largestProposal = 2 ** 51
export const largestToken = 2 ** 52
/** A token that is larger than what a voter knows by no more than this may have been counted up to, however large it is. */
export const mostCounted = 2 ** 32

export const isKey = (key: unknown): key is string =>
  typeof key === "string" && key.length > 0 && key.length <= longestKey && key.isWellFormed()

/** The rules that options make, or what is wrong with them. */
export const readRules = (options: LocksOptions): Rules | InvalidLocks => {
  const { grace, lease = defaultLease, name = "locks", voters } = options
  const leaseMillis = millisOf(lease)
  const graceMillis = grace === undefined ? Math.max(shortestMillis, leaseMillis / 3) : millisOf(grace)
  const wrong = (option: keyof LocksOptions, problem: string): InvalidLocks =>
    new InvalidLocks({ locks: String(name), option, problem })
  if (!isName(name)) return wrong("name", `is no text of 1 to ${longestName} characters`)
  const problem = wrongVoters(voters)
  if (problem !== undefined) return wrong("voters", problem)
  if (!isTime(leaseMillis)) return wrong("lease", `is no time from ${shortestMillis} ms to 24 hours`)
  if (!isTime(graceMillis)) return wrong("grace", `is no time from ${shortestMillis} ms to 24 hours`)
  if (graceMillis > leaseMillis) return wrong("grace", "is longer than the lease")
  return {
    name,
    voters: voters.toSorted(),
    majority: majorityOf(voters.length),
    leaseMillis,
    graceMillis,
    termMillis: graceMillis * (1 - clockRates)
  }
}

const majorityOf = (voters: number): number => (voters + 1) / 2

const isName = (name: unknown): boolean =>
  typeof name === "string" && name.length > 0 && name.length <= longestName && name.isWellFormed()

const millisOf = (time: Duration.Input): number => {
  const duration = Duration.fromInput(time)
  return duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
}

const isTime = (millis: number): boolean => millis >= shortestMillis && millis <= longestMillis

const wrongVoters = (voters: ReadonlyArray<string>): string | undefined => {
  if (!Array.isArray(voters)) return "is no list of node IDs"
  const stranger = voters.find((voter) => typeof voter !== "string" || !isNodeId(voter))
  if (stranger !== undefined) return `${JSON.stringify(stranger)} is no node ID`
  // Such a node gets another ID at every start: the voter would be waited for without end.
  const nobody = voters.find((voter) => voter.endsWith("/"))
  if (nobody !== undefined) return `${JSON.stringify(nobody)} is no node's ID: a last / gets random letters`
  const twice = voters.find((voter, at) => voters.indexOf(voter) !== at)
  if (twice !== undefined) return `${JSON.stringify(twice)} is in it twice`
  if (voters.length % 2 === 0 || voters.length > mostVoters) {
    return `there are ${voters.length}: it takes 1, 3, 5 or 7, of which more than half always share one with more than half`
  }
  return undefined
}

/** As rules travel, from an owner to a voter. */
export type Said = readonly [voters: ReadonlyArray<string>, leaseMillis: number, graceMillis: number]

export const said = ({ graceMillis, leaseMillis, voters }: Rules): Said => [voters, leaseMillis, graceMillis]

/** In which way the rules of another node are not those of this one; nothing if they are. */
export const differs = (
  rules: Rules,
  [voters, leaseMillis, graceMillis]: ReadonlyArray<unknown>
): string | undefined => {
  const others = Array.isArray(voters) ? voters.map(String).slice(0, mostVoters + 1) : []
  if (others.join() !== rules.voters.join()) {
    return `its voters are ${others.join(", ").slice(0, 500) || "none"}, and here they are ${rules.voters.join(", ")}`
  }
  if (leaseMillis !== rules.leaseMillis) {
    return `its lease is ${millis(leaseMillis)}, and here it is ${rules.leaseMillis} ms`
  }
  if (graceMillis !== rules.graceMillis) {
    return `its grace is ${millis(graceMillis)}, and here it is ${rules.graceMillis} ms`
  }
  return undefined
}

const millis = (value: unknown): string => typeof value === "number" ? `${value} ms` : "none"
