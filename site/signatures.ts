/**
 * Types as they stand in the sources. TypeDoc shows what the compiler has made of them, in constraints `unknown` for `TagOf<M>`, and takes
 * a constant with several signatures for a value.
 */
import {
  type Application,
  type Context,
  Converter,
  type DeclarationReflection,
  ReflectionKind,
  TypeScript as ts
} from "typedoc"

const asWritten = ({ converter }: Application): void => {
  const convertType = converter.convertType.bind(converter)
  converter.convertType = (context: Context, type: ts.Type | ts.TypeNode | undefined, written?: ts.TypeNode) => {
    if (written !== undefined) return convertType(context, written)
    return type === undefined || "kind" in type ? convertType(context, type) : convertType(context, type)
  }
  converter.on(Converter.EVENT_CREATE_TYPE_PARAMETER, (context, parameter) => {
    const declaration = context.getSymbolFromReflection(parameter)?.declarations?.find(ts.isTypeParameterDeclaration)
    if (declaration?.constraint === undefined || parameter.parent === undefined) return
    parameter.type = converter.convertType(context.withScope(parameter), declaration.constraint)
  })
}

/** The signatures of a constant that is nothing but a function. */
const ofConstant = ({ kind, type }: DeclarationReflection) =>
  kind === ReflectionKind.Variable && type?.type === "reflection" && type.declaration.children === undefined
    ? type.declaration.signatures
    : undefined

const constantsAsFunctions = ({ converter }: Application): void => {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const constant of (project.children ?? []).flatMap(({ children }) => children ?? [])) {
      const signatures = ofConstant(constant)
      if (signatures === undefined) continue
      constant.kind = ReflectionKind.Function
      constant.signatures = signatures
      delete constant.type
      for (const signature of signatures) {
        signature.name = constant.name
        signature.parent = constant
      }
      const [first] = signatures
      if (first === undefined || constant.comment === undefined) continue
      first.comment = constant.comment
      delete constant.comment
    }
  }, 500)
}

export const writeSignatures = (app: Application): void => {
  asWritten(app)
  constantsAsFunctions(app)
}
