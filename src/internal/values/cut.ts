/**
 * Text that is too wide for its place, cut so that names stay distinguishable.
 *
 * @internal
 */

/** The beginning and the end of a text that is too wide: of names that are made by one scheme these differ. */
export const cutMiddle = (text: string, width: number): string => {
  if (text.length <= width) return text
  const end = (width - 1) >> 1
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`
}

/** Names, each in so much room. Those that would look the same then stay whole. */
export const cutNames = (names: ReadonlyArray<string>, width: number): ReadonlyArray<string> => {
  const whole = new Map<string, Set<string>>()
  for (const name of names) {
    const cut = cutMiddle(name, width)
    whole.set(cut, (whole.get(cut) ?? new Set()).add(name))
  }
  return names.map((name) => {
    const cut = cutMiddle(name, width)
    return whole.get(cut)?.size === 1 ? cut : name
  })
}
