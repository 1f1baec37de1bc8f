/**
 * The sizes of the picture of the mesh: a square of a thousand units, whatever its width on the screen. Names stand below their nodes, or
 * around the ring when there are many; the ring is as large as the names leave it.
 *
 * @internal
 */
import type { Place } from "./meshLayout.ts"

export interface Frame {
  readonly size: number
  readonly middle: number
  readonly radius: number
  readonly letterSize: number
  readonly signSize: number
  /** Whether all nodes have their names; else only those that are not up, and the one that is pointed at. */
  readonly areNamed: boolean
  /** Whether names stand below their signs, as there is room for between few nodes; else they stand around the ring. */
  readonly areBelow: boolean
  /** Whether there is room for any names. */
  readonly hasNames: boolean
  readonly pointOf: (place: Place) => { readonly x: number; readonly y: number }
}

/** Longer names are cut. */
export const mostLetters = 14

const size = 1000
const middle = size / 2
/** Between a sign and its name. */
export const gap = 18
const letterPixels = 11
/** How much wider than high a letter is, with room to spare. */
const letterWidth = 0.6

export const frameOf = (names: ReadonlyArray<string>, widthPixels: number): Frame => {
  const letterSize = Math.max(18, letterPixels * size / Math.max(widthPixels, 1))
  const longest = names.reduce((most, name) => Math.max(most, Math.min(name.length, mostLetters)), 0)
  const nameWidth = longest * letterSize * letterWidth
  const apart = (radius: number): number => 2 * Math.PI * radius / Math.max(names.length, 1)
  const radiusAbove = middle - Math.max(60, 10 + nameWidth / 2)
  const areBelow = apart(radiusAbove) > nameWidth * 1.1
  const hasNames = areBelow || widthPixels > 400
  const radius = areBelow ? radiusAbove : hasNames ? middle - gap - 10 - nameWidth : middle - 60
  const around = apart(radius)
  return {
    size,
    middle,
    radius,
    letterSize,
    signSize: Math.max(12, Math.min(30, around * 1.35)),
    areNamed: hasNames && around > letterSize * 0.9,
    areBelow,
    hasNames,
    pointOf: ({ x, y }) => ({ x: middle + x * radius, y: middle + y * radius })
  }
}
