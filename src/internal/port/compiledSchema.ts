/**
 * Schemas compiled into closures, for messages that arrive by the million: what most schemas consist of is looked at directly, and
 * what is not known to mean the same is left to `Schema.is`, part by part.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"

/** Whether a value certainly fits. If not, or if it throws, the schema itself has to be asked. */
type Fits = (value: unknown) => boolean

/** Whether the items of a list certainly fit, from one of them on. */
export type ItemsFit = (items: ReadonlyArray<unknown>, from: number) => boolean

/** What is compiled, by its schema: a recursive one comes back to itself. */
type Known = Map<AST.AST, Fits>

/** The same for the items of a tuple, without an array of their own. */
export const compileItems = (schema: Schema.Codec<unknown>): ItemsFit => {
  const { ast } = schema
  return AST.isArrays(ast) && !isMore(ast) ? items(ast, new Map()) : () => false
}

const compile = (ast: AST.AST, known: Known): Fits => {
  const before = known.get(ast)
  if (before !== undefined) return before
  const fits = direct(ast, known) ?? Schema.is(Schema.make<Schema.Top>(ast))
  known.set(ast, fits)
  return fits
}

/** Whether a schema has checks, or transforms. */
const isMore = (ast: AST.AST): boolean =>
  ast.checks !== undefined || ast.encoding !== undefined ||
  "encodingChecks" in ast && ast.encodingChecks !== undefined

/** `undefined` for what is left to the schema. */
const direct = (ast: AST.AST, known: Known): Fits | undefined => {
  if (ast.encoding !== undefined) return undefined
  const type = typeOf(ast)
  if (type !== undefined) return ast.checks === undefined ? type : checked(type, ast, ast.checks)
  // The checks of a container are given a copy of it, without what the schema does not name.
  if (isMore(ast)) return undefined
  switch (ast._tag) {
    case "Literal": {
      const { literal } = ast
      return (value) => value === literal
    }
    case "Arrays": {
      const fit = items(ast, known)
      return (value) => Array.isArray(value) && fit(value, 0)
    }
    case "Objects":
      return object(ast, known)
    case "Union":
      return union(ast, known)
    case "Suspend": {
      let inner: Fits | undefined
      return (value) => (inner ??= compile(ast.thunk(), known))(value)
    }
    default:
      return undefined
  }
}

/** What is a matter of one look at the value. */
const typeOf = (ast: AST.AST): Fits | undefined => {
  switch (ast._tag) {
    case "String":
      return isString
    case "Number":
      return isNumber
    case "Boolean":
      return isBoolean
    case "BigInt":
      return isBigint
    case "Null":
      return isNull
    case "Undefined":
      return isUndefined
    case "Any":
    case "Unknown":
      return isAnything
    case "Declaration":
      return isOfBytes(ast) ? isBytes : undefined
    default:
      return undefined
  }
}

const isString: Fits = (value) => typeof value === "string"
const isNumber: Fits = (value) => typeof value === "number"
const isBoolean: Fits = (value) => typeof value === "boolean"
const isBigint: Fits = (value) => typeof value === "bigint"
const isNull: Fits = (value) => value === null
const isUndefined: Fits = (value) => value === undefined
const isAnything: Fits = () => true
const isBytes: Fits = (value) => value instanceof Uint8Array

/** Whatever its annotations say. */
const isOfBytes = (ast: AST.Declaration): boolean =>
  AST.isDeclaration(Schema.Uint8Array.ast) && ast.run === Schema.Uint8Array.ast.run

const noOptions: AST.ParseOptions = {}

/** The program's own checks, run as the schema runs them. */
const checked = (type: Fits, ast: AST.AST, checks: AST.Checks): Fits => {
  const filters = checks.flatMap(filtersOf)
  return (value) => {
    if (!type(value)) return false
    for (let i = 0; i < filters.length; i++) if (filters[i]!.run(value, ast, noOptions) !== undefined) return false
    return true
  }
}

