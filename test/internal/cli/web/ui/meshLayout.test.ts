import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Placed, placesOf } from "../../../../../src/internal/cli/web/ui/meshLayout.ts"

const Nodes = Schema.Array(
  Schema.Struct({ id: Schema.String, isGlobal: Schema.Boolean, master: Schema.UndefinedOr(Schema.String) })
)

/** No two nodes have one name. */
const network = (drawn: typeof Nodes.Type): ReadonlyArray<Placed> =>
  Array.from(new Map(drawn.map((node) => [node.id, node])).values())

describe("the picture of the mesh", () => {
  it.prop("has one place for each node, within the picture, and no two at the same", [Nodes], ([drawn]) => {
    const nodes = network(drawn)
    const places = placesOf(nodes)
    assert.sameMembers(places.map(({ id }) => id), nodes.map(({ id }) => id))
    for (const { x, y } of places) assert.isAtMost(Math.hypot(x, y), 1 + 1e-9)
    assert.strictEqual(new Set(places.map(({ x, y }) => `${x.toFixed(6)} ${y.toFixed(6)}`)).size, nodes.length)
  })

  it.prop("is the same in whatever order nodes become known", [Nodes], ([drawn]) => {
    const nodes = network(drawn)
    assert.deepStrictEqual(placesOf(nodes.toReversed()), placesOf(nodes))
  })

  it("has few global nodes in the middle, and all on one ring when most are global", () => {
    const nodes = (globals: number): ReadonlyArray<Placed> =>
      Array.from({ length: 12 }, (_, index) => ({ id: `n${index}`, isGlobal: index < globals, master: "n0" }))
    assert.strictEqual(placesOf(nodes(2)).filter(({ isInner }) => isInner).length, 2)
    assert.strictEqual(placesOf(nodes(8)).filter(({ isInner }) => isInner).length, 0)
  })
})
