/**
 * `emp init`: a project to begin with, which installs, is tested, and runs.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { randomBytes } from "node:crypto"
import { inWords } from "../../config/file.ts"
import { printableInLine } from "../../values/printable.ts"
import { CommandFailed } from "../network/session.ts"
import type { Outputs } from "../outputs.ts"
import { UsageError } from "../terminal/usage.ts"
import { type Dependency, dependencyOf } from "./dependency.ts"
import type { Form } from "./forms.ts"
import { nameOf, wrongName } from "./name.ts"
import { findOwnPackage, type OwnPackage, packageName } from "./ownPackage.ts"
import { askForm, askName } from "./questions.ts"
import { projectFiles } from "./template.ts"
import { writeProject } from "./write.ts"

/** What the command line says. */
export interface Wishes {
  readonly folder: string
  readonly name: Option.Option<string>
  readonly form: Option.Option<Form>
  readonly fromTarball: Option.Option<string>
  /** Nothing is asked: what is not said has its default. */
  readonly yes: boolean
  readonly json: boolean
}

export const init = Effect.fnUntraced(function*(wishes: Wishes) {
  const path = yield* Path.Path
  const root = path.resolve(wishes.folder)
  const own = yield* findOwnPackage
  const isAsking = !wishes.yes && !wishes.json && process.stdin.isTTY && process.stdout.isTTY
  const name = yield* nameFor(wishes, path.basename(root), own, isAsking)
  const form = Option.isSome(wishes.form) ? wishes.form.value : isAsking ? yield* askForm : "minimal"
  const dependency = yield* dependencyOf(own, wishes.fromTarball)
  const files = yield* projectFiles(own.root, form, valuesFor(name, own, dependency))
  const { tarball } = dependency
  const project = tarball === undefined
    ? files
    : [...files, { path: tarball.path, content: tarball.bytes, mode: 0o644 }]
  yield* writeProject(root, project)
  const written = {
    folder: root,
    name,
    form,
    files: project.map((file) => file.path),
    dependency: dependency.wanted,
    next: [`cd ${typed(wishes.folder)}`, "npm install", "npm test", "npm start"]
  }
  yield* Console.log(wishes.json ? JSON.stringify(written) : told(written, dependency))
}, (written, { folder }) =>
  Effect.catchTag(written, "PlatformError", (error) =>
    new CommandFailed({
      problem: `${
        inWords(error)
      }: name a folder that is empty or not there yet, and that you may write to; not ${folder}`
    })))

const nameFor = Effect.fnUntraced(function*(wishes: Wishes, folder: string, own: OwnPackage, isAsking: boolean) {
  const taken = [packageName, ...Object.keys(own.manifest.devDependencies)]
  const wrong = (name: string) => wrongName(name, taken)
  const suggested = nameOf(folder)
  if (Option.isNone(wishes.name) && isAsking) {
    return yield* askName(wrong(suggested) === undefined ? suggested : "my-nodes", wrong)
  }
  const name = Option.getOrElse(wishes.name, () => suggested)
  const problem = wrong(name)
  if (problem === undefined) return name
  const advice = Option.isSome(wishes.name) ? "" : `; --name gives the project another name than its folder has`
  return yield* new UsageError({ problem: `${JSON.stringify(name)} ${problem}${advice}` })
})

/** What stands in the place of `{{...}}`. The versions are those that the package itself is tested with. */
const valuesFor = (name: string, { manifest }: OwnPackage, { tarball, wanted }: Dependency) => ({
  ...manifest.devDependencies,
  [packageName]: wanted,
  node: manifest.engines.node,
  name,
  secret: randomBytes(32).toString("hex"),
  vendor: tarball === undefined ? "" : "COPY vendor ./vendor"
})

/** As it is typed for `cd`, which takes what begins with a hyphen for a flag. Shells make more of `~` and `=` where they stand first. */
const typed = (folder: string): string => {
  const place = folder.startsWith("-") ? `./${folder}` : folder
  return /^[\w./@%+,:][\w./@%+,:=~-]*$/.test(place) ? place : `'${place.replaceAll("'", "'\\''")}'`
}

const told = ({ files, folder, next }: Outputs["init"], dependency: Dependency): string =>
  [
    `wrote to ${printableInLine(folder)}:`,
    ...files.map((file) => `  ${file}`),
    "",
    `${packageName}: ${printableInLine(dependency.told)}`,
    "",
    ...next.map(printableInLine)
  ].join("\n")
