/**
 * Modules: each is a face, and has the comment that its file begins with, which to TypeDoc would be one of the first import. Names of
 * categories begin with a capital.
 */
import { readFileSync } from "node:fs"
import { type Application, Comment, Converter, MinimalSourceFile, normalizePath } from "typedoc"

export const describeModules = ({ converter }: Application, files: ReadonlyMap<string, string>): void => {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const file = files.get(module.name)
      if (file === undefined) continue
      const [, comment = ""] = /^\/\*\*\n([\s\S]*?)\n \*\//.exec(readFileSync(file, "utf8")) ?? []
      const text = comment.replaceAll(/^ \* ?/gm, "").replaceAll(/^@since .*$/gm, "")
      const { content } = converter.parseRawComment(new MinimalSourceFile(text, normalizePath(file)), project.files)
      module.comment = new Comment(content)
    }
  })
  converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      if (!reflection.isDeclaration()) continue
      for (const category of reflection.categories ?? []) {
        category.title = category.title.charAt(0).toUpperCase() + category.title.slice(1)
      }
    }
  }, -1000)
}
