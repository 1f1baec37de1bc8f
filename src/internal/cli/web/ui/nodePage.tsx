/**
 * One node: what it is, how busy it is, its ports, its links, and the last lines of its log.
 *
 * @internal
 */
import { useState } from "preact/hooks"
import type { LinkSummary, NodeDetails, NodeSummary, Picture, PortSort } from "../api.ts"
import { Actions, Kil, Told } from "./actions.tsx"
import {
  showAge,
  showBytes,
  showBytesPerSecond,
  showCount,
  showMillis,
  showPercent,
  showPerSecond,
  showTime,
  visible
} from "./format.ts"
import { picture as pictures } from "./live.ts"
import { Log } from "./log.tsx"
import { Lacks, NodeParts } from "./nodeParts.tsx"
import { loadNode, useLoaded } from "./requests.ts"
import { chartsHref, href, isSameName, nodeHref } from "./routes.ts"
import { State } from "./state.tsx"
import { useStore } from "./store.ts"
import { type Column, numbers, Table } from "./table.tsx"
import { Text } from "./text.tsx"

type PortRow = NodeDetails["ports"]["rows"][number]

/** What the node sorts by, so that the first ones are the first of all, and not of those that were sent. */
const sorts: Readonly<Record<string, PortSort>> = {
  "Mailbox": "mailbox",
  "Handled": "handled",
  "Age": "age",
  "Oldest message": "oldest"
}

const portColumns: ReadonlyArray<Column<PortRow>> = [
  { title: "Port", value: ({ port }) => port, cell: ({ name, port }) => <Text text={name ?? port} most={28} /> },
  { title: "Kind", value: ({ kind }) => kind, cell: ({ kind }) => <Text text={kind} most={20} /> },
  { title: "What", value: ({ what }) => what, cell: ({ what }) => what === "" ? "–" : <Text text={what} most={30} /> },
  numbers("Mailbox", ({ mailbox }) => mailbox, showCount),
  numbers("Oldest message", ({ oldestMillis }) => oldestMillis === 0 ? null : oldestMillis, showMillis),
  numbers("Handled", ({ handled }) => handled, showCount),
  numbers("Age", ({ ageMillis }) => ageMillis, showAge),
  numbers("Monitors", ({ monitors }) => monitors, showCount)
]

const killable: Column<PortRow> = {
  title: "Do",
  value: () => undefined,
  cell: (row) => row.kind === "node" ? null : <Kil {...row} />
}

const linkColumns = (nodeId: string): ReadonlyArray<Column<LinkSummary>> => {
  const other = ({ a, b }: LinkSummary): string => a === nodeId ? b : a
  return [
    { title: "Linked to", value: other, cell: (link) => <Text text={other(link)} href={nodeHref(other(link))} /> },
    numbers("Round trip", ({ roundTripMillis }) => roundTripMillis, showMillis),
    numbers("Queue", ({ queued }) => queued, showCount),
    numbers("Bytes", ({ bytesPerSecond }) => bytesPerSecond, showBytesPerSecond)
  ]
}

const known = (value: number | null, show: (value: number) => string): string => value === null ? "–" : show(value)

/** Busy or not, at a glance. */
const load = (node: NodeSummary): ReadonlyArray<readonly [title: string, value: string, more?: string | undefined]> => [
  ["CPU", known(node.cpuPercent, showPercent)],
  [
    "Loop delay",
    known(node.loopDelayMeanMillis, showMillis),
    node.loopDelayMaxMillis === null ? undefined : `at most ${showMillis(node.loopDelayMaxMillis)}`
  ],
  ["Memory", known(node.memory, showBytes), node.heap === null ? undefined : `${showBytes(node.heap)} heap`],
  ["Messages in", known(node.messagesInPerSecond, showPerSecond), bytesOf(node.bytesInPerSecond)],
  ["Messages out", known(node.messagesOutPerSecond, showPerSecond), bytesOf(node.bytesOutPerSecond)],
  ["Handled", known(node.handledPerSecond, showPerSecond)],
  ["Open calls", known(node.openCalls, showCount)],
  ["Waiting messages", known(node.queuedMessages, showCount), sendersOf(node.waitingSenders)],
  ["Round trip", known(node.roundTripMillis, showMillis)],
  ["Restarts", known(node.restarts, showCount)],
  ["Refused", known(node.refusedMessages, showCount)],
  ["Dropped", known(node.droppedMessages, showCount)]
]

const bytesOf = (bytes: number | null) => bytes === null ? undefined : showBytesPerSecond(bytes)
const sendersOf = (senders: number | null) => senders === null || senders === 0 ? undefined : `${senders} senders wait`

