/**
 * What Markdown pages there are, and in which order a reader wants them. Their titles are their first headings.
 */
import { existsSync, globSync, readdirSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, extname, join, normalize, relative } from "node:path"
import {
  type Application,
  type Context,
  Converter,
  DocumentReflection,
  MinimalSourceFile,
  normalizePath,
  type ProjectReflection
} from "typedoc"

/** A group of the navigation has all pages of a folder, in the order in which its README names them, and those that are listed. */
const groups: ReadonlyArray<{ title: string; folder?: string; pages?: ReadonlyArray<string> }> = [
  { title: "Introduction", folder: "docs/introduction" },
  { title: "Guides", folder: "docs/guides" },
  { title: "Orientation", pages: ["examples/README.md", "docs/coming-from.md", "docs/faq.md"], folder: "examples" },
  {
    title: "Topics",
    pages: ["messages", "guarantee", "services", "groups", "locks", "mesh", "supervision", "testing", "benchmarks"]
      .map((name) => `docs/${name}.md`)
  },
  {
    title: "Operating",
    pages: ["operating", "operating-reference", "web", "json", "errors"].map((name) => `docs/${name}.md`)
  },
  {
    title: "Contributing",
    pages: ["AGENTS.md", "docs/architecture.md", "docs/protocol.md", "docs/interop.md"]
  },
  { title: "Releases", pages: ["CHANGELOG.md"] }
]

/** Where a page that is in no list comes. */
const others = "Topics"

