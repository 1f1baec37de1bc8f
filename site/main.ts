/**
 * `npm run docs`: installs what the site is made with, where it is not there, and writes the site. With `--serve` it can be looked at.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const folder = fileURLToPath(new URL(".", import.meta.url))

const { values } = parseArgs({
  options: { out: { type: "string", default: `${folder}out` }, serve: { type: "boolean", default: false } }
})

/** What is installed is what the lock file names: npm keeps a copy of that beside it. */
const isInstalled = (): boolean => {
  const installed = `${folder}node_modules/.package-lock.json`
  if (!existsSync(installed)) return false
  const versions = (file: string): string => {
    const lock: { packages: Record<string, { version?: string }> } = JSON.parse(readFileSync(file, "utf8"))
    return Object.entries(lock.packages).filter(([path]) => path !== "").map(([path, { version }]) =>
      `${path} ${version}`
    ).join()
  }
  return versions(installed) === versions(`${folder}package-lock.json`)
}

if (!isInstalled()) {
  console.log("installing what the site is made with ...")
  const { status } = spawnSync("npm", ["ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"], {
    stdio: "inherit"
  })
  if (status !== 0) {
    console.error("npm run docs: TypeDoc could not be installed, see above")
    process.exit(2)
  }
}

const { build } = await import("./build.ts")
if (!(await build(values.out))) {
  console.error("npm run docs: there is no site, because of the errors and warnings above")
  process.exit(1)
}
if (values.serve) {
  const { serve } = await import("./serve.ts")
  const { base } = await serve(values.out, 8000)
  console.log(`${base} has the site; Ctrl-C ends it`)
}