const filtersOf = (check: AST.Check<unknown>): ReadonlyArray<AST.Filter<unknown>> =>
  check._tag === "Filter" ? [check] : check.checks.flatMap(filtersOf)

/** Those that may be missing come last, and then nothing comes behind them but more of a kind. */
const items = (ast: AST.Arrays, known: Known): ItemsFit => {
  const elements = ast.elements.map((element) => compile(element, known))
  const needed = ast.elements.filter((element) => !AST.isOptional(element)).length
  const [spread, ...last] = ast.rest.map((rest) => compile(rest, known))
  const count = elements.length
  if (spread === undefined && needed === count && count <= 3) return few(elements)
  return (list, from) => {
    const length = list.length - from
    if (length < needed + last.length || spread === undefined && length > count) return false
    const present = Math.min(length, count)
    for (let i = 0; i < present; i++) if (!elements[i]!(list[from + i])) return false
    if (spread === undefined) return true
    const end = length - last.length
    for (let i = count; i < end; i++) if (!spread(list[from + i])) return false
    for (let i = 0; i < last.length; i++) if (!last[i]!(list[from + end + i])) return false
    return true
  }
}

/** Most messages have few arguments, all of them needed: spelled out, it takes half the time. */
const few = ([a, b, c]: ReadonlyArray<Fits>): ItemsFit => {
  if (a === undefined) return (list, from) => list.length - from === 0
  if (b === undefined) return (list, from) => list.length - from === 1 && a(list[from])
  if (c === undefined) return (list, from) => list.length - from === 2 && a(list[from]) && b(list[from + 1])
  return (list, from) => list.length - from === 3 && a(list[from]) && b(list[from + 1]) && c(list[from + 2])
}

const object = (ast: AST.Objects, known: Known): Fits | undefined => {
  if (ast.propertySignatures.length === 0 && ast.indexSignatures.length === 0) {
    return (value) => value !== null && value !== undefined
  }
  if (ast.indexSignatures.some(({ parameter }) => !AST.isString(parameter) || isMore(parameter))) return undefined
  const names = ast.propertySignatures.map(({ name }) => name)
  // To read it says nothing about whether it is there.
  if (names.includes("__proto__")) return undefined
  const types = ast.propertySignatures.map(({ type }) => compile(type, known))
  const optional = ast.propertySignatures.map(({ type }) => AST.isOptional(type))
  const values = ast.indexSignatures.map(({ type }) => compile(type, known))
  return (value) => {
    if (!isRecord(value)) return false
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!
      const item = value[name]
      // As Effect looks for a key: in the prototype too.
      if (item === undefined && !(name in value) ? !optional[i] : !types[i]!(item)) return false
    }
    for (let i = 0; i < values.length; i++) if (!allFit(value, values[i]!)) return false
    return true
  }
}

const isRecord = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Of plain data there is nothing in the prototype that comes up here; of other data it has to fit too. */
const allFit = (record: Readonly<Record<PropertyKey, unknown>>, fits: Fits): boolean => {
  for (const key in record) if (!fits(record[key])) return false
  return true
}

/**
 * The first that fits, as with Effect, which only looks beforehand at what tells them apart: data that cannot be read may be refused by
 * that, and cannot travel either. By what a class is told from others, the class itself says.
 */
const union = (ast: AST.Union, known: Known): Fits | undefined => {
  if (ast.options?.mode === "oneOf" || ast.types.some(isOfClass)) return undefined
  const types = ast.types.map((type) => compile(type, known))
  return (value) => {
    for (let i = 0; i < types.length; i++) if (types[i]!(value)) return true
    return false
  }
}

const isOfClass = (ast: AST.AST): boolean =>
  AST.isUnion(ast) ? ast.types.some(isOfClass) : AST.isDeclaration(ast) && !isOfBytes(ast)
