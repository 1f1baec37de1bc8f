/** What the guides show is what stands in `examples/guides/`, and all of that is shown or used there. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fencesOf, read } from "./pages.ts"
import { root } from "./processes.ts"

const pages = readdirSync(join(root, "docs/guides")).filter((name) => name !== "README.md")

describe("the guides", () => {
  it.each(pages)("show programs as they stand in examples/guides/: %s", (page) => {
    for (const { code, what } of fencesOf(read(`docs/guides/${page}`))) {
      const [, name] = /^(?:ts|dockerfile) (\S+)$/.exec(what) ?? []
      if (name !== undefined) assert.strictEqual(code, read(`examples/guides/${name}`), name)
    }
  })

  it("are all in their index", () => {
    const linked = Array.from(read("docs/guides/README.md").matchAll(/\]\(([\w-]+\.md)\)/g), ([, page]) => page!)
    assert.includeMembers(linked, pages)
  })
})
