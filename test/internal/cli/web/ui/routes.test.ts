import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  chartsHref,
  href,
  isSameName,
  nodeHref,
  pages,
  routeOf
} from "../../../../../src/internal/cli/web/ui/routes.ts"

/** What names may be made of. */
const Letters = Schema.Array(
  Schema.Literals([
    "a",
    "/",
    "#",
    "?",
    "..",
    "%",
    " ",
    "\u202E",
    "\u2066",
    "\0",
    "\n",
    "\uD83D",
    "\uDE00",
    "👩",
    "é",
    "\"",
    "<"
  ])
)

describe("the address of a page", () => {
  it("leads back to the page", () => {
    for (const page of pages) assert.strictEqual(routeOf(href(page)).page, page)
  })

  it.prop("leads back to a node, whatever it is called", [Letters], ([letters]) => {
    const name = letters.join("")
    const route = routeOf(nodeHref(name))
    assert.isTrue(route.page === "node" && isSameName(route.nodeId, name))
    const charts = routeOf(chartsHref(name))
    assert.isTrue(charts.page === "charts" && charts.nodeId !== undefined && isSameName(charts.nodeId, name))
  })

  it("is the mesh, if it is none that there is", () => {
    for (const hash of ["", "#", "#/", "#/nowhere", "#mesh/", "#/constructor"]) {
      assert.deepStrictEqual(routeOf(hash), { page: "mesh" })
    }
  })

  it("may be broken", () => {
    assert.deepStrictEqual(routeOf("#/node/%zz"), { page: "node", nodeId: "%zz" })
  })
})
