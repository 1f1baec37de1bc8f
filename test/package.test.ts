import { assert, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { version } from "../src/internal/version.ts"
import { root } from "./processes.ts"

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string
  readonly bin: Record<string, string>
}

const rooms = ["Cli", "Global", "Node", "Port", "Supervisor", "Transport"]

/** The package as `npm pack` makes it, unpacked beside its peers in a folder of its own. */
const withPackage = (use: (folder: string, files: ReadonlyArray<string>) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
  try {
    const packed = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root })
        .toString()
    ) as ReadonlyArray<{ readonly filename: string; readonly files: ReadonlyArray<{ readonly path: string }> }>
    const modules = join(folder, "node_modules")
    mkdirSync(join(modules, "effect-mp"), { recursive: true })
    execFileSync("tar", [
      "-xzf",
      join(folder, packed[0]!.filename),
      "--strip-components=1",
      "-C",
      join(modules, "effect-mp")
    ])
    for (const name of readdirSync(join(root, "node_modules"))) {
      if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name))
    }
    use(folder, packed[0]!.files.map((file) => file.path))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("the package", () => {
  it("has one version", () => {
    assert.strictEqual(version, manifest.version)
  })

  it("contains what its exports promise, with declarations, and nothing of the workshop", () => {
    withPackage((folder, files) => {
      for (const room of [...rooms, "index"]) {
        assert.include(files, `dist/${room}.js`)
        assert.include(files, `dist/${room}.d.ts`)
      }
      for (const bin of Object.values(manifest.bin)) {
        assert.isTrue(existsSync(join(folder, "node_modules/effect-mp", bin)))
      }
      const others = files.filter((file) =>
        !/^dist\/(internal\/)?(demo\/)?\w+\.(js|d\.ts)$/.test(file) && !/^docs\/\w+\.md$/.test(file)
      )
      assert.sameMembers(others, ["package.json", "LICENSE", "README.md", "CHANGELOG.md"])
    })
  })

  it("can be imported by its rooms, and by nothing else", () => {
    withPackage((folder) => {
      const load = (specifier: string) =>
        spawnSync(process.execPath, ["--input-type=module", "-e", `await import("${specifier}")`], { cwd: folder })
      for (const room of rooms) assert.strictEqual(load(`effect-mp/${room}`).status, 0, room)
      assert.strictEqual(load("effect-mp").status, 0)
      for (const inner of ["internal/cell", "main", "index"]) {
        assert.match(load(`effect-mp/${inner}`).stderr.toString(), /ERR_PACKAGE_PATH_NOT_EXPORTED/)
      }
    })
  })

  it("brings an emp that runs, with its demo", () => {
    withPackage((folder) => {
      const emp = join(folder, "node_modules/effect-mp", manifest.bin["emp"]!)
      assert.include(execFileSync(process.execPath, [emp, "--version"]).toString(), version)
      assert.include(execFileSync(process.execPath, [emp, "errors", "fail"]).toString(), "A handler")
      assert.include(execFileSync(process.execPath, [emp, "demo"], { cwd: folder }).toString(), "What happened:")
    })
  })
})
