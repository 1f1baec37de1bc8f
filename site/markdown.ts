/**
 * What our Markdown has beside the usual: fences with a name (` ```ts chat.ts`, ` ```console seed`), and code in headings.
 */

/** The little of markdown-it that is used here; it comes without types. */
interface Token {
  readonly type: string
  info: string
  content: string
  children: Array<Token> | null
}
interface Parser {
  readonly core: { readonly ruler: { push(name: string, rule: (state: { tokens: Array<Token> }) => void): void } }
  readonly renderer: {
    readonly rules: Record<string, (tokens: Array<Token>, index: number, ...rest: ReadonlyArray<unknown>) => string>
  }
  readonly utils: { escapeHtml(text: string): string }
}

export const readMarkdown = ({ core, renderer, utils }: Parser): void => {
  core.ruler.push("plain-fences", ({ tokens }) => {
    for (const token of tokens) if (token.type === "fence" && token.info.trim() === "") token.info = "text"
  })
  // Anchors are made of the text of headings, and TypeDoc takes it from tokens of text alone.
  core.ruler.push("code-in-headings", ({ tokens }) => {
    for (const [index, { type }] of tokens.entries()) {
      if (type !== "heading_open") continue
      for (const token of tokens[index + 1]?.children ?? []) {
        if (token.type === "code_inline") {
          token.children = [{ type: "text", info: "", content: token.content, children: null }]
        }
      }
    }
  })
  const { fence } = renderer.rules
  if (fence === undefined) throw new Error("markdown-it renders no fences")
  renderer.rules["fence"] = (tokens, index, ...rest) => {
    const code = fence(tokens, index, ...rest)
    const [, name] = /^\S+\s+(\S.*)$/.exec(tokens[index]?.info.trim() ?? "") ?? []
    return name === undefined ? code : `<figure><figcaption>${utils.escapeHtml(name)}</figcaption>${code}</figure>\n`
  }
}
