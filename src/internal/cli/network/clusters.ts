/**
 * Clusters and locks for people: below the nodes of `emp status`, on the page of one node, and beside the supervisors of `emp tree`.
 *
 * @internal
 */
import type { ClusterTold, LocksTold } from "../../node/clustersTold.ts"
import type { Status } from "../../node/status.ts"
import { hasMajority, lackingOf, showLacking } from "../../node/votes.ts"
import { printableInLine } from "../../values/printable.ts"
import { table } from "../terminal/screen.ts"

const byName = (one: { readonly name: string }, other: { readonly name: string }): number =>
  one.name < other.name ? -1 : Number(one.name > other.name)

const clustersOf = ({ clusters = [] }: Status): ReadonlyArray<ClusterTold> => clusters.toSorted(byName)
const locksOf = ({ locks = [] }: Status): ReadonlyArray<LocksTold> => locks.toSorted(byName)

const counted = (count: number, what: string, several = `${what}s`): string =>
  `${count} ${count === 1 ? what : several}`

const entitiesOf = ({ entities }: ClusterTold): number => Object.values(entities).reduce((sum, count) => sum + count, 0)

/** One line, whatever the text has in it, and no longer than others have patience for. */
const inLine = (text: string): string => printableInLine(text.length > 200 ? `${text.slice(0, 199)}…` : text)

const sharesOf = ({ runner, shards: { held, total } }: ClusterTold): string =>
  runner === null ? "client" : `${held} of ${total}`

/** Who has which part of which cluster; nothing, if nobody has. */
export const clusterTables = (statuses: ReadonlyArray<Status>): ReadonlyArray<string> => {
  const rows = statuses.flatMap((status) =>
    clustersOf(status).map((cluster) => [
      status.nodeId,
      inLine(cluster.name),
      sharesOf(cluster),
      String(entitiesOf(cluster)),
      String(cluster.singletons.length)
    ])
  )
  return rows.length === 0 ? [] : [table(["NODE", "CLUSTER", "SHARDS", "ENTITIES", "SINGLETONS"], rows)]
}

/** What is wrong with the locks and clusters of a node, but for what it lacks before it is ready. */
export const clusterTroubles = (status: Status): ReadonlyArray<string> => [
  ...status.lacks?.length === 0
    ? locksOf(status).filter((one) => !hasMajority(one)).map((one) =>
      `node ${status.nodeId} has no majority of the voters of locks ${inLine(one.name)}: ${inLine(showLacking(one))}`
    )
    : [],
  ...clustersOf(status).flatMap(({ name, refusal }) =>
    refusal === null ? [] : `node ${status.nodeId} takes no part in cluster ${inLine(name)}: ${inLine(refusal)}`
  )
]

/** The clusters of one node in facts, and its locks in a table. */
export const clusterDetails = (status: Status) => ({
  facts: clustersOf(status).map(factOf),
  tables: locksOf(status).length === 0 ? [] : [
    table(
      ["LOCKS", "HELD", "VOTES", "LACKING", "KEPT HERE"],
      locksOf(status).map((one) => [
        inLine(one.name),
        String(one.held),
        `${one.voters.length - lackingOf(one).length} of ${one.voters.length}`,
        inLine(lackingOf(one).map(({ node }) => node).join(", ")) || "-",
        keptOf(one)
      ])
    )
  ]
})

const keptOf = ({ kept }: LocksTold): string => {
  if (kept === null) return "no voter"
  if (!kept.isVoting) return "votes soon"
  return `${counted(kept.keys, "key")}, ${counted(kept.owners, "owner")}`
}

const factOf = (cluster: ClusterTold): string => {
  const { effectVersion, name, runner, runners, silentRunners } = cluster
  const others = silentRunners.length === 0 ? "" : `, ${silentRunners.length} of them silent`
  const part = runner === null ? "a client" : `runner ${runner}, ${sharesOf(cluster)} shards`
  return inLine(
    `cluster ${name}: ${part}, ${
      [...typesOf(cluster), ...singletonsOf(cluster)].join(", ") || "no entities"
    }, effect ${effectVersion}, ${counted(runners, "runner")}${others}`
  )
}

const typesOf = ({ entities }: ClusterTold): ReadonlyArray<string> =>
  Object.entries(entities).filter(([, count]) => count > 0).toSorted().map(([type, count]) =>
    `${type}: ${counted(count, "entity", "entities")}`
  )

const singletonsOf = ({ singletons }: ClusterTold): ReadonlyArray<string> =>
  singletons.toSorted().map((name) => `${name}: singleton`)

/** The part that a node has of each of its clusters, as a tree: entities are a number for each type. A client has none. */
export const clusterTrees = (statuses: ReadonlyArray<Status>): ReadonlyArray<string> =>
  statuses.flatMap((status) =>
    clustersOf(status).filter(({ runner }) => runner !== null).map((cluster) => {
      const parts = [...typesOf(cluster), ...singletonsOf(cluster)]
      const lines = parts.map((part, at) => `${at === parts.length - 1 ? "└─" : "├─"} ${inLine(part)}`)
      return [`${inLine(cluster.name)} (cluster) ${status.nodeId}, ${sharesOf(cluster)} shards`, ...lines].join("\n")
    })
  )
