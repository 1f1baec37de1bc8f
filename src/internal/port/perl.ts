/**
 * What Perl's scalars say. Perl sends a number as it was last used, as a number or as text, and a truth as 1 or as the empty text:
 * arguments with these schemas are read before they are checked, so that a handler gets what its schema says.
 *
 * @internal
 */
import { isUtf8, latin1Bytes, utf8Text } from "#platform"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

/** Answers what a value says, or the value itself, if it says nothing of the kind: then the schema refuses it. */
type Read = (value: unknown) => unknown

/** Reads the items of a list from one of them on; the list itself, where all of them are what they say. */
export type ReadItems = (items: ReadonlyArray<unknown>, from: number) => ReadonlyArray<unknown>

/** By this annotation a schema says how its values are read. */
const readKey = "effect-mp/perl"

const isRead = (annotation: unknown): annotation is Read => typeof annotation === "function"

/** As Perl writes numbers, and reads them from text without a warning. Each digit fits in one place: the text may be long. */
const decimal = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/i
const infinite = /^\s*([+-]?)inf(?:inity)?\s*$/i
const notANumber = /^\s*[+-]?nan\s*$/i

const readNumber: Read = (value) => {
  if (typeof value === "bigint") return Number(value)
  if (typeof value !== "string") return value
  if (decimal.test(value)) return Number(value)
  const [whole, sign] = infinite.exec(value) ?? []
  if (whole !== undefined) return sign === "-" ? -Infinity : Infinity
  if (notANumber.test(value)) return NaN
  // True, and zero: Perl's own functions answer so.
  return value === "0 but true" ? 0 : value
}

const readBoolean: Read = (value) => {
  switch (typeof value) {
    case "string":
      return value !== "" && value !== "0"
    case "number":
      return value !== 0
    case "bigint":
      return value !== 0n
    case "undefined":
      return false
    default:
      return value === null ? false : value
  }
}

const readString: Read = (value) => typeof value === "number" || typeof value === "bigint" ? textOf(value) : value

/** As Perl writes a number. */
const textOf = (value: number | bigint): string => {
  if (Number.isNaN(value)) return "NaN"
  return value === Infinity ? "Inf" : value === -Infinity ? "-Inf" : String(value)
}

/** The text whose UTF-8 octets the characters are, if they are. */
const readText: Read = (value) => {
  const text = readString(value)
  if (typeof text !== "string" || !/[\u0080-\u00ff]/.test(text) || /[\u0100-\uffff]/.test(text)) return text
  const octets = latin1Bytes(text)
  return isUtf8(octets) ? utf8Text(octets, 0, octets.length) : text
}

const numbers = Schema.Number.annotate({ [readKey]: readNumber })

/** Documented as `Port.perl`. */
export const perl = {
  /** Numbers, and text that Perl takes for one. */
  Number: numbers,
  /** Whole numbers that are exact, and text that Perl takes for one. */
  Int: numbers.pipe(Schema.check(Schema.isInt())),
  /** What Perl calls true or false: `undef`, `0`, `""` and `"0"` are false. */
  Boolean: Schema.Boolean.annotate({ [readKey]: readBoolean }),
  /** Text, and numbers as Perl writes them. */
  String: Schema.String.annotate({ [readKey]: readString }),
  /** Text, and numbers as Perl writes them; octets of UTF-8 are decoded. */
  Text: Schema.String.annotate({ [readKey]: readText })
} as const

/** How arguments with these schemas are read: those of a message that may have more of a kind behind them, and the last ones. */
export const itemsReader = (
  schemas: ReadonlyArray<Schema.Top>,
  tail: Schema.Top | undefined = undefined,
  last = 0
): ReadItems | undefined => {
  if (![...schemas, tail].some((schema) => schema !== undefined && holdsPerl(schema.ast, new Set()))) return undefined
  const known: Known = new Map()
  const reads = schemas.map(({ ast }) => readerOf(ast, known))
  const readTail = tail === undefined ? asItIs : readerOf(tail.ast, known)
  return (items, from) => {
    const end = items.length - last
    return replaced(items, (item, at) => at < from || at >= end ? item : (reads[at - from] ?? readTail)(item))
  }
}

/** Whether somewhere in a schema there is one of Perl's. What is declared further down in a program may have one. */
const holdsPerl = (ast: AST.AST, seen: Set<AST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  if (isRead(ast.annotations?.[readKey])) return true
  if (ast._tag !== "Suspend") return partsOf(ast).some((part) => holdsPerl(part, seen))
  try {
    return holdsPerl(ast.thunk(), seen)
  } catch {
    return true
  }
}

const partsOf = (ast: AST.AST): ReadonlyArray<AST.AST> => {
  switch (ast._tag) {
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "Union":
      return ast.types
    default:
      return []
  }
}

type Known = Map<AST.AST, Read>

const asItIs: Read = (value) => value

const readerOf = (ast: AST.AST, known: Known): Read => {
  const before = known.get(ast)
  if (before !== undefined) return before
  const read = makeReader(ast, known)
  known.set(ast, read)
  return read
}

const makeReader = (ast: AST.AST, known: Known): Read => {
  const annotated = ast.annotations?.[readKey]
  if (isRead(annotated)) return annotated
  switch (ast._tag) {
    case "Suspend": {
      let inner: Read | undefined
      return (value) => (inner ??= readerOf(ast.thunk(), known))(value)
    }
    case "Arrays":
      return arrayReader(ast, known)
    case "Objects":
      return objectReader(ast, known)
    case "Union":
      return unionReader(ast, known)
    default:
      return asItIs
  }
}

const arrayReader = (ast: AST.Arrays, known: Known): Read => {
  const elements = ast.elements.map((element) => readerOf(element, known))
  const [spread = asItIs, ...last] = ast.rest.map((rest) => readerOf(rest, known))
  return (value) => {
    if (!Array.isArray(value)) return value
    const end = value.length - last.length
    return replaced(value, (item, at) => (elements[at] ?? (at < end ? spread : last[at - end]) ?? asItIs)(item))
  }
}

const objectReader = (ast: AST.Objects, known: Known): Read => {
  const properties = new Map(ast.propertySignatures.map(({ name, type }) => [name, readerOf(type, known)]))
  const others = ast.indexSignatures.map(({ type }) => readerOf(type, known))
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value
    const entries = Object.entries(value).map(([name, item]) =>
      [name, (properties.get(name) ?? others[0] ?? asItIs)(item)] as const
    )
    return entries.some(([name, item]) => !Object.is(item, Reflect.get(value, name)))
      ? Object.fromEntries(entries)
      : value
  }
}

/** What fits as it is stays; then the first one counts whose reading fits. */
const unionReader = (ast: AST.Union, known: Known): Read => {
  const fits = Schema.is(Schema.make<Schema.Top>(ast))
  const members = ast.types.map((type) => ({
    read: readerOf(type, known),
    fits: Schema.is(Schema.make<Schema.Top>(type))
  }))
  return (value) => {
    if (fits(value)) return value
    for (const member of members) {
      const read = member.read(value)
      if (member.fits(read)) return read
    }
    return value
  }
}

/** The list with some of its items replaced: a copy, if any are. */
const replaced = (
  items: ReadonlyArray<unknown>,
  replace: (item: unknown, at: number) => unknown
): ReadonlyArray<unknown> => {
  const all = items.map(replace)
  return all.some((item, at) => !Object.is(item, items[at])) ? all : items
}
