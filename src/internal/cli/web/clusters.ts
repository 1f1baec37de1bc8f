/**
 * The clusters and the tables of locks of the network, put together from what its nodes say of themselves (pure).
 *
 * @internal
 */
import type { ClusterTold, LocksTold } from "../../node/clustersTold.ts"
import type { Status } from "../../node/status.ts"
import { hasMajority } from "../../node/votes.ts"
import type { Clusters, ClusterSummary, LocksSummary, Picture, RunnerSummary, VoterSummary } from "./api.ts"

/** So many clusters and tables are told of the network, and so many names in each list. */
const mostTables = 100
const mostNames = 200

/** What a node says of one of the things that it has a part of. */
interface Part<A> {
  readonly node: string
  readonly told: A
}

type Nodes = Picture["nodes"]

export const clustersIn = (statuses: ReadonlyArray<Status>, { nodes }: Pick<Picture, "nodes">): Clusters => {
  const clusters = byName(statuses, (status) => status.clusters ?? [])
  const locks = byName(statuses, (status) => status.locks ?? [])
  return {
    clusters: clusters.slice(0, mostTables).map(([name, parts]) => summaryOf(name, parts)),
    locks: locks.slice(0, mostTables).map(([name, parts]) => locksOf(name, parts, nodes)),
    isCut: clusters.length > mostTables || locks.length > mostTables
  }
}

const byName = <A extends { readonly name: string }>(
  statuses: ReadonlyArray<Status>,
  partsOf: (status: Status) => ReadonlyArray<A>
): ReadonlyArray<readonly [string, ReadonlyArray<Part<A>>]> => {
  const parts = statuses.flatMap((status) => partsOf(status).map((told): Part<A> => ({ node: status.nodeId, told })))
  return Array.from(Map.groupBy(parts, ({ told }) => told.name)).toSorted(([one], [other]) =>
    one < other ? -1 : Number(one > other)
  )
}

const sum = (counts: Iterable<number>): number => Array.from(counts).reduce((total, count) => total + count, 0)

const summaryOf = (name: string, parts: ReadonlyArray<Part<ClusterTold>>): ClusterSummary => {
  const runners = parts.filter(({ told }) => told.runner !== null)
  // What those take for the number of shards that take no part is not the cluster's.
  const heard = runners.filter(({ told }) => told.refusal === null)
  const entities = new Map<string, number>()
  for (const { told } of runners) {
    for (const [type, count] of Object.entries(told.entities)) entities.set(type, (entities.get(type) ?? 0) + count)
  }
  return {
    name,
    locks: runners.find(({ told }) => told.locks !== null)?.told.locks ?? null,
    shards: Math.max(0, ...heard.map(({ told }) => told.shards.total)),
    held: sum(runners.map(({ told }) => told.shards.held)),
    runners: runners.map(runnerOf),
    clients: parts.length - runners.length,
    entities: Array.from(entities, ([type, count]) => ({ type, count })).toSorted((one, other) =>
      other.count - one.count
    ).slice(0, mostNames),
    singletons: runners.flatMap(({ node, told }) => told.singletons.map((name) => ({ name, node }))).slice(0, mostNames)
  }
}

const runnerOf = ({ node, told }: Part<ClusterTold>): RunnerSummary => ({
  node,
  shards: told.shards.held,
  entities: sum(Object.values(told.entities)),
  singletons: told.singletons.length,
  effectVersion: told.effectVersion,
  refusal: told.refusal
})

const locksOf = (name: string, parts: ReadonlyArray<Part<LocksTold>>, nodes: Nodes): LocksSummary => {
  const voters = new Set(parts.flatMap(({ told }) => told.voters.map(({ node }) => node)))
  const without = parts.filter(({ told }) => !hasMajority(told)).map(({ node }) => node)
  return {
    name,
    nodes: parts.length,
    held: sum(parts.map(({ told }) => told.held)),
    holders: parts.filter(({ told }) => told.held > 0).map(({ node, told }) => ({ node, held: told.held })).toSorted(
      (one, other) => other.held - one.held
    ).slice(0, mostNames),
    voters: Array.from(voters).toSorted().slice(0, mostNames).map((voter) => voterOf(voter, parts, nodes)),
    withoutMajority: without.length,
    without: without.slice(0, mostNames)
  }
}

const voterOf = (voter: string, parts: ReadonlyArray<Part<LocksTold>>, nodes: Nodes): VoterSummary => {
  const seen = parts.flatMap(({ node, told }) =>
    told.voters.filter((one) => one.node === voter).map(({ standing }) => ({ node, standing }))
  )
  const kept = parts.find(({ node }) => node === voter)?.told.kept ?? null
  return {
    node: voter,
    state: nodes.get(voter)?.state ?? null,
    votesFor: seen.filter(({ standing }) => standing === "votes").length,
    startsFor: seen.filter(({ standing }) => standing === "starts").length,
    silentFor: seen.filter(({ standing }) => standing !== "votes" && standing !== "starts").map(({ node }) => node)
      .slice(0, mostNames),
    keys: kept?.keys ?? null
  }
}
