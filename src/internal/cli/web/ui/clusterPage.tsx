/**
 * Clusters of entities: which runner holds how many shards, what lives there, who votes. And the other tables of locks.
 *
 * @internal
 */
import type { Clusters, ClusterSummary, RunnerSummary } from "../api.ts"
import { counted, cut, showCount } from "./format.ts"
import { loadClusters, useLoaded } from "./requests.ts"
import { nodeHref } from "./routes.ts"
import { Shares } from "./shares.tsx"
import { type Column, numbers, Table } from "./table.tsx"
import { Text } from "./text.tsx"
import { Holders, Voters } from "./voters.tsx"

/** A bar is as long as the largest share is wide. A runner that has no majority of the voters is one of `without`. */
const runnerColumns = (largest: number, without: ReadonlyArray<string>): ReadonlyArray<Column<RunnerSummary>> => [
  { title: "Runner", value: ({ node }) => node, cell: ({ node }) => <Text text={node} href={nodeHref(node)} /> },
  numbers("Shards", ({ shards }) => shards, showCount),
  {
    title: "Share",
    value: ({ shards }) => shards,
    cell: (runner) => <Shares parts={[runner.shards]} whole={largest} />
  },
  numbers("Entities", ({ entities }) => entities, showCount),
  numbers("Singletons", ({ singletons }) => singletons, showCount),
  {
    title: "Effect",
    value: ({ effectVersion }) => effectVersion,
    cell: (runner) => <Text text={runner.effectVersion} />
  },
  {
    title: "Part",
    value: ({ node, refusal }) => refusal ?? (without.includes(node) ? "no majority" : ""),
    cell: ({ node, refusal }) =>
      refusal !== null
        ? (
          <span class="grade-bad">
            ✕ takes none: <Text text={refusal} most={60} />
          </span>
        )
        : without.includes(node)
        ? <span class="grade-bad">✕ has no majority</span>
        : <span class="grade-good">● takes part</span>
  }
]

export const ClusterPage = () => {
  const { problem, value } = useLoaded("clusters", loadClusters, 1000)
  if (value === undefined) return <p class={problem === undefined ? "empty" : "problem"}>{problem ?? "Asking …"}</p>
  const ofClusters = new Set(value.clusters.map(({ locks }) => locks))
  const others = value.locks.filter(({ name }) => !ofClusters.has(name))
  return (
    <>
      {problem === undefined ? null : <p class="problem" role="alert">{problem}</p>}
      {value.isCut ? <p class="note">There are more than are shown.</p> : null}
      {value.clusters.length === 0 && others.length === 0
        ? (
          <p class="empty">
            No clusters and no locks: nodes have entities by <code>Cluster.layer</code>, and leases by{" "}
            <code>Global.locks</code>.
          </p>
        )
        : null}
      {value.clusters.map((cluster) => <Cluster key={cluster.name} cluster={cluster} locks={value.locks} />)}
      {others.map((table) => (
        <section key={table.name}>
          <h2>
            Locks <Text text={table.name} most={60} />
          </h2>
          <Holders table={table} />
          <Voters table={table} />
        </section>
      ))}
    </>
  )
}

interface Properties {
  readonly cluster: ClusterSummary
  readonly locks: Clusters["locks"]
}

const Cluster = ({ cluster, locks }: Properties) => {
  const { clients, entities, held, name, runners, shards, singletons } = cluster
  const table = locks.find((table) => table.name === cluster.locks)
  const inOrder = runners.toSorted((one, other) => one.node < other.node ? -1 : 1)
  return (
    <section>
      <h2>
        Cluster <Text text={name} most={60} />
      </h2>
      <p class="summary">
        {counted(runners.length, "runner")} · {counted(clients, "client")} ·{" "}
        {counted(entities.reduce((sum, { count }) => sum + count, 0), "entity", "entities")} ·{" "}
        {held === shards ? `all ${shards} shards are held` : (
          <span class="problem">
            ✕ {held} of {shards} shards are held
          </span>
        )}
      </p>
      <Shares parts={inOrder.map(({ shards }) => shards)} whole={shards} />
      <Table
        caption={`Runners of ${cut(name, 60).head}`}
        columns={runnerColumns(Math.max(...runners.map(({ shards }) => shards), 0), table?.without ?? [])}
        rows={runners}
        keyOf={({ node }) => node}
        empty="No node runs entities."
      />
      {table === undefined ? null : <Voters table={table} />}
      <Lives entities={entities} singletons={singletons} />
    </section>
  )
}

const Lives = ({ entities, singletons }: Pick<ClusterSummary, "entities" | "singletons">) => (
  <dl class="facts">
    <dt>Entities</dt>
    <dd>
      {entities.length === 0 ? "none" : entities.map(({ count, type }) => (
        <span class="item" key={type}>
          <Text text={type} />: {showCount(count)}
        </span>
      ))}
    </dd>
    <dt>Singletons</dt>
    <dd>
      {singletons.length === 0 ?
        "none" :
        singletons.map(({ name, node }) => (
          <span class="item" key={JSON.stringify([name, node])}>
            <Text text={name} /> on <Text text={node} href={nodeHref(node)} most={24} />
          </span>
        ))}
    </dd>
  </dl>
)
