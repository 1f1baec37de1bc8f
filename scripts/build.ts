/**
 * Builds `dist/`: JavaScript and declarations of `src/`, with `emp` executable. Runs on any Node that npm brings, so that
 * `npm ci` can call it before the pinned one is on the PATH. `dist/` is replaced when all is there: a build that fails
 * leaves the last one alone, and what runs from it hardly notices.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, renameSync, rmSync } from "node:fs"

const root = new URL("..", import.meta.url)
const dist = new URL("dist/", root)
const name = `.dist.${process.pid}/`
const fresh = new URL(name, root)
try {
  execFileSync("tsc", ["--project", "tsconfig.build.json", "--outDir", name], { cwd: root, stdio: "inherit" })
  chmodSync(new URL("main.js", fresh), 0o755)
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
