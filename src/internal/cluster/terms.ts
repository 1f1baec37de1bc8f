/**
 * What the runners of a cluster tell each other of themselves, and what they have to agree on: who has other terms finds the entity of
 * one key on another shard, and there would be two of it.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/** How runners speak to each other. It counts up when one side would not understand the other any more. */
export const format = 1

/** What a runner tells the network of itself. Values of the database are plain data: nothing is transformed. */
export const Entry = Schema.Struct({
  /** As Effect encodes it. */
  runner: Schema.String,
  format: Schema.Number,
  shardsPerGroup: Schema.Number,
  /** All groups of shards that there are, sorted. */
  groups: Schema.Array(Schema.String),
  /** Whether it keeps messages for durable calls. Clients leave it open. */
  messages: Schema.optionalKey(Schema.Boolean),
  leaseMillis: Schema.Number,
  /** The version of `effect`. */
  effect: Schema.String,
  /** When it came, in milliseconds since 1970. */
  since: Schema.Number
})
export type Entry = typeof Entry.Type

/** What has to be the same on all nodes. */
export type Terms = Pick<Entry, "format" | "shardsPerGroup" | "groups" | "messages">

/** In words, what one side has otherwise than the other; `undefined` where they agree. */
export const difference = (theirs: Terms, ours: Terms): string | undefined => {
  const groups = (terms: Terms): string => terms.groups.join(", ")
  const told = [
    ["format", theirs.format, ours.format],
    ["shardsPerGroup", theirs.shardsPerGroup, ours.shardsPerGroup],
    ["availableShardGroups", groups(theirs), groups(ours)]
  ].filter(([, their, our]) => their !== our).map(([name, their, our]) => `${name} ${their} and not ${our}`)
  // Whose shards have no place for them leaves the durable calls of their entities undone.
  if (theirs.messages !== undefined && ours.messages !== undefined && theirs.messages !== ours.messages) {
    told.push(theirs.messages ? "messages, which this node has not" : "no messages, which this node has")
  }
  return told.length === 0 ? undefined : told.join(", ")
}

/** What all go by: the terms of the runner that has been there for longest. */
export const inForce = (entries: ReadonlyMap<string, Entry>): readonly [address: string, entry: Entry] | undefined => {
  let first: readonly [string, Entry] | undefined = undefined
  for (const entry of entries) if (first === undefined || isBefore(entry, first)) first = entry
  return first
}

const isBefore = ([one, { since: a }]: readonly [string, Entry], [other, { since: b }]: readonly [string, Entry]) =>
  a < b || (a === b && one < other)
