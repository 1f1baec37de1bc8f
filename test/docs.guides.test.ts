/** What the guides show is what stands in `examples/guides/`, and all of that is shown or used there. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./processes.ts"

const read = (path: string): string => readFileSync(join(root, path), "utf8")
const pages = readdirSync(join(root, "docs/guides")).filter((name) => name !== "README.md")

describe("the guides", () => {
  it.each(pages)("show programs as they stand in examples/guides/: %s", (page) => {
    for (
      const [, name = "", program] of read(`docs/guides/${page}`).matchAll(
        /^```(?:ts|dockerfile) (\S+)\n([^]*?)^```$/gm
      )
    ) {
      assert.strictEqual(program, read(`examples/guides/${name}`), name)
    }
  })

  it("are all in their index", () => {
    const linked = Array.from(read("docs/guides/README.md").matchAll(/\]\(([\w-]+\.md)\)/g), ([, page]) => page!)
    assert.includeMembers(linked, pages)
  })
})