/** The pages that a page names, in its order. */
const linkedPages = (markdown: string): ReadonlyArray<string> =>
  Array.from(markdown.matchAll(/\]\(([^)#]+\.md)/g), ([, name = ""]) => name)

const languages: Readonly<Record<string, string>> = {
  ".json": "json",
  ".pl": "perl",
  ".sh": "sh",
  ".ts": "ts",
  ".tsx": "ts",
  ".yaml": "yaml",
  ".yml": "yaml"
}

const markdownIn = (root: string): ReadonlyArray<string> =>
  globSync(["docs/**/*.md", "examples/**/*.md", "AGENTS.md", "CHANGELOG.md"], { cwd: root }).toSorted()

/** The languages of fences, and of files that pages lead to. */
export const languagesOf = (root: string): Array<string> => {
  const texts = ["README.md", ...markdownIn(root)].map((file) => readFileSync(root + file, "utf8"))
  const fences = texts.flatMap((text) => Array.from(text.matchAll(/^ *```(\w+)/gm), ([, language = ""]) => language))
  return [...new Set(["typescript", "text", ...Object.values(languages), ...fences])]
}

/** The pages that there are, by group, each in its order. */
const listed = (root: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const all = markdownIn(root)
  const found = new Map<string, Array<string>>()
  for (const { folder, pages = [], title } of groups) {
    const readme = `${folder}/README.md`
    const ordered = folder !== undefined && all.includes(readme)
      ? linkedPages(readFileSync(root + readme, "utf8")).map((name) => `${folder}/${name}`)
      : []
    const named = [readme, ...ordered, ...pages]
    const inFolder = all.filter((page) => folder !== undefined && page.startsWith(`${folder}/`))
    found.set(title, [...new Set([...named.filter((page) => all.includes(page)), ...inFolder])])
  }
  const isListed = new Set([...found.values()].flat())
  found.get(others)?.push(...all.filter((page) => !isListed.has(page)))
  return found
}

const sources = new WeakMap<DocumentReflection, { readonly file: string; readonly markdown: string }>()

/** The file that a page is made of. */
export const fileOf = (page: DocumentReflection): string => sources.get(page)?.file ?? page.name

/** The path of a page on the site, without its ending: that of its file, where a README is the page of its folder. */
export const pathOf = (page: DocumentReflection): string =>
  fileOf(page).replace(/^docs\//, "").replace(/\.md$/, "").replace(/README$/, "index")

/** The files that inline code may mean, `docs/errors.md` or, beside the page that it stands in, `simple.ts`; a folder means its README. */
export const filesMeant = (code: string, from: string): ReadonlyArray<string> => {
  const [, name] = /^`([\w./-]*[./][\w./-]*?)\/?`$/.exec(code) ?? []
  if (name === undefined) return []
  return [normalize(name), join(dirname(from), name)].flatMap((path) =>
    /^(?:docs|examples)(?:\/|$)/.test(path) ? [path, join(path, "README.md")] : []
  )
}

/** The text of a page with its title. */
export const markdownOf = (page: DocumentReflection): string => sources.get(page)?.markdown ?? ""

/** The group of the navigation that a page is in; none, for files that are shown since a page leads to them. */
export const groupOf = (page: DocumentReflection): string | undefined => {
  const { group } = page.frontmatter
  return typeof group === "string" ? group : undefined
}

const pictures = new Set([".png", ".svg"])

class Pages {
  private readonly context: Context
  private readonly project: ProjectReflection
  private readonly root: string

  constructor(context: Context, root: string) {
    this.context = context
    this.project = context.project
    this.root = root
  }
  private add(file: string, markdown: string, group?: string): DocumentReflection {
    const [, title = basename(file)] = /^# (.+)\n/.exec(markdown) ?? []
    const path = normalizePath(this.root + file)
    const text = markdown.replace(/^# .+\n/, "")
    const { content } = this.context.converter.parseRawComment(new MinimalSourceFile(text, path), this.project.files)
    // TypeDoc takes the blanks away that make code of a page's first line.
    const [, indentation = ""] = /^\n*( {4,})/.exec(text) ?? []
    content.unshift({ kind: "text", text: indentation })
    for (const { kind, text } of content) {
      const meant = kind === "code" ? filesMeant(text, file).find((path) => this.isShown(path)) : undefined
      if (meant !== undefined) this.project.files.registerAbsolute(normalizePath(this.root + meant))
    }
    const page = new DocumentReflection(
      title.replaceAll("`", ""),
      this.project,
      content,
      group === undefined ? {} : { group }
    )
    sources.set(page, { file, markdown })
    this.project.addChild(page)
    this.project.registerReflection(page, undefined, path)
    if (basename(file) === "README.md") {
      this.project.files.registerReflectionPath(normalizePath(dirname(path)), page)
    }
    return page
  }
  /** Files, and folders of programs; what is in others is in the navigation. */
  private isShown(path: string): boolean {
    const found = statSync(this.root + path, { throwIfNoEntry: false })
    return found !== undefined && (found.isFile() || path.startsWith("examples/"))
  }
  /** The front page is TypeDoc's own. Here it is only looked at for what it leads to. */
  addReadme(): void {
    const path = normalizePath(`${this.root}README.md`)
    this.project.files.registerReflectionPath(path, this.project)
    this.context.converter.parseRawComment(new MinimalSourceFile(readFileSync(path, "utf8"), path), this.project.files)
  }
  addListed(): void {
    for (const [group, files] of listed(this.root)) {
      for (const file of files) this.add(file, readFileSync(this.root + file, "utf8"), group)
    }
  }
  /** On GitHub a link may lead to any file or folder. Here each of them that a page leads to gets a page too. */
  addLinked(): void {
    for (;;) {
      const linked = [...this.project.files.getMediaPaths()].filter((path) => !pictures.has(extname(path)))
      if (linked.length === 0) return
      for (const path of linked) {
        this.project.files.registerReflectionPath(path, this.addSource(relative(this.root, path)))
      }
    }
  }
  private addSource(file: string): DocumentReflection {
    const path = this.root + file
    if (statSync(path).isDirectory()) {
      if (existsSync(`${path}/README.md`)) {
        return this.add(`${file}/README.md`, readFileSync(`${path}/README.md`, "utf8"))
      }
      const names = readdirSync(path).map((name) => `- [${name}](${name})`)
      return this.add(`${file}/README.md`, `# ${file}\n\n${names.join("\n")}\n`)
    }
    const text = readFileSync(path, "utf8")
    const language = extname(file) === ".md" ? undefined : languages[extname(file)] ?? "text"
    return this.add(file, language === undefined ? text : `\`\`\`\`\`${language}\n${text}\`\`\`\`\`\n`)
  }
}

/** Has all pages in the project before the sources are read. */
export const addPages = (app: Application, root: string): void => {
  app.converter.on(Converter.EVENT_BEGIN, (context) => {
    const pages = new Pages(context, root)
    pages.addReadme()
    pages.addListed()
    pages.addLinked()
  })
}
