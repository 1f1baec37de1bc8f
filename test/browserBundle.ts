/** Bundles for pages, of the package as it is built, as those who make pages build them. */
import { build as esbuild } from "esbuild"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build as vite } from "vite"
import { root } from "./processes.ts"

export const bytesInGzip = (code: string): number => gzipSync(code, { level: 9 }).length

/** One file by esbuild, and the files that it is made of. */
export const bundled = async (
  entry: string
): Promise<{ readonly code: string; readonly sources: ReadonlyArray<string> }> => {
  const { metafile, outputFiles } = await esbuild({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    metafile: true,
    write: false,
    logLevel: "silent"
  })
  const [output] = Object.values(metafile.outputs)
  const sources = Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  return { code: outputFiles[0]!.text, sources: sources.map(([file]) => file) }
}

/** All that Vite makes, with what it warns of. */
export const builtByVite = async (
  entry: string
): Promise<{ readonly code: string; readonly warnings: ReadonlyArray<string> }> => {
  const warnings: Array<string> = []
  const built = await vite({
    configFile: false,
    root,
    logLevel: "silent",
    build: {
      write: false,
      modulePreload: false,
      rolldownOptions: {
        input: join(root, entry),
        onwarn: ({ message }) => void warnings.push(message)
      }
    }
  })
  const outputs = [built].flat().flatMap((result) => "output" in result ? result.output : [])
  return { code: outputs.map((output) => output.type === "chunk" ? output.code : "").join("\n"), warnings }
}
