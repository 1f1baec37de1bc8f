/**
 * A tree whose branches open and close, by the keyboard as well: arrows, Home, End, and Enter for the link of a row. Only the rows that
 * can be seen are drawn, so the focus stays with the tree, which says which row is the current one.
 *
 * @internal
 */
import type { ComponentChildren } from "preact"
import { useId, useMemo, useState } from "preact/hooks"
import { Filter } from "./table.tsx"
import { useWindow } from "./window.ts"

export interface Branch {
  /** Unique in the whole tree. */
  readonly key: string
  /** What is searched, and what is said of it. */
  readonly label: string
  readonly row: ComponentChildren
  readonly children: ReadonlyArray<Branch>
}

interface Row {
  readonly branch: Branch
  readonly depth: number
  readonly parent: number
  readonly isOpen: boolean
}

/** The rows that are open. `closed` has the keys of those whose children are hidden. */
const rowsOf = (branches: ReadonlyArray<Branch>, closed: ReadonlySet<string>): ReadonlyArray<Row> => {
  const rows: Array<Row> = []
  const add = (branch: Branch, depth: number, parent: number): void => {
    const isOpen = !closed.has(branch.key)
    const own = rows.push({ branch, depth, parent, isOpen }) - 1
    if (isOpen) { for (const child of branch.children) add(child, depth + 1, own) }
  }
  for (const branch of branches) add(branch, 1, -1)
  return rows
}

/** Branches that match, with all above them. */
const matching = (branches: ReadonlyArray<Branch>, wanted: string): ReadonlyArray<Branch> =>
  branches.flatMap((branch) => {
    if (branch.label.toLowerCase().includes(wanted)) return [branch]
    const children = matching(branch.children, wanted)
    return children.length === 0 ? [] : [{ ...branch, children }]
  })

/** What a key does: it leads to another row, opens or closes the branch, or follows the link of its row. */
const stepOf = (key: string, row: Row, place: number, count: number): number | "toggle" | "follow" | undefined => {
  const hasChildren = row.branch.children.length > 0
  switch (key) {
    case "ArrowDown":
      return place + 1
    case "ArrowUp":
      return place - 1
    case "Home":
      return 0
    case "End":
      return count - 1
    case "ArrowRight":
      return hasChildren ? row.isOpen ? place + 1 : "toggle" : undefined
    case "ArrowLeft":
      return hasChildren && row.isOpen ? "toggle" : row.parent < 0 ? undefined : row.parent
    case "Enter":
      return "follow"
    default:
      return undefined
  }
}

interface Properties {
  readonly label: string
  readonly branches: ReadonlyArray<Branch>
}

export const Tree = ({ branches, label }: Properties) => {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set())
  const [current, setCurrent] = useState("")
  const [filter, setFilter] = useState("")
  const wanted = filter.toLowerCase()
  const rows = useMemo(
    () => rowsOf(wanted === "" ? branches : matching(branches, wanted), closed),
    [branches, wanted, closed]
  )
  const { above, below, box, end, first, onScroll, reveal } = useWindow(rows.length)
  const place = Math.max(0, rows.findIndex(({ branch }) => branch.key === current))
  const move = (to: number): void => {
    const row = rows[Math.max(0, Math.min(to, rows.length - 1))]
    if (row === undefined) return
    reveal(rows.indexOf(row))
    setCurrent(row.branch.key)
  }
  const toggle = ({ branch, isOpen }: Row): void => {
    const next = new Set(closed)
    if (isOpen) next.add(branch.key)
    else next.delete(branch.key)
    setClosed(next)
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const row = rows[place]
    if (row === undefined || event.target !== event.currentTarget) return
    const step = stepOf(event.key, row, place, rows.length)
    if (step === undefined) return
    event.preventDefault()
    if (step === "toggle") toggle(row)
    else if (step === "follow") box.current?.querySelector<HTMLElement>(`[data-row="${place}"] a`)?.click()
    else move(step)
  }
  const id = useId()
  const all = (): ReadonlySet<string> => new Set(rowsOf(branches, new Set()).map(({ branch }) => branch.key))
  return (
    <>
      <div class="tree-head">
        <Filter label={`Filter: ${label}`} value={filter} onValue={setFilter} />
        <button type="button" onClick={() => setClosed(all())}>Close all</button>
        <button type="button" onClick={() => setClosed(new Set())}>Open all</button>
      </div>
      <div class="scrolls tree" ref={box} onScroll={onScroll}>
        <ul role="tree" aria-label={label} tabIndex={0} aria-activedescendant={`${id}-${place}`} onKeyDown={onKeyDown}>
          <li role="none" style={{ height: `${above}px` }} />
          {rows.slice(first, end).map((row, index) => (
            <TreeRow
              key={row.branch.key}
              id={`${id}-${first + index}`}
              row={row}
              place={first + index}
              isCurrent={first + index === place}
              onToggle={() => (setCurrent(row.branch.key), toggle(row))}
            />
          ))}
          <li role="none" style={{ height: `${below}px` }} />
        </ul>
      </div>
    </>
  )
}

interface RowProperties {
  readonly id: string
  readonly row: Row
  readonly place: number
  readonly isCurrent: boolean
  readonly onToggle: () => void
}

const TreeRow = ({ id, isCurrent, onToggle, place, row }: RowProperties) => {
  const hasChildren = row.branch.children.length > 0
  return (
    <li
      role="treeitem"
      id={id}
      class={isCurrent ? "branch is-current" : "branch"}
      data-row={place}
      aria-level={row.depth}
      {...hasChildren ? { "aria-expanded": row.isOpen } : {}}
      style={{ paddingInlineStart: `${Math.min(row.depth - 1, 12) * 20 + 4}px` }}
    >
      <span class="twig" aria-hidden="true" onClick={hasChildren ? onToggle : undefined}>
        {hasChildren ? row.isOpen ? "▾" : "▸" : "·"}
      </span>
      {row.branch.row}
    </li>
  )
}
