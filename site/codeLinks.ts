/**
 * Inline code that names an export, `Port.mon` or `Supervisor.layer(...)`, leads to the reference, in pages and in doc comments; code that
 * names a page, `docs/errors.md`, leads there.
 */
import {
  type Application,
  type CommentDisplayPart,
  Converter,
  type ProjectReflection,
  Reflection,
  ReflectionKind
} from "typedoc"
import { fileOf, filesMeant } from "./pages.ts"

const reflectionOf = (project: ProjectReflection, code: string, from: string): Reflection | undefined => {
  const files = filesMeant(code, from)
  const page = project.documents?.find((document) => files.includes(fileOf(document)))
  if (page !== undefined) return page
  const [, name] = /^`([A-Z]\w*(?:\.\w+)+)(?:<.*>)?(?:\(.*\))?`$/.exec(code) ?? []
  const found = name === undefined ? undefined : project.getChildByName(name)
  return found?.parent?.isProject() === true || found?.kindOf(ReflectionKind.SomeSignature) === true ? undefined : found
}

/** `{@link group}` is the export of that name, where TypeScript takes it for a parameter. */
const notOfParameter = (part: CommentDisplayPart): CommentDisplayPart => {
  if (part.kind !== "inline-tag" || !(part.target instanceof Reflection)) return part
  const { target } = part
  if (!target.kindOf(ReflectionKind.Parameter)) return part
  for (let scope = target.parent; scope !== undefined; scope = scope.parent) {
    const named = scope.kindOf(ReflectionKind.SomeModule) ? scope.getChildByName(target.name) : undefined
    if (named !== undefined) return { ...part, target: named }
  }
  return part
}

/** Whether code behind this text is within a link, `[see `, or a heading, which has a link of its own. */
const isTaken = (line: string): boolean => /^#+ /.test(line) || /\[[^\]]*$/.test(line)

const linked = (
  project: ProjectReflection,
  parts: ReadonlyArray<CommentDisplayPart>,
  from = ""
): Array<CommentDisplayPart> => {
  let line = ""
  return parts.map((part): CommentDisplayPart => {
    const before = line
    line = (line + part.text).slice(Math.max((line + part.text).lastIndexOf("\n") + 1, 0))
    if (part.kind !== "code" || isTaken(before)) return notOfParameter(part)
    const target = reflectionOf(project, part.text, from)
    return target === undefined ? part : { kind: "inline-tag", tag: "@linkcode", text: part.text.slice(1, -1), target }
  })
}

/** Sets the links when everything has been read. */
export const linkCode = (app: Application): void => {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    if (project.readme !== undefined) project.readme = linked(project, project.readme)
    for (const reflection of Object.values(project.reflections)) {
      if (reflection.isDocument()) reflection.content = linked(project, reflection.content, fileOf(reflection))
      const { comment } = reflection
      if (comment === undefined) continue
      comment.summary = linked(project, comment.summary)
      for (const tag of comment.blockTags) tag.content = linked(project, tag.content)
    }
    // Behind the resolution of links, which is TypeDoc's.
  }, -2000)
}
