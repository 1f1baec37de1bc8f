import { assert, it } from "@effect/vitest"
import { mostNodes, Roster } from "../../../../src/internal/cli/web/roster.ts"

it("looks at no more nodes than it may, and goes on looking at those that it knows", () => {
  const roster = new Roster()
  roster.list(new Map([["a", ["127.0.0.1:1"]]]))
  const many = Array.from({ length: 2 * mostNodes }, (_, n) => [`n${n}`, []] as const)
  roster.list(new Map<string, unknown>([...many, ["a", []]]))
  assert.lengthOf(roster.present, mostNodes)
  assert.isTrue(roster.isDeaf("a"))
})