const Facts = ({ at, node }: { readonly at: number; readonly node: NodeSummary }) => (
  <dl class="facts">
    <dt>State</dt>
    <dd>
      <State node={node} />
      {node.problem === null ? null : (
        <>
          : <Text text={node.problem} most={200} />
        </>
      )}
    </dd>
    {node.lastSeenAt === null ? null : (
      <>
        <dt>Last seen</dt>
        <dd>{showTime(node.lastSeenAt)}, {showAge(at - node.lastSeenAt)} ago</dd>
      </>
    )}
    <dt>Up for</dt>
    <dd>{node.startedAt === null || node.state === "down" ? "–" : showAge(at - node.startedAt)}</dd>
    <dt>Process</dt>
    <dd>{node.pid === null ? "–" : node.pid}</dd>
    <dt>Version</dt>
    <dd>
      <Text text={[node.kind, node.version, node.runtime].filter((part) => part !== null).join(" ")} most={60} />
    </dd>
    <dt>Listens on</dt>
    <dd>
      {node.addresses.length === 0
        ? "nothing"
        : node.addresses.map((address) => (
          <span class="item" key={address}>
            <Text text={address} />
          </span>
        ))}
    </dd>
    <dt>Part in the network</dt>
    <dd>
      {node.isGlobal === true ? `global, ${known(node.databaseEntries, showCount)} entries` : null}
      {node.isGlobal === true || node.master === null
        ? node.isGlobal === true ? null : "–"
        : (
          <>
            its data is at <Text text={node.master} href={nodeHref(node.master)} />
          </>
        )}
    </dd>
  </dl>
)

export const NodePage = ({ allowsActions, nodeId }: { readonly allowsActions: boolean; readonly nodeId: string }) => {
  const picture = useStore(pictures, (value) => value)
  const [sort, setSort] = useState<PortSort>("mailbox")
  const node = picture.nodes.get(nodeId) ?? Array.from(picture.nodes.values()).find(({ id }) => isSameName(id, nodeId))
  const id = node?.id ?? nodeId
  const details = useLoaded(JSON.stringify(["node", id]), () => loadNode(id, sort), 2000)
  if (node === undefined) {
    return (
      <p class="empty">
        {picture.isComplete ? "No node has this name now, and none had since emp web runs. " : "Not known yet. "}
        <a href={href("mesh")}>All nodes</a> are on the page of the mesh.
      </p>
    )
  }
  return (
    <>
      <div class="node-head">
        <Facts node={node} at={picture.at} />
        <a href={chartsHref(id)}>Charts of this node</a>
        {allowsActions && node.state !== "down" ? <Actions nodeId={id} /> : null}
      </div>
      <Told />
      {details.problem === undefined ? null : <p class="problem" role="alert">{details.problem}</p>}
      {details.value?.status ? <Lacks status={details.value.status} /> : null}
      {node.state === "up" ? <Load node={node} /> : null}
      {details.value === undefined || details.value.problem === null
        ? <Ports details={details.value} allowsActions={allowsActions} onSort={setSort} />
        : <Unknown node={node} problem={details.value.problem} />}
      <Links id={id} links={picture.links} />
      {details.value?.status ? <NodeParts status={details.value.status} /> : null}
      {details.value?.problem === null ? <Log log={details.value.log} /> : null}
    </>
  )
}

/** Why there is no more: in other words than its state has. */
const Unknown = ({ node, problem }: { readonly node: NodeSummary; readonly problem: string }) => (
  <p class="empty">
    Its load, ports and log are not known{problem === node.problem ? "." : `: ${visible(problem)}.`}
  </p>
)

const Load = ({ node }: { readonly node: NodeSummary }) => (
  <ul class="tiles" aria-label="Load">
    {load(node).map(([title, value, more]) => (
      <li key={title}>
        <span>{title}</span>
        <b>{value}</b>
        <small>{more}</small>
      </li>
    ))}
  </ul>
)

interface PortsProperties {
  readonly details: NodeDetails | undefined
  readonly allowsActions: boolean
  readonly onSort: (sort: PortSort) => void
}

const Ports = ({ allowsActions, details, onSort }: PortsProperties) => {
  const rows = details?.ports.rows ?? []
  const total = details?.ports.total ?? rows.length
  return (
    <section>
      <h2>Ports {total > rows.length ? <small>the first {rows.length} of {total}</small> : null}</h2>
      {details?.ports.problem ? <p class="problem">{details.ports.problem}</p> : null}
      {details?.ports.problem && rows.length === 0 ? null : (
        <Table
          caption="Ports"
          columns={allowsActions ? [...portColumns, killable] : portColumns}
          rows={rows}
          keyOf={({ port }) => port}
          textOf={({ kind, name, port, what }) => `${name ?? ""} ${port} ${kind} ${what}`}
          order={{ column: 3, isDescending: true }}
          onSort={(title) => {
            const wanted = sorts[title]
            if (wanted !== undefined) onSort(wanted)
          }}
          empty={details === undefined ? "Asking the node …" : "It tells of no ports."}
        />
      )}
    </section>
  )
}

const Links = ({ id, links }: { readonly id: string; readonly links: Picture["links"] }) => (
  <section>
    <h2>Links</h2>
    <Table
      caption="Links"
      columns={linkColumns(id)}
      rows={Array.from(links.values()).filter(({ a, b }) => a === id || b === id)}
      keyOf={({ a, b }) => JSON.stringify([a, b])}
      textOf={({ a, b }) => a === id ? b : a}
      empty="It has no links."
    />
  </section>
)
