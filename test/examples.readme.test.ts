/** The table of the examples: whether it has all of them, and whether what it has people type works as it stands there. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { devNull } from "node:os"
import { join } from "node:path"
import { onHosts } from "./chaos/namespaces.ts"
import { emp, root, start } from "./processes.ts"
import { isFull } from "./size.ts"

interface Row {
  readonly file: string
  readonly command: string
}

const groups = readFileSync(join(root, "examples/README.md"), "utf8").split(/^## /m).slice(1).map((text) => ({
  title: text.slice(0, text.indexOf("\n")),
  rows: Array.from(
    text.matchAll(/^\| `([^`]+)` \|.*\| (?:`([^`]+)` )?\|$/gm),
    ([, file = "", command = ""]): Row => ({ file, command })
  )
}))
const rows = groups.flatMap((group) => group.rows)

const files = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("guides"))

describe("the table of the examples", () => {
  it("has every file, and no other", () => {
    assert.sameMembers(Array.from(new Set(rows.map(({ file }) => file))), files)
  })

  it("has lines that the files themselves begin with", () => {
    for (const { command, file } of rows.filter(({ command }) => !command.startsWith("npx "))) {
      assert.include(readFileSync(join(root, "examples", file), "utf8"), command)
    }
  })

  // Other tests start most of them as well: in the small size a third is enough.
  for (const { rows, title } of groups.filter((_, nth) => isFull || nth % 3 === 0)) {
    onHosts(`has lines that work beside each other: ${title}`, { lan: ["ruth"] }, async ({ ruth }) => {
      const type = ({ command }: Row) => {
        const line = command.replace(/^emp run/, `node ${emp} run --no-watchdog`)
        const through = [...ruth.run, "env", `--chdir=${root}`, "bash", "-c", `exec env ${line}`]
        return start([], { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull }, through)
      }
      const programs = rows.filter(({ command }) => command !== "").map((row) => [row, type(row)] as const)
      for (const [{ command, file }, program] of programs) {
        if (/^(node|npx) /.test(command)) assert.strictEqual((await program.exits()).code, 0, command)
        else {await program.sees(
            /^(?:jobs\/front|page\/server)\.ts$/.test(file) ? /Listening on/ : /(?:is ready|has started), listening on/
          )}
      }
    })
  }
})
