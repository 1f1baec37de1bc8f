import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FramingError } from "../../../../src/internal/transport/framing/framing.ts"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import { decoder as packetDecoder, encoder, type Packet } from "../../../packets.ts"
import { CborValue, JsonValue } from "../../values/plainValues.ts"
import { ChunkSizes, inChunks } from "./chunking.ts"

const megabyte = 1024 * 1024

type Decode = ReturnType<typeof packetDecoder>

const decoder = (name: string, maxMessageSize = 64 * megabyte): Decode =>
  packetDecoder(framings.get(name)!, { maxMessageSize, kind: "own" })

/** Encodes packets one behind the other. */
const encoded = (name: string, packets: ReadonlyArray<Packet>): Buffer => {
  const encode = encoder(framings.get(name)!, "own")
  return Buffer.concat(packets.map(encode))
}

const decoded = (decode: Decode, chunks: ReadonlyArray<Uint8Array>): ReadonlyArray<Packet> =>
  chunks.flatMap((chunk) => decode(chunk))

/** A value by itself. */
const item = (name: string, value: unknown): Buffer => {
  const packet = encoded(name, [["", value]])
  return name === "cbor" ? packet.subarray(2) : packet.subarray("[\"\",".length, -1)
}

/** The reason of a refusal, or what got through. */
const refusal = (decode: Decode, ...chunks: ReadonlyArray<Uint8Array>): unknown => {
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

/** What JavaScript holds, and what is not collected yet. */
const memory = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

/** Latin-1. */
const beginningOfText = { cbor: "\x81\x7a\x00\x20\x00\x00", json: "[\"" }

/** What is small on the wire, over and over: every item has a count of values, keys and the like. Latin-1. */
const manyItems = {
  cbor: {
    arrays: { opening: "\x9f", item: "\x80", count: 1, closing: "\xff" },
    numbers: { opening: "\x9f", item: "\x01", count: 1, closing: "\xff" },
    maps: { opening: "\x9f", item: "\xa1\x01\x01", count: 3, closing: "\xff" },
    entries: { opening: "\x9f\xbf", item: "\x01\x01", count: 2, closing: "\xff\xff" },
    tags: { opening: "\x9f", item: "\xc1\x01", count: 2, closing: "\xff" },
    chunks: { opening: "\x9f\x7f", item: "\x60", count: 1, closing: "\xff\xff" }
  },
  json: {
    arrays: { opening: "[0", item: ",[]", count: 2, closing: "]" },
    numbers: { opening: "[0", item: ",1", count: 1, closing: "]" },
    maps: { opening: "[0", item: ",{\"\":1}", count: 3, closing: "]" },
    entries: { opening: "[{\"\":1", item: ",\"\":1", count: 2, closing: "}]" }
  }
}

for (const name of ["cbor", "json"] as const) {
  describe(name, () => {
    it.effect.prop(
      "brings every message over, in any chunks",
      [Schema.Array(Schema.Array(valuesOf[name] as Schema.Schema<unknown>)), ChunkSizes],
      ([packets, sizes]) =>
        Effect.sync(() => {
          const bytes = encoded(name, packets)
          const messages = packets.filter((packet) => packet.length > 0)
          assert.deepStrictEqual(decoded(decoder(name), [bytes]), messages)
          assert.deepStrictEqual(decoded(decoder(name), inChunks(bytes, sizes)), messages)
          assert.deepStrictEqual(decoded(decoder(name), inChunks(bytes, [1])), messages)
        }),
      { arbitrary: { runs: 200 } }
    )

    it("brings over what tempts an encoder", () => {
      const packets = [
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
        assert.strictEqual(refusal(decoder(name), item(name, value)), "bad_packet", JSON.stringify(value))
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
      const opening = deepest.subarray(0, 1)
      const closing = name === "cbor" ? [] : [deepest.subarray(-1)]
      assert.strictEqual(refusal(decoder(name), Buffer.concat([opening, deepest, ...closing])), "bad_packet")
      assert.strictEqual(refusal(decoder(name), Buffer.alloc(100_000, opening)), "bad_packet")
    })

    describe("of limited size", () => {
      const packets = {
        "a text": ["port", ["text"], { key: "value" }],
        "a number": ["port", 1],
        "a large number": ["port", 1_000_000],
        "an empty array": ["port", [[], []]],
        "an empty text": ["port", ""]
      }
      for (const [what, packet] of Object.entries(packets)) {
        const size = encoded(name, [packet]).length
        const bytes = encoded(name, Array.from({ length: 20 }, () => packet))
        const chunkSizes = [1, 3, size - 1, size, size + 1, 3 * size + 5, bytes.length]

        it(`takes packets up to the limit that end with ${what}, whatever comes in one chunk`, () => {
          for (const chunk of chunkSizes) {
            assert.strictEqual(decoded(decoder(name, size), inChunks(bytes, [chunk])).length, 20)
          }
        })

        it(`refuses a packet beyond it that ends with ${what}, whatever comes in one chunk`, () => {
          for (const chunk of chunkSizes) {
            const error = refusal(decoder(name, size - 1), ...inChunks(bytes, [chunk]))
            assert.strictEqual(error, "packet_too_large", `in chunks of ${chunk}`)
          }
        })
      }

      it("refuses it before it has come whole", () => {
        const decode = decoder(name, 100)
        const large = encoded(name, [Array.from({ length: 100 }, () => "a")])
        assert.deepStrictEqual(decode(large.subarray(0, 90)), [])
        assert.strictEqual(refusal(decode, large.subarray(90, 101)), "packet_too_large")
      })
    })

    describe("of many bytes", () => {
      /** A packet of about so many bytes. */
      const large = {
        "one string": (size) => ["port", "x".repeat(size)],
        "many items": (size) => ["port", Array.from({ length: size / 128 }, (_, i) => `item ${i}`.padEnd(124))],
        "many characters beyond ASCII": (size) => ["port", "é€😀".repeat(size / 9)]
      } satisfies Record<string, (size: number) => Packet>

      for (const [what, make] of Object.entries(large)) {
        it(`takes 8 MiB of ${what}, in chunks of 1 KiB`, () => {
          const packet = make(8 * megabyte)
          const packets = decoded(decoder(name), inChunks(encoded(name, [packet]), [1024]))
          assert.strictEqual(packets.length, 1)
          assert.isTrue(packets[0]![1]!.toString() === packet[1]!.toString())
        })
      }
    })

    it("holds no more memory than twice what came, though it came in chunks of one byte", () => {
      const decode = decoder(name)
      decode(Buffer.from(beginningOfText[name], "latin1"))
      const letter = Buffer.from("x")
      const before = memory()
      for (let i = 0; i < 1024 * 1024; i++) decode(letter)
      assert.isBelow(memory() - before, 64 * 1024 * 1024)
    })

    for (const [what, { closing, count, item, opening }] of Object.entries(manyItems[name])) {
      it(`refuses a packet of more than a million items, or one for every 16 bytes that it may have: ${what}`, () => {
        const packet = (items: number): Buffer => {
          const middle = Buffer.from(item, "latin1")
          return Buffer.concat([
            Buffer.from(opening, "latin1"),
            Buffer.alloc(Math.floor(items / count) * middle.length, middle),
            Buffer.from(closing, "latin1")
          ])
        }
        const many = packet(1_000_000 - 10)
        const tooMany = packet(1_000_000 + 10)
        assert.strictEqual(decoder(name, 16_000_000)(many).length, 1)
        assert.strictEqual(decoder(name, 16_001_000)(tooMany).length, 1)
        assert.strictEqual(refusal(decoder(name, 16_000_000), tooMany), "packet_too_large")
        assert.strictEqual(refusal(decoder(name, 16_000_000), ...inChunks(tooMany, [65_536])), "packet_too_large")
        assert.strictEqual(decoder(name, 16_000_000)(Buffer.concat([many, many])).length, 2)
      })
    }

    it("refuses 64 MiB of tiny items before they take memory", () => {
      const decode = decoder(name)
      const { item, opening } = manyItems[name].arrays
      decode(Buffer.from(opening, "latin1"))
      const chunk = Buffer.alloc(65_536 * item.length, Buffer.from(item, "latin1"))
      const before = memory()
      let chunks = 0
      assert.throws(() => {
        for (; chunks < 1024; chunks++) decode(chunk)
      }, "more than 4194304 items")
      assert.isAtMost(chunks, 64)
      assert.isBelow(memory() - before, 64 * 1024 * 1024)
    })

    it("counts the items of each packet anew", () => {
      const decode = decoder(name, 16_000_000)
      const chunk = encoded(name, Array.from({ length: 10_000 }, () => [0, 0, 0]))
      for (let items = 0; items < 1_500_000; items += 30_000) assert.strictEqual(decode(chunk).length, 10_000)
    })
  })
}

describe("lengths that CBOR claims", () => {
  const hostile = {
    "an array of 2^64-1 items": "9bffffffffffffffff",
    "an array of 10^9 items": "9a3b9aca00",
    "a map of 2^64-1 entries": "81bbffffffffffffffff",
    "a map of 2^31 entries": "81ba80000000",
    "a byte string of 2^63-1 bytes": "815b7fffffffffffffff",
    "a text of 2^64-1 bytes": "817bffffffffffffffff",
    "a key of 2^32-1 bytes": "81a17affffffff",
    "a chunk of 2^32-1 bytes": "815f5affffffff"
  }
  for (const [what, text] of Object.entries(hostile)) {
    it(`are refused as soon as they are known: ${what}`, () => {
      const bytes = Buffer.from(text, "hex")
      const before = memory()
      assert.strictEqual(refusal(decoder("cbor"), bytes), "packet_too_large")
      assert.strictEqual(refusal(decoder("cbor"), ...inChunks(bytes, [1])), "packet_too_large")
      // V8 could not hold them either.
      assert.strictEqual(refusal(decoder("cbor", Infinity), bytes), "packet_too_large")
      assert.isBelow(memory() - before, 8 * 1024 * 1024)
    })
  }

  it("are refused for one byte more than the packet may have", () => {
    const claim = (length: number) => Buffer.from([0x81, 0x5a, 0, 0, 0, length])
    assert.deepStrictEqual(refusal(decoder("cbor", 100), claim(94)), [])
    assert.strictEqual(refusal(decoder("cbor", 100), claim(95)), "packet_too_large")
  })

  it("are refused for one item more than the packet may have", () => {
    const claim = (items: number) => Buffer.from(`82019a${items.toString(16).padStart(8, "0")}`, "hex")
    assert.deepStrictEqual(refusal(decoder("cbor", 1000), claim(1_000_000 - 3)), [])
    assert.strictEqual(refusal(decoder("cbor", 1000), claim(1_000_000 - 2)), "packet_too_large")
  })

  it("are not allocated before the bytes have come", () => {
    const before = memory()
    for (const text of ["9a00300000", "81ba00100000", "815a03f00000", "817a03f00000"]) {
      const decoders = Array.from({ length: 10 }, () => decoder("cbor"))
      for (const decode of decoders) assert.deepStrictEqual(decode(Buffer.from(text, "hex")), [])
    }
    assert.isBelow(memory() - before, 8 * 1024 * 1024)
  })
})
