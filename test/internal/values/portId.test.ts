import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { counterText, makePortNames, randomText } from "../../../src/internal/values/names.ts"
import { isNodeId, isPortId, nameOf, nodeOf } from "../../../src/internal/values/portId.ts"

describe("port IDs", () => {
  it("are split at the first #", () => {
    assert.deepStrictEqual([nodeOf("node#port"), nameOf("node#port")], ["node", "port"])
    assert.deepStrictEqual([nodeOf("node#a#b#"), nameOf("node#a#b#")], ["node", "a#b#"])
    assert.deepStrictEqual([nodeOf("node#"), nameOf("node#")], ["node", ""])
    assert.deepStrictEqual([nodeOf("#port"), nameOf("#port")], ["", "port"])
  })

  it("without a # are a node's own port", () => {
    assert.deepStrictEqual([nodeOf("node"), nameOf("node")], ["node", ""])
  })

  it.effect.prop(
    "come apart into what they were made of",
    [Schema.String, Schema.String],
    ([node, name]) =>
      Effect.sync(() => {
        const nodeId = node.replaceAll("#", "")
        assert.deepStrictEqual([nodeOf(`${nodeId}#${name}`), nameOf(`${nodeId}#${name}`)], [nodeId, name])
      })
  )

  it("are strings whose node part is a node ID", () => {
    for (const id of ["node#port", "node", "node#", "node#;\n"]) assert.isTrue(isPortId(id), id)
    for (const id of ["", "#port", "a;b#port", "a\n#port", 1, null, undefined, ["node#port"]]) {
      assert.isFalse(isPortId(id))
    }
  })
})

describe("node IDs", () => {
  it("hold what a greeting line and a port ID can hold", () => {
    for (const id of ["a", "eg/10.0.0.1:4040", "anon/3Fz", "a b", "caf\xe9", "\xc3\x89ric", "%u", "~"]) {
      assert.isTrue(isNodeId(id), id)
    }
    for (const id of ["", "a#b", "a;b", "a\nb", "a\r", "\0", "\x7f", "\u0100", "😀"]) {
      assert.isFalse(isNodeId(id), id)
    }
  })
})

describe("what IDs are made of", () => {
  const isOneByPattern = (text: string): boolean => /^[\x20-\x7e\x80-\xff]+$/.test(text) && !/[#;]/.test(text)

  it("is the same by a pattern, character by character", () => {
    for (let code = 0; code <= 0x1ff; code++) {
      const character = String.fromCharCode(code)
      for (const text of [character, `a${character}`, `${character}b`, `a${character}#\n`]) {
        assert.strictEqual(isNodeId(text), isOneByPattern(text), `U+${code.toString(16)}`)
        assert.strictEqual(isPortId(text), isOneByPattern(nodeOf(text)), `U+${code.toString(16)}`)
      }
    }
  })

  const Character = Schema.Union([
    Schema.Literals(["#", ";", "a", "~", "\x7f", "\x1f", " ", "é", "ÿ", "Ā", "\ud800", "\n"]),
    Schema.String
  ])

  it.effect.prop(
    "is the same by a pattern, in any text",
    [Schema.Array(Character)],
    ([characters]) =>
      Effect.sync(() => {
        const text = characters.join("")
        assert.strictEqual(isNodeId(text), isOneByPattern(text))
        assert.strictEqual(isPortId(text), isOneByPattern(nodeOf(text)))
      }),
    { arbitrary: { runs: 1000 } }
  )
})

describe("the counter", () => {
  it("counts b, c, ... z, aa, ab, ...", () => {
    assert.deepStrictEqual([2, 3, 26, 27, 28, 52, 53, 78, 79, 702, 703, 704].map(counterText), [
      "b",
      "c",
      "z",
      "aa",
      "ab",
      "az",
      "ba",
      "bz",
      "ca",
      "zz",
      "aaa",
      "aab"
    ])
  })

  it("never says the same twice", () => {
    const texts = Array.from({ length: 100_000 }, (_, n) => counterText(n + 1))
    assert.strictEqual(new Set(texts).size, texts.length)
    assert.isTrue(texts.every((text) => /^[a-z]+$/.test(text)))
  })
})

describe("port names", () => {
  it.effect("have a prefix of the process, and count b, c, ... together", () =>
    Effect.gen(function*() {
      const names = yield* makePortNames("n", false)
      const first = names.localId()
      assert.match(first, /^n#[0-9A-Za-z]{9}b$/)
      assert.strictEqual(names.localId(), `${first.slice(0, 11)}c`)
      assert.match(names.spawned(), /^[0-9A-Za-z]{9}[0-9A-Z]d$/)
      assert.strictEqual(names.localId(), `${first.slice(0, 11)}e`)
    }))

  it.effect("of local ports have no prefix where the node ID is random", () =>
    Effect.gen(function*() {
      const names = yield* makePortNames("n", true)
      assert.strictEqual(names.localId(), "n#b")
      assert.match(names.spawned(), /^[0-9A-Za-z]{9}[0-9A-Z]c$/)
      assert.strictEqual(names.localId(), "n#d")
    }))

  it.effect("count on as the counter does, whoever asks", () =>
    Effect.gen(function*() {
      const names = yield* makePortNames("n", true)
      for (let n = 2; n < 20_000; n++) {
        const name = n % 3 === 0 ? names.spawned().slice(10) : names.localId().slice(2)
        assert.strictEqual(name, counterText(n))
      }
    }))

  it.effect.prop(
    "are never repeated",
    [Schema.Boolean, Schema.Array(Schema.Boolean)],
    ([isRandom, spawns]) =>
      Effect.gen(function*() {
        const names = yield* makePortNames("n", isRandom)
        const made = [...spawns, ...spawns, ...spawns].map((spawn) => spawn ? names.spawned() : names.localId())
        assert.strictEqual(new Set(made).size, made.length)
      })
  )

  it.effect("of spawned ports have a prefix that ends in every capital letter and digit, and nothing else", () =>
    Effect.gen(function*() {
      const last = new Set<string>()
      for (let i = 0; i < 2000; i++) last.add((yield* makePortNames("n", false)).spawned()[9]!)
      assert.strictEqual([...last].toSorted().join(""), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    }))

  it.effect("of two processes differ", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* makePortNames("n", false), yield* makePortNames("n", false)]
      assert.notStrictEqual(one.localId(), other.localId())
      assert.notStrictEqual(one.spawned(), other.spawned())
    }))
})

describe("random text", () => {
  it.effect("is of the wanted length, and of all letters and digits", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* randomText(0), "")
      const text = yield* randomText(5000)
      assert.strictEqual(text.length, 5000)
      assert.strictEqual(
        [...new Set(text)].toSorted().join(""),
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
      )
    }))
})
