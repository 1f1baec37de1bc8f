/**
 * Marks what modules call while they are loaded as calls that nobody misses where the result is not used: then bundlers leave it out. No
 * module of this package does anything else when it is loaded.
 */
import ts from "typescript59"

const mark = "/* #__PURE__ */ "

/** Where in a module there are such calls: in what its constants and classes are made of, outside of functions. */
const callsIn = (file: ts.SourceFile): ReadonlyArray<number> => {
  const found: Array<number> = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isPropertyDeclaration(node) && !isStatic(node)) return
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) found.push(node.getStart(file))
    ts.forEachChild(node, visit)
  }
  const isStatic = (node: ts.PropertyDeclaration): boolean =>
    node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) === true
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement) || ts.isClassDeclaration(statement)) visit(statement)
  }
  return found
}

/** The JavaScript of a module, with these marks. */
export const withPureCalls = (text: string): string => {
  const file = ts.createSourceFile("module.js", text, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS)
  // Of calls that follow each other, `f(a)(b)`, all begin at one place.
  const places = Array.from(new Set(callsIn(file))).toSorted((a, b) => b - a)
  return places.reduce((marked, at) => marked.slice(0, at) + mark + marked.slice(at), text)
}
