import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FramingError, type Packet } from "../../src/internal/framing.ts"
import { framings } from "../../src/internal/framings.ts"
import { ChunkSizes, inChunks } from "./chunking.ts"
import { JsonValue } from "./plainValues.ts"

const json = framings.get("json")!

const decode = (text: string | Uint8Array, sizes: ReadonlyArray<number> = [text.length]): ReadonlyArray<Packet> => {
  const decoder = json.makeDecoder({ maxMessageSize: 1024 * 1024, byteStrings: "text" })
  return inChunks(Buffer.from(text), sizes).flatMap((chunk) => decoder(chunk))
}

const refusal = (text: string | Uint8Array, sizes?: ReadonlyArray<number>): string | undefined => {
  try {
    decode(text, sizes)
    return undefined
  } catch (error) {
    assert.instanceOf(error, FramingError)
    return error.reason
  }
}

const WhiteSpace = Schema.Literals(["", " ", "\n", "\r\n", "\t", " \n\t\r "])

describe("json", () => {
  it("packets go out without white space, in UTF-8", () => {
    const encode = json.makeEncoder()
    const packet = ["port", 1, 2.5, { k: [null, true, "é\n\"€😀"] }]
    assert.strictEqual(
      Buffer.from(encode(packet)).toString("utf8"),
      "[\"port\",1,2.5,{\"k\":[null,true,\"é\\n\\\"€😀\"]}]"
    )
  })

  it("packets of a recorded connection come out one by one", () => {
    const recorded = `["","g_slave"]["","g_slave",{"'l":{"a":["127.0.0.1:14042"]}}]["","g_find","seed"]`
    const packets = [
      ["", "g_slave"],
      ["", "g_slave", { "'l": { a: ["127.0.0.1:14042"] } }],
      ["", "g_find", "seed"]
    ]
    for (let size = 1; size <= recorded.length; size++) assert.deepStrictEqual(decode(recorded, [size]), packets)
  })

  it.effect.prop(
    "packets may have white space around and inside",
    [Schema.Array(Schema.Tuple([WhiteSpace, Schema.Array(JsonValue), WhiteSpace])), WhiteSpace, ChunkSizes],
    ([packets, last, sizes]) =>
      Effect.sync(() => {
        const text = packets.map(([before, packet, indent]) => before + JSON.stringify(packet, null, indent)).join("")
        assert.deepStrictEqual(decode(text + last, sizes), packets.map(([, packet]) => packet))
      }),
    { arbitrary: { runs: 200 } }
  )

  it("characters and escapes may be cut anywhere", () => {
    const text = String.raw`["é€😀","\"]","\\","\\\"[","\u00e9\ud83d\ude00","]}{["]["\\"]`
    const packets = [["é€😀", "\"]", "\\", "\\\"[", "é😀", "]}{["], ["\\"]]
    const { length } = Buffer.from(text)
    for (let cut = 1; cut < length; cut++) assert.deepStrictEqual(decode(text, [cut, length]), packets)
    assert.deepStrictEqual(decode(text, [1]), packets)
  })

  it("a key of __proto__ is a key like others", () => {
    const [packet] = decode("[{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":{\"polluted\":true}}}]")
    const object = packet![0] as Record<string, unknown>
    assert.strictEqual(Object.getPrototypeOf(object), Object.prototype)
    assert.deepStrictEqual(Object.keys(object), ["__proto__", "constructor"])
    assert.isUndefined(({} as Record<string, unknown>)["polluted"])
  })

  for (
    const [what, text] of [
      ["Perl's infinity", "[inf]"],
      ["Perl's not-a-number", "[nan]"],
      ["brackets that do not match", "[}"],
      ["brackets that do not match, with more inside", "[{\"a\":1]]"],
      ["a comma between packets", "[1],[2]"],
      ["a comma before the end", "[1,]"],
      ["a closing bracket", "]"],
      ["a line of text", "hello\n"],
      ["a string with a line feed", "[\"a\nb\"]"],
      ["an unknown escape", String.raw`["\x"]`],
      ["a byte order mark", "\ufeff[]"],
      ["a no-break space", "\u00a0[]"],
      ["a NUL", "\0"]
    ] as const
  ) {
    it(`${what} is refused`, () => {
      assert.strictEqual(refusal(text), "bad_packet")
      assert.strictEqual(refusal(text, [1]), "bad_packet")
    })
  }

  it("bytes that are not UTF-8 are refused", () => {
    for (const bytes of ["ff", "c3", "c0af", "eda080", "f4908080", "e282"]) {
      const packet = Buffer.concat([Buffer.from("[\""), Buffer.from(bytes, "hex"), Buffer.from("\"]")])
      assert.strictEqual(refusal(packet), "bad_packet", bytes)
      assert.strictEqual(refusal(packet, [1]), "bad_packet", bytes)
    }
  })
})
