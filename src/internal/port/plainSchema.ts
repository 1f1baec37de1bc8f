/**
 * Schemas of messages describe plain data. The types refuse most others; what looks plain to them (a class without methods, a schema
 * that is `any`) is refused here, where the message is declared.
 *
 * @internal
 */
import * as AST from "effect/SchemaAST"
import type { AnySchema } from "./protocol.ts"

/** Throws a TypeError for a schema of what can never be sent. `whose` begins its text: `Port.message: argument 1`. */
export const requirePlain = (schema: AnySchema, whose: string): void => {
  const found = foreignPart(schema.ast, "", new Set())
  if (found === undefined) return
  throw new TypeError(`${whose}${found.path} is ${found.what}, which is no plain data: use ${found.instead}`)
}

/** The same for the schemas of all arguments. */
export const requireAllPlain = (schemas: ReadonlyArray<AnySchema>, whose: string): void => {
  for (const [i, schema] of schemas.entries()) requirePlain(schema, `${whose}: argument ${i + 1}`)
}

/** Where a schema describes something else than plain data, and what to use there. */
interface ForeignPart {
  readonly path: string
  readonly what: string
  readonly instead: string
}

const foreignPart = (ast: AST.AST, path: string, seen: Set<AST.AST>): ForeignPart | undefined => {
  // A recursive schema comes back to itself.
  if (seen.has(ast)) return undefined
  seen.add(ast)
  if (ast.encoding !== undefined && ast._tag !== "Declaration") return { path, ...transforming }
  switch (ast._tag) {
    case "Declaration":
      return foreignDeclaration(ast, path)
    case "Symbol":
    case "UniqueSymbol":
      return { path, ...symbol }
    case "Arrays":
      return first(ast.elements, (element, i) => foreignPart(element, `${path}[${i}]`, seen)) ??
        first(ast.rest, (rest) => foreignPart(rest, `${path}[]`, seen))
    case "Objects":
      return first(
        ast.propertySignatures,
        ({ name, type }) =>
          typeof name === "symbol" ? { path, ...symbolKey } : foreignPart(type, `${path}.${name}`, seen)
      ) ??
        first(ast.indexSignatures, ({ parameter, type }) =>
          isOfSymbols(parameter)
            ? { path, ...symbolKey }
            : foreignPart(parameter, path, seen) ?? foreignPart(type, `${path}[]`, seen))
    case "Union":
      return first(ast.types, (type) => foreignPart(type, path, seen))
    case "Suspend":
      return foreignSuspended(ast, path, seen)
    default:
      return undefined
  }
}

const first = <A>(
  items: ReadonlyArray<A>,
  look: (item: A, index: number) => ForeignPart | undefined
): ForeignPart | undefined => {
  for (const [i, item] of items.entries()) {
    const found = look(item, i)
    if (found !== undefined) return found
  }
  return undefined
}

const isOfSymbols = (parameter: AST.AST): boolean =>
  AST.isUnion(parameter) ? parameter.types.some(isOfSymbols) : AST.isSymbol(parameter)

/** What is declared further down in a program cannot be looked at yet. */
const foreignSuspended = (ast: AST.Suspend, path: string, seen: Set<AST.AST>): ForeignPart | undefined => {
  let inner: AST.AST
  try {
    inner = ast.thunk()
  } catch {
    return undefined
  }
  return foreignPart(inner, path, seen)
}

const transforming = { what: "a schema that transforms", instead: "its encoded side, Schema.toEncoded of it" }
const symbol = { what: "a symbol", instead: "Schema.Literals of texts" }
const symbolKey = { what: "an object with symbols as keys", instead: "texts as keys" }

const plainDeclarations: ReadonlySet<unknown> = new Set([
  "effect/schema/Uint8Array",
  "effect/schema/Json",
  "effect/schema/MutableJson"
])

/** What to use for the declarations of Effect. */
const insteadOf: ReadonlyMap<unknown, string> = new Map([
  ["effect/schema/Date", "Schema.String for its ISO text, or Schema.Number for its milliseconds"],
  ["effect/schema/Option", "Schema.NullOr, or Schema.optionalKey in a struct"],
  ["effect/schema/ReadonlyMap", "Schema.Record, or an array of pairs"],
  ["effect/schema/HashMap", "Schema.Record, or an array of pairs"],
  ["effect/schema/ReadonlySet", "Schema.Array"],
  ["effect/schema/HashSet", "Schema.Array"],
  ["effect/schema/Chunk", "Schema.Array"],
  ["effect/schema/Duration", "Schema.Number for its milliseconds"]
])

const foreignDeclaration = (ast: AST.Declaration, path: string): ForeignPart | undefined => {
  const id = idOf(ast)
  if (plainDeclarations.has(id)) return undefined
  const name = typeof id === "string" && id.startsWith("effect/schema/")
    ? id.slice("effect/schema/".length)
    : nameOf(ast)
  return {
    path,
    what: name === undefined ? "a declared type" : `a ${name}`,
    instead: insteadOf.get(id) ??
      (ast.encoding === undefined ? "text, numbers, bytes, arrays and structs of them" : transforming.instead)
  }
}

/** Effect's own declarations have one. */
const idOf = (ast: AST.Declaration): unknown => {
  const representation = ast.annotations?.["representation"]
  return typeof representation === "object" && representation !== null && "id" in representation
    ? representation.id
    : undefined
}

const nameOf = (ast: AST.Declaration): string | undefined => {
  const name = ast.annotations?.["identifier"] ?? ast.annotations?.["title"]
  return typeof name === "string" ? name : undefined
}
