/**
 * The entries of `docs/errors.md`, for `emp errors`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFile } from "node:fs/promises"

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
export const readCatalogue: Effect.Effect<ReadonlyMap<string, string>> = Effect.map(
  Effect.promise(() => readFile(new URL("../../../docs/errors.md", import.meta.url), "utf8")),
  (text) =>
    new Map(
      text.split(/^### /m).slice(1).map((section) => {
        const end = section.indexOf("\n")
        const body = section.slice(end + 1).split(/^## /m)[0] ?? ""
        return [section.slice(0, end).replaceAll("`", "").trim(), body.trim()]
      })
    )
)

/** The entry of one tag, for people or for programs. */
export const explain = (tag: string, json: boolean): Effect.Effect<string, UnknownTag> =>
  Effect.flatMap(readCatalogue, (catalogue) => {
    const entry = catalogue.get(tag)
    return entry === undefined
      ? Effect.fail(new UnknownTag({ tag, known: Array.from(catalogue.keys()) }))
      : Effect.succeed(json ? JSON.stringify({ tag, text: entry }) : `${tag}\n\n${entry}`)
  })

/** All tags, a line each. */
export const list = (json: boolean): Effect.Effect<string> =>
  Effect.map(readCatalogue, (catalogue) => {
    const all = Array.from(catalogue, ([tag, entry]) => ({ tag, text: entry.split("\n")[0] ?? "" }))
    return json ? JSON.stringify(all) : all.map(({ tag, text }) => `${tag.padEnd(22)} ${text}`).join("\n")
  })
