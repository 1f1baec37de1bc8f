/**
 * Long lists: only the rows that can be seen, and a few around them, are elements of the page.
 *
 * @internal
 */
import type { RefObject } from "preact"
import { useLayoutEffect, useRef, useState } from "preact/hooks"

/** Every row of a long list is so high; the style sheet says the same. */
export const rowHeight = 28

/** So many rows more are drawn above and below, so that a turn of the wheel shows no gap. */
const spare = 8

export interface Window {
  /** The element that scrolls. */
  readonly box: RefObject<HTMLDivElement | null>
  readonly onScroll: () => void
  readonly first: number
  /** The one behind the last. */
  readonly end: number
  readonly above: number
  readonly below: number
  /** Scrolls until a row can be seen. */
  readonly reveal: (row: number) => void
}

export const useWindow = (count: number): Window => {
  const box = useRef<HTMLDivElement>(null)
  const [first, setFirst] = useState(0)
  const [visibleRows, setVisibleRows] = useState(30)
  const onScroll = (): void => {
    const element = box.current
    if (element === null) return
    // In steps: not every pixel is another picture.
    setFirst(Math.floor(element.scrollTop / rowHeight / 4) * 4)
    setVisibleRows(Math.ceil(element.clientHeight / rowHeight / 4) * 4 + 4)
  }
  useLayoutEffect(onScroll, [count])
  const from = Math.max(0, Math.min(first - spare, count - visibleRows))
  const end = Math.min(count, first + visibleRows + spare)
  const reveal = (row: number): void => {
    const element = box.current
    if (element === null) return
    const top = row * rowHeight
    if (top < element.scrollTop) element.scrollTop = top
    if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight
    }
  }
  return { box, onScroll, first: from, end, above: from * rowHeight, below: (count - end) * rowHeight, reveal }
}
