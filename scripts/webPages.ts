/**
 * The pages of `emp web` as three texts: what of `src/internal/cli/web/ui/` a browser is sent. All that they need is in them.
 */
import { buildSync } from "esbuild"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface WebPages {
  readonly html: string
  readonly js: string
  readonly css: string
}

/** It is part of the script, so its license goes with it. */
const preactLicense = readFileSync(new URL("../node_modules/preact/LICENSE", import.meta.url), "utf8")

const ui = fileURLToPath(new URL("../src/internal/cli/web/ui/", import.meta.url))

const bundled = (file: string): string => {
  const { outputFiles } = buildSync({
    entryPoints: [ui + file],
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    // Browsers of the last two years: the style sheet needs `light-dark`.
    target: ["chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    logLevel: "error"
  })
  return outputFiles.map(({ text }) => text).join("")
}

export const webPages = (): WebPages => ({
  html: readFileSync(`${ui}page.html`, "utf8"),
  js: `/* The script contains preact.\n\n${preactLicense}*/\n${bundled("main.tsx")}`,
  css: bundled("style.css")
})
