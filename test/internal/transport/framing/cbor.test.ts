import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FramingError } from "../../../../src/internal/transport/framing/framing.ts"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import type { PeerKind } from "../../../../src/internal/values/plainData.ts"
import { decoder, encoder, type Packet } from "../../../packets.ts"
import { CborValue } from "../../values/plainValues.ts"
import { ChunkSizes, inChunks } from "./chunking.ts"
import { readPlainCbor } from "./plainCbor.ts"

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex")

const cbor = framings.get("cbor")!

const encode = (packet: Packet): Buffer => encoder(cbor, "own")(packet)

const decode = (
  bytes: Uint8Array,
  kind: PeerKind = "perl",
  sizes: ReadonlyArray<number> = [bytes.length]
) => {
  const take = decoder(cbor, { maxMessageSize: 1024 * 1024, kind })
  return inChunks(bytes, sizes).flatMap((chunk) => take(chunk))
}

/** The reason of a refusal: the same for all chunks in one as for one byte each. */
const refusal = (text: string): string | undefined => {
  const reasons = [text.length, 1].map((size) => {
    try {
      decode(hex(text), "perl", [size])
      return undefined
    } catch (error) {
      assert.instanceOf(error, FramingError)
      return error.reason
    }
  })
  assert.strictEqual(reasons[0], reasons[1])
  return reasons[0]
}

/** Recorded from a Perl node. */
const firstData = hex(
  "824047675f736c617665834047675f736c617665a142276ca14161814f3132372e302e302e313a3134343232"
)
const laterMessage = hex("884a713461427156514577624568656c6c6f01fa4020000041338201a14178f665c3a9e282acf5")
const firstPackets = [["", "g_slave"], ["", "g_slave", { "'l": { a: ["127.0.0.1:14422"] } }]]
const laterPacket = ["q4aBqVQEwb", "hello", 1, 2.5, "3", [1, { x: null }], "é€", true]

describe("packets from Perl", () => {
  it("are read as text, keys included", () => {
    assert.deepStrictEqual(decode(firstData), firstPackets)
    assert.deepStrictEqual(decode(laterMessage), [laterPacket])
  })

  it.effect.prop("are read so in any chunks", [ChunkSizes], ([sizes]) =>
    Effect.sync(() => {
      const stream = Buffer.concat([laterMessage, firstData, laterMessage])
      assert.deepStrictEqual(decode(stream, "perl", sizes), [laterPacket, ...firstPackets, laterPacket])
    }))

  it("are read so wherever they are cut in three", () => {
    const stream = Buffer.concat([laterMessage, firstData])
    for (let first = 1; first < stream.length; first++) {
      for (let second = 1; first + second < stream.length; second++) {
        assert.deepStrictEqual(decode(stream, "perl", [first, second, stream.length]), [laterPacket, ...firstPackets])
      }
    }
  })

  it("that hold octets beyond ASCII are characters U+0080 to U+00FF", () => {
    assert.deepStrictEqual(decode(hex("82 41e9 a1 41ff 62c3a9")), [["é", { ÿ: "é" }]])
  })

  it("with half floats, self-description, bignums and items of indefinite length are read", () => {
    assert.deepStrictEqual(decode(hex("81 f9 3e00")), [[1.5]])
    assert.deepStrictEqual(decode(hex("d9d9f7 81 d9d9f7 01")), [[1]])
    assert.deepStrictEqual(decode(hex("9f 40 bf 4161 9f ff ff ff 81 01")), [["", { a: [] }], [1]])
    assert.deepStrictEqual(decode(hex("84 c2 4105 c3 4105 c2 49010000000000000000 c3 49010000000000000000")), [
      [5, -6, 2n ** 64n, -(2n ** 64n) - 1n]
    ])
    assert.deepStrictEqual(decode(hex("81 f7")), [[undefined]])
  })

  it("with integers of 64 bits are numbers where a number can say it exactly", () => {
    assert.deepStrictEqual(
      decode(hex("85 1b0000000000000001 1b001fffffffffffff 1b0020000000000000 3b001ffffffffffffe 3bffffffffffffffff")),
      [[1, 2 ** 53 - 1, 2n ** 53n, -(2 ** 53 - 1), -(2n ** 64n)]]
    )
  })

  it("with keys that are numbers, booleans or null have them as text", () => {
    const bytes = "a4 01 01 f5 02 f6 03 1b0000000000000007 04"
    const object = { 1: 1, true: 2, null: 3, 7: 4 }
    assert.deepStrictEqual(decode(hex(`81 ${bytes}`)), [[object]])
    assert.deepStrictEqual(decode(hex(`82 ${bytes} 40`)), [[object, ""]])
  })
})

