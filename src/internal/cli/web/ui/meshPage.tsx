/**
 * The mesh: who is linked to whom, and how it is with each node.
 *
 * @internal
 */
import type { LinkSummary, NodeSummary, Picture } from "../api.ts"
import {
  counted,
  showAge,
  showBytes,
  showBytesPerSecond,
  showCount,
  showMillis,
  showPercent,
  showPerSecond
} from "./format.ts"
import { picture as pictures } from "./live.ts"
import { MeshPicture } from "./meshPicture.tsx"
import { nodeHref } from "./routes.ts"
import { State } from "./state.tsx"
import { useStore } from "./store.ts"
import { type Column, numbers, Table } from "./table.tsx"
import { Text } from "./text.tsx"
import { badMillis, badQueue, gradeOfLink, gradeOfNode, isDraining, slowMillis, slowQueue } from "./trouble.ts"

const nodeColumns = (at: number): ReadonlyArray<Column<NodeSummary>> => [
  { title: "Node", value: ({ id }) => id, cell: ({ id }) => <Text text={id} href={nodeHref(id)} most={30} /> },
  {
    title: "State",
    value: (node) => isDraining(node) ? "draining" : node.state,
    cell: (node) => <State node={node} at={at} />
  },
  numbers("Round trip", ({ roundTripMillis }) => roundTripMillis, showMillis),
  numbers("Queue", ({ queuedMessages }) => queuedMessages, showCount),
  numbers("In", ({ messagesInPerSecond }) => messagesInPerSecond, showPerSecond),
  numbers("Out", ({ messagesOutPerSecond }) => messagesOutPerSecond, showPerSecond),
  numbers("Loop delay", ({ loopDelayMaxMillis }) => loopDelayMaxMillis, showMillis),
  numbers("CPU", ({ cpuPercent }) => cpuPercent, showPercent),
  numbers("Memory", ({ memory }) => memory, showBytes),
  numbers("Ports", ({ ports }) => ports, showCount),
  numbers("Restarts", ({ restarts }) => restarts, showCount),
  numbers("Up for", ({ startedAt, state }) => startedAt === null || state === "down" ? null : at - startedAt, showAge)
]

const linkColumns: ReadonlyArray<Column<LinkSummary>> = [
  { title: "Node", value: ({ a }) => a, cell: ({ a }) => <Text text={a} href={nodeHref(a)} most={30} /> },
  { title: "Linked to", value: ({ b }) => b, cell: ({ b }) => <Text text={b} href={nodeHref(b)} most={30} /> },
  numbers("Round trip", ({ roundTripMillis }) => roundTripMillis, showMillis),
  numbers("Queue", ({ queued }) => queued, showCount),
  numbers("Bytes", ({ bytesPerSecond }) => bytesPerSecond, showBytesPerSecond)
]

const sentence = ({ isComplete, links, nodes }: Picture): string => {
  const all = Array.from(nodes.values())
  const up = all.filter(({ state }) => state === "up").length
  const troubled = all.filter((node) => node.state === "up" && ["slow", "bad"].includes(gradeOfNode(node))).length +
    Array.from(links.values()).filter((link) => ["slow", "bad"].includes(gradeOfLink(link))).length
  const draining = all.filter(isDraining).length
  const parts = [
    `${up} of ${all.length} nodes up`,
    ...draining === 0 ? [] : [`${draining} of them ${draining === 1 ? "drains" : "drain"}`],
    counted(links.size, "link"),
    troubled === 0 ? "no node or link is slow" : counted(troubled, "node or link is slow", "nodes or links are slow"),
    ...isComplete ? [] : ["not all have answered yet"]
  ]
  return parts.join(" · ")
}

export const MeshPage = () => {
  const picture = useStore(pictures, (value) => value)
  if (picture.nodes.size === 0) {
    return (
      <p class="empty">
        No nodes yet. They show as soon as they join the network: start one with{" "}
        <code>emp run</code>, with the same secret and one of the same seeds.
      </p>
    )
  }
  return (
    <>
      <p class="summary">{sentence(picture)}</p>
      <div class="beside">
        <section aria-label="Picture of the mesh">
          <MeshPicture picture={picture} />
          <Legend />
        </section>
        <section>
          <h2>Nodes</h2>
          <Table
            caption="Nodes"
            columns={nodeColumns(picture.at)}
            rows={Array.from(picture.nodes.values())}
            keyOf={({ id }) => id}
            textOf={({ id, kind, state }) => `${id} ${state} ${kind}`}
            empty="No nodes."
          />
          <h2>Links</h2>
          <Table
            caption="Links"
            columns={linkColumns}
            rows={Array.from(picture.links.values())}
            keyOf={({ a, b }) => JSON.stringify([a, b])}
            textOf={({ a, b }) => `${a} ${b}`}
            order={{ column: 3, isDescending: true }}
            empty="No links: every node is alone."
          />
        </section>
      </div>
    </>
  )
}

const Legend = () => (
  <ul class="legend" aria-label="Legend">
    <li>
      <LineKey grade="good" /> good
    </li>
    <li>
      <LineKey grade="slow" /> slow: round trip from {slowMillis} ms, or {slowQueue} messages wait
    </li>
    <li>
      <LineKey grade="bad" /> very slow: from {badMillis} ms, or {badQueue} messages
    </li>
    <li>
      <LineKey grade="unknown" /> not measured
    </li>
    <li>
      <span class="grade-good">●</span> up
    </li>
    <li>
      <span class="grade-slow">▲</span> up, slow
    </li>
    <li>
      <span class="grade-bad">■</span> up, very slow
    </li>
    <li>
      <span class="grade-good">◇</span> draining
    </li>
    <li>
      <span class="state-silent">◐</span> silent
    </li>
    <li>
      <span class="state-unreachable">○</span> unreachable
    </li>
    <li>
      <span class="state-down">✕</span> down
    </li>
  </ul>
)

const LineKey = ({ grade }: { readonly grade: string }) => (
  <svg class="key" viewBox="0 0 30 6" aria-hidden="true">
    <line class={`link-${grade}`} x1={0} x2={30} y1={3} y2={3} />
  </svg>
)
