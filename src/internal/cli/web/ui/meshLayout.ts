/**
 * Where nodes stand in the picture of the mesh: the same nodes always stand at the same places, whatever order they come in. Global
 * nodes, which all others hang on, stand on an inner ring when there are few of them; the others stand on an outer one, beside
 * those that hang on the same node.
 *
 * @internal
 */

export interface Place {
  readonly id: string
  /** From -1 to 1, the middle of the picture being 0. */
  readonly x: number
  readonly y: number
  /** In radians, clockwise from the right. */
  readonly angle: number
  readonly isInner: boolean
}

export interface Placed {
  readonly id: string
  readonly isGlobal: boolean
  /** The node that this one hangs on, if it does. */
  readonly master: string | undefined
}

const byText = (one: string, other: string): number => one < other ? -1 : Number(one !== other)

/** Begins at the top, or so far from there, in radians. */
const ring = (ids: ReadonlyArray<string>, radius: number, isInner: boolean, turn = 0): ReadonlyArray<Place> =>
  ids.map((id, index) => {
    const angle = index / ids.length * 2 * Math.PI - Math.PI / 2 + turn
    return { id, angle, isInner, x: Math.cos(angle) * radius, y: Math.sin(angle) * radius }
  })

export const innerRadius = 0.5

export const placesOf = (nodes: ReadonlyArray<Placed>): ReadonlyArray<Place> => {
  const sorted = nodes.toSorted((one, other) => byText(one.id, other.id))
  const [globals, others] = [sorted.filter((node) => node.isGlobal), sorted.filter((node) => !node.isGlobal)]
  if (globals.length === 0 || globals.length * 3 > others.length) {
    return ring(sorted.map(({ id }) => id), 1, false)
  }
  const beside = others.toSorted((one, other) =>
    byText(one.master ?? "", other.master ?? "") || byText(one.id, other.id)
  )
  // The first one of the inner ring looks between two of the outer one: links and names are less in each other's way.
  const inner = ring(globals.map(({ id }) => id), innerRadius, true, Math.PI / others.length)
  return [...inner, ...ring(beside.map(({ id }) => id), 1, false)]
}
