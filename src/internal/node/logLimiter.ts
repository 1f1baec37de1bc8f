/**
 * Keeps logs that others can fill within bounds: of each kind of line a few within a minute are told, the rest are counted.
 *
 * @internal
 */

/** How long the lines of one kind count together. */
const minuteMillis = 60_000
/** So many of them are told. */
const mostTold = 5
/** So many kinds are told apart; all further ones count as one. */
const mostKinds = 256
const furtherKinds = "further kinds"

/** The lines of one kind since the first of them was told. */
interface Lines {
  readonly sinceMillis: number
  told: number
  leftOut: number
  /** The last one that was left out: it stands for all of them. */
  last: string
}

/** What to do with a line. `count`: leave it out, and tell `summary` after so many milliseconds. */
export type Verdict =
  | { readonly _tag: "tell" }
  | { readonly _tag: "leaveOut" }
  | { readonly _tag: "count"; readonly afterMillis: number; readonly summary: () => string | undefined }

export class LogLimiter {
  private readonly kinds = new Map<string, Lines>()

  /** A line is about to be told. Its kind is what has happened and who did it, and nothing that strangers choose. */
  line(kind: string, text: string, nowMillis: number): Verdict {
    const [key, lines] = this.linesOf(kind, nowMillis)
    if (lines.told < mostTold) {
      lines.told++
      return { _tag: "tell" }
    }
    lines.last = text
    if (lines.leftOut++ > 0) return { _tag: "leaveOut" }
    return {
      _tag: "count",
      afterMillis: lines.sinceMillis + minuteMillis - nowMillis,
      summary: () => this.over(key, lines)
    }
  }

  /** How much was left out so far, of all kinds: for a log that ends. */
  close(): ReadonlyArray<string> {
    const all = Array.from(this.kinds, ([kind, lines]) => this.over(kind, lines))
    return all.filter((text) => text !== undefined)
  }

  private linesOf(kind: string, nowMillis: number): readonly [string, Lines] {
    const isOver = (lines: Lines): boolean => nowMillis - lines.sinceMillis >= minuteMillis && lines.leftOut === 0
    const known = this.kinds.get(kind)
    if (known !== undefined && !isOver(known)) return [kind, known]
    if (this.kinds.size >= mostKinds) {
      for (const [other, lines] of this.kinds) if (isOver(lines)) this.kinds.delete(other)
    }
    const key = this.kinds.size < mostKinds || this.kinds.has(kind) ? kind : furtherKinds
    const before = this.kinds.get(key)
    if (before !== undefined && !isOver(before)) return [key, before]
    const lines: Lines = { sinceMillis: nowMillis, told: 0, leftOut: 0, last: "" }
    this.kinds.set(key, lines)
    return [key, lines]
  }

  /** The minute of a kind is over: the next line of it is told again. */
  private over(kind: string, lines: Lines): string | undefined {
    if (this.kinds.get(kind) !== lines) return undefined
    this.kinds.delete(kind)
    if (lines.leftOut === 0) return undefined
    return `${lines.last} ... ${lines.leftOut.toLocaleString("en-US")} more like it within a minute`
  }
}
