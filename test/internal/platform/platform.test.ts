/** Both platforms do the same: what one of them makes of any bytes and texts, the other one makes of them too. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { runInNewContext } from "node:vm"
import * as browser from "../../../src/internal/platform/browser.ts"
import * as node from "../../../src/internal/platform/node.ts"
import { sized } from "../../size.ts"

const arbitrary = { runs: sized(100, 5000) }

/** Surrogates that have lost their other half, marks, and what UTF-8 needs one to four bytes for. */
const odd = ["\ud800", "\udfff", "\ud83d\ude80", "\ufeff", "\0", "é", "\u0080", "\u07ff", "\u0800", "\uffff"] as const
const Texts = Schema.Array(Schema.Union([Schema.String, Schema.Literals(odd)]))

/** What may stand in UTF-8, or must not, in any order: beginnings, what follows them, and what is cut or too long. */
const bytesOfNote = [
  0x00,
  0x41,
  0x7f,
  0x80,
  0x9f,
  0xbf,
  0xc0,
  0xc2,
  0xdf,
  0xe0,
  0xed,
  0xef,
  0xbb,
  0xf0,
  0xf4,
  0xf5,
  0xff
]
const Bytes = Schema.Array(Schema.Union([Schema.Uint8Array, Schema.Literals(bytesOfNote), Schema.Literals(odd)]))

const bytesOf = (pieces: typeof Bytes.Type): Uint8Array =>
  Buffer.concat(
    pieces.map((piece) =>
      typeof piece === "number" ? Uint8Array.of(piece) : typeof piece === "string" ? Buffer.from(piece) : piece
    )
  )

/** They stand somewhere in larger memory, as what came does. */
const within = (bytes: Uint8Array): Uint8Array => {
  const memory = new Uint8Array(bytes.length + 7)
  memory.set(bytes, 3)
  return memory.subarray(3, 3 + bytes.length)
}

