/** The package as npm packs it, and as npm unpacks it. */
import { execFileSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { root } from "./processes.ts"

/** Packs into a folder. Answers the tarball, and the files that are in it. */
export const pack = (folder: string): { readonly tarball: string; readonly files: ReadonlyArray<string> } => {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]
  const [packed] = JSON.parse(
    execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: "pipe" })
  ) as ReadonlyArray<{ readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> }>
  return { tarball: join(folder, packed!.filename), files: packed!.files.map(({ path }) => path) }
}

/** Unpacks into a folder of `node_modules`, and answers where. */
export const unpack = (tarball: string, modules: string): string => {
  const place = join(modules, "effect-mp")
  mkdirSync(place, { recursive: true })
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", place])
  return place
}
