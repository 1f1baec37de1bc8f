/**
 * The last lines of a node's log, newest first, with their levels in words and colours.
 *
 * @internal
 */
import { useState } from "preact/hooks"
import type { NodeDetails } from "../api.ts"
import { showTime, visible } from "./format.ts"
import { Filter } from "./table.tsx"
import { Text } from "./text.tsx"
import { useWindow } from "./window.ts"

type LogLine = NodeDetails["log"]["lines"][number]

/** Levels that one does not want to miss. */
const severe: ReadonlySet<string> = new Set(["fatal", "error", "warn", "warning"])

/** What a line bears. That it is of this node needs no saying. */
const bornBy = ({ annotations }: LogLine): string =>
  Object.entries(annotations).flatMap(([name, value]) => name === "node" ? [] : [`${name}=${value}`]).join(" ")

export const Log = ({ log }: { readonly log: NodeDetails["log"] | undefined }) => {
  const [filter, setFilter] = useState("")
  const [isSevere, setSevere] = useState(false)
  const lines = log?.lines ?? []
  if (log?.problem && lines.length === 0) {
    return (
      <section>
        <h2>Log</h2>
        <p class="problem">{log.problem}</p>
      </section>
    )
  }
  const wanted = filter.toLowerCase()
  const shown = lines.filter((line) =>
    (!isSevere || severe.has(line.level.toLowerCase())) &&
    `${line.text} ${bornBy(line)}`.toLowerCase().includes(wanted)
  )
  return (
    <section>
      <h2>Log</h2>
      {log?.problem ? <p class="problem">{log.problem}</p> : null}
      <Filter label="Filter: log" value={filter} onValue={setFilter} count={shown.length} all={lines.length} />
      <label class="check">
        <input type="checkbox" checked={isSevere} onChange={(event) => setSevere(event.currentTarget.checked)} />
        Warnings and errors only
      </label>
      {shown.length === 0
        ? <p class="empty">{lines.length === 0 ? "No lines." : "Nothing here matches the filter."}</p>
        : <Lines lines={shown} />}
    </section>
  )
}

const Lines = ({ lines }: { readonly lines: ReadonlyArray<LogLine> }) => {
  const { above, below, box, end, first, onScroll } = useWindow(lines.length)
  // The newest first: they are what one looks for, and nothing has to be scrolled to.
  const newest = lines.toReversed().slice(first, end)
  return (
    <div
      class="scrolls log"
      ref={box}
      onScroll={onScroll}
      tabIndex={0}
      role="region"
      aria-label="Lines of the log, newest first"
    >
      <div style={{ height: `${above}px` }} />
      {newest.map((line, index) => (
        <p key={lines.length - first - index} class={`level level-${line.level.toLowerCase()}`}>
          <time>{showTime(line.at)}</time> <b>{visible(line.level).slice(0, 8)}</b>{" "}
          <Text text={line.text} most={300} hasLines /> <Born text={bornBy(line)} />
        </p>
      ))}
      <div style={{ height: `${below}px` }} />
    </div>
  )
}

const Born = ({ text }: { readonly text: string }) =>
  text === "" ? null : (
    <small>
      <Text text={text} most={300} hasLines />
    </small>
  )
