/**
 * What this node has set in the database itself: its own entries, and who wants them to be there. The master is told of each
 * change, and gets all of it when it is chosen. Follows protocol section 16.
 *
 * @internal
 */
import type { Master } from "./master.ts"
import { sameValue, type Table } from "./shards.ts"

/** Somebody who has set a key: for a time, or for good. */
interface Holder {
  readonly value: unknown
  readonly isForGood: boolean
}

const nameOf = (family: string, key: string): string => JSON.stringify([family, key])

export class OwnData {
  private readonly master: Master
  private readonly entries = new Map<string, Map<string, unknown>>()
  /** Who wants a key to be there, and with which value: that of the last one counts. A key that was only set for good has none. */
  private readonly holders = new Map<string, ReadonlyArray<Holder>>()

  constructor(master: Master) {
    this.master = master
  }

  /** All of it as it is now. It goes on changing. */
  get table(): Table {
    return this.entries
  }

  /** Sets a key for as long as nobody deletes it. */
  set(family: string, key: string, value: unknown): void {
    const name = nameOf(family, key)
    const others = (this.holders.get(name) ?? []).filter(({ isForGood }) => !isForGood)
    // Who is alone with a key needs no note of it.
    if (others.length > 0) this.holders.set(name, [...others, { value, isForGood: true }])
    this.put(family, key, value)
  }

  /**
   * Sets a key for a new holder. The result ends that: the value of the last one of the other holders counts, and without others
   * the key is deleted.
   */
  hold(family: string, key: string, value: unknown): () => void {
    // The caller may go on changing what it gave.
    const holder: Holder = { value: structuredClone(value), isForGood: false }
    const name = nameOf(family, key)
    const entries = this.entries.get(family)
    const before = this.holders.get(name) ??
      (entries?.has(key) ? [{ value: entries.get(key), isForGood: true }] : [])
    this.holders.set(name, [...before, holder])
    this.put(family, key, holder.value)
    return () => this.letGo(family, key, holder)
  }

  private letGo(family: string, key: string, holder: Holder): void {
    const name = nameOf(family, key)
    const before = this.holders.get(name)
    // Somebody has deleted the key, and this holder with it. Whoever has set it since keeps it.
    if (before === undefined || !before.includes(holder)) return
    const rest = before.filter((other) => other !== holder)
    const last = rest.at(-1)
    if (last === undefined) return void this.delete(family, [key])
    this.holders.set(name, rest)
    this.put(family, key, last.value)
  }

  private put(family: string, key: string, value: unknown): void {
    const entries = this.entries.get(family)
    const before = entries?.get(key)
    // Perl takes a number and its text for the same, but whoever sets one for the other wants a change.
    if (entries?.has(key) && typeof before === typeof value && sameValue(before, value)) return
    if (entries === undefined) this.entries.set(family, new Map([[key, value]]))
    else entries.set(key, value)
    this.master.request("g_upd", family, Object.fromEntries([[key, value]]))
  }

  /** Deletes those of the keys that this node has set, whoever holds them, and answers them. */
  delete(family: string, keys: ReadonlyArray<string>): ReadonlyArray<string> {
    const entries = this.entries.get(family)
    const own = keys.filter((key) => entries?.delete(key))
    for (const key of own) this.holders.delete(nameOf(family, key))
    if (entries?.size === 0) this.entries.delete(family)
    if (own.length > 0) this.master.request("g_upd", family, null, own)
    return own
  }
}
