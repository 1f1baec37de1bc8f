/**
 * Builds `dist/`: JavaScript and declarations of `src/`, with `emp` executable. Runs on any Node that npm brings, so that
 * `npm ci` can call it before the pinned one is on the PATH. The page that `emp errors` shows and the pages of `emp web` become
 * part of the code: no file beside it is read. `dist/` is replaced when all is there: a build that fails
 * leaves the last one alone, and what runs from it hardly notices.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { webPages } from "./webPages.ts"

const root = new URL("..", import.meta.url)
const dist = new URL("dist/", root)
const name = `.dist.${process.pid}/`
const fresh = new URL(name, root)
try {
  execFileSync("tsc", ["--project", "tsconfig.build.json", "--outDir", name], { cwd: root, stdio: "inherit" })
  const page = readFileSync(new URL("docs/errors.md", root), "utf8")
  writeFileSync(new URL("internal/cli/errorPage.js", fresh), `export const errorPage = ${JSON.stringify(page)}\n`)
  writeFileSync(new URL("internal/cli/web/assets.js", fresh), `export const assets = ${JSON.stringify(webPages())}\n`)
  chmodSync(new URL("main.js", fresh), 0o755)
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
