/** Mistakes of programs, and what a compiler says of them. */

export interface Mistake {
  readonly name: string
  /** `▸` stands before what the compiler points at; `▹`, where the older one points at something else. */
  readonly code: string
  /** The lines that matter, from the first one on; `…` stands for anything. */
  readonly says: ReadonlyArray<string>
}

/** The mistakes with one room. */
export interface Mistakes {
  readonly room: string
  /** What stands before each of them. */
  readonly prelude: string
  readonly mistakes: ReadonlyArray<Mistake>
  /** What compiles, by what it is. */
  readonly fine?: Readonly<Record<string, string>>
}

/** What the compiler calls the type of an expression, as an editor shows it. */
export const shown = (expression: string, type: string): Mistake => ({
  name: `what ${expression} is`,
  code: `export const ▸shown: "?" = ${expression}`,
  says: [`Type '${type}' is not assignable to type '"?"'…`]
})
