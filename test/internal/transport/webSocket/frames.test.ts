import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import {
  binaryHeader,
  closeFrame,
  FrameReader,
  maskedBinary,
  pongFrame,
  unmask
} from "../../../../src/internal/transport/webSocket/frames.ts"
import { ChunkSizes, inChunks } from "../framing/chunking.ts"

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex")
const joined = (parts: ReadonlyArray<Uint8Array>): Buffer => Buffer.concat(parts)

/** What a reader has told: bytes of data one after the other, and all else in words. */
const read = (bytes: Uint8Array, sizes: ReadonlyArray<number>, isMasked: boolean): ReadonlyArray<string> => {
  const told: Array<string> = []
  let data = ""
  const say = (text: string): void => {
    if (data !== "") told.push(data)
    data = ""
    if (text !== "") told.push(text)
  }
  const reader = new FrameReader(isMasked, {
    data: (chunk) => void (data += Buffer.from(chunk).toString("hex")),
    ping: (payload) => say(`ping ${Buffer.from(payload).toString("hex")}`),
    close: () => say("close"),
    wrong: (code, why) => say(`${code} ${why}`)
  })
  // The reader changes what it is given.
  for (const chunk of inChunks(Buffer.from(bytes), sizes)) reader.take(Buffer.from(chunk))
  say("")
  return told
}

const mask = hex("a1b2c3d4")

/** As those send a frame who dial. */
const masked = (first: number, payload: Uint8Array): Buffer => {
  const frame = Buffer.from(maskedBinary(payload, mask))
  frame[0] = first
  return frame
}

const Bytes = Schema.Uint8Array.check(Schema.isMaxLength(300))
const Frames = Schema.Array(Schema.Union([
  Schema.Struct({ kind: Schema.Literal("binary"), payload: Bytes, parts: Schema.Literals([1, 2, 3]) }),
  Schema.Struct({ kind: Schema.Literal("ping"), payload: Schema.Uint8Array.check(Schema.isMaxLength(125)) }),
  Schema.Struct({ kind: Schema.Literal("pong"), payload: Schema.Uint8Array.check(Schema.isMaxLength(125)) })
])).check(Schema.isMaxLength(8))

describe("frames", () => {
  it.effect.prop("tell the same in any chunks, with masks and without, in messages of any parts", [
    Frames,
    ChunkSizes
  ], ([frames, sizes]) =>
    Effect.sync(() => {
      const expected: Array<string> = []
      let data = ""
      const bytes = joined(frames.flatMap((frame) => {
        const { kind, payload } = frame
        const text = Buffer.from(payload).toString("hex")
        if (kind === "binary") {
          data += text
          const size = Math.ceil(payload.length / frame.parts)
          return Array.from({ length: frame.parts }, (_, n) =>
            masked((n === 0 ? 2 : 0) | (n === frame.parts - 1 ? 0x80 : 0), payload.subarray(n * size, (n + 1) * size)))
        }
        if (kind === "ping") {
          if (data !== "") {
            expected.push(data)
          }
          data = ""
          expected.push(`ping ${text}`)
        }
        return [masked(kind === "ping" ? 0x89 : 0x8a, payload)]
      }))
      if (data !== "") {
        expected.push(data)
      }
      assert.deepStrictEqual(read(bytes, sizes, true), expected)
    }))

  it.effect.prop("of our own are read by the other side", [Bytes, ChunkSizes], ([payload, sizes]) =>
    Effect.sync(() => {
      const text = Buffer.from(payload).toString("hex")
      const expected = text === "" ? ["close"] : [text, "close"]
      const accepted = joined([binaryHeader(payload.length), payload, closeFrame(1000, undefined)])
      assert.deepStrictEqual(read(accepted, sizes, false), expected)
      const dialled = joined([maskedBinary(payload, mask), pongFrame(mask, mask), closeFrame(1000, mask)])
      assert.deepStrictEqual(read(dialled, sizes, true), expected)
    }))

  it.each([125, 126, 65_535, 65_536, 300_000])("of %i bytes are read", (length) => {
    const payload = new Uint8Array(length).fill(7)
    const expected = [Buffer.from(payload).toString("hex")]
    assert.deepStrictEqual(read(maskedBinary(payload, mask), [1000], true), expected)
    assert.deepStrictEqual(read(joined([binaryHeader(length), payload]), [1000], false), expected)
  })

  it("are passed on as they come, however large they say that they are", () => {
    // 2^52 bytes, of which three are there.
    assert.deepStrictEqual(read(hex("82 7f 0010000000000000 010203"), [13], false), ["010203"])
  })

  it.each([
    ["82 01 00", "1002 a frame without a mask"],
    ["c2 81 00000000 00", "1002 an extension that was not agreed on"],
    ["83 80 00000000", "1002 an unknown kind of frame"],
    ["8b 80 00000000", "1002 an unknown kind of frame"],
    ["81 80 00000000", "1003 text"],
    ["80 80 00000000", "1002 a message within another one, or the rest of none"],
    ["02 80 00000000 82 80 00000000", "1002 a message within another one, or the rest of none"],
    ["09 80 00000000", "1002 a ping, pong or close that is too large"],
    ["89 fe 007e", "1002 a ping, pong or close that is too large"],
    ["88 81 00000000 03", "1002 half a code"],
    ["82 ff ffffffffffffffff 00000000", "1009 a frame of an impossible size"],
    ["88 80 00000000 82 81 00000000 01", "close"]
  ])("that are wrong are refused, and nothing is heard behind them: %s", (text, expected) => {
    const bytes = joined([hex(text), maskedBinary(hex("01"), mask)])
    for (const size of [1, bytes.length]) assert.deepStrictEqual(read(bytes, [size], true), [expected])
  })

  it("with a mask are refused by the side that has dialled", () => {
    assert.deepStrictEqual(read(hex("82 81 00000000 01"), [20], false), ["1002 a frame with a mask"])
  })

  it.effect.prop("that are any bytes tell the same in any chunks, and once at most that all is over", [
    Schema.Array(Schema.Union([Bytes, Schema.Literals([0x82, 0x02, 0x00, 0x80, 0x89, 0x88, 0xff, 0x81])])),
    Schema.Boolean,
    ChunkSizes
  ], ([parts, isMasked, sizes]) =>
    Effect.sync(() => {
      const bytes = joined(parts.map((part) => typeof part === "number" ? Uint8Array.of(part) : part))
      const told = read(bytes, [bytes.length + 1], isMasked)
      assert.deepStrictEqual(read(bytes, sizes, isMasked), told)
      assert.isAtMost(told.filter((text) => /^(?:close|\d{4} )/.test(text)).length, 1)
    }))
})

describe("a mask", () => {
  it.effect.prop("is put on bytes wherever they lie in memory, and taken off by the same", [
    Schema.Uint8Array.check(Schema.isMaxLength(300)),
    Schema.Literals([0, 1, 2, 3]),
    Schema.Literals([0, 1, 2, 3])
  ], ([payload, offset, turn]) =>
    Effect.sync(() => {
      const memory = new Uint8Array(payload.length + offset + 1)
      const bytes = memory.subarray(offset, offset + payload.length)
      bytes.set(payload)
      unmask(bytes, mask, turn)
      assert.deepStrictEqual(bytes, payload.map((byte, at) => byte ^ mask[(at + turn) % 4]!))
      assert.strictEqual(memory.at(-1), 0)
      unmask(bytes, mask, turn)
      assert.deepStrictEqual(bytes, payload)
    }))
})
