/**
 * What a node lacks, and its parts in what several nodes have together: clusters, tables of locks, guests that it has let in.
 *
 * @internal
 */
import type { NodeDetails } from "../api.ts"
import { counted, showCount, showDay, showTime } from "./format.ts"
import { type Column, numbers, Table } from "./table.tsx"
import { Text } from "./text.tsx"

type Status = NonNullable<NodeDetails["status"]>
type Cluster = NonNullable<Status["clusters"]>[number]
type Locks = NonNullable<Status["locks"]>[number]

export const Lacks = ({ status: { lacks = [] } }: { readonly status: Status }) =>
  lacks.length === 0 ? null : (
    <p class="problem lacks">
      ✕ Not ready: <Text text={lacks.join("; ")} most={300} />
    </p>
  )

const clusterColumns: ReadonlyArray<Column<Cluster>> = [
  { title: "Cluster", value: ({ name }) => name, cell: ({ name }) => <Text text={name} most={30} /> },
  {
    title: "Shards",
    value: ({ shards }) => shards.held,
    cell: ({ runner, shards }) => runner === null ? "client" : `${shards.held} of ${shards.total}`
  },
  {
    title: "Entities",
    value: ({ entities }) => Object.values(entities).reduce((sum, count) => sum + count, 0),
    cell: ({ entities }) =>
      listed(
        Object.entries(entities).filter(([, count]) => count > 0).map(([type, count]) => `${type}: ${showCount(count)}`)
      )
  },
  { title: "Singletons", value: ({ singletons }) => singletons.length, cell: ({ singletons }) => listed(singletons) },
  {
    title: "Runners",
    value: ({ runners }) => runners,
    cell: ({ refusal, runners, silentRunners }) => (
      <>
        {runners}
        {silentRunners.length === 0 ? null : (
          <span class="grade-bad">
            {" ✕ silent: "}
            <Text text={silentRunners.join(", ")} />
          </span>
        )}
        {refusal === null ? null : (
          <span class="grade-bad">
            {" ✕ takes no part: "}
            <Text text={refusal} most={60} />
          </span>
        )}
      </>
    )
  }
]

const listed = (names: ReadonlyArray<string>) => names.length === 0 ? "–" : <Text text={names.join(", ")} most={60} />

const votes = ({ voters }: Locks): number => voters.filter(({ standing }) => standing === "votes").length

const locksColumns: ReadonlyArray<Column<Locks>> = [
  { title: "Locks", value: ({ name }) => name, cell: ({ name }) => <Text text={name} most={40} /> },
  {
    title: "Votes",
    value: votes,
    cell: (locks) => (
      <span class={2 * votes(locks) > locks.voters.length ? "grade-good" : "grade-bad"}>
        {votes(locks)} of {locks.voters.length}
        {2 * votes(locks) > locks.voters.length ? "" : ": ✕ no majority"}
      </span>
    )
  },
  {
    title: "Lacking",
    value: (locks) => locks.voters.length - votes(locks),
    cell: ({ voters }) => listed(voters.filter(({ standing }) => standing !== "votes").map(({ node }) => node))
  },
  numbers("Held", ({ held }) => held, showCount),
  { title: "Keys", value: ({ keys }) => keys[0], cell: ({ keys }) => listed(keys) },
  {
    title: "Kept as a voter",
    value: ({ kept }) => kept?.keys,
    cell: ({ kept }) => {
      if (kept === null) return "–"
      return kept.isVoting
        ? `${counted(kept.keys, "key")} for ${counted(kept.owners, "owner")}`
        : <span class="grade-slow">◐ votes soon</span>
    }
  }
]

const guestColumns: ReadonlyArray<Column<Status["peers"][number]>> = [
  { title: "Guest", value: ({ nodeId }) => nodeId, cell: ({ nodeId }) => <Text text={nodeId} /> },
  {
    title: "Ticket until",
    value: ({ guestUntil }) => guestUntil ?? undefined,
    cell: ({ guestUntil }) => `${showDay(guestUntil ?? 0)} ${showTime(guestUntil ?? 0)}`
  }
]

export const NodeParts = ({ status }: { readonly status: Status }) => {
  const { byteStreams = 0, clusters = [], guests = 0, locks = [], peers } = status
  return (
    <>
      {clusters.length === 0 ? null : (
        <section>
          <h2>Clusters</h2>
          <Table caption="Clusters" columns={clusterColumns} rows={clusters} keyOf={({ name }) => name} empty="" />
        </section>
      )}
      {locks.length === 0 ? null : (
        <section>
          <h2>Locks</h2>
          <Table
            caption="Locks"
            columns={locksColumns}
            rows={locks}
            keyOf={({ name, voters }) => JSON.stringify([name, voters.map(({ node }) => node)])}
            empty=""
          />
        </section>
      )}
      {guests === 0 ? null : (
        <section>
          <h2>
            Guests <small>{showCount(guests)}</small>
          </h2>
          <Table
            caption="Guests"
            columns={guestColumns}
            rows={peers.filter(({ guestUntil }) => typeof guestUntil === "number")}
            keyOf={({ nodeId }) => nodeId}
            empty="They are not among the first thousand links that it tells of."
          />
        </section>
      )}
      {byteStreams === 0 ? null : <p class="note">{counted(byteStreams, "end")} of streams of bytes open.</p>}
    </>
  )
}
