/**
 * The package that this very `emp` is part of: where it is, what it was tested with, and whether a registry has it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import { CommandFailed } from "../network/session.ts"

export const packageName = "effect-mp"

const Manifest = Schema.Struct({
  name: Schema.Literal(packageName),
  version: Schema.String,
  engines: Schema.Struct({ node: Schema.String }),
  devDependencies: Schema.Record(Schema.String, Schema.String)
})

export interface OwnPackage {
  readonly root: string
  readonly manifest: typeof Manifest.Type
}

/** The content of a file in JSON, if there is one and it fits. */
const read = <A>(file: string, schema: Schema.ConstraintDecoder<A>) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const text = yield* files.readFileString(file)
    return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text)
  }).pipe(Effect.option)

/** In a folder of its own or somewhere above the module. A bundle that others have made of `emp` has none. */
export const findOwnPackage: Effect.Effect<OwnPackage, CommandFailed, FileSystem.FileSystem | Path.Path> = Effect.gen(
  function*() {
    const path = yield* Path.Path
    for (let folder = fileURLToPath(new URL(".", import.meta.url));; folder = path.dirname(folder)) {
      const manifest = yield* read(path.join(folder, "package.json"), Manifest)
      if (Option.isSome(manifest)) return { root: folder, manifest: manifest.value }
      if (path.dirname(folder) === folder) break
    }
    const problem = `this emp was bundled without its package, which has the templates: take the one of ${packageName}`
    return yield* new CommandFailed({ problem })
  }
)

/** What npm notes of all that it has installed below a folder. */
const Installed = Schema.Struct({
  packages: Schema.Record(Schema.String, Schema.Struct({ resolved: Schema.optional(Schema.String) }))
})

/**
 * Whether npm has got the package from a registry. A clone, a tarball and what comes from git are nothing that a registry knows, and a
 * package of that name which it knows may be somebody else's.
 */
export const isFromRegistry = (
  { manifest, root }: OwnPackage
): Effect.Effect<boolean, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    for (let folder = path.dirname(root); path.dirname(folder) !== folder; folder = path.dirname(folder)) {
      if (path.basename(folder) !== "node_modules") continue
      const installed = yield* read(path.join(folder, ".package-lock.json"), Installed)
      if (Option.isNone(installed)) continue
      const place = path.relative(path.dirname(folder), root).replaceAll(path.sep, "/")
      const { resolved = "" } = installed.value.packages[place] ?? {}
      const url = URL.parse(resolved)
      return /^https?:$/.test(url?.protocol ?? "") &&
        url?.pathname.endsWith(`/${packageName}/-/${packageName}-${manifest.version}.tgz`) === true
    }
    return false
  })