describe("packets from our own kind", () => {
  it("hold byte strings as bytes, but for keys", () => {
    assert.deepStrictEqual(decode(hex("83 6161 4161 a1 4161 4162"), "own"), [
      ["a", new Uint8Array([0x61]), { a: new Uint8Array([0x62]) }]
    ])
  })

  it("have bytes that own their memory", () => {
    const [packet] = decode(Buffer.concat([hex("81 42 0102"), Buffer.alloc(10_000, "81 01")]).subarray(0, 4), "own")
    assert.strictEqual((packet![0] as Uint8Array).buffer.byteLength, 2)
  })

  it.effect.prop(
    "are plain RFC 8949, of definite and shortest lengths, with text as text",
    [Schema.Array(CborValue)],
    ([packet]) =>
      Effect.sync(() => {
        assert.deepStrictEqual(readPlainCbor(encode(packet)), packet)
      }),
    { arbitrary: { runs: 300 } }
  )

  it("are plain for large lengths, too", () => {
    for (const length of [23, 24, 255, 256, 65_535, 65_536, 70_000]) {
      const object = Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]))
      const packet = ["x".repeat(length), new Uint8Array(length), Array.from({ length }, (_, i) => i), object]
      assert.deepStrictEqual(readPlainCbor(encode(packet)), packet)
    }
  })

  it("are these bytes", () => {
    assert.strictEqual(
      encode(["port", 1, -1, 2.5, { k: [null, true, false] }, new Uint8Array([255]), "é"]).toString("hex"),
      hex("87 64706f7274 01 20 fb4004000000000000 a1 616b 83 f6 f5 f4 41ff 62c3a9").toString("hex")
    )
  })
})

describe("numbers", () => {
  const bytes = (value: unknown, kind: PeerKind): string => encoder(cbor, kind)([value]).toString("hex")

  it.each<[string, unknown, string, string]>([
    ["-0", -0, "81f98000", "81f98000"],
    ["5n", 5n, "81c24105", "811b0000000000000005"],
    ["0n", 0n, "81c240", "811b0000000000000000"],
    ["-5n", -5n, "81c34104", "813b0000000000000004"],
    ["2n ** 53n - 1n", 2n ** 53n - 1n, "81c2471fffffffffffff", "811b001fffffffffffff"],
    ["2n ** 53n", 2n ** 53n, "811b0020000000000000", "811b0020000000000000"],
    ["2 ** 53 - 1", 2 ** 53 - 1, "811b001fffffffffffff", "811b001fffffffffffff"],
    ["2 ** 53", 2 ** 53, "81fb4340000000000000", "81fb4340000000000000"]
  ])("are told apart by our own kind, and plain integers for Perl: %s", (_, value, own, perl) => {
    assert.strictEqual(bytes(value, "own"), own)
    assert.strictEqual(bytes(value, "perl"), perl)
    assert.isTrue(Object.is(decode(hex(own), "own")[0]![0], value))
  })

  it("that Perl sends as bignums are numbers where a number can say them", () => {
    assert.deepStrictEqual(decode(hex("82 c24105 c34104"), "perl"), [[5, -5]])
  })

  it("do not change what stands beside them, however much it is", () => {
    for (const length of [1, 23, 24, 255, 256, 1000, 65_536, 100_000]) {
      const packet = [5n, "x".repeat(length), new Uint8Array(length), Array.from({ length }, (_, i) => i / 2), {
        a: -0
      }]
      assert.deepStrictEqual(decode(encode(packet), "own"), [packet])
    }
  })
})

