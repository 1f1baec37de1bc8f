import { assert, describe, it } from "@effect/vitest"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import type { PeerKind } from "../../../../src/internal/values/plainData.ts"
import { decoder, encoder, type Packet } from "../../../packets.ts"
import { inChunks } from "./chunking.ts"

const cbor = framings.get("cbor")!

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex")

/** Decodes packets: the same, whether in one chunk or in chunks of one byte. */
const decode = (
  bytes: Uint8Array,
  kind: PeerKind = "perl"
): ReadonlyArray<Packet> => {
  const [whole, single] = [bytes.length, 1].map((size) => {
    const take = decoder(cbor, { maxMessageSize: 1024 * 1024, kind })
    return inChunks(bytes, [size]).flatMap((chunk) => take(chunk))
  })
  assert.deepStrictEqual(single, whole)
  return whole!
}

/** The item of a packet that has nothing else. */
const item = (text: string, kind?: PeerKind): unknown => {
  const packets = decode(Buffer.concat([hex("81"), hex(text)]), kind)
  assert.strictEqual(packets.length, 1)
  assert.strictEqual(packets[0]!.length, 1)
  return packets[0]![0]
}

const bytes = (text: string): Uint8Array => Uint8Array.from(hex(text))

describe("examples of RFC 8949, appendix A", () => {
  for (
    const [text, value] of [
      ["00", 0],
      ["01", 1],
      ["0a", 10],
      ["17", 23],
      ["1818", 24],
      ["1819", 25],
      ["1864", 100],
      ["1903e8", 1000],
      ["1a000f4240", 1_000_000],
      ["1b000000e8d4a51000", 1_000_000_000_000],
      ["1bffffffffffffffff", 18446744073709551615n],
      ["c249010000000000000000", 18446744073709551616n],
      ["3bffffffffffffffff", -18446744073709551616n],
      ["c349010000000000000000", -18446744073709551617n],
      ["20", -1],
      ["29", -10],
      ["3863", -100],
      ["3903e7", -1000],
      ["f90000", 0],
      ["f98000", -0],
      ["f93c00", 1],
      ["fb3ff199999999999a", 1.1],
      ["f93e00", 1.5],
      ["f97bff", 65504],
      ["fa47c35000", 100_000],
      ["fa7f7fffff", 3.4028234663852886e+38],
      ["fb7e37e43c8800759c", 1.0e+300],
      ["f90001", 5.960464477539063e-8],
      ["f90400", 0.00006103515625],
      ["f9c400", -4],
      ["fbc010666666666666", -4.1],
      ["f97c00", Infinity],
      ["f97e00", NaN],
      ["f9fc00", -Infinity],
      ["fa7f800000", Infinity],
      ["fa7fc00000", NaN],
      ["faff800000", -Infinity],
      ["fb7ff0000000000000", Infinity],
      ["fb7ff8000000000000", NaN],
      ["fbfff0000000000000", -Infinity],
      ["f4", false],
      ["f5", true],
      ["f6", null],
      ["f7", undefined],
      ["c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"],
      ["c11a514b67b0", 1363896240],
      ["c1fb41d452d9ec200000", 1363896240.5],
      ["d74401020304", bytes("01020304")],
      ["d818456449455446", bytes("6449455446")],
      ["d82076687474703a2f2f7777772e6578616d706c652e636f6d", "http://www.example.com"],
      ["40", bytes("")],
      ["4401020304", bytes("01020304")],
      ["60", ""],
      ["6161", "a"],
      ["6449455446", "IETF"],
      ["62225c", "\"\\"],
      ["62c3bc", "\u00fc"],
      ["63e6b0b4", "\u6c34"],
      ["64f0908591", "\ud800\udd51"],
      ["80", []],
      ["83010203", [1, 2, 3]],
      ["8301820203820405", [1, [2, 3], [4, 5]]],
      [
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        Array.from({ length: 25 }, (_, i) => i + 1)
      ],
      ["a0", {}],
      ["a201020304", { 1: 2, 3: 4 }],
      ["a26161016162820203", { a: 1, b: [2, 3] }],
      ["826161a161626163", ["a", { b: "c" }]],
      ["a56161614161626142616361436164614461656145", { a: "A", b: "B", c: "C", d: "D", e: "E" }],
      ["5f42010243030405ff", bytes("0102030405")],
      ["7f657374726561646d696e67ff", "streaming"],
      ["9fff", []],
      ["9f018202039f0405ffff", [1, [2, 3], [4, 5]]],
      ["9f01820203820405ff", [1, [2, 3], [4, 5]]],
      ["83018202039f0405ff", [1, [2, 3], [4, 5]]],
      ["83019f0203ff820405", [1, [2, 3], [4, 5]]],
      [
        "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
        Array.from({ length: 25 }, (_, i) => i + 1)
      ],
      ["bf61610161629f0203ffff", { a: 1, b: [2, 3] }],
      ["826161bf61626163ff", ["a", { b: "c" }]],
      ["bf6346756ef563416d7421ff", { Fun: true, Amt: -2 }]
    ] as ReadonlyArray<readonly [string, unknown]>
  ) {
    it(text, () => assert.deepStrictEqual(item(text, "own"), value))
  }
})

