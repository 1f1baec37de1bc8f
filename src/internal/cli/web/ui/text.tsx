/**
 * Text that others have written: names, reasons, lines of logs. It is only ever text, stands in a direction of its own, and is cut
 * when it is long, with all of it on demand.
 *
 * @internal
 */
import { ask } from "./dialog.tsx"
import { cut, visible } from "./format.ts"

interface Properties {
  readonly text: string
  /** Where the text leads to. */
  readonly href?: string
  /** So many characters are shown. */
  readonly most?: number
  /** Whether it may have several lines, as stack traces have: the first one is shown, and all of them on demand. */
  readonly hasLines?: boolean
}

export const Text = ({ hasLines = false, href, most = 40, text }: Properties) => {
  if (text === "") {
    const empty = <i class="empty-name">(empty)</i>
    return href === undefined ? empty : <a href={href}>{empty}</a>
  }
  const [first = ""] = hasLines ? text.split("\n") : [text]
  const { head, isWhole, tail } = cut(first, most)
  const shown = isWhole ? head : `${head}…${tail}`
  return (
    <span class="text">
      <bdi>{href === undefined ? shown : <a href={href}>{shown}</a>}</bdi>
      {isWhole && first === text ? null : <Whole text={text} lines={hasLines ? text.split("\n") : [text]} />}
    </span>
  )
}

const Whole = ({ lines, text }: { readonly lines: ReadonlyArray<string>; readonly text: string }) => (
  <button
    type="button"
    class="whole"
    aria-label="Show the whole text"
    title="Show the whole text"
    onClick={() =>
      ask({
        title: `The whole text: ${text.length} characters`,
        body: <pre class="whole-text"><bdi>{lines.map(visible).join("\n")}</bdi></pre>
      })}
  >
    ⋯
  </button>
)
