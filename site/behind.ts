/**
 * What stands behind the names of a face. Much of what it exports is an alias of something in `src/internal/`, which no program can
 * import: `type Wire = wire.Wire`. The reference shows that under the name and with the comment that it has in the face. Other types of
 * the inside are shown as what they are; those that stand in a face without being exported come last on its page.
 */
import {
  type Application,
  Comment,
  CommentTag,
  ContainerReflection,
  Context,
  Converter,
  DeclarationReflection,
  type Reflection,
  ReflectionKind,
  TypeScript as ts
} from "typedoc"

/** The category of what is not exported. */
export const unexported = "behind the signatures"

/** `wire.Wire`, `typeof perlSchemas` or `Task<A, E>` with the type's own parameters in their order. */
const nameBehind = (declaration: ts.Declaration): ts.Node | undefined => {
  if (ts.isTypeAliasDeclaration(declaration) && ts.isTypeReferenceNode(declaration.type)) {
    const own = declaration.typeParameters?.map(({ name }) => name.text).join() ?? ""
    const given = declaration.type.typeArguments?.map((argument) => argument.getText()).join() ?? ""
    return own === given ? declaration.type.typeName : undefined
  }
  if (!ts.isVariableDeclaration(declaration)) return undefined
  const { initializer, type } = declaration
  if (type !== undefined && !ts.isTypeQueryNode(type)) return undefined
  return initializer !== undefined && (ts.isPropertyAccessExpression(initializer) || ts.isIdentifier(initializer))
    ? initializer
    : undefined
}

const say = (reflection: Reflection, comment: Comment): void => {
  if (!(reflection instanceof DeclarationReflection)) return
  if (reflection.signatures === undefined) reflection.comment = comment
  else for (const signature of reflection.signatures) signature.comment = comment
}

/** The name of the module that something is in. */
const faceOf = (reflection: Reflection): string =>
  reflection.parent === undefined || reflection.parent.isProject() ? reflection.name : faceOf(reflection.parent)

class Faces {
  private readonly inside: string
  /** What faces export by another name, and what they have without exporting it. */
  private readonly shown = new Set<ts.Symbol>()
  private readonly referred = new Set<ts.Symbol>()
  private readonly exports = new Map<string, Map<string, ts.Symbol>>()

  constructor(root: string) {
    this.inside = `${root}src/internal/`
  }
  private isInternal(symbol: ts.Symbol): boolean {
    return symbol.declarations?.some((declaration) => declaration.getSourceFile().fileName.startsWith(this.inside)) ===
      true
  }
  private behind(context: Context, symbol: ts.Symbol): ts.Symbol | undefined {
    if (symbol.flags & ts.SymbolFlags.Alias) {
      const target = context.resolveAliasedSymbol(symbol)
      return this.isInternal(target) ? target : undefined
    }
    const named = symbol.declarations?.map(nameBehind) ?? []
    const [target, ...others] = named.map((node) => {
      const found = node === undefined ? undefined : context.checker.getSymbolAtLocation(node)
      return found === undefined ? undefined : context.resolveAliasedSymbol(found)
    })
    return target !== undefined && others.every((other) => other === target) && this.isInternal(target)
      ? target
      : undefined
  }
  /** Looks at all exports before the first is read. */
  find(context: Context, files: ReadonlyMap<string, string>): void {
    for (const program of context.programs) {
      context.setActiveProgram(program)
      for (const [face, file] of files) {
        const source = program.getSourceFile(file)
        const module = source === undefined ? undefined : context.checker.getSymbolAtLocation(source)
        const exports = module === undefined ? [] : context.checker.getExportsOfModule(module)
        this.exports.set(face, new Map(exports.map((symbol) => [symbol.name, symbol])))
        for (const symbol of exports) {
          this.shown.add(context.resolveAliasedSymbol(symbol))
          this.shown.add(this.behind(context, symbol) ?? symbol)
        }
      }
      context.setActiveProgram(undefined)
    }
  }
  /** Reads what stands behind an alias in its place; whether there was something. */
  read(context: Context, symbol: ts.Symbol, convert: Converter["convertSymbol"]): boolean {
    const { scope } = context
    const target = this.behind(context, symbol)
    if (target === undefined || !(scope instanceof ContainerReflection)) return false
    const before = new Set(scope.children)
    convert(context, target, symbol)
    const comment = [ReflectionKind.Variable, ReflectionKind.TypeAlias, ReflectionKind.Reference]
      .map((kind) => context.getComment(symbol, kind)).find((found) => found !== undefined)
    for (const made of scope.children ?? []) {
      if (before.has(made)) continue
      if (comment !== undefined) say(made, comment)
      this.spell(context, target, made)
    }
    return true
  }
  /** `keyof typeof texts` is a list of words. */
  private spell(context: Context, symbol: ts.Symbol, made: DeclarationReflection): void {
    const declared = symbol.declarations?.find(ts.isTypeAliasDeclaration)
    if (declared === undefined || !ts.isTypeOperatorNode(declared.type)) return
    made.type = context.converter.convertType(context, context.checker.getDeclaredTypeOfSymbol(symbol))
  }
  /** Whether a type of the inside is shown as what it is: neither it nor anything else stands for it. */
  isNameless(context: Context, symbol: ts.Symbol): boolean {
    return this.isHidden(symbol) && this.standsFor(context, symbol) === symbol
  }
  private isHidden(symbol: ts.Symbol): boolean {
    return !this.shown.has(symbol) && this.isInternal(symbol)
  }
  /** What a type of the inside is another name of: an export of the same name, or what it is an alias of. */
  standsFor(context: Context, symbol: ts.Symbol): ts.Symbol {
    if (!this.isHidden(symbol)) return symbol
    const [declaration] = symbol.declarations ?? []
    const named = this.exports.get(faceOf(context.scope))?.get(symbol.name)
    if (named !== undefined) return named
    if (declaration === undefined || !ts.isTypeAliasDeclaration(declaration)) return symbol
    const node = ts.isTypeReferenceNode(declaration.type) ? declaration.type.typeName : undefined
    const target = node === undefined ? undefined : context.checker.getSymbolAtLocation(node)
    return target === undefined ? symbol : context.resolveAliasedSymbol(target)
  }
  refer(symbol: ts.Symbol): void {
    const isOfFace = symbol.declarations?.some((declaration) =>
      declaration.parent === declaration.getSourceFile() && !this.isInternal(symbol)
    )
    if (isOfFace === true && !this.shown.has(symbol)) this.referred.add(symbol)
  }
  /** Reads what is not exported and was referred to, which may refer to more of that. */
  readUnexported(context: Context): void {
    for (const symbol of this.referred) {
      const file = symbol.declarations?.[0]?.getSourceFile().fileName ?? ""
      const module = context.project.children?.find((face) => file.endsWith(`/src/${face.name}.ts`))
      if (module === undefined) continue
      context.setActiveProgram(context.programs[0])
      context.converter.convertSymbol(context.withScope(module), symbol)
      context.setActiveProgram(undefined)
      const made = context.getReflectionFromSymbol(symbol)
      if (!(made instanceof DeclarationReflection)) continue
      made.comment ??= new Comment()
      made.comment.blockTags.push(new CommentTag("@category", [{ kind: "text", text: unexported }]))
    }
  }
}

