/**
 * The picture of `emp top`: its rows, what they can be sorted by, and the keys for that (pure).
 *
 * @internal
 */
import type { PortStatus } from "../../node/portList.ts"
import type { Status } from "../../node/status.ts"
import { showDuration } from "../../values/duration.ts"
import { showBytes, table } from "../terminal/screen.ts"
import type { Problem } from "./nodes.ts"
import type { Rates } from "./rates.ts"
import { type TopSorting, topSortings } from "./topSorting.ts"

/** A node that has told of itself. `ports`: those of it that have the most to do yet, if it tells of its ports. */
export interface NodeRow extends Rates {
  readonly status: Status
  readonly links: number
  readonly busiest: ReadonlyArray<PortStatus> | undefined
}

export type Row = NodeRow | Problem

interface Column {
  readonly name: TopSorting
  readonly head: string
  readonly key: string
  readonly measure: (row: NodeRow) => number | null | undefined
  readonly show: (row: NodeRow) => string
}

const orNothing = <A>(value: A | null | undefined, show: (value: A) => string): string =>
  value === undefined || value === null ? "-" : show(value)

const whole = (value: number): string => String(Math.round(value))

export const mailboxOf = ({ busiest }: NodeRow): number | undefined =>
  busiest === undefined ? undefined : busiest[0]?.mailbox ?? 0

/** In the order in which they stand, behind the name of the node. */
const columns: ReadonlyArray<Column> = [
  {
    name: "uptime",
    head: "UP",
    key: "u",
    measure: ({ status }) => status.uptime,
    show: ({ status }) => status.draining === true ? "draining" : showDuration(status.uptime)
  },
  {
    name: "messages",
    head: "MSG/S",
    key: "m",
    measure: (row) => row.messagesPerSecond,
    show: (row) => orNothing(row.messagesPerSecond, whole)
  },
  {
    name: "mailbox",
    head: "MAILBOX",
    key: "b",
    measure: mailboxOf,
    show: (row) => orNothing(mailboxOf(row), String)
  },
  {
    name: "delay",
    head: "DELAY",
    key: "d",
    measure: ({ status }) => status.loopDelay?.maxMillis,
    show: ({ status }) => orNothing(status.loopDelay?.maxMillis, (millis) => `${whole(millis)} ms`)
  },
  {
    name: "cpu",
    head: "CPU",
    key: "c",
    measure: (row) => row.cpuPercent,
    show: (row) => orNothing(row.cpuPercent, (percent) => `${whole(percent)}%`)
  },
  {
    name: "memory",
    head: "MEMORY",
    key: "M",
    measure: ({ status }) => status.memory,
    show: ({ status }) => showBytes(status.memory)
  },
  {
    name: "restarts",
    head: "RESTARTS",
    key: "r",
    measure: ({ status }) => status.restarts,
    show: ({ status }) => orNothing(status.restarts, String)
  }
]

const keys = new Map<string, TopSorting>([["n", "name"], ...columns.map(({ key, name }) => [key, name] as const)])

/** What the picture is of, beside the nodes. */
export interface View {
  readonly sort: TopSorting
  /** The other way round. */
  readonly isReversed: boolean
  readonly showsHelp: boolean
  /** So many rows are above the picture. */
  readonly above: number
}

export const firstView = (sort: TopSorting): View => ({ sort, isReversed: false, showsHelp: false, above: 0 })

const nodeOf = (row: Row): string => "status" in row ? row.status.nodeId : row.nodeId

/** The most comes first, and what is not known last, whichever way it goes; names go from A to Z. */
export const sorted = (
  rows: ReadonlyArray<Row>,
  { isReversed, sort }: Pick<View, "isReversed" | "sort">
): ReadonlyArray<Row> => {
  const way = isReversed ? -1 : 1
  const byName = (a: Row, b: Row): number => nodeOf(a) < nodeOf(b) ? -1 : nodeOf(a) > nodeOf(b) ? 1 : 0
  const column = columns.find(({ name }) => name === sort)
  if (column === undefined) return rows.toSorted((a, b) => way * byName(a, b))
  const measure = (row: Row): number | undefined => "status" in row ? column.measure(row) ?? undefined : undefined
  return rows.toSorted((a, b) => {
    const [left, right] = [measure(a), measure(b)]
    if (left !== undefined && right !== undefined) return way * (right - left) || byName(a, b)
    return Number(left === undefined) - Number(right === undefined) || byName(a, b)
  })
}

/** The nodes in a table; the column that it is sorted by is marked. */
export const drawRows = (rows: ReadonlyArray<Row>, view: View): string => {
  const mark = (name: TopSorting, head: string): string =>
    name === view.sort ? `${head}${view.isReversed ? "↑" : "↓"}` : head
  return table(
    [mark("name", "NODE"), ...columns.map(({ head, name }) => mark(name, head))],
    sorted(rows, view).slice(view.above).map((row) =>
      "problem" in row ? [row.nodeId, row.problem] : [row.status.nodeId].concat(columns.map(({ show }) => show(row)))
    )
  )
}

export const help = [
  "n u m b d c M r   sort by name, time up, messages/s, deepest mailbox, delay of the",
  "                  event loop, CPU, memory, restarts; again: the other way round",
  "left, right       sort by the column before or behind",
  "up, down          go through the nodes",
  "?                 shows this, and hides it",
  "q, Ctrl-C         the end"
].join("\n")

const move = (view: View, by: number): View => {
  const at = (topSortings.indexOf(view.sort) + by + topSortings.length) % topSortings.length
  return { ...view, sort: topSortings[at] ?? view.sort, isReversed: false }
}

/** The keys of what a terminal sends in raw mode: arrows are three characters. */
export const keysIn = (text: string): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (let at = 0; at < text.length;) {
    const length = text.startsWith("\u001b[", at) ? 3 : 1
    keys.push(text.slice(at, at + length))
    at += length
  }
  return keys
}

/** What a key makes of the picture; `"quit"` if that is over. Of keys that mean nothing it stays as it is. */
export const typed = (key: string, view: View, rows: number): View | "quit" => {
  switch (key) {
    // In raw mode Ctrl-C is a key like any other.
    case "\u0003":
    case "q":
      return "quit"
    case "?":
      return { ...view, showsHelp: !view.showsHelp }
    case "\u001b[A":
      return { ...view, above: Math.max(0, view.above - 1) }
    case "\u001b[B":
      return { ...view, above: Math.max(0, Math.min(rows - 1, view.above + 1)) }
    case "\u001b[C":
      return move(view, 1)
    case "\u001b[D":
      return move(view, -1)
  }
  const sort = keys.get(key)
  return sort === undefined ? view : { ...view, sort, isReversed: sort === view.sort && !view.isReversed }
}
