/**
 * Data as people read it, of which no more is made than is shown: whatever size a message has, to show it costs the same.
 *
 * @internal
 */

/** JSON as far as JSON goes, within so many characters. Nothing here throws. */
export const shownWithin = (value: unknown, width: number): string => {
  const text = new Text(width)
  try {
    write(text, value, deepest)
  } catch {
    // A getter or a proxy of the program's.
    text.add("…")
  }
  return text.whole
}

/** So deep inside of a value is looked. */
const deepest = 32

class Text {
  private readonly width: number
  private text = ""
  constructor(width: number) {
    this.width = width
  }
  get isFull(): boolean {
    return this.text.length > this.width
  }
  add(part: string): void {
    if (!this.isFull) this.text += part
  }
  get whole(): string {
    const text = this.isFull ? `${this.text.slice(0, this.width)}…` : this.text
    return text.toWellFormed()
  }
  /** Text in quotes: what of it will not be shown is not looked at. */
  quote(part: string): void {
    this.add(JSON.stringify(part.slice(0, this.width + 1)))
  }
}

const write = (text: Text, value: unknown, depth: number): void => {
  if (typeof value === "string") text.quote(value)
  else if (typeof value === "bigint") text.add(`${value}n`)
  else if (typeof value === "symbol" || typeof value === "function") text.add(`<${typeof value}>`)
  else if (typeof value !== "object" || value === null) text.add(String(value))
  else if (ArrayBuffer.isView(value)) text.add(`<${value.byteLength} bytes>`)
  else if (depth === 0) text.add("…")
  else if (Array.isArray(value)) writeList(text, value, depth)
  else writeObject(text, value, depth)
}

const writeList = (text: Text, list: ReadonlyArray<unknown>, depth: number): void => {
  text.add("[")
  for (let at = 0; at < list.length && !text.isFull; at++) {
    if (at > 0) text.add(",")
    write(text, list[at], depth - 1)
  }
  text.add("]")
}

const writeObject = (text: Text, object: object, depth: number): void => {
  text.add("{")
  let isFirst = true
  for (const key in object) {
    if (text.isFull) break
    if (!Object.hasOwn(object, key)) continue
    if (!isFirst) text.add(",")
    isFirst = false
    text.quote(key)
    text.add(":")
    write(text, Reflect.get(object, key), depth - 1)
  }
  text.add("}")
}