/** `Duration.Input` of Effect, as programs write it; `Effect` for `Effect.Effect`. */
const qualified = (symbol: ts.Symbol, name: string): string => {
  const [, module] =
    /\/node_modules\/effect\/.*?(\w+)\.d\.ts$/.exec(symbol.declarations?.[0]?.getSourceFile().fileName ?? "") ?? []
  const own = name.slice(name.lastIndexOf(".") + 1)
  return module === undefined || module === own || symbol.flags & ts.SymbolFlags.TypeParameter
    ? own
    : `${module}.${own}`
}

/** What no program ever asks for: marks, `[Accepts]` of our types and `~effect/...` of Effect, and how errors are made. */
const withoutMarks = (context: Context): void => {
  for (const reflection of Object.values(context.project.reflections)) {
    const isField = reflection.parent?.kindOf(ReflectionKind.ClassOrInterface) === true
    if (isField && (/^[[~]/.test(reflection.name) || reflection.kindOf(ReflectionKind.Constructor))) {
      context.project.removeReflection(reflection)
    }
  }
}

/** Makes the reference show what stands behind the names of these faces. */
export const showWhatIsBehind = (
  { converter }: Application,
  root: string,
  files: ReadonlyMap<string, string>
): void => {
  const faces = new Faces(root)
  converter.on(Converter.EVENT_BEGIN, (context) => faces.find(context, files))
  converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    faces.readUnexported(context)
    withoutMarks(context)
  }, 1000)
  const convert = converter.convertSymbol.bind(converter)
  converter.convertSymbol = (context, symbol, exportSymbol) => {
    if (context.scope.kindOf(ReflectionKind.Module) && faces.read(context, symbol, convert)) return
    convert(context, symbol, exportSymbol)
  }
  const { createSymbolReference, shouldInline } = Context.prototype
  Context.prototype.shouldInline = function(symbol, name) {
    return faces.isNameless(this, this.resolveAliasedSymbol(symbol)) || shouldInline.call(this, symbol, name)
  }
  Context.prototype.createSymbolReference = function(symbol, context, name = symbol.name) {
    const target = faces.standsFor(this, symbol)
    faces.refer(target)
    return createSymbolReference.call(this, target, context, qualified(target, target === symbol ? name : target.name))
  }
}
