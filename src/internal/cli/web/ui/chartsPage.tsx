/**
 * Rates and sizes over the last ten minutes: of the network in sum, and of the node that is chosen.
 *
 * @internal
 */
import type { TargetedEvent } from "preact"
import type { History } from "../api.ts"
import { Chart } from "./chart.tsx"
import { cut, showBytes, showBytesPerSecond, showCount, showMillis, showPercent, showPerSecond } from "./format.ts"
import { picture as pictures } from "./live.ts"
import { loadHistory, useLoaded } from "./requests.ts"
import { chartsHref, href, isSameName } from "./routes.ts"
import { useStore } from "./store.ts"

type Series = Exclude<keyof History, "node" | "at">

interface Shown {
  readonly series: Series
  readonly title: string
  readonly show: (value: number) => string
  readonly base?: 1024
  readonly least?: number
}

const charts: ReadonlyArray<Shown> = [
  { series: "messagesPerSecond", title: "Messages", show: showPerSecond },
  { series: "bytesPerSecond", title: "Bytes", show: showBytesPerSecond, base: 1024 },
  { series: "cpuPercent", title: "CPU", show: showPercent },
  { series: "loopDelayMillis", title: "Loop delay", show: showMillis },
  { series: "memory", title: "Memory", show: showBytes, base: 1024 },
  { series: "queuedMessages", title: "Messages that wait", show: showCount, least: 1 },
  { series: "ports", title: "Ports", show: showCount, least: 1 },
  { series: "restarts", title: "Restarts of children since the nodes run", show: showCount, least: 1 },
  { series: "up", title: "Nodes up", show: showCount, least: 1 }
]

const lineName = (series: Series, node: string | undefined): string =>
  node !== undefined ? "this node" : series === "loopDelayMillis" ? "slowest node" : "in sum"

/** A longer list helps nobody: the page of a node leads to its charts. */
const mostOptions = 1000

export const ChartsPage = ({ nodeId }: { readonly nodeId: string | undefined }) => {
  const ids = useStore(pictures, ({ nodes }) => JSON.stringify(Array.from(nodes.keys()).toSorted()))
  const names: ReadonlyArray<string> = JSON.parse(ids)
  const node = nodeId === undefined ? undefined : names.find((name) => isSameName(name, nodeId)) ?? nodeId
  const { problem, value } = useLoaded(JSON.stringify(["history", node]), () => loadHistory(node), 2000)
  const choose = (event: TargetedEvent<HTMLSelectElement>): void => {
    const name = names[Number(event.currentTarget.value)]
    location.hash = name === undefined ? href("charts") : chartsHref(name)
  }
  return (
    <>
      <p class="filter">
        <label for="charts-of">Of</label>
        <select id="charts-of" value={node === undefined ? "" : String(names.indexOf(node))} onChange={choose}>
          <option value="">the whole network</option>
          {names.slice(0, mostOptions).map((name, index) => {
            const { head, tail } = cut(name, 40)
            return <option key={name} value={String(index)}>{tail === "" ? head : `${head}…${tail}`}</option>
          })}
        </select>
      </p>
      {problem === undefined ? null : <p class="problem" role="alert">{problem}</p>}
      {value === undefined
        ? <p class="empty">{problem === undefined ? "Asking …" : "There is nothing to draw yet."}</p>
        : (
          <div class="charts">
            {charts.map(({ base, least, series, show, title }) => (
              <Chart
                key={series}
                title={title}
                show={show}
                {...base === undefined ? {} : { base }}
                {...least === undefined ? {} : { least }}
                times={value.at}
                lines={[{ name: lineName(series, node), values: value[series].map((one) => one ?? undefined) }]}
              />
            ))}
          </div>
        )}
    </>
  )
}
