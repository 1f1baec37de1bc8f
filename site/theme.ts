/**
 * What the pages look like: TypeDoc's own theme, with a navigation in the order of a reader, and modules that have all of their members
 * on one page.
 */
import {
  type DeclarationReflection,
  DefaultTheme,
  DefaultThemeRenderContext,
  DocumentReflection,
  JSX,
  type NavigationElement,
  type PageEvent,
  type ProjectReflection,
  type Reflection,
  ReflectionKind,
  type SignatureReflection
} from "typedoc"
import { groupOf } from "./pages.ts"
import { fieldsOf } from "./router.ts"

const h = JSX.createElement

const kinds: ReadonlyMap<ReflectionKind, string> = new Map([
  [ReflectionKind.Class, "class"],
  [ReflectionKind.Interface, "interface"],
  [ReflectionKind.TypeAlias, "type"],
  [ReflectionKind.Namespace, "module"]
])

/** Pages of the navigation, in its order. */
const pagesOf = (project: ProjectReflection): ReadonlyArray<DocumentReflection> =>
  (project.documents ?? []).filter((page) => groupOf(page) !== undefined)

class SiteContext extends DefaultThemeRenderContext {
  /** A module is a list of what there is, and then all of it. */
  override moduleReflection = (module: DeclarationReflection | ProjectReflection): JSX.Element =>
    module.isProject() ? this.reference(module) : h(
      JSX.Fragment,
      null,
      h("section", { class: "tsd-panel tsd-comment" }, this.commentSummary(module), this.commentTags(module)),
      this.contents(module),
      this.members(module)
    )

  private readonly contents = (module: DeclarationReflection): JSX.Element =>
    h(
      "dl",
      { class: "contents" },
      (module.categories ?? []).map(({ children, title }) =>
        h(
          JSX.Fragment,
          null,
          h("dt", null, title),
          h("dd", null, children.map((member) => h("a", { href: this.urlTo(member) }, member.name)))
        )
      )
    )

  /** The beginning of the reference. */
  private readonly reference = (project: ProjectReflection): JSX.Element =>
    h(
      "dl",
      { class: "modules" },
      (project.children ?? []).map((module) =>
        h(
          JSX.Fragment,
          null,
          h("dt", null, h("a", { href: this.urlTo(module) }, module.name)),
          h("dd", null, this.commentShortSummary(module))
        )
      )
    )

  override breadcrumbs = (model: Reflection): JSX.Element => {
    const above = model.isDocument() ? groupOf(model) : "Reference"
    return above === undefined || above === model.name || model.isProject()
      ? h(JSX.Fragment, null)
      : h("p", { class: "above" }, above)
  }

  override header = (page: PageEvent<Reflection>): JSX.Element =>
    page.url === "index.html" ? h(JSX.Fragment, null) : h(
      "div",
      { class: "tsd-page-title" },
      this.breadcrumbs(page.model),
      h("h1", null, page.model.isProject() ? "Reference" : page.model.name)
    )

  override member = (member: DeclarationReflection | DocumentReflection): JSX.Element => {
    const anchor = this.getAnchor(member)
    this.page.pageHeadings.push({ link: `#${anchor}`, text: member.name })
    return h(
      "section",
      { class: "tsd-panel tsd-member" },
      h(
        "h3",
        { class: "tsd-anchor-link", id: anchor },
        member.name,
        h("small", null, kinds.get(member.kind) ?? ""),
        h("a", { href: `#${anchor}`, "aria-label": "Permalink", class: "tsd-anchor-icon" }, this.icons.anchor())
      ),
      member.isDocument() ? undefined : this.declared(member)
    )
  }

  private readonly declared = (member: DeclarationReflection): JSX.Element =>
    member.signatures !== undefined
      ? this.memberSignatures(member)
      : h(
        JSX.Fragment,
        null,
        this.reflectionPreview(member) ?? (member.kindOf(ReflectionKind.Class) ? undefined : this.typed(member)),
        this.commentSummary(member),
        this.commentTags(member),
        this.fields(member)
      )

  private readonly typed = (member: DeclarationReflection): JSX.Element =>
    h(
      "div",
      { class: "tsd-signature" },
      h("span", { class: "tsd-signature-keyword" }, member.kindOf(ReflectionKind.TypeAlias) ? "type " : "const "),
      member.name,
      member.typeParameters === undefined ? "" : `<${member.typeParameters.map(({ name }) => name).join(", ")}>`,
      member.kindOf(ReflectionKind.TypeAlias) ? " = " : ": ",
      this.type(member.type)
    )

  private readonly ofType = ({ getSignature, type }: DeclarationReflection): JSX.Element =>
    h(JSX.Fragment, null, ": ", this.type(type ?? getSignature?.type))

  /** What is said of the fields of something; their types stand above, but for those of classes. */
  private readonly fields = (member: DeclarationReflection): JSX.Element => {
    const isClass = member.kindOf(ReflectionKind.Class)
    return h(
      "dl",
      { class: "fields" },
      fieldsOf(member).map((field) => {
        const said = [field, field.getSignature, field.signatures?.[0]].filter((part) => part?.hasComment() === true)
        const id = this.getAnchor(field)
        // Search leads to each of them.
        if (said.length === 0 && !isClass) return h("div", { id })
        return h(
          JSX.Fragment,
          null,
          h("dt", { id }, h("code", null, field.name, isClass ? this.ofType(field) : undefined)),
          h("dd", null, said.map((part) => part && [this.commentSummary(part), this.commentTags(part)]))
        )
      })
    )
  }

  /** All signatures, and then once what is said of them. */
  override memberSignatures = (member: DeclarationReflection): JSX.Element => {
    const signatures = member.signatures ?? []
    return h(
      JSX.Fragment,
      null,
      signatures.map((signature) => h("div", { class: "tsd-signature" }, this.memberSignatureTitle(signature))),
      signatures.slice(0, 1).map((signature) => this.memberSignatureBody(signature))
    )
  }

  override memberSignatureBody = (signature: SignatureReflection): JSX.Element =>
    h(JSX.Fragment, null, this.commentSummary(signature), this.commentTags(signature))

  override footer = (): JSX.Element => {
    const { model, project } = this.page
    const pages = pagesOf(project)
    const at = model instanceof DocumentReflection ? pages.indexOf(model) : -1
    const step = (rel: string, page: DocumentReflection | undefined) =>
      page === undefined ? undefined : h("a", { rel, href: this.urlTo(page) }, page.name)
    return h(
      "footer",
      null,
      at < 0 ? undefined : h("nav", { class: "steps" }, step("prev", pages[at - 1]), step("next", pages[at + 1]))
    )
  }
}

export class SiteTheme extends DefaultTheme {
  override ContextClass = SiteContext

  /** Groups have no path and are shown as headings above their pages: all of the site can be seen at once. */
  override buildNavigation(project: ProjectReflection): Array<NavigationElement> {
    const elements: Array<NavigationElement> = []
    let group: string | undefined
    for (const page of pagesOf(project)) {
      if (groupOf(page) !== group) elements.push({ text: group = groupOf(page) ?? "" })
      elements.push({ text: page.name === group ? "Overview" : page.name, path: this.router.getFullUrl(page) })
    }
    const modules = project.getReflectionsByKind(ReflectionKind.Module | ReflectionKind.Namespace)
    return [
      ...elements,
      { text: "Reference" },
      { text: "All modules", path: this.router.getFullUrl(project) },
      ...modules.map((module) => ({ text: module.getFullName(), path: this.router.getFullUrl(module) }))
    ]
  }
}
