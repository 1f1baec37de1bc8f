import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { nearest } from "../../../src/internal/global/choice.ts"

/** A node with links to others, each with its round trip, if that is known; who was asked for it. */
const places = (millis: Readonly<Record<string, number | undefined>>) => {
  const asked: Array<string> = []
  return {
    asked,
    nodeId: "here",
    isUp: (nodeId: string) => nodeId in millis,
    monotonic: () => 0,
    roundTripMillis: (nodeId: string) => {
      asked.push(nodeId)
      return millis[nodeId]
    }
  }
}

describe("the nearest members", () => {
  it.each([
    ["those on this node", ["here#1", "near#1", "here#2"], ["here#1", "here#2"]],
    ["those with a link, if none is here", ["near#1", "unlinked#1"], ["near#1"]],
    ["all of them, where there is no link to any", ["unlinked#1", "lost#1"], ["unlinked#1", "lost#1"]],
    ["those that answer quickly", ["near#1", "far#1", "near#2"], ["near#1", "near#2"]],
    ["those that take hardly longer than the quickest", ["near#1", "close#1"], ["near#1", "close#1"]],
    ["those within twice the time of the quickest", ["far#1", "farther#1", "farthest#1"], ["far#1", "farther#1"]],
    ["those that nobody knows it of, too", ["far#1", "perl#1", "near#1"], ["perl#1", "near#1"]]
  ])("are %s", (_, members, expected) => {
    const known = { near: 1, close: 5.5, far: 50, farther: 90, farthest: 101, perl: undefined }
    assert.deepStrictEqual(nearest(members, places(known)), expected)
  })

  it("of one node are not measured, nor those here", () => {
    const known = places({ near: 1, far: 50 })
    nearest(["near#1", "near#2"], known)
    nearest(["near#1", "far#2", "here#1"], known)
    assert.deepStrictEqual(known.asked, [])
  })

  const Node = Schema.Literals(["a", "b", "c", "d"])
  const Millis = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
  const Known = Schema.Record(Schema.Literals(["a", "b", "c"]), Schema.UndefinedOr(Millis))
  const Members = Schema.Array(Schema.Tuple([Node, Schema.Literals([1, 2])])).check(Schema.isMinLength(1))

  it.prop("are some of the members, with the quickest among them, whatever was measured", [Known, Members], (drawn) => {
    const known: Readonly<Record<string, number | undefined>> = drawn[0]
    const members = drawn[1].map(([nodeId, nth]) => `${nodeId}#${nth}`)
    const chosen = nearest(members, places(known))
    const timeOf = (member: string): number => known[member.slice(0, 1)] ?? Infinity
    const quickest = Math.min(...members.map(timeOf))
    assert.isNotEmpty(chosen)
    assert.isTrue(chosen.every((member) => members.includes(member)))
    if (quickest < Infinity) assert.isTrue(chosen.some((member) => timeOf(member) === quickest))
  })
})
