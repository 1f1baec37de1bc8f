/**
 * The last lines of a log, within bounds.
 *
 * @internal
 */

/** A line of the log, for whoever reads it elsewhere. Nothing in it is more than text. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number
  /** As Effect names it. */
  readonly level: string
  readonly text: string
  /** What failed, with stack traces. */
  readonly cause: string | undefined
  readonly annotations: Readonly<Record<string, string>>
}

const mostLines = 1000
/** In characters of texts and annotations. */
const mostCharacters = 1_000_000
/** Of a line so much is kept; of its annotations so many, and so much of each. */
const longest = { text: 32_000, annotation: 1000, annotations: 50 } as const

const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}… (${text.length} characters)`.toWellFormed() : text

/** A line that any node takes, whatever was logged. */
export const shortened = ({ annotations, at, cause, level, text }: LogLine): LogLine => ({
  at,
  level,
  text: cut(text, longest.text),
  cause: cause === undefined ? undefined : cut(cause, longest.text),
  annotations: Object.fromEntries(
    Object.entries(annotations)
      .slice(0, longest.annotations)
      .map(([name, value]) => [cut(name, longest.annotation), cut(value, longest.annotation)])
  )
})

const sizeOf = ({ annotations, cause, text }: LogLine): number =>
  Object.entries(annotations).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    text.length + (cause?.length ?? 0)
  )

export class LogRing {
  private kept: ReadonlyArray<LogLine> = []
  private added: Array<LogLine> = []
  private characters = 0

  add(line: LogLine): void {
    this.added.push(line)
    this.characters += sizeOf(line)
    // Together they are moved now and then, and not each of them for each that comes.
    if (this.added.length >= mostLines || this.characters > 2 * mostCharacters) this.settle()
  }

  /** Lines of before, of somebody else who has told them: they stand where their times belong. */
  earlier(lines: ReadonlyArray<LogLine>): void {
    this.added = [...lines, ...this.all].toSorted((a, b) => a.at - b.at)
    this.kept = []
    this.settle()
  }

  /** The oldest first. */
  get all(): ReadonlyArray<LogLine> {
    this.settle()
    return this.kept
  }

  private settle(): void {
    const all = [...this.kept, ...this.added].slice(-mostLines)
    let characters = 0
    let from = all.length
    while (from > 0) {
      const more = sizeOf(all[from - 1]!)
      if (characters + more > mostCharacters) break
      characters += more
      from--
    }
    this.kept = all.slice(from)
    this.added = []
    this.characters = characters
  }
}
