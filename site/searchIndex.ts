/**
 * What search finds: each section of a page by itself, and exports by their full name too, `Port.mon`.
 */
import { readFileSync } from "node:fs"
import {
  type Application,
  DocumentReflection,
  IndexEvent,
  type ProjectReflection,
  ReflectionKind,
  Slugger
} from "typedoc"
import { markdownOf } from "./pages.ts"
import { SiteRouter } from "./router.ts"

interface Section {
  readonly heading: string
  readonly text: string
}

/** The sections of a Markdown text, the first of which is what stands before all headings but the title. */
const sectionsOf = (markdown: string): ReadonlyArray<Section> => {
  const sections = [{ heading: "", text: "" }]
  let isCode = false
  for (const line of markdown.replace(/^# .+\n/, "").split("\n")) {
    if (line.startsWith("```")) isCode = !isCode
    const [, heading] = isCode ? [] : /^#+ (.+)$/.exec(line) ?? []
    if (heading !== undefined) sections.push({ heading: heading.replaceAll("`", ""), text: "" })
    sections[sections.length - 1]!.text += `${line}\n`
  }
  return sections
}

/** The sections of a page as what search finds, each with the place that it leads to. */
const indexed = (
  page: DocumentReflection | ProjectReflection,
  markdown: string,
  url: string,
  router: SiteRouter
): ReadonlyArray<DocumentReflection> => {
  const slugger = new Slugger({ lowercase: true })
  return sectionsOf(markdown).map(({ heading, text }) => {
    const isBeginning = heading === ""
    const content = [{ kind: "text" as const, text }]
    const section = new DocumentReflection(
      isBeginning ? page.name : heading,
      isBeginning ? page.project : page,
      content,
      {}
    )
    router.place(section, isBeginning ? url : `${url}#${slugger.slug(heading)}`)
    return section
  })
}

export const indexSections = ({ renderer }: Application, readme: string): void => {
  renderer.on(IndexEvent.PREPARE_INDEX, (event) => {
    const { router } = renderer
    if (!(router instanceof SiteRouter)) return
    const exports = event.searchResults.filter((result) => result.isDeclaration())
    const pages = event.searchResults.filter((result) => result.isDocument())
    const [project] = exports.map((result) => result.project)
    event.searchResults = [
      ...exports,
      ...pages.flatMap((page) => indexed(page, markdownOf(page), router.getFullUrl(page), router)),
      ...project === undefined ? [] : indexed(project, readFileSync(readme, "utf8"), "index.html", router)
    ]
    // Text counts: who looks for `kill -9` wants what is written of it, and not all that has to do with killing.
    Object.assign(event.searchFieldWeights, { name: 4, full: 4, comment: 2, document: 2 })
    for (const [index, result] of exports.entries()) {
      if (result.parent?.kindOf(ReflectionKind.SomeModule) === true) {
        event.searchFields[index] = { full: result.getFullName() }
      }
    }
  })
}
