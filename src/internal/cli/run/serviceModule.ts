/**
 * Where the module of a service is: a file, or a module of a package, as an `import` in the working directory would find it.
 *
 * @internal
 */
import * as Result from "effect/Result"
import { existsSync, statSync } from "node:fs"
import { registerHooks } from "node:module"
import { resolve, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

/** Nothing is there, or what is there keeps its module to itself; and what to say of it. */
export interface Unresolved {
  readonly isMissing: boolean
  readonly why: string
}

/**
 * The URL of a module. The project in the working directory has its packages first, and then those count that `emp` itself could
 * import: what is installed beside it.
 */
export const locate = (path: string): Result.Result<string, Unresolved> => {
  const file = resolve(path)
  const isPath = /^[./]|^[A-Za-z]:\\/.test(path)
  // A folder may have the name of a package.
  if (existsSync(file) && (isPath || statSync(file).isFile())) return Result.succeed(pathToFileURL(file).href)
  if (isPath) return Result.fail({ isMissing: true, why: `there is no file ${file}` })
  const folder = process.cwd()
  const parents = [pathToFileURL(folder + sep).href, import.meta.url]
  for (const parent of parents) {
    const found = resolveFrom(parent, path)
    if (Result.isSuccess(found)) return Result.succeed(found.success)
    // A package that is there, and does not export this, is the one that was meant.
    if (!isNotFound(found.failure)) return Result.fail({ isMissing: false, why: messageOf(found.failure) })
  }
  const own = fileURLToPath(new URL(".", import.meta.url))
  const why = `cannot find the package in ${folder} or above, nor beside emp, in ${own} or above`
  return Result.fail({ isMissing: true, why })
}

/** A module, or one that it imports, is not there. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** Stands for what is looked for, so that nothing else that is being imported meanwhile is looked for in the wrong place. */
const wanted = "effect-mp:service"

/**
 * What `import` would find for a module at the URL `parent`, with its conditions: `createRequire` finds no package that is made for
 * `import` alone.
 */
const resolveFrom = (parent: string, path: string): Result.Result<string, unknown> => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === wanted ? next(path, { ...context, parentURL: parent }) : next(specifier, context)
  })
  try {
    return Result.succeed(import.meta.resolve(wanted))
  } catch (error) {
    return Result.fail(error)
  } finally {
    hooks.deregister()
  }
}
