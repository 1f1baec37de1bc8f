import { assert, describe, it } from "@effect/vitest"
import { MessageChannel } from "node:worker_threads"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import { decoder, encoder, type Packet } from "../../../packets.ts"
import { start } from "../../../processes.ts"
import { SeededRandom } from "../../../simulation/random.ts"
import { inChunks } from "./chunking.ts"

const cbor = framings.get("cbor")!

const bytesOf = (random: SeededRandom, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, () => random.int(0, 255))

const received = (packets: ReadonlyArray<Packet>, sizes: ReadonlyArray<number>): ReadonlyArray<Packet> => {
  const encode = encoder(cbor, "own")
  const take = decoder(cbor, { maxMessageSize: 64 * 1024 * 1024, kind: "own" })
  return inChunks(Buffer.concat(packets.map((packet) => Uint8Array.from(encode(packet)))), sizes).flatMap((chunk) => {
    const packets = take(chunk)
    // The memory belongs to the socket.
    chunk.fill(0)
    return packets
  })
}

describe("byte strings that come", () => {
  it("are what was sent, short and long ones in any number, wherever they were cut", () => {
    for (let seed = 0; seed < 40; seed++) {
      const random = new SeededRandom(`bytes ${seed}`)
      const size = (): number => random.pick([0, 1, 63, 64, 65, 1000, 4095, 4096, 4097, 20_000, 300_000])!
      const packets = Array.from({ length: random.int(1, 4) }, () => [
        "port",
        ...Array.from(
          { length: random.int(0, 5) },
          () => random.chance(0.7) ? bytesOf(random, size()) : random.pick([1, "text", 5n, [bytesOf(random, size())]])!
        )
      ])
      const sizes = Array.from({ length: 5 }, () => random.pick([1, 100, 5000, 65_536])!).concat(65_536)
      assert.deepStrictEqual(received(packets, sizes), packets, `seed ${seed}`)
    }
  })

  it("can be changed by who has got them, and nobody else sees it", () => {
    const [first, second] = received([["a", new Uint8Array(100), new Uint8Array(100)], ["b", new Uint8Array(5000)]], [
      10_000
    ])
    ;(first![1] as Uint8Array).fill(1)
    assert.deepStrictEqual(first![2], new Uint8Array(100))
    assert.deepStrictEqual(second![1], new Uint8Array(5000))
  })

  it("stay where they are when one of them is given to another thread", () => {
    const [packet] = received([["a", new Uint8Array(100).fill(7), new Uint8Array(100).fill(8)]], [1000])
    const [, given, kept] = packet as [string, Uint8Array<ArrayBuffer>, Uint8Array]
    const { port1, port2 } = new MessageChannel()
    // Nobody gets what shares its memory with others.
    const give = (): void => port1.postMessage(given, [given.buffer])
    if (given.buffer === kept.buffer) assert.throws(give)
    else give()
    port1.close()
    port2.close()
    assert.deepStrictEqual(kept, new Uint8Array(100).fill(8))
  })

  it("hold no more memory than twice what has come of them", async () => {
    const { code, stderr, stdout } = await start(["--expose-gc", "test/fixtures/announced.ts"]).exits()
    assert.strictEqual(code, 0, stderr)
    assert.isBelow(Number.parseInt(stdout, 10), 20 * 2_500_000)
  })
})
