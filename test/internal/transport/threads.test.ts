/** What wires between threads do with memory, and how addresses of threads are read. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { formatThread, isOfThisProcess, parseThread } from "../../../src/internal/transport/threadAddress.ts"
import { threadCarrier } from "../../../src/internal/transport/threads.ts"
import type { Wire } from "../../../src/internal/transport/wire.ts"
import { readLabel, schemeOf, splitAddresses } from "../../../src/internal/values/address.ts"
import { until } from "../../harness.ts"

/** Two ends of a connection, and what the other one has heard. */
const connect = Effect.gen(function*() {
  const heard: Array<number> = []
  yield* threadCarrier.listen("thread:memory", (wire) => wire.start(events((chunk) => heard.push(chunk.length))), "a")
  const wire = yield* threadCarrier.dial("thread:0:memory", "b")
  wire.start(events(() => {}))
  yield* Effect.addFinalizer(() => Effect.sync(() => wire.destroy()))
  return { wire, heard }
})

const events = (data: (chunk: Uint8Array) => void): Parameters<Wire["start"]>[0] => ({
  data,
  drained: () => {},
  closed: () => {}
})

describe("a wire between threads", () => {
  for (
    const [what, bytes, how, isHandedOver] of [
      ["hands over large bytes that are alone in their memory", new Uint8Array(100_000), "given", true],
      ["copies what it was only lent", new Uint8Array(100_000), "lent", false],
      ["copies small bytes", new Uint8Array(1000), "given", false],
      ["copies a view", new Uint8Array(200_000).subarray(0, 100_000), "given", false],
      ["copies memory that is shared", new Uint8Array(new SharedArrayBuffer(100_000)), "given", false],
      ["copies what does not go in one piece", new Uint8Array(3_000_000), "given", false]
    ] as const
  ) {
    it.live(what, () =>
      Effect.gen(function*() {
        const { heard, wire } = yield* connect
        const { length } = bytes
        let left = 0
        wire.write(bytes, how === "lent" ? () => left++ : undefined)
        yield* until("all has come", () => heard.reduce((sum, one) => sum + one, 0) === length)
        assert.strictEqual(bytes.length, isHandedOver ? 0 : length)
        assert.strictEqual(left, how === "lent" ? 1 : 0)
      }))
  }
})

describe("the address of a thread", () => {
  for (const name of ["seed", "a b", "it's 100%, @home", "7", "5:x", "//x/1:y", "é\u0000"]) {
    it(`has any name, as other addresses have in lists and with labels: ${JSON.stringify(name)}`, () => {
      const address = formatThread(name)
      assert.deepStrictEqual(splitAddresses([`${address},${address}`]), [address, address])
      assert.deepStrictEqual(readLabel(`${address}@vpn`), { address, label: "vpn" })
      assert.strictEqual(schemeOf(address), "thread")
      const read = parseThread(address)
      assert.deepStrictEqual(read && { ...read, process: isOfThisProcess(read) }, { process: true, thread: 0, name })
    })
  }

  it("may be without a thread, or a name, and is not with half of it", () => {
    assert.deepStrictEqual(parseThread("thread:"), { process: undefined, thread: 0, name: "" })
    assert.deepStrictEqual(parseThread("THREAD:3:x"), { process: undefined, thread: 3, name: "x" })
    for (const wrong of ["thread://host:1/x", "thread:%", "threads:0:x"]) assert.isUndefined(parseThread(wrong))
  })
})
