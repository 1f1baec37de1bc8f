/**
 * How a project comes by this package: from the registry that this `emp` came from, or as a tarball that lies in the project. No registry
 * is asked for a package that it may not have, or have of somebody else.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { execFile } from "node:child_process"
import { CommandFailed } from "../network/session.ts"
import { isFromRegistry, type OwnPackage, packageName } from "./ownPackage.ts"
import { packedIn } from "./tarball.ts"

export interface Dependency {
  /** What `package.json` says. */
  readonly wanted: string
  /** Where it comes from, for people. */
  readonly told: string
  /** What lies in the project for that: its path there. */
  readonly tarball: { readonly path: string; readonly bytes: Uint8Array } | undefined
}

const fail = (problem: string) => Effect.fail(new CommandFailed({ problem }))

export const dependencyOf = Effect.fnUntraced(function*(own: OwnPackage, given: Option.Option<string>) {
  if (Option.isSome(given)) return yield* readTarball(given.value, `as in ${given.value}`)
  if (yield* isFromRegistry(own)) {
    const { version } = own.manifest
    return { wanted: `^${version}`, told: `${version} or later, from the registry`, tarball: undefined }
  }
  return yield* Effect.scoped(
    Effect.flatMap(pack(own), (file) => readTarball(file, "packed from this very emp, which came from no registry"))
  )
})

const readTarball = Effect.fnUntraced(function*(file: string, told: string) {
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files.readFile(file).pipe(
    Effect.catchTag("PlatformError", ({ message }) => fail(`cannot read the tarball: ${message}`))
  )
  const packed = packedIn(bytes)
  if (Option.isNone(packed)) return yield* fail(`${file} is no package as npm packs it: npm pack makes one`)
  const { name, version } = packed.value
  if (name !== packageName) return yield* fail(`${file} is the package ${JSON.stringify(name)}, and not ${packageName}`)
  const path = `vendor/${packageName}-${version}.tgz`
  return { wanted: `file:${path}`, told: `${path}, ${told}`, tarball: { path, bytes } } satisfies Dependency
})

/** Packs the package into a folder that is gone when the scope closes. */
const pack = Effect.fnUntraced(function*({ root }: OwnPackage) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  if (!(yield* files.exists(path.join(root, "dist/index.js")))) {
    return yield* fail(`${root} has not been built, and cannot be packed for the project: npm run build`)
  }
  const folder = yield* files.makeTempDirectoryScoped({ prefix: "emp-init-" })
  yield* runNpm(["pack", "--ignore-scripts", "--no-update-notifier", "--pack-destination", folder], root)
  const tarball = (yield* files.readDirectory(folder)).find((name) => name.endsWith(".tgz"))
  return tarball === undefined ? yield* fail(`npm pack made no tarball of ${root}`) : path.join(folder, tarball)
})

/** What npm was told that has started this `emp`, as `npx` does, is not meant for this one. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))

const runNpm = (args: ReadonlyArray<string>, cwd: string): Effect.Effect<void, CommandFailed> =>
  Effect.callback((resume) => {
    const options = { cwd, env: environment(), shell: process.platform === "win32" }
    const child = execFile("npm", args, options, (error, _, stderr) => {
      if (error === null) return resume(Effect.void)
      const problem = error.code === "ENOENT"
        ? "there is no npm on the PATH, which packs effect-mp for the project: install it, or name a tarball with --from-tarball"
        : `npm ${args[0]} failed: ${stderr.trim() || error.message}`
      resume(fail(problem))
    })
    return Effect.sync(() => child.kill())
  })
