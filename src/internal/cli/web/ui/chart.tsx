/**
 * A chart of values over time: axes with units, what the values were where one points (by pointer or arrow keys), and the same
 * as a table.
 *
 * @internal
 */
import { useState } from "preact/hooks"
import { showTime, steps } from "./format.ts"

export interface Line {
  readonly name: string
  /** One for each time; nothing where none is known. */
  readonly values: ReadonlyArray<number | undefined>
}

interface Properties {
  readonly title: string
  readonly show: (value: number) => string
  readonly base?: 1000 | 1024
  /** The smallest step of its axis: there are no halves of what is counted. */
  readonly least?: number
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<Line>
}

const width = 600
const height = 140

const beginning = "The line begins with the second value: in a moment."
const unknown = "Not measured: nodes of older versions do not tell this."

/** The part of the picture that a path draws: gaps where nothing is known. */
const pathOf = (values: Line["values"], x: (index: number) => number, y: (value: number) => number): string => {
  let path = ""
  let isDrawing = false
  for (const [index, value] of values.entries()) {
    if (value !== undefined) path += `${isDrawing ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`
    isDrawing = value !== undefined
  }
  return path
}

const largestOf = (lines: ReadonlyArray<Line>): number => {
  let largest = 0
  for (const { values } of lines) {
    for (const value of values) if (value !== undefined && value > largest) largest = value
  }
  return largest
}

export const Chart = (properties: Properties) => {
  const { lines, show, times, title } = properties
  const [pointed, setPointed] = useState<number>()
  const [isTabled, setIsTabled] = useState(false)
  const known = lines.reduce((sum, { values }) => sum + values.filter((value) => value !== undefined).length, 0)
  const at = pointed === undefined ? times.length - 1 : Math.min(pointed, times.length - 1)
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <Readout lines={lines} at={at} time={times[at]} show={show} isPointed={pointed !== undefined} />
      </figcaption>
      {known < 2
        ? <p class="empty">{times.length < 3 ? beginning : unknown}</p>
        : <Plot {...properties} at={at} isPointed={pointed !== undefined} onPointed={setPointed} />}
      <details onToggle={(event) => setIsTabled(event.currentTarget.open)}>
        <summary>As a table</summary>
        {isTabled ? <Values lines={lines} times={times} show={show} title={title} /> : null}
      </details>
    </figure>
  )
}

interface PlotProperties extends Properties {
  readonly at: number
  readonly isPointed: boolean
  readonly onPointed: (at: number | undefined) => void
}

const Plot = ({ at, base = 1000, isPointed, least = 0, lines, onPointed, show, times, title }: PlotProperties) => {
  const marks = steps(largestOf(lines), base, least)
  const top = marks.at(-1) ?? 1
  const [start = 0] = times
  const span = Math.max(1, (times.at(-1) ?? 0) - start)
  const x = (index: number): number => (times[index]! - start) / span * width
  const y = (value: number): number => height - value / top * height
  const onPointerMove = (event: PointerEvent): void => {
    if (!(event.currentTarget instanceof Element)) return
    const { left, width: shownWidth } = event.currentTarget.getBoundingClientRect()
    onPointed(nearest(times, start + (event.clientX - left) / shownWidth * span))
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const last = times.length - 1
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key]
    if (to === undefined) return
    event.preventDefault()
    onPointed(Math.max(0, Math.min(to, last)))
  }
  return (
    <div class="plot">
      <div class="axis-y" aria-hidden="true">
        {marks.toReversed().map((mark) => <span key={mark}>{show(mark)}</span>)}
      </div>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        tabIndex={0}
        role="img"
        aria-label={`${title}: arrow keys read values, and there is a table below`}
        onPointerMove={onPointerMove}
        onPointerLeave={() => onPointed(undefined)}
        onBlur={() => onPointed(undefined)}
        onKeyDown={onKeyDown}
      >
        {marks.map((mark) => <line key={mark} class="grid" x1={0} x2={width} y1={y(mark)} y2={y(mark)} />)}
        {lines.map(({ name, values }, index) => (
          <path key={name} class={`line line-${index % 6}`} d={pathOf(values, x, y)} />
        ))}
        {isPointed ? <line class="pointed" x1={x(at)} x2={x(at)} y1={0} y2={height} /> : null}
      </svg>
      <div class="axis-x" aria-hidden="true">
        {[0, 1, 2, 3].map((part) => <span key={part}>{showTime(start + span * part / 3)}</span>)}
      </div>
    </div>
  )
}

const nearest = (times: ReadonlyArray<number>, wanted: number): number => {
  let best = 0
  for (const [index, time] of times.entries()) {
    if (Math.abs(time - wanted) < Math.abs((times[best] ?? 0) - wanted)) best = index
  }
  return best
}

interface ReadoutProperties {
  readonly lines: ReadonlyArray<Line>
  readonly at: number
  readonly time: number | undefined
  readonly show: (value: number) => string
  readonly isPointed: boolean
}

/** What the values are: the last ones, or those where one points. */
const Readout = ({ at, isPointed, lines, show, time }: ReadoutProperties) => (
  <p class="readout" aria-live={isPointed ? "polite" : "off"}>
    {isPointed && time !== undefined ? <time>{showTime(time)}</time> : null}
    {lines.map(({ name, values }, index) => {
      const value = values[at]
      return (
        <span key={name}>
          <svg class="key" viewBox="0 0 20 4" aria-hidden="true">
            <line class={`line line-${index % 6}`} x1={0} x2={20} y1={2} y2={2} />
          </svg>
          <bdi>{name}</bdi> <b>{value === undefined ? "–" : show(value)}</b>
        </span>
      )
    })}
  </p>
)

const tableRows = 30

const Values = ({ lines, show, times, title }: Pick<Properties, "lines" | "show" | "times" | "title">) => {
  const every = Math.max(1, Math.ceil(times.length / tableRows))
  const chosen = Array.from(times.keys()).filter((index) => (times.length - 1 - index) % every === 0).toReversed()
  return (
    <div class="scrolls" tabIndex={0} role="region" aria-label={title}>
      <table>
        <caption class="only-heard">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map(({ name }) => (
              <th key={name} scope="col" class="number">
                <bdi>{name}</bdi>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {chosen.map((index) => (
            <tr key={times[index]}>
              <th scope="row">{showTime(times[index]!)}</th>
              {lines.map(({ name, values }) => {
                const value = values[index]
                return <td key={name} class="number">{value === undefined ? "–" : show(value)}</td>
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
