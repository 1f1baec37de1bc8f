/**
 * The entries of `docs/errors.md`, for `emp errors`.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { errorPage } from "./errorPage.ts"
import { columns } from "./terminal/screen.ts"

/** There is no entry for a tag. */
export class UnknownTag extends Schema.TaggedError<UnknownTag>()("UnknownTag", {
  tag: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `no error or kill reason has the tag ${JSON.stringify(this.tag)}; the tags are ${this.known.join(", ")}`
  }
}

/** By tag: the text below the heading `### tag`. */
export const catalogue: ReadonlyMap<string, string> = new Map(
  errorPage.split(/^### /m).slice(1).map((section) => {
    const end = section.indexOf("\n")
    const body = section.slice(end + 1).split(/^## /m)[0] ?? ""
    return [section.slice(0, end).replaceAll("`", "").trim(), body.trim()]
  })
)

/** The entry of one tag, for people or for programs. */
export const explain = (tag: string, json: boolean): Result.Result<string, UnknownTag> => {
  const entry = catalogue.get(tag)
  return entry === undefined
    ? Result.fail(new UnknownTag({ tag, known: Array.from(catalogue.keys()) }))
    : Result.succeed(json ? JSON.stringify({ tag, text: entry }) : `${tag}\n\n${entry}`)
}

/** All tags, a line each. */
export const list = (json: boolean): string => {
  const all = Array.from(catalogue, ([tag, entry]) => ({ tag, text: entry.split("\n")[0] ?? "" }))
  return json ? JSON.stringify(all) : columns(all.map(({ tag, text }) => [tag, text]), "left")
}