describe("a key of __proto__", () => {
  const key = "69 5f5f70726f746f5f5f"
  const check = (bytes: string, sizes: ReadonlyArray<number>) => {
    const [packet] = decode(hex(bytes), "perl", sizes)
    const object = packet![0] as Record<string, unknown>
    assert.strictEqual(Object.getPrototypeOf(object), Object.prototype)
    assert.isUndefined(object["polluted"])
    assert.deepStrictEqual(Object.entries(object), [["__proto__", { polluted: true }]])
    assert.isUndefined(({} as Record<string, unknown>)["polluted"])
  }

  it("is a key like others, in text and in bytes, whatever else is in the packet and however it is cut", () => {
    const inner = "a1 68 706f6c6c75746564 f5"
    for (const size of [100, 1, 5, 7]) {
      check(`81 a1 ${key} ${inner}`, [size])
      check(`82 a1 ${key} ${inner} 40`, [size])
      check(`81 a1 49 5f5f70726f746f5f5f ${inner}`, [size])
    }
  })
})

describe("text that is not UTF-8", () => {
  it.each<[what: string, bytes: string, packet: Packet]>([
    ["a character that goes wrong", "82 62 c328 01", ["\ufffd(", 1]],
    ["a text that ends inside a character", "82 62 e282 6161", ["\ufffd", "a"]],
    ["a surrogate", "82 63 eda080 01", ["\ufffd\ufffd\ufffd", 1]],
    ["an overlong character", "81 62 c080", ["\ufffd\ufffd"]],
    ["a character beyond U+10FFFF", "81 64 f4908080", ["\ufffd\ufffd\ufffd\ufffd"]],
    ["a key", "82 6170 a1 61 ff 01", ["p", { "\ufffd": 1 }]],
    ["a text of indefinite length", "82 7f 61c3 6161 ff 01", ["\ufffda", 1]],
    ["a port name and a tag", "82 61ff 61ff", ["\ufffd", "\ufffd"]]
  ])("costs its place: %s", (_, text, packet) => {
    const around = encode(["p", "whole"])
    for (const kind of ["perl", "own"] as const) {
      for (const size of [text.length + 100, 1, 2]) {
        assert.deepStrictEqual(
          decode(Buffer.concat([around, hex(text), around]), kind, [size]),
          [["p", "whole"], packet, ["p", "whole"]]
        )
      }
    }
  })

  const Octets = Schema.Array(
    Schema.Literals([0x22, 0x41, 0x80, 0xa9, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xed, 0xf0, 0x9f, 0xff])
  )
  it.effect.prop(
    "is the same in any chunks, and told once where there is any",
    [Octets, ChunkSizes],
    ([octets, sizes]) =>
      Effect.sync(() => {
        const text = Buffer.from(octets)
        const header = text.length < 24 ? Buffer.of(0x60 | text.length) : Buffer.of(0x78, text.length)
        const packet = Buffer.concat([hex("82 6170"), header, text])
        for (const chunks of [[packet.length], sizes]) {
          let told = 0
          const take = decoder(cbor, { maxMessageSize: 1024 * 1024, kind: "perl", damaged: () => void told++ })
          const said = text.toString("utf8")
          assert.deepStrictEqual(inChunks(packet, chunks).flatMap((chunk) => take(chunk)), [["p", said]])
          assert.strictEqual(told, Buffer.from(said, "utf8").equals(text) ? 0 : 1)
        }
      })
  )
})

