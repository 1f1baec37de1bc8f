import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"
import { nameOf, wrongName } from "../../../../src/internal/cli/init/name.ts"

const taken = ["effect"]

/** What npm itself asks, where it can be found. */
const npm = execFileSync("sh", ["-c", "realpath \"$(command -v npm)\""], { encoding: "utf8" }).trim()
const validate = npm === "" ? undefined : createRequire(npm)("validate-npm-package-name") as (
  name: string
) => { readonly validForNewPackages: boolean }

/** Names near to those that npm takes, and any others. */
const Near = Schema.String.pipe(Schema.check(Schema.isPattern(/^[@./_a-zA-Z0-9 ~'-]{0,12}$/)))

describe("a name for npm", () => {
  it.each([["nodes"], ["@my/nodes"], ["my.nodes_2"], ["a".repeat(214)]])("is %s", (name) => {
    assert.isUndefined(wrongName(name, taken))
  })

  it.each([
    ["Nodes", /a small letter/],
    ["my nodes", /a small letter/],
    ["_nodes", /a small letter/],
    ["-x", /a small letter/],
    ["@my/", /a small letter/],
    ["a/b", /a small letter/],
    ["x\ny", /a small letter/],
    ["node_modules", /keeps for itself/],
    ["fs", /module of Node/],
    ["effect", /depends on/],
    ["a".repeat(215), /more than 214/]
  ])("is not %s", (name, why) => {
    assert.match(wrongName(name, taken) ?? "", why)
  })

  describe.skipIf(validate === undefined)(
    validate === undefined ? "as npm has it: NOT RUN, no npm" : "as npm has it",
    () => {
      const isFine = (name: string): void => {
        if (wrongName(name, taken) === undefined) assert.isTrue(validate!(name).validForNewPackages, name)
      }
      it.prop("is what npm takes", [Schema.Union([Near, Schema.String])], ([name]) => isFine(name))
      it.prop("comes of whatever folder there is, or is refused", [Schema.Union([Near, Schema.String])], ([folder]) => {
        isFine(nameOf(folder))
      })
    }
  )

  it.each([["My Nodes", "my-nodes"], ["..x.y", "x.y"], ["日本", ""], ["a b ", "a-b"]])(
    "of the folder %s is %s",
    (folder, name) => {
      assert.strictEqual(nameOf(folder), name)
    }
  )
})
