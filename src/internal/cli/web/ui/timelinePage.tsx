/**
 * What has happened in the network since `emp web` runs, newest first.
 *
 * @internal
 */
import { useMemo, useState } from "preact/hooks"
import type { TimelineEntry } from "../api.ts"
import { showDay, showTime } from "./format.ts"
import { timeline } from "./live.ts"
import { nodeHref } from "./routes.ts"
import { useStore } from "./store.ts"
import { Filter } from "./table.tsx"
import { Text } from "./text.tsx"
import { useWindow } from "./window.ts"

/** Signs and colours of what happens; the word stands beside them. */
const looks: Readonly<Record<TimelineEntry["kind"], readonly [sign: string, style: string]>> = {
  up: ["▲", "good"],
  down: ["✕", "bad"],
  silent: ["◐", "slow"],
  unreachable: ["○", "slow"],
  restart: ["↻", "slow"],
  "children restarted": ["↻", "slow"],
  draining: ["◇", "unknown"],
  master: ["★", "unknown"],
  split: ["≠", "bad"],
  merge: ["≈", "good"],
  action: ["✎", "unknown"]
}

const kinds = Object.keys(looks) as ReadonlyArray<TimelineEntry["kind"]>

export const TimelinePage = () => {
  const all = useStore(timeline, (value) => value)
  const [filter, setFilter] = useState("")
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase()
    return all.filter(({ kind, node, text }) =>
      !hidden.has(kind) && `${kind} ${node ?? ""} ${text}`.toLowerCase().includes(wanted)
    ).toReversed()
  }, [all, filter, hidden])
  const toggle = (kind: string): void => {
    const next = new Set(hidden)
    if (!next.delete(kind)) next.add(kind)
    setHidden(next)
  }
  const present = kinds.filter((kind) => hidden.has(kind) || all.some((entry) => entry.kind === kind))
  return (
    <>
      <Filter label="Filter: timeline" value={filter} onValue={setFilter} count={shown.length} all={all.length} />
      <div class="checks" role="group" aria-label="Kinds of events">
        {present.map((kind) => (
          <label key={kind} class="check">
            <input type="checkbox" checked={!hidden.has(kind)} onChange={() => toggle(kind)} />
            <span class={`grade-${looks[kind][1]}`} aria-hidden="true">{looks[kind][0]}</span> {kind}
          </label>
        ))}
      </div>
      {shown.length === 0
        ? (
          <p class="empty">
            {all.length === 0
              ? "Nothing has happened since emp web runs: nodes that come, go or restart will be told of here."
              : "Nothing here matches the filter."}
          </p>
        )
        : <Entries entries={shown} />}
    </>
  )
}

const Entries = ({ entries }: { readonly entries: ReadonlyArray<TimelineEntry> }) => {
  const { above, below, box, end, first, onScroll } = useWindow(entries.length)
  return (
    <div
      class="scrolls timeline"
      ref={box}
      onScroll={onScroll}
      tabIndex={0}
      role="region"
      aria-label="Events, newest first"
    >
      <table aria-rowcount={entries.length}>
        <caption class="only-heard">Events, newest first</caption>
        <thead class="only-heard">
          <tr>
            <th scope="col">Time</th>
            <th scope="col">What</th>
            <th scope="col">Node</th>
            <th scope="col">Details</th>
          </tr>
        </thead>
        <tbody>
          {above > 0
            ? (
              <tr class="gap">
                <td style={{ height: `${above}px` }} />
              </tr>
            )
            : null}
          {entries.slice(first, end).map((entry) => <Entry key={entry.number} entry={entry} />)}
          {below > 0
            ? (
              <tr class="gap">
                <td style={{ height: `${below}px` }} />
              </tr>
            )
            : null}
        </tbody>
      </table>
    </div>
  )
}

const Entry = ({ entry: { at, kind, node, text } }: { readonly entry: TimelineEntry }) => (
  <tr data-kind={kind}>
    <td>
      <time dateTime={new Date(at).toISOString()} title={showDay(at)}>{showTime(at)}</time>
    </td>
    <td class={`grade-${looks[kind][1]}`}>
      <span aria-hidden="true">{looks[kind][0]}</span> {kind}
    </td>
    <td>{node === null ? "network" : <Text text={node} href={nodeHref(node)} most={30} />}</td>
    <td>
      <Text text={text} most={120} />
    </td>
  </tr>
)
