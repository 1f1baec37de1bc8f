import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { LinkSummary, NetworkChanges, NodeSummary, type Picture } from "../../../../src/internal/cli/web/api.ts"
import { applyChanges, changesBetween, emptyPicture } from "../../../../src/internal/cli/web/changes.ts"
import { link, node, picture } from "./pictures.ts"

/** Names that objects, pages and separators trip over. */
const Name = Schema.Literals([
  "a",
  "b",
  "__proto__",
  "constructor",
  "a/b",
  "..",
  "<script>alert(1)</script>",
  "\",\"",
  "ü\u2028"
])
const Nodes = Schema.Array(Schema.Struct({ ...NodeSummary.fields, id: Name }))
const Links = Schema.Array(Schema.Struct({ ...LinkSummary.fields, a: Name, b: Name }))
const Network = Schema.Struct({ nodes: Nodes, links: Links })

const throughJson = Schema.fromJsonString(NetworkChanges)
/** As a page gets it. */
const sent = (changes: NetworkChanges): NetworkChanges =>
  Schema.decodeUnknownSync(throughJson)(Schema.encodeSync(throughJson)(changes))

/** In the order of the names, and without what JSON does not tell apart: -0 and 0. */
const listed = ({ links, nodes, ...rest }: Picture): unknown =>
  JSON.parse(JSON.stringify({
    ...rest,
    nodes: Array.from(nodes).toSorted(([one], [other]) => one < other ? -1 : 1),
    links: Array.from(links).toSorted(([one], [other]) => one < other ? -1 : 1)
  }))

describe("changes of a picture", () => {
  it.prop(
    "make of the picture before the one after, over the wire, whatever nodes are called",
    [Schema.Array(Network)],
    ([networks]) => {
      let [known, last] = [emptyPicture, emptyPicture]
      for (const [version, { links, nodes }] of networks.entries()) {
        const next = picture(nodes, links, { version })
        known = applyChanges(known, sent(changesBetween(version === 0 ? undefined : last, next)))
        assert.deepStrictEqual(listed(known), listed(next))
        last = next
      }
    },
    { arbitrary: { runs: 300 } }
  )

  it("are all there is, for one who knows nothing; what was known before is forgotten", () => {
    const next = picture([node("a"), node("b")], [link("a", "b")])
    const changes = changesBetween(undefined, next)
    assert.isTrue(changes.full)
    assert.deepStrictEqual(applyChanges(picture([node("old")], [link("old", "older")]), sent(changes)), next)
  })

  it("name of a node no more than what is new", () => {
    const [before, after] = [picture([node("a"), node("b")]), picture([node("a", { ports: 5 }), node("b")])]
    assert.deepStrictEqual(changesBetween(before, after).nodes, [{ id: "a", ports: 5 }])
  })

  it("say nothing of addresses that are the same in another list", () => {
    const listening = () => picture([node("a", { addresses: ["127.0.0.1:1", "[::1]:1"] })])
    assert.deepStrictEqual(changesBetween(listening(), listening()).nodes, [])
  })
})
