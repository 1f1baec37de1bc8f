import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FramingError } from "../../../../src/internal/transport/framing/framing.ts"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import { decoder, encoder, type Packet } from "../../../packets.ts"
import { JsonValue } from "../../values/plainValues.ts"
import { ChunkSizes, inChunks } from "./chunking.ts"

const json = framings.get("json")!

const decode = (text: string | Uint8Array, sizes: ReadonlyArray<number> = [text.length]): ReadonlyArray<Packet> => {
  const take = decoder(json, { maxMessageSize: 1024 * 1024, kind: "perl" })
  return inChunks(Buffer.from(text), sizes).flatMap((chunk) => take(chunk))
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
    const encode = encoder(json, "own")
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
        assert.deepStrictEqual(
          decode(text + last, sizes),
          packets.map(([, packet]) => packet).filter((packet) => packet.length > 0)
        )
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

  it("numbers of Perl's that JSON cannot say are taken, in capitals or not", () => {
    assert.deepStrictEqual(decode("[inf,-inf,nan,-nan]"), [[Infinity, -Infinity, NaN, NaN]])
    assert.deepStrictEqual(decode("[Inf,-Inf,NaN,-NaN]"), [[Infinity, -Infinity, NaN, NaN]])
    assert.deepStrictEqual(decode("[infinity,-Infinity,INF,NAN]"), [[Infinity, -Infinity, Infinity, NaN]])
    assert.deepStrictEqual(decode("[ inf,[ nan ],{ \"a\" : -inf } ] [1]"), [[Infinity, [NaN], { a: -Infinity }], [1]])
    assert.deepStrictEqual(decode("[\"a\",inf][\"b\",nan]", [1]), [["a", Infinity], ["b", NaN]])
  })

  it.effect.prop(
    "numbers of Perl's change nothing else in their packet",
    [Schema.Array(JsonValue), WhiteSpace],
    ([items, indent]) =>
      Effect.sync(() => {
        const packet = [...items, "inf", "[nan]", "\\", "\",inf,\"", { nan: "-inf", "": "é\u2028" }, "nan"]
        const text = JSON.stringify(packet, null, indent)
        assert.deepStrictEqual(decode(`[-inf,${text},nan]`), [[-Infinity, packet, NaN]])
      })
  )

  it("no other number becomes not-a-number beside one", () => {
    assert.deepStrictEqual(decode("[nan,0,-0,-0.0,-0e5,-1e-999,-10,1e-999]"), [[NaN, 0, 0, 0, 0, 0, -10, 0]])
  })

  for (
    const [what, text] of [
      ["something like a number of Perl's", "[info]"],
      ["two numbers of Perl's in one", "[infnan]"],
      ["a number of Perl's with two signs", "[--inf]"],
      ["a number of Perl's with a plus", "[+inf]"],
      ["a number of Perl's as a key", "[{nan:1}]"],
      ["a number of Perl's as a packet", "inf"],
      ["something else, beside a number of Perl's", "[nan,tru]"],
      ["a minus too many, beside a number of Perl's", "[nan,-00]"],
      ["a string that does not escape, beside a number of Perl's", "[nan,\"\n\"]"],
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

  it("bytes that are not UTF-8 cost their place in a text", () => {
    for (const bytes of ["ff", "c3", "c0af", "eda080", "f4908080", "e282"]) {
      const text = Buffer.from(bytes, "hex").toString("utf8")
      const packet = Buffer.concat([Buffer.from("[\"p"), Buffer.from(bytes, "hex"), Buffer.from("\",1]")])
      for (const sizes of [[packet.length], [1]]) {
        let told = 0
        const take = decoder(json, { maxMessageSize: 1024, kind: "perl", damaged: () => void told++ })
        const packets = inChunks(packet, sizes).flatMap((chunk) => take(chunk))
        assert.deepStrictEqual([packets, told], [[[`p${text}`, 1]], 1])
      }
      assert.strictEqual(
        refusal(Buffer.concat([Buffer.from("["), Buffer.from(bytes, "hex"), Buffer.from("]")])),
        "bad_packet"
      )
    }
  })
})
