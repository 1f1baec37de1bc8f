/** The fields of what commands print as JSON, as `docs/json.md` names them: `peers[].security.tls.version`. */
import type * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"

/** A schema that holds itself is gone through once. */
export const fieldsOf = (schema: Schema.Top): ReadonlyArray<string> => {
  const found = new Set<string>()
  const seen = new Set<SchemaAST.AST>()
  const visit = (ast: SchemaAST.AST, path: string): void => {
    if (ast._tag === "Suspend") return visit(ast.thunk(), path)
    if (ast._tag === "Union") return ast.types.forEach((member) => visit(member, path))
    if (ast._tag === "Arrays") return ast.rest.forEach((member) => visit(member, `${path}[]`))
    if (ast._tag !== "Objects" || seen.has(ast)) return
    seen.add(ast)
    const before = path === "" ? "" : `${path}.`
    for (const { name, type } of ast.propertySignatures) {
      found.add(`${before}${String(name)}`)
      visit(type, `${before}${String(name)}`)
    }
    for (const { type } of ast.indexSignatures) {
      found.add(`${before}*`)
      visit(type, `${before}*`)
    }
  }
  visit(schema.ast, "")
  return Array.from(found)
}
