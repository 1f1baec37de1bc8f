/**
 * JSON as AEMP's configuration file may have it: with `#` comments, with a comma behind the last element, and with tabs in
 * strings. What is wrong is told with its line and column. Follows protocol section 19.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { Json } from "effect/Schema"

/** What is wrong with a text, and where. Lines and columns begin with 1. */
export interface Malformed {
  readonly line: number
  readonly column: number
  readonly problem: string
}

export interface Parsed {
  readonly value: Json
  readonly hasComments: boolean
}

/** As deep as Perl's JSON modules go. */
const maxDepth = 512

const blank = /[ \t\r\n]*/y
const comment = /#[^\r\n]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /[A-Za-z]\w*/y
const string = /"(?:[^"\\]+|\\.)*"/sy
const words = new Map<string, Json>([["true", true], ["false", false], ["null", null]])

class Refused extends Error {
  readonly at: number
  constructor(at: number, problem: string) {
    super(problem)
    this.at = at
  }
}

class Reader {
  private at = 0
  hasComments = false
  private readonly text: string
  constructor(text: string) {
    this.text = text
  }

  document(): Json {
    const value = this.value(0)
    if (this.peek() !== "") throw this.unexpected("the end")
    return value
  }

  private value(depth: number): Json {
    const next = this.peek()
    if (depth > maxDepth) throw new Refused(this.at, `more than ${maxDepth} levels`)
    if (next === "{") return Object.fromEntries(this.elements("}", () => this.entry(depth)))
    if (next === "[") return this.elements("]", () => this.value(depth + 1))
    if (next === "\"") return this.string()
    const token = this.take(number) ?? this.take(word)
    const known = token === undefined ? undefined : words.get(token)
    if (known !== undefined) return known
    if (token !== undefined && !/^[A-Za-z]/.test(token)) return Number(token)
    this.at -= token?.length ?? 0
    throw this.unexpected("a value")
  }

  /** The elements up to the closing bracket. */
  private elements<A>(close: "}" | "]", element: () => A): Array<A> {
    const found: Array<A> = []
    this.at++
    while (this.peek() !== close) {
      found.push(element())
      if (this.peek() === ",") this.at++
      else if (this.peek() !== close) throw this.unexpected(`, or ${close}`)
    }
    this.at++
    return found
  }

  private entry(depth: number): [string, Json] {
    if (this.peek() !== "\"") throw this.unexpected("a key in double quotes")
    const key = this.string()
    if (this.peek() !== ":") throw this.unexpected(`: after the key ${JSON.stringify(key)}`)
    this.at++
    return [key, this.value(depth + 1)]
  }

  private string(): string {
    const start = this.at
    try {
      return JSON.parse(this.take(string)?.replaceAll("\t", "\\t") ?? "")
    } catch {
      throw new Refused(start, "a string that does not end, or has a line break or an unknown escape in it")
    }
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match === null) return undefined
    this.at = pattern.lastIndex
    return match[0]
  }

  /** The next character that counts; empty at the end. */
  private peek(): string {
    for (;;) {
      this.take(blank)
      if (this.take(comment) === undefined) return this.text.charAt(this.at)
      this.hasComments = true
    }
  }

  private unexpected(expected: string): Refused {
    const found = this.peek()
    return new Refused(this.at, `expected ${expected}, found ${found === "" ? "the end" : JSON.stringify(found)}`)
  }
}

/** Reads a text. */
export const parse = (text: string): Result.Result<Parsed, Malformed> => {
  const reader = new Reader(text)
  try {
    const value = reader.document()
    return Result.succeed({ value, hasComments: reader.hasComments })
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const lines = text.slice(0, error.at).split("\n")
    return Result.fail({ line: lines.length, column: lines.at(-1)!.length + 1, problem: error.message })
  }
}
