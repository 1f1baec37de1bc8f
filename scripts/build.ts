/**
 * Builds `dist/`: JavaScript and declarations of `src/`, with `emp` executable. Runs on any Node that npm brings, so that
 * `npm ci` can call it before the pinned one is on the PATH.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, rmSync } from "node:fs"

const root = new URL("..", import.meta.url)
rmSync(new URL("dist", root), { recursive: true, force: true })
execFileSync("tsc", ["--project", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
chmodSync(new URL("dist/main.js", root), 0o755)
