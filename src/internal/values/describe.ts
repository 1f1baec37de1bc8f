/**
 * Any value as one line for people: for logs, and for what must travel as text. Nothing here throws, whatever it is given.
 *
 * @internal
 */

/** One line for people: `TypeError: x is not a function`. Well-formed, for it travels. */
export const describe = (value: unknown): string => {
  try {
    return show(value).toWellFormed()
  } catch {
    // An object without prototype has no text, and one with a bigint or a cycle no JSON.
    return typeOf(value)
  }
}

/** The same with quotes around text, as where it stands in a sentence. */
export const quoted = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value.toWellFormed()) : describe(value)

const show = (value: unknown): string => {
  if (value instanceof Error) return value.message === "" ? value.name : `${value.name}: ${value.message}`
  return typeof value === "object" ? JSON.stringify(value) ?? typeOf(value) : String(value)
}

const typeOf = (value: unknown): string => {
  try {
    return Object.prototype.toString.call(value)
  } catch {
    return "[object]"
  }
}

/** Of one value so many characters are shown. */
const widest = 200

/** The first `most` values of a list in one line, and of each the beginning. */
export const describeList = (list: ReadonlyArray<unknown>, most: number): string => {
  const shown = list.slice(0, most).map((part) => {
    const text = describe(part)
    return text.length > widest ? `${text.slice(0, widest)}…` : text
  })
  return shown.join(": ") + (list.length > most ? ": …" : "")
}

/** A tag of a message: its first 30 characters, unprintable ones as a dot, as AEMP shows it; nothing for no tag. */
export const describeTag = (tag: unknown): string =>
  tag === undefined || tag === null ? "" : describe(tag).slice(0, 30).replaceAll(/[^\x20-\x7e]/g, ".")
