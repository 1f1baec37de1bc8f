import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { checkThreads, countUp, ofFirst, ofThread } from "../../../../src/internal/cli/run/threadOptions.ts"

describe("the address of a further thread", () => {
  it.each([
    ["4040", "4042"],
    ["10.0.0.1:4040", "10.0.0.1:4042"],
    ["[::1]:4040", "[::1]:4042"],
    ["*:4040@vpn", "*:4042@vpn"],
    ["node.example:*", "node.example:*"],
    ["node.example", "node.example"],
    ["*", "*"],
    ["0", "0"],
    ["unix:/run/emp.sock", "unix:/run/emp.sock.2"],
    ["ws://0.0.0.0:8080/nodes", "ws://0.0.0.0:8082/nodes"],
    ["ws://[::1]:8080", "ws://[::1]:8082"],
    ["ws://*:*/nodes", "ws://*:*/nodes"],
    ["thread:", "thread:"]
  ])("after %s by two is %s", (first, third) => {
    assert.strictEqual(countUp(first, 2), third)
  })

  it.each(["65535", "[::1]:65535", "wss://example.org/nodes", "ws:/nodes", "ws://host:65535/"])(
    "is none after %s",
    (first) => {
      assert.isUndefined(countUp(first, 1))
    }
  )
})

const options = {
  nodeId: "many",
  binds: ["10.0.0.1:4040,10.0.0.1:*"],
  seeds: ["seed:4040"],
  metrics: "9464",
  threads: 2
}
const orders = { nodeId: "many/1", index: 1, seed: "thread:0:many" }

it.effect("the nodes of further threads have places of their own, and the first one as their seed", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* ofThread({ ...options, advertise: undefined }, orders), {
      nodeId: "many/1",
      binds: ["10.0.0.1:4041", "10.0.0.1:*", "thread:"],
      advertise: undefined,
      seeds: ["thread:0:many"],
      metrics: "9465",
      threads: 1
    })
  }))

it.effect("what is advertised in place of the binds does not hide the nodes from each other within their process", () =>
  Effect.gen(function*() {
    const advertise = ["public.example:5040", "public.example"]
    const { advertise: first = [] } = ofFirst({ ...options, advertise }, "many")
    assert.deepStrictEqual(first.slice(0, 2), advertise)
    assert.match(first[2] ?? "", /^thread:\/\/.*:many$/)
    const { advertise: second = [] } = yield* ofThread({ ...options, advertise }, orders)
    assert.deepStrictEqual(second.slice(0, 2), ["public.example:5041", "public.example"])
    assert.match(second[2] ?? "", /^thread:\/\/.*:many\/1$/)
    const refused = yield* Effect.flip(ofThread({ ...options, advertise: ["wss://public.example/nodes"] }, orders))
    assert.strictEqual(refused.option, "advertise")
  }))

it.effect("an address that not all threads can have one after is known before the first of them listens", () =>
  Effect.gen(function*() {
    const free = { ...options, advertise: undefined, binds: ["10.0.0.1:65533"] }
    yield* checkThreads({ ...free, threads: 1 })
    yield* checkThreads({ ...free, threads: 3 })
    const refused = yield* Effect.flip(checkThreads({ ...free, threads: 4 }))
    assert.strictEqual(
      refused.message,
      "node option binds: \"10.0.0.1:65533\" leaves no address for 4 threads"
    )
  }))