describe("lengths", () => {
  it("may be longer than need be", () => {
    for (const length of ["18 02", "19 0002", "1a 00000002", "1b 0000000000000002"]) {
      const header = (type: number): string => ((type << 5) | Number.parseInt(length.slice(0, 2), 16)).toString(16)
      const rest = length.slice(2)
      assert.strictEqual(item(`${header(2)} ${rest} 6162`), "ab")
      assert.strictEqual(item(`${header(3)} ${rest} 6162`), "ab")
      assert.deepStrictEqual(item(`${header(4)} ${rest} 01 02`), [1, 2])
      assert.deepStrictEqual(item(`${header(5)} ${rest} 01 02 03 04`), { 1: 2, 3: 4 })
      assert.deepStrictEqual(item(`a1 ${header(3)} ${rest} 6162 01`), { ab: 1 })
      assert.deepStrictEqual(item(`${header(6)} ${rest} 41 05`), 5)
    }
  })
})

describe("text", () => {
  it("of all lengths of characters may be cut anywhere", () => {
    const text = "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}\ufeff"
    const packet = encoder(cbor, "own")([text, text.repeat(10)])
    assert.deepStrictEqual(decode(packet), [[text, text.repeat(10)]])
  })
})

describe("strings of indefinite length", () => {
  it("are their chunks, one behind the other", () => {
    assert.strictEqual(item("7f 62c3a9 60 63e282ac ff"), "é€")
    assert.strictEqual(item("5f 41e9 40 41ff ff"), "éÿ")
    assert.deepStrictEqual(item("5f 41e9 40 41ff ff", "own"), bytes("e9ff"))
    assert.strictEqual(item("7f ff"), "")
    assert.deepStrictEqual(item("5f ff", "own"), bytes(""))
    assert.deepStrictEqual(decode(hex("83 7f 61 61 ff 5f 41 62 ff 01")), [["a", "b", 1]])
  })

  it("are keys like others", () => {
    assert.deepStrictEqual(item("a2 7f 6161 6162 ff 01 5f 4163 ff 02"), { ab: 1, c: 2 })
    assert.deepStrictEqual(item("a2 7f 6161 6162 ff 01 5f 4163 ff 02", "own"), { ab: 1, c: 2 })
  })

  it("may stand in the innermost of 512 levels", () => {
    const packet = Buffer.concat([Buffer.alloc(512, 0x81), hex("7f 6161 ff")])
    assert.strictEqual((decode(packet)[0] as Array<unknown>).flat(Infinity)[0], "a")
  })
})

