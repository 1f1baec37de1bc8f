/**
 * Where things stand on the site: a page for each module, with all of its members on it, and one for each Markdown file, at the path
 * that it has in the repository.
 */
import {
  BaseRouter,
  type DeclarationReflection,
  PageKind,
  Reflection,
  ReflectionKind,
  type RouterTarget
} from "typedoc"
import { pathOf } from "./pages.ts"

/** What stands in a list of fields below its name. */
export const fieldsOf = ({ children, kind, type }: DeclarationReflection): ReadonlyArray<DeclarationReflection> =>
  children ??
    (kind === ReflectionKind.TypeAlias && type?.type === "reflection" ? type.declaration.children : undefined) ?? []

export class SiteRouter extends BaseRouter {
  /** The list of all modules is the beginning of the reference. It stands beside the front page: both are the project, and link alike. */
  protected override getFileName(baseName: string): string {
    return super.getFileName(baseName === "modules" ? "reference" : baseName)
  }
  protected override getIdealBaseName(reflection: Reflection): string {
    return reflection.isDocument() ? pathOf(reflection) : `reference/${reflection.getFullName()}`
  }
  protected override getPageKind(target: RouterTarget): PageKind | undefined {
    if (!(target instanceof Reflection)) return undefined
    if (target.isDocument()) return PageKind.Document
    return target.kindOf([ReflectionKind.Module, ReflectionKind.Namespace]) ? PageKind.Reflection : undefined
  }
  /** Members have an anchor, and what is a field of one of them: `mon`, `Options.nodeId`. */
  protected override buildAnchors(target: RouterTarget, page: RouterTarget): void {
    if (!(target instanceof Reflection) || !target.isDeclaration()) return
    this.anchor(target, page, target.name)
    for (const field of fieldsOf(target)) this.anchor(field, page, `${target.name}.${field.name}`)
  }
  /** Where a part of a page is that has no reflection of its own there. */
  place(part: Reflection, url: string): void {
    this.fullUrls.set(part, url)
  }
  private anchor(target: DeclarationReflection, page: RouterTarget, name: string): void {
    // A type and a value of one name are two members, and the second one is behind the first.
    const url = `${this.getFullUrl(page)}#${name}`
    const anchor = [...this.fullUrls.values()].includes(url) ? `${name}-1` : name
    for (const part of [target, ...target.signatures ?? []]) {
      this.fullUrls.set(part, `${this.getFullUrl(page)}#${anchor}`)
      this.anchors.set(part, anchor)
    }
  }
}