describe("the platform of pages", () => {
  it("has what Node's has, of the same types", () => {
    // What a turn of the event loop is, is its own business.
    const alike: Omit<typeof node, "afterIo" | "takeBack"> = browser
    assert.sameMembers(Object.keys(browser), Object.keys(node))
    assert.isDefined(alike)
  })

  it.effect.prop(
    "writes the same text in UTF-8, and says before how long it is",
    [Texts],
    ([pieces]) =>
      Effect.sync(() => {
        const text = pieces.join("")
        const length = browser.utf8Length(text)
        assert.strictEqual(length, node.utf8Length(text))
        const [ours, theirs] = [new Uint8Array(length + 2), new Uint8Array(length + 2)]
        assert.strictEqual(browser.writeUtf8(ours, text, 1), length)
        assert.strictEqual(node.writeUtf8(theirs, text, 1), length)
        assert.deepStrictEqual(ours, theirs)
      }),
    { arbitrary }
  )

  it.effect.prop(
    "reads the same in any bytes: as UTF-8, with what is none, and as characters",
    [Bytes],
    ([pieces]) =>
      Effect.sync(() => {
        const bytes = within(bytesOf(pieces))
        for (const [from, to] of [[0, bytes.length], [1, bytes.length - 1]] as const) {
          if (from > to) continue
          assert.strictEqual(browser.utf8Text(bytes, from, to), node.utf8Text(bytes, from, to))
          assert.strictEqual(browser.latin1Text(bytes, from, to), node.latin1Text(bytes, from, to))
        }
        assert.strictEqual(browser.isUtf8(bytes), node.isUtf8(bytes))
        assert.strictEqual(browser.isAscii(bytes), node.isAscii(bytes))
        assert.strictEqual(browser.hex(bytes), node.hex(bytes))
        assert.deepStrictEqual(browser.latin1Bytes(node.latin1Text(bytes, 0, bytes.length)), Uint8Array.from(bytes))
      }),
    { arbitrary }
  )

  it.effect.prop("takes the lower bytes of what is no character of a byte", [Texts], ([pieces]) =>
    Effect.sync(() => {
      const text = pieces.join("")
      assert.deepStrictEqual(browser.latin1Bytes(text), Uint8Array.from(node.latin1Bytes(text)))
    }), { arbitrary })

  it("reads more characters at once than a call has arguments", () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at)
    assert.isTrue(browser.latin1Text(bytes, 1, 299_999) === node.latin1Text(bytes, 1, 299_999))
  })

  it("digests bytes of all lengths around those of its blocks, with keys of all lengths", () => {
    for (let length = 0; length < sized(160, 1000); length++) {
      const bytes = Uint8Array.from({ length }, (_, at) => at * 37 + length)
      const key = bytes.map((byte) => byte ^ 0x5a)
      assert.strictEqual(browser.sha3(bytes), node.sha3(bytes), String(length))
      assert.strictEqual(browser.hmacSha3(key, bytes), node.hmacSha3(key, bytes), String(length))
    }
  })

  it.effect.prop(
    "digests any bytes with any key, and tells digests apart",
    [Bytes, Bytes],
    ([some, other]) =>
      Effect.sync(() => {
        const [key, bytes] = [bytesOf(some), bytesOf(other)]
        const digest = browser.hmacSha3(key, bytes)
        assert.strictEqual(digest, node.hmacSha3(key, bytes))
        const [a, b] = [browser.latin1Bytes(digest), browser.latin1Bytes(browser.hmacSha3(bytes, key))]
        for (const platform of [browser, node]) {
          assert.isTrue(platform.areEqual(a, Uint8Array.from(a)))
          assert.strictEqual(platform.areEqual(a, b), digest === node.hmacSha3(bytes, key))
        }
      }),
    { arbitrary }
  )

  it("takes for bytes what is, whatever it says of itself and wherever it comes from", () => {
    class Own extends Uint8Array {}
    const feigned = Object.create(Uint8Array.prototype) as object
    const values: ReadonlyArray<readonly [unknown, boolean]> = [
      [new Uint8Array(1), true],
      [new Own(1), true],
      [Buffer.from("a"), true],
      [runInNewContext("new Uint8Array(1)"), true],
      [feigned, false],
      [{ [Symbol.toStringTag]: "Uint8Array" }, false],
      [new Uint8ClampedArray(1), false],
      [new Int8Array(1), false],
      [new DataView(new ArrayBuffer(1)), false],
      [new ArrayBuffer(1), false],
      [null, false],
      [undefined, false],
      ["Uint8Array", false]
    ]
    for (const platform of [browser, node]) {
      for (const [value, isOne] of values) assert.strictEqual(platform.isUint8Array(value), isOne)
    }
  })

  it("draws whole numbers below a bound, all of them", () => {
    for (const platform of [browser, node]) {
      const drawn = Array.from({ length: 1000 }, () => platform.randomInt(7))
      assert.sameMembers(Array.from(new Set(drawn)), [0, 1, 2, 3, 4, 5, 6])
      for (const bound of [1, 62, 2 ** 32, 2 ** 47]) {
        const number = platform.randomInt(bound)
        assert.isTrue(Number.isInteger(number) && number >= 0 && number < bound)
      }
    }
  })

  it("draws bytes, as many as are wanted", () => {
    for (const platform of [browser, node]) {
      const drawn = [platform.randomBase64(66), platform.randomBase64(66)]
      assert.deepStrictEqual(drawn.map((text) => Buffer.from(text, "base64").length), [66, 66])
      assert.notStrictEqual(drawn[0], drawn[1])
    }
  })

  it("does later what it was given, one by one, but for what was taken back", async () => {
    const done: Array<string> = []
    browser.afterIo(() => {
      done.push("first")
      queueMicrotask(() => done.push("microtask"))
      browser.afterIo(() => done.push("last"))
    })
    browser.takeBack(browser.afterIo(() => done.push("taken back")))
    browser.afterIo(() => done.push("second"))
    done.push("now")
    await new Promise<void>((resolve) => {
      browser.afterIo(() => browser.afterIo(resolve))
    })
    assert.deepStrictEqual(done, ["now", "first", "microtask", "second", "last"])
  })

  it("starts no thread, and has none above it", () => {
    assert.throws(() => browser.startThread(), "there are no threads with nodes in a browser")
    assert.isNull(browser.parentPort)
  })
})
