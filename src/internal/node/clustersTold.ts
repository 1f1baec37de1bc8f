/**
 * What a node tells of the clusters and the tables of locks that it is part of: numbers, and no more names than somebody can look at.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import type { ClusterStatus, LocksStatus, Observed } from "./observed.ts"
import { Count, list, mostTold, record, Text } from "./told.ts"

/** Of the keys that are held, so many are told by name. */
const mostKeys = 100

const Optional = Schema.NullOr(Text)

/** A cluster of entities, of which this node is a runner or a client. */
export const ClusterTold = Schema.Struct({
  name: Text,
  /** `NODE:NUMBER`; null of a client, which has no shards. */
  runner: Optional,
  effectVersion: Text,
  /** The table of locks that its shards are in; null of a client. */
  locks: Optional,
  /** Why it takes no part. */
  refusal: Optional,
  shards: Schema.Struct({ held: Count, total: Count }),
  /** How many of each type are alive here. */
  entities: record(Count),
  singletons: list(Text),
  /** The runners that it goes by: how many, and which of them do not answer. */
  runners: Count,
  silentRunners: list(Text)
})
export type ClusterTold = typeof ClusterTold.Type

/** A table of locks that this node owns keys in, or votes in. */
export const LocksTold = Schema.Struct({
  name: Text,
  /** `votes`, `starts` while it grants no keys yet, `refuses`, or `away` while it does not answer. */
  voters: list(Schema.Struct({ node: Text, standing: Text })),
  held: Count,
  /** The first of them, in their order. */
  keys: list(Text),
  /** What it keeps for owners as a voter; null if it is none. */
  kept: Schema.NullOr(Schema.Struct({ keys: Count, owners: Count, isVoting: Schema.Boolean }))
})
export type LocksTold = typeof LocksTold.Type

export const readClusters = ({ clusters }: Observed): ReadonlyArray<ClusterTold> =>
  clusters.slice(0, mostTold).map(tellCluster)

export const readLocks = ({ lockTables }: Observed): ReadonlyArray<LocksTold> =>
  lockTables.slice(0, mostTold).map(tellLocks)

const tellCluster = (status: ClusterStatus): ClusterTold => {
  const { effectVersion, entities, locks, name, refusal, runner, runners, shards, singletons } = status
  return {
    name,
    runner,
    effectVersion,
    locks,
    refusal,
    shards,
    entities: Object.fromEntries(Object.entries(entities).slice(0, mostTold)),
    singletons: singletons.slice(0, mostTold),
    runners: runners.length,
    silentRunners: runners.filter(({ isAlive }) => !isAlive).slice(0, mostTold).map(({ runner }) => runner)
  }
}

const tellLocks = ({ held, kept, name, voters }: LocksStatus): LocksTold => ({
  name,
  voters,
  held: held.length,
  keys: held.toSorted().slice(0, mostKeys),
  kept: kept ?? null
})