describe("tags", () => {
  it("that say how to read a value are dropped, however many there are", () => {
    assert.strictEqual(item("c0 6a 323032302d30312d3031"), "2020-01-01")
    assert.deepStrictEqual(item("c4 82 20 19 0111"), [-1, 273])
    assert.deepStrictEqual(item("c5 82 20 03"), [-1, 3])
    assert.deepStrictEqual(item("d81a 82 45 436c617373 01"), ["Class", 1])
    assert.strictEqual(item("d9 5652 f6"), null)
    assert.deepStrictEqual(item("d9 0102 82 01 02"), [1, 2])
    assert.deepStrictEqual(item("d9 0103 a1 01 02"), { 1: 2 })
    assert.strictEqual(item("d9 d9f7 01"), 1)
    assert.strictEqual(item("c0 d9d9f7 c1 d823 01"), 1)
    assert.strictEqual(item("da 69ec0001 01"), 1)
    assert.strictEqual(item("db 0000000100000002 01"), 1)
    assert.deepStrictEqual(decode(hex("d9d9f7 81 01 c0 d9d9f7 80 81 02")), [[1], [2]])
    assert.deepStrictEqual(decode(Buffer.concat([hex("82"), Buffer.alloc(90_000, hex("d9d9f7")), hex("01 02")])), [
      [1, 2]
    ])
  })

  it("may stand on keys", () => {
    assert.deepStrictEqual(item("a2 c0 6161 01 c0 4162 02", "own"), { a: 1, b: 2 })
    assert.deepStrictEqual(item("a1 c2 4105 01"), { 5: 1 })
  })

  it("of bignums make a number where a number can say it exactly, else a bigint", () => {
    assert.deepStrictEqual(
      item("88 c240 c34100 c2420001 c2471fffffffffffff c34720000000000000 c2 4720000000000000 f6 f6"),
      [
        0,
        -1,
        1,
        2 ** 53 - 1,
        -(2n ** 53n) - 1n,
        2n ** 53n,
        null,
        null
      ]
    )
    assert.strictEqual(item("c0 c2 4105"), 5)
    assert.strictEqual(item("c3 47 1ffffffffffffe"), -(2 ** 53 - 1))
    assert.strictEqual(item("c3 47 1fffffffffffff"), -(2n ** 53n))
  })
})

describe("keys", () => {
  it("of the same text are one, of which the last wins", () => {
    assert.deepStrictEqual(item("a4 6161 01 4161 02 7f 6161 ff 03 6162 04"), { a: 3, b: 4 })
    assert.deepStrictEqual(item("a2 01 01 6131 02"), { 1: 2 })
  })

  it("are not mistaken for others of their length that came before", () => {
    const keys = ["k", "", "key", "kay", "kéy", "k\u00c3\u00a9y", "x".repeat(23), "x".repeat(24), "k".repeat(300)]
    for (let round = 0; round < 2; round++) {
      for (const key of [...keys, ...keys.toReversed()]) {
        const packet = [{ [key]: key }]
        const bytes = encoder(cbor, "own")(packet)
        assert.deepStrictEqual(decode(bytes, "own"), [packet])
      }
    }
    const letters = Array.from("abcdefghijklmnopqrstuvwxyz")
    const pairs = letters.flatMap((first) => letters.map((second) => [first + second, 1] as const))
    const many = [Object.fromEntries(pairs), Object.fromEntries(pairs.toReversed())]
    assert.deepStrictEqual(decode(encoder(cbor, "own")(many)), [many])
    const mixed = hex("85 a1 62c3a9 01 a1 42c3a9 02 a1 62c3a9 03 a1 41e9 04 a1 4141 05")
    assert.deepStrictEqual(decode(mixed), [[{ "é": 1 }, { "Ã©": 2 }, { "é": 3 }, { "é": 4 }, { A: 5 }]])
  })

  it("that are no strings are written out", () => {
    assert.deepStrictEqual(item("a7 01 00 20 00 f93e00 00 f5 00 f6 00 f7 00 1bffffffffffffffff 00"), {
      1: 0,
      "-1": 0,
      1.5: 0,
      true: 0,
      null: 0,
      undefined: 0,
      "18446744073709551615": 0
    })
  })
})
