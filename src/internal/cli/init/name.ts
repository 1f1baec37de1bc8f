/**
 * What npm takes for the name of a package, and which name a folder suggests.
 *
 * @internal
 */
import { isBuiltin } from "node:module"

/** Names that npm keeps for itself. */
const reserved = new Set(["node_modules", "favicon.ico"])

const longest = 214

/** One part of a name: what may stand in a URL as it is. */
const part = /^[a-z0-9][a-z0-9._-]*$/

/** What is wrong with a name, in words that follow it; `undefined`: nothing. `taken` are the packages that the project depends on. */
export const wrongName = (name: string, taken: ReadonlyArray<string>): string | undefined => {
  if (name.length > longest) return `has more than ${longest} characters`
  const [, scope, own = name] = /^@([^/]*)\/(.*)$/s.exec(name) ?? []
  if (!part.test(own) || scope !== undefined && !part.test(scope)) {
    return "is no name for npm, which wants a small letter of a to z or a digit, then perhaps more of them, hyphens, dots and " +
      "underscores; in front there may be a scope, as in @my/name"
  }
  if (reserved.has(name)) return "is a name that npm keeps for itself"
  if (isBuiltin(name)) return "is the name of a module of Node"
  if (taken.includes(name)) return "is the name of a package that the project depends on"
  return undefined
}

/** The name that a folder suggests, which may still be none. */
export const nameOf = (folder: string): string =>
  folder.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-").replaceAll(/^[._-]+|-+$/g, "").slice(0, longest)
