import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as inBrowser from "../../../src/internal/config/inBrowser.ts"
import * as onNode from "../../../src/internal/config/onNode.ts"

describe("what reads a configuration in a browser", () => {
  it.effect("is what reads it on Node", () =>
    Effect.gen(function*() {
      const alike: typeof onNode = inBrowser
      assert.sameMembers(Object.keys(alike), Object.keys(onNode))
      assert.strictEqual(yield* alike.loadVariables, yield* onNode.loadVariables)
      assert.strictEqual(yield* alike.loadProfile, yield* onNode.loadProfile)
    }))
})
