/**
 * Tables: sorted by any column, filtered by text, and quick with ten thousand rows.
 *
 * @internal
 */
import type { ComponentChildren } from "preact"
import { useMemo, useState } from "preact/hooks"
import { useWindow } from "./window.ts"

export interface Column<Row> {
  readonly title: string
  /** What it is sorted by. Numbers are aligned, and sorted from the largest down at first. Nothing comes last. */
  readonly value: (row: Row) => number | string | undefined
  /** What is shown; without it the value. */
  readonly cell?: (row: Row) => ComponentChildren
  readonly isNumber?: boolean
}

/** A column of numbers of which some may not be known. */
export const numbers = <Row extends object>(
  title: string,
  value: (row: Row) => number | null,
  show: (value: number) => string
): Column<Row> => ({
  title,
  isNumber: true,
  value: (row) => value(row) ?? undefined,
  cell: (row) => {
    const known = value(row)
    return known === null ? "–" : show(known)
  }
})

interface Order {
  readonly column: number
  readonly isDescending: boolean
}

interface Properties<Row> {
  /** What the table is of, for those who do not see where it stands. */
  readonly caption: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  /** What a filter looks into. */
  readonly textOf?: (row: Row) => string
  readonly order?: Order
  /** The order in which others have sorted, and how they are told of another one. */
  readonly onSort?: (title: string) => void
  /** What is said instead of rows. */
  readonly empty: string
}

const compare = (one: number | string | undefined, other: number | string | undefined): number => {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
  if (typeof one === "number" && typeof other === "number") return one - other
  return String(one) < String(other) ? -1 : Number(one !== other)
}

const sorted = <Row extends object>(
  rows: ReadonlyArray<Row>,
  column: Column<Row> | undefined,
  isDescending: boolean
) => {
  if (column === undefined) return rows
  const direction = isDescending ? -1 : 1
  return rows.toSorted((one, other) => {
    const [a, b] = [column.value(one), column.value(other)]
    return a === undefined || b === undefined ? compare(a, b) : direction * compare(a, b)
  })
}

export const Table = <Row extends object>(properties: Properties<Row>) => {
  const { caption, columns, empty, keyOf, onSort, rows, textOf } = properties
  const [order, setOrder] = useState<Order>(properties.order ?? { column: 0, isDescending: false })
  const [filter, setFilter] = useState("")
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase()
    const found = textOf === undefined || wanted === ""
      ? rows
      : rows.filter((row) => textOf(row).toLowerCase().includes(wanted))
    return sorted(found, columns[order.column], order.isDescending)
  }, [rows, filter, order])
  const { above, below, box, end, first, onScroll } = useWindow(shown.length)
  const sortBy = (column: number): void => {
    const isNumber = columns[column]?.isNumber === true
    setOrder({ column, isDescending: order.column === column ? !order.isDescending : isNumber })
    onSort?.(columns[column]?.title ?? "")
  }
  return (
    <div class="table">
      {textOf === undefined ?
        null :
        (
          <Filter
            label={`Filter: ${caption}`}
            value={filter}
            onValue={setFilter}
            count={shown.length}
            all={rows.length}
          />
        )}
      {shown.length === 0 ?
        <p class="empty">{rows.length === 0 ? empty : "Nothing here matches the filter."}</p> :
        (
          <div class="scrolls" ref={box} onScroll={onScroll} tabIndex={0} role="region" aria-label={caption}>
            <table aria-rowcount={shown.length + 1}>
              <caption class="only-heard">{caption}</caption>
              <thead>
                <tr>
                  {columns.map((column, index) => (
                    <Head
                      key={column.title}
                      column={column}
                      order={order}
                      index={index}
                      onSort={() => sortBy(index)}
                    />
                  ))}
                </tr>
              </thead>
              <tbody>
                {above > 0 ? <Gap height={above} width={columns.length} /> : null}
                {shown.slice(first, end).map((row, index) => (
                  <tr key={keyOf(row)} aria-rowindex={first + index + 2}>
                    {columns.map((column) => <Cell key={column.title} column={column} row={row} />)}
                  </tr>
                ))}
                {below > 0 ? <Gap height={below} width={columns.length} /> : null}
              </tbody>
            </table>
          </div>
        )}
    </div>
  )
}

const Cell = <Row extends object>({ column, row }: { readonly column: Column<Row>; readonly row: Row }) => (
  <td class={column.isNumber ? "number" : undefined}>
    {column.cell === undefined ? column.value(row) ?? "–" : column.cell(row)}
  </td>
)

/** In the place of rows that are not drawn. */
const Gap = ({ height, width }: { readonly height: number; readonly width: number }) => (
  <tr class="gap" aria-hidden="true">
    <td colSpan={width} style={{ height: `${height}px` }} />
  </tr>
)

interface HeadProperties<Row> {
  readonly column: Column<Row>
  readonly order: Order
  readonly index: number
  readonly onSort: () => void
}

const Head = <Row extends object>({ column, index, onSort, order }: HeadProperties<Row>) => {
  const isSorted = order.column === index
  const sign = isSorted ? order.isDescending ? "▾" : "▴" : ""
  return (
    <th
      scope="col"
      class={column.isNumber ? "number" : undefined}
      aria-sort={isSorted ? order.isDescending ? "descending" : "ascending" : "none"}
    >
      <button type="button" onClick={onSort}>
        {column.title}
        <span class="sign" aria-hidden="true">{sign}</span>
      </button>
    </th>
  )
}

interface FilterProperties {
  readonly label: string
  readonly value: string
  readonly onValue: (value: string) => void
  /** How many match, of how many. */
  readonly count?: number
  readonly all?: number
}

export const Filter = ({ all, count, label, onValue, value }: FilterProperties) => (
  <p class="filter">
    <input
      type="search"
      aria-label={label}
      placeholder="Filter"
      value={value}
      onInput={(event) => onValue(event.currentTarget.value)}
    />
    {count === undefined ? null : <span role="status">{count === all ? count : `${count} of ${all}`}</span>}
  </p>
)
