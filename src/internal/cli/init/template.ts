/**
 * The files of a project, as they stand in `templates/`: those that all forms share in `common/`, and each form's own. A file whose name
 * begins with an underscore has another name there than in the project, since tools would take it for their own; `{{...}}` in it is
 * filled in. Where both have one, JSON is joined, and in a text `{{form}}` stands for the form's.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { Json, JsonObject } from "effect/Schema"
import { type Form, forms } from "./forms.ts"

/** A file of a project: its path there, with slashes. */
export interface ProjectFile {
  readonly path: string
  readonly content: string | Uint8Array
  readonly mode: number
}

/** A file that holds the secret is nobody else's business. */
const modeOf = (path: string): number => path === "effect-mp.json" ? 0o600 : 0o644

export const projectFiles = Effect.fnUntraced(function*(
  root: string,
  form: Form,
  values: Readonly<Record<string, string>>
) {
  const path = yield* Path.Path
  const read = (folder: string) => readTemplates(path.join(root, "templates", folder))
  const common = yield* read("common")
  const own = new Map((yield* Effect.forEach(forms[form].folders, read)).flatMap((texts) => Array.from(texts)))
  return Array.from(new Set([...common.keys(), ...own.keys()])).toSorted().map((stored): ProjectFile => {
    const text = joined(stored, common.get(stored), own.get(stored))
    const target = stored.replace(/(^|\/)_([^/]*)$/, "$1$2")
    return { path: target, content: target === stored ? text : filled(text, values), mode: modeOf(target) }
  })
})

/** The texts below a folder, by their paths there. */
const readTemplates = Effect.fnUntraced(function*(folder: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* files.readDirectory(folder, { recursive: true })
  const texts = new Map<string, string>()
  for (const name of names) {
    const file = path.join(folder, name)
    if ((yield* files.stat(file)).type !== "File") continue
    texts.set(name.replaceAll(path.sep, "/"), yield* files.readFileString(file))
  }
  return texts
})

const joined = (stored: string, common: string | undefined, own: string | undefined): string => {
  if (common === undefined || own === undefined) return common ?? own ?? ""
  if (!stored.endsWith(".json")) return filled(common, { form: own.trimEnd() })
  const [all, mine]: ReadonlyArray<JsonObject> = [JSON.parse(common), JSON.parse(own)]
  const both = Object.entries({ ...all, ...mine }).map(([key]) => [key, joinedValue(all?.[key], mine?.[key])])
  return `${JSON.stringify(Object.fromEntries(both), undefined, 2)}\n`
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const joinedValue = (all: Json | undefined, mine: Json | undefined): Json | undefined =>
  isObject(all) && isObject(mine) ? { ...mine, ...all } : mine ?? all

/** What is not known stays as it is. A line that holds nothing but an empty value goes. */
const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text
    .replaceAll(/^\{\{(\S+?)\}\}\n/gm, (line, key: string) => values[key] === "" ? "" : line)
    .replaceAll(/\{\{(\S+?)\}\}/g, (whole, key: string) => values[key] ?? whole)
