/**
 * Builds `dist/`: JavaScript and declarations of `src/`, with `emp` executable. Runs on any Node that npm brings, so that
 * `npm ci` can call it before the pinned one is on the PATH. The page that `emp errors` shows and the pages of `emp web` become
 * part of the code: no file beside it is read. `emp` itself is one small file, which loads others only when it needs them: the modules,
 * or the command line in few files, with its help as text. `dist/` is replaced when all is there: a build that fails leaves the last
 * one alone, and what runs from it hardly notices.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { makeAnswers } from "./answers.ts"
import { withPureCalls } from "./pureCalls.ts"
import { webPages } from "./webPages.ts"

const root = new URL("..", import.meta.url)
const dist = new URL("dist/", root)
const name = `.dist.${process.pid}/`
const fresh = new URL(name, root)
const bundle = new URL("internal/cli/bundle/", fresh)

/** Where the modules find what depends on the platform, and what bundlers may leave out of them. */
const readyForBundlers = (): void => {
  const manifest = readFileSync(new URL("src/package.json", root), "utf8")
  writeFileSync(new URL("package.json", fresh), manifest.replaceAll(/(\.\/.*)\.ts"/g, `$1.js"`))
  for (const name of readdirSync(fresh, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue
    const file = new URL(name, fresh)
    writeFileSync(file, withPureCalls(readFileSync(file, "utf8")))
  }
}

/** What is installed as `emp`. */
const bundleStart = async (): Promise<void> => {
  await build({
    entryPoints: [fileURLToPath(new URL("emp.js", fresh))],
    outfile: fileURLToPath(new URL("emp.cjs", fresh)),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["./main.js"],
    logLevel: "warning"
  })
  for (const left of ["emp.js", "emp.d.ts"]) rmSync(new URL(left, fresh))
  chmodSync(new URL("emp.cjs", fresh), 0o755)
}

/** The command line, and what it needs of other packages, whose licenses go with it. */
const bundleCommands = async (): Promise<void> => {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: [fileURLToPath(new URL("Cli.js", fresh))],
    outdir: fileURLToPath(bundle),
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    metafile: true,
    // What of the dependencies is CommonJS. Others of them make a `require` of their own, by the usual names.
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`
    }
  })
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
  )
  const licenses = Array.from(packages).toSorted().map((name) => {
    const { license, version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, root), "utf8"))
    return `${name} ${version} (${license})\n\n${readFileSync(new URL(`node_modules/${name}/LICENSE`, root), "utf8")}`
  })
  writeFileSync(new URL("LICENSES.txt", bundle), licenses.join("\n---\n\n"))
}

try {
  execFileSync("tsc", ["--project", "tsconfig.build.json", "--outDir", name], { cwd: root, stdio: "inherit" })
  readyForBundlers()
  const page = readFileSync(new URL("docs/errors.md", root), "utf8")
  writeFileSync(new URL("internal/cli/errorPage.js", fresh), `export const errorPage = ${JSON.stringify(page)}\n`)
  writeFileSync(new URL("internal/cli/web/assets.js", fresh), `export const assets = ${JSON.stringify(webPages())}\n`)
  await bundleStart()
  mkdirSync(bundle)
  await bundleCommands()
  writeFileSync(new URL("answers.json", bundle), JSON.stringify(await makeAnswers()))
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
