import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { packedIn } from "../../../../src/internal/cli/init/tarball.ts"
import { makeFolder } from "../../../folders.ts"

/** A tarball of files, in the order in which they are given. */
const tarballOf = (files: Readonly<Record<string, string>>): Buffer => {
  const folder = makeFolder()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  execFileSync("tar", ["-czf", "it.tgz", ...Object.keys(files)], { cwd: folder })
  return readFileSync(join(folder, "it.tgz"))
}

const manifest = (name: string, version: string): string => JSON.stringify({ name, version })
const found = (bytes: Uint8Array) => Option.getOrUndefined(packedIn(bytes))

describe("a tarball of npm", () => {
  it("says what it is, wherever its package.json stands, and whatever others lie below", () => {
    const others = { "package/a.txt": "a".repeat(600), "package/inner/package.json": manifest("inner", "1.0.0") }
    const bytes = tarballOf({ ...others, "package/package.json": manifest("it", "1.2.3-rc.1") })
    assert.deepStrictEqual(found(bytes), { name: "it", version: "1.2.3-rc.1" })
  })

  it.each([
    ["no package.json", { "package/a.txt": "a" }],
    ["one that is no JSON", { "package/package.json": "{" }],
    ["one without a name", { "package/package.json": "{}" }],
    ["a version that is a path", { "package/package.json": manifest("it", "1/../../x") }]
  ])("is none with %s", (_, files) => {
    assert.isUndefined(found(tarballOf(files)))
  })

  it("that is cut off anywhere says the same, or is none", () => {
    const bytes = tarballOf({ "package/package.json": manifest("it", "1.0.0"), "package/a.txt": "a".repeat(2000) })
    const tar = gunzipSync(bytes)
    for (let length = 0; length < tar.length; length += 97) {
      assert.include([undefined, "it"], found(gzipSync(tar.subarray(0, length)))?.name)
    }
    for (let length = 0; length < bytes.length; length += 7) assert.isUndefined(found(bytes.subarray(0, length)))
  })

  it.prop("is found in no other bytes", [Schema.Uint8Array], ([bytes]) => {
    const padded = Buffer.concat([bytes, Buffer.alloc(1024)])
    return found(bytes) === undefined && found(gzipSync(bytes)) === undefined && found(gzipSync(padded)) === undefined
  })
})