describe("what is refused", () => {
  const hostile = [
    ["an array of 2^64-1 items", "9b ffffffffffffffff", "packet_too_large"],
    ["an array of 2^32-1 items", "9a ffffffff", "packet_too_large"],
    ["a map of 2^64-1 pairs", "81 bb ffffffffffffffff", "packet_too_large"],
    ["a map of so many pairs that their items overflow", "81 ba 80000000", "packet_too_large"],
    ["a byte string of 2^64-1 bytes", "81 5b ffffffffffffffff", "packet_too_large"],
    ["a text string of 2^63 bytes", "81 7b 8000000000000000", "packet_too_large"],
    ["a text of indefinite length that holds bytes", "81 7f 4161 ff", "bad_packet"],
    ["a byte string of indefinite length that holds text", "81 5f 6161 ff", "bad_packet"],
    ["a string of indefinite length that holds a number", "81 7f 01 ff", "bad_packet"],
    ["a string of indefinite length that holds an array", "81 5f 80 ff", "bad_packet"],
    ["a string of indefinite length that holds another", "81 7f 7f 6161 ff ff", "bad_packet"],
    ["a string of indefinite length that holds a tag", "81 5f d9d9f7 4161 ff", "bad_packet"],
    ["reserved headers", "81 1c", "bad_packet"],
    ["an integer of indefinite length", "81 1f", "bad_packet"],
    ["a tag of indefinite length", "81 df 01", "bad_packet"],
    ["an unassigned simple value", "81 e0", "bad_packet"],
    ["a simple value in two bytes", "81 f8 20", "bad_packet"],
    ["false in two bytes", "81 f8 14", "bad_packet"],
    ["a break outside", "ff", "bad_packet"],
    ["a break that ends a definite array", "82 01 ff", "bad_packet"],
    ["a break behind a key", "82 bf 01 ff 00", "bad_packet"],
    ["a break in place of a tagged item", "9f d9d9f7 ff", "bad_packet"],
    ["a break in place of another tagged item", "9f c0 ff", "bad_packet"],
    ["an integer as packet", "01", "bad_packet"],
    ["a map as packet", "a0", "bad_packet"],
    ["a bignum as packet", "c2 41 01", "bad_packet"],
    ["a bignum of an array as packet", "c2 80", "bad_packet"],
    ["a bignum that is no byte string", "81 c2 80", "bad_packet"],
    ["a bignum of text", "81 c2 61 61", "bad_packet"],
    ["a bignum of indefinite length", "81 c2 5f 4101 ff", "bad_packet"],
    ["a bignum of a tagged byte string", "81 c2 d9d9f7 4101", "bad_packet"],
    ["a tagged integer as packet", "c1 01", "bad_packet"],
    ["a self-described integer as packet", "d9d9f7 01", "bad_packet"],
    ["an array as a key", "81 a1 80 01", "bad_packet"],
    ["a tagged array as a key", "81 a1 c0 80 01", "bad_packet"],
    ["an array as a later key", "81 a2 01 80 80 01", "bad_packet"],
    ["an array as a key in a map of indefinite length", "81 bf 01 80 80 01 ff", "bad_packet"],
    ["a map as a key, among byte strings", "82 a1 a0 01 40", "bad_packet"],
    ["an endless array, without end", "9f".repeat(100_000), "bad_packet"],
    ["an endless map in place of a key", "81" + "bf".repeat(3), "bad_packet"]
  ] as const
  for (const [what, bytes, reason] of hostile) {
    it(what, () => assert.strictEqual(refusal(bytes), reason))
  }

  const references = {
    "25 (stringref)": "d819 00",
    "28 (shareable)": "d81c 80",
    "29 (sharedref)": "d81d 00",
    "256 (stringref-namespace)": "d90100 81 6161"
  }
  for (const [tag, bytes] of Object.entries(references)) {
    it(`the tag ${tag}, by its name`, () => {
      for (const packet of [`81 ${bytes}`, `82 40 ${bytes}`, `81 c0 ${bytes}`, `81 a1 40 ${bytes}`]) {
        assert.strictEqual(refusal(packet), "bad_packet")
        assert.throws(() => decode(hex(packet)), `CBOR with the tag ${tag}, which we do not speak`)
      }
    })
  }

  it("a bignum that would take long to read", () => {
    const bignum = (length: number) => `81 c2 59 ${length.toString(16).padStart(4, "0")} ${"01".repeat(length)}`
    const [packet] = decode(hex(bignum(1024)))
    assert.strictEqual((packet![0] as bigint).toString(16), "01".repeat(1024).slice(1))
    assert.strictEqual(refusal(bignum(1025)), "bad_packet")
  })
})
