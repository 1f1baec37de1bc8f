/**
 * What this node has set in the database itself: its own entries, and who wants them to be there. The master is told of each
 * change, and gets all of it when it is chosen. Follows protocol section 16.
 *
 * @internal
 */
import { nodeOf } from "../values/portId.ts"
import { Claim, Claims } from "./claims.ts"
import { wrongEntry } from "./entry.ts"
import { isFamilyName } from "./families.ts"
import type { Master } from "./master.ts"
import { isMember } from "./member.ts"
import { type Change, type Family, sameValue, type Table } from "./shards.ts"

const nameOf = (family: string, key: string): string => JSON.stringify([family, key])

/** Whose claim it is, and to what: a scope may have one for each way of setting a key. */
export interface Holding {
  readonly owner: object
  readonly way: "set" | "reg"
  readonly family: string
  readonly key: string
}

const slotOf = ({ family, key, way }: Holding): string => JSON.stringify([way, family, key])

/** In so many families a key is looked for. */
const mostFamilies = 1000

const nothing: Family = new Map()

/** Told of each change of what this node has set, in the same call. */
export type OwnListener = (family: string, change: Change) => void

export class OwnData {
  /** Who is told. */
  readonly listeners = new Set<OwnListener>()
  private readonly nodeId: string
  private readonly master: Master
  private readonly entries = new Map<string, Map<string, unknown>>()
  /** The node is about to stop: no port of it is a member of a group. */
  private hasLeft = false
  /** Who wants a key to be there. One that was only set for good has nobody. */
  private readonly claims = new Map<string, Claims>()
  /** What each owner holds: it sets a key again with the claim that it has. */
  private readonly held = new WeakMap<object, Map<string, Claim>>()

  constructor(nodeId: string, master: Master) {
    this.nodeId = nodeId
    this.master = master
  }

  /** All of it as it is now. It goes on changing. */
  get table(): Table {
    return this.entries
  }

  /** What this node has set of a family. It goes on changing. */
  family(name: string): Family {
    return this.entries.get(name) ?? nothing
  }

  /** The families that this node has set a key in: of many families only the first ones are looked through. */
  familiesWith(key: string): ReadonlyArray<string> {
    const names: Array<string> = []
    let left = mostFamilies
    for (const [name, entries] of this.entries) {
      if (left-- === 0) break
      if (entries.has(key)) names.push(name)
    }
    return names
  }

  /** What is wrong with an entry; `undefined` if it may be set. */
  wrong(family: string, key: string, value: unknown): string | undefined {
    return wrongEntry(family, key, value, this.master.largestEntry)
  }

  /** Sets a key for as long as nobody deletes it. */
  set(family: string, key: string, value: unknown): void {
    const claims = this.claims.get(nameOf(family, key))
    // Who is alone with a key needs no note of it.
    if (claims !== undefined) {
      for (const claim of claims.all) if (claim.isForGood) claims.remove(claim)
      claims.add(new Claim(value, true))
    }
    this.put(family, key, value)
  }

  /** Sets a key again for an owner that holds it already. Answers false if there is none. */
  holdAgain(holding: Holding, value: unknown): boolean {
    const claim = this.held.get(holding.owner)?.get(slotOf(holding))
    if (claim === undefined) return false
    claim.value = structuredClone(value)
    this.claims.get(nameOf(holding.family, holding.key))?.add(claim)
    this.put(holding.family, holding.key, claim.value)
    return true
  }

  /**
   * Sets a key for a new owner. The result ends that: the value of the last one of the other owners counts, and without others
   * the key is deleted. `ended` is called when somebody else deletes the key.
   */
  hold(holding: Holding, value: unknown, ended: () => void): () => void {
    const { family, key, owner } = holding
    const slot = slotOf(holding)
    const slots = this.held.get(owner) ?? new Map<string, Claim>()
    const forget = (): void => {
      slots.delete(slot)
      if (slots.size === 0) this.held.delete(owner)
    }
    // The caller may go on changing what it gave.
    const claim = new Claim(structuredClone(value), false, () => {
      forget()
      ended()
    })
    this.held.set(owner, slots.set(slot, claim))
    this.claimsTo(family, key).add(claim)
    this.put(family, key, claim.value)
    return () => {
      if (this.letGo(family, key, claim)) forget()
    }
  }

  private claimsTo(family: string, key: string): Claims {
    const name = nameOf(family, key)
    const known = this.claims.get(name)
    if (known !== undefined) return known
    const claims = new Claims()
    this.claims.set(name, claims)
    const entries = this.entries.get(family)
    if (entries?.has(key)) claims.add(new Claim(entries.get(key), true))
    return claims
  }

  /** Answers false if somebody has deleted the key, and this claim with it. Whoever has set it since keeps it. */
  private letGo(family: string, key: string, claim: Claim): boolean {
    const claims = this.claims.get(nameOf(family, key))
    if (claims === undefined || claim.place === undefined) return false
    claims.remove(claim)
    const { last } = claims
    if (last === undefined) this.delete(family, [key])
    else this.put(family, key, last.value)
    return true
  }

  private put(family: string, key: string, value: unknown): void {
    if (this.hasLeft && this.isOwnMember(family, key, value)) return
    const entries = this.entries.get(family)
    const before = entries?.get(key)
    // Perl takes a number and its text for the same, but whoever sets one for the other wants a change.
    if (entries?.has(key) && typeof before === typeof value && sameValue(before, value)) return
    if (entries === undefined) this.entries.set(family, new Map([[key, value]]))
    else entries.set(key, value)
    this.tell(family, { set: new Map([[key, value]]), deleted: [] })
  }

  /** Takes the ports of this node out of all groups, for good. Whoever wants them there keeps the claim. */
  leaveGroups(): void {
    this.hasLeft = true
    for (const [family, entries] of Array.from(this.entries)) {
      const members = Array.from(entries).filter((entry) => this.isOwnMember(family, ...entry)).map(([key]) => key)
      for (const member of members) entries.delete(member)
      if (entries.size === 0) this.entries.delete(family)
      if (members.length > 0) this.tell(family, { set: new Map(), deleted: members })
    }
  }

  /** Families that are no program's have no members: what they tell of a node holds as long as it is there. */
  private isOwnMember(family: string, key: string, value: unknown): boolean {
    return isFamilyName(family) && isMember(key, value) && nodeOf(key) === this.nodeId
  }

  /** Deletes those of the keys that this node has set, whoever holds them, and answers them. */
  delete(family: string, keys: ReadonlyArray<string>): ReadonlyArray<string> {
    const entries = this.entries.get(family)
    const own = keys.filter((key) => entries?.delete(key))
    const ended = own.flatMap((key) => {
      const name = nameOf(family, key)
      const claims = this.claims.get(name)
      this.claims.delete(name)
      return claims?.clear() ?? []
    })
    if (entries?.size === 0) this.entries.delete(family)
    if (own.length > 0) this.tell(family, { set: new Map(), deleted: own })
    for (const claim of ended) claim.ended()
    return own
  }

  /** This node first: its master may be itself, and answer at once. */
  private tell(family: string, change: Change): void {
    for (const listener of this.listeners) listener(family, change)
    this.master.tell(family, change)
  }
}
