import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expand } from "../../../src/internal/node/nodeId.ts"

describe("a node ID", () => {
  it.effect("without patterns stays as it is", () =>
    Effect.gen(function*() {
      for (const nodeId of ["seed", "a/b", "10.0.0.1:4040", "100%", "%x"]) {
        assert.deepStrictEqual(yield* expand(nodeId, "host"), { nodeId, isRandom: false })
      }
    }))

  it.effect("has the host name for every %n", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* expand("%n/x/%n", "host"), { nodeId: "host/x/host", isRandom: false })
      assert.deepStrictEqual(yield* expand("%n", "a$&b"), { nodeId: "a$&b", isRandom: false })
    }))

  it.effect("that ends in / gets ten random characters", () =>
    Effect.gen(function*() {
      const { isRandom, nodeId } = yield* expand("anon/", "host")
      assert.match(nodeId, /^anon\/[0-9A-Za-z]{10}$/)
      assert.isTrue(isRandom)
      assert.notStrictEqual((yield* expand("anon/", "host")).nodeId, nodeId)
    }))

  it.effect("has the same random characters for every %u and behind its last /", () =>
    Effect.gen(function*() {
      const { isRandom, nodeId } = yield* expand("%u-%u/", "host")
      assert.match(nodeId, /^([0-9A-Za-z]{10})-\1\/\1$/)
      assert.isTrue(isRandom)
      const inside = yield* expand("x%u", "host")
      assert.match(inside.nodeId, /^x[0-9A-Za-z]{10}$/)
      assert.isTrue(inside.isRandom)
    }))

  it.effect("has %n replaced before the rest", () =>
    Effect.gen(function*() {
      const { isRandom, nodeId } = yield* expand("%n", "host/")
      assert.match(nodeId, /^host\/[0-9A-Za-z]{10}$/)
      assert.isTrue(isRandom)
    }))
})
