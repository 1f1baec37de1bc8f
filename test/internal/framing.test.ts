import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Decoder, FramingError, type Packet } from "../../src/internal/framing.ts"
import { framings } from "../../src/internal/framings.ts"
import { ChunkSizes, inChunks } from "./chunking.ts"
import { CborValue, JsonValue } from "./plainValues.ts"

const megabytes16 = 16 * 1024 * 1024

const decoder = (name: string, maxMessageSize = megabytes16): Decoder =>
  framings.get(name)!.makeDecoder({ maxMessageSize, byteStrings: "bytes" })

/** Encodes packets one behind the other. */
const encoded = (name: string, packets: ReadonlyArray<Packet>): Buffer => {
  const encode = framings.get(name)!.makeEncoder()
  return Buffer.concat(packets.map((packet) => Uint8Array.from(encode(packet))))
}

const decoded = (decode: Decoder, chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<Packet> =>
  chunks.flatMap((chunk) => decode(chunk))

/** The reason of a refusal, or what got through. */
const refusal = (decode: Decoder, ...chunks: ReadonlyArray<Uint8Array>): unknown => {
  try {
    return decoded(decode, chunks)
  } catch (error) {
    assert.instanceOf(error, FramingError)
    return error.reason
  }
}

/** So many arrays, one in the other. */
const nested = (depth: number): Packet => {
  let packet: Packet = []
  for (let i = 1; i < depth; i++) packet = [packet]
  return packet
}

const valuesOf = { cbor: CborValue, json: JsonValue }

for (const name of ["cbor", "json"] as const) {
  describe(name, () => {
    it.effect.prop(
      "brings every message over, in any chunks",
      [Schema.Array(Schema.Array(valuesOf[name] as Schema.Schema<unknown>)), ChunkSizes],
      ([packets, sizes]) =>
        Effect.sync(() => {
          const bytes = encoded(name, packets)
          assert.deepStrictEqual(decoded(decoder(name), [bytes]), packets)
          assert.deepStrictEqual(decoded(decoder(name), inChunks(bytes, sizes)), packets)
          assert.deepStrictEqual(decoded(decoder(name), inChunks(bytes, [1])), packets)
        }),
      { arbitrary: { runs: 200 } }
    )

    it("brings over what tempts an encoder", () => {
      const packets = [
        [],
        [""],
        ["", []],
        [{}, [[[]]], { a: {} }],
        ["\ufeffBOM", "\0", "\"\\/[]{}", "\u2028", "é€😀".repeat(300)],
        [
          0,
          -1,
          23,
          24,
          -24,
          -25,
          255,
          256,
          65535,
          65536,
          2 ** 31,
          -(2 ** 31),
          2 ** 32,
          2 ** 53,
          -(2 ** 53),
          0.1,
          1e300
        ],
        [{ constructor: "x", toJSON: "y", length: 3, "": 0, 1: 2 }],
        Array.from({ length: 70_000 }, (_, i) => i),
        [Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key${i}`, i]))]
      ]
      assert.deepStrictEqual(decoded(decoder(name), [encoded(name, packets)]), packets)
    })

    it("answers a packet with its last byte, not later", () => {
      const bytes = encoded(name, [["port", "message"], [[1]]])
      const decode = decoder(name)
      const first = encoded(name, [["port", "message"]]).length
      assert.deepStrictEqual(decode(bytes.subarray(0, first - 1)), [])
      assert.deepStrictEqual(decode(bytes.subarray(first - 1, first)), [["port", "message"]])
      assert.deepStrictEqual(decode(bytes.subarray(first)), [[[1]]])
    })

    it("keeps nothing of a chunk, which the socket may overwrite", () => {
      const message = ["port", "text", name === "cbor" ? Buffer.from("bytes") : "bytes"]
      const bytes = Buffer.concat([encoded(name, [message]), encoded(name, [message])])
      const cut = bytes.length / 2 + 7
      const decode = decoder(name)
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)].map((chunk) => Uint8Array.from(chunk))
      const packets = chunks.flatMap((chunk) => {
        const packets = decode(chunk)
        chunk.fill(0)
        return packets
      })
      const plain = (packet: Packet) => packet.map((item) => item instanceof Uint8Array ? [...item] : item)
      assert.deepStrictEqual(packets.map(plain), [plain(message), plain(message)])
    })

    it("takes an empty chunk for nothing", () => {
      const decode = decoder(name)
      assert.deepStrictEqual(decode(new Uint8Array(0)), [])
      const bytes = encoded(name, [["a"]])
      decode(bytes.subarray(0, 1))
      assert.deepStrictEqual(decode(new Uint8Array(0)), [])
      assert.deepStrictEqual(decode(bytes.subarray(1)), [["a"]])
    })

    it("refuses packets that are not arrays", () => {
      for (const value of [{}, { a: 1 }, "text", 1, -1, 1.5, true, null]) {
        assert.strictEqual(refusal(decoder(name), encoded(name, [value as never])), "bad_packet", JSON.stringify(value))
      }
    })

    it("refuses a packet behind good ones, and garbage", () => {
      const good = encoded(name, [["a"]])
      assert.strictEqual(refusal(decoder(name), Buffer.concat([good, Buffer.from("}")])), "bad_packet")
      const garbage = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7 + 1) & 0xff))
      assert.strictEqual(refusal(decoder(name), garbage), "bad_packet")
      assert.strictEqual(refusal(decoder(name), ...inChunks(garbage, [1])), "bad_packet")
    })

    it.effect.prop(
      "does nothing else with any bytes than to answer arrays or to refuse",
      [Schema.Array(valuesOf[name] as Schema.Schema<unknown>), Schema.Int, Schema.Int, ChunkSizes],
      ([packet, at, flip, sizes]) =>
        Effect.sync(() => {
          const bytes = encoded(name, [packet, packet])
          bytes[Math.abs(at) % bytes.length]! ^= flip & 0xff
          const whole = refusal(decoder(name), bytes)
          if (typeof whole !== "string") (whole as Array<unknown>).forEach((packet) => assert.isArray(packet))
          assert.deepStrictEqual(refusal(decoder(name), ...inChunks(bytes, sizes)), whole)
        }),
      { arbitrary: { runs: 1000 } }
    )

    it("refuses nesting of more than 512 levels", () => {
      const deepest = encoded(name, [nested(512)])
      assert.deepStrictEqual(encoded(name, decoded(decoder(name), [deepest])), deepest)
      assert.strictEqual(refusal(decoder(name), encoded(name, [nested(513)])), "bad_packet")
      const opening = Buffer.alloc(100_000, encoded(name, [nested(2)]).subarray(0, 1))
      assert.strictEqual(refusal(decoder(name), opening), "bad_packet")
    })

    describe("of limited size", () => {
      const packet = ["port", ["text"], { key: "value" }]
      const size = encoded(name, [packet]).length
      const bytes = encoded(name, Array.from({ length: 20 }, () => packet))

      it("takes packets up to the limit, whatever comes in one chunk", () => {
        for (const chunk of [1, 3, size - 1, size, size + 1, 3 * size + 5, bytes.length]) {
          assert.strictEqual(decoded(decoder(name, size), inChunks(bytes, [chunk])).length, 20)
        }
      })

      it("refuses a packet beyond it, whatever comes in one chunk", () => {
        for (const chunk of [1, 3, size - 1, size, size + 1, 3 * size + 5, bytes.length]) {
          const error = refusal(decoder(name, size - 1), ...inChunks(bytes, [chunk]))
          assert.strictEqual(error, "packet_too_large", `in chunks of ${chunk}`)
        }
      })

      it("refuses it before it has come whole", () => {
        const decode = decoder(name, 100)
        const large = encoded(name, [Array.from({ length: 100 }, () => "a")])
        assert.deepStrictEqual(decode(large.subarray(0, 90)), [])
        assert.strictEqual(refusal(decode, large.subarray(90, 101)), "packet_too_large")
      })
    })

    for (
      const [what, message] of [
        ["one string", ["port", "x".repeat(megabytes16 - 100)]],
        ["many items", ["port", Array.from({ length: 1_000_000 }, (_, i) => `item ${i}`)]],
        ["many characters beyond ASCII", ["port", "é€😀".repeat(megabytes16 / 9 - 100)]]
      ] as const
    ) {
      it(`decodes 16 MiB of ${what} in chunks of 1 KiB in a time that grows with the length alone`, () => {
        const bytes = encoded(name, [message])
        const decode = decoder(name)
        const begin = performance.now()
        let packets: ReadonlyArray<Packet> = []
        for (let at = 0; at < bytes.length; at += 1024) packets = decode(bytes.subarray(at, at + 1024))
        assert.isBelow(performance.now() - begin, 5000)
        assert.isTrue(packets.length === 1 && packets[0]![1]!.toString() === message[1].toString())
      })
    }
  })
}
