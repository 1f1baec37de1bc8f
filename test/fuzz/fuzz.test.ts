import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { start } from "../processes.ts"
import { SeededRandom } from "../simulation/random.ts"
import { isFull, sized } from "../size.ts"
import { attack, randomAttack, secret } from "./attacker.ts"
import { Fuzzer } from "./fuzzer.ts"
import { type Target, targets } from "./targets.ts"

for (const [name, target] of Object.entries(targets)) {
  describe(name, () => {
    it("stands inputs that nobody would send", () => {
      const fuzzer = new Fuzzer(target, "npm test")
      for (let i = 0; i < sized(1500, 12_000); i++) {
        const failure = fuzzer.next()
        if (failure !== undefined) {
          throw new Error(`fuzz --target ${name} --input ${Buffer.from(failure.input).toString("hex")}`, {
            cause: failure.error
          })
        }
      }
      assert.isAbove(fuzzer.outcomes.size, 35)
    })

    it.effect.prop(
      "stands any bytes",
      [Schema.Uint8Array],
      ([input]) => Effect.sync(() => assert.isString(target.check(input))),
      { arbitrary: { runs: 500 } }
    )
  })
}

describe.skipIf(isFull)("the fuzzer", () => {
  /** Does harm for the bytes 9f 80, wherever they stand, among others. */
  const harmful: Target = {
    corpus: [Buffer.alloc(40)],
    tokens: [Buffer.from("9f", "hex")],
    generate: () => Buffer.alloc(10),
    check: (input) => {
      if (Buffer.from(input).includes("9f80", "hex")) throw new Error("harm")
      return ""
    }
  }

  it("finds what does harm, and leaves out all else", () => {
    const fuzzer = new Fuzzer(harmful, "1")
    let failure = fuzzer.next()
    while (failure === undefined) failure = fuzzer.next()
    assert.strictEqual(Buffer.from(failure.input).toString("hex"), "9f80")
    assert.strictEqual((failure.error as Error).message, "harm")
  })

  it("tries the same inputs for the same seed", () => {
    const inputs = (seed: string) => {
      const fuzzer = new Fuzzer(targets.cbor, seed)
      return Array.from({ length: 300 }, () => {
        fuzzer.next()
        return Buffer.from(fuzzer.input).toString("hex")
      })
    }
    assert.deepStrictEqual(inputs("1"), inputs("1"))
    assert.notDeepEqual(inputs("1"), inputs("2"))
  })

  it("notices an attacker of the handshake that knows the secret", () => {
    const noticed = Array.from({ length: 1000 }, (_, i) => randomAttack(new SeededRandom(String(i)))).filter(
      (input) => {
        try {
          attack(input, secret)
          return false
        } catch {
          return true
        }
      }
    )
    assert.isNotEmpty(noticed)
    for (const input of noticed) assert.isString(attack(input))
  })

  it("runs from the command line, for so long and with all targets", async () => {
    const fuzz = start(["--expose-gc", "test/fuzz/main.ts", "--minutes", "0.005", "--seed", "7"])
    const { code, stderr, stdout } = await fuzz.exits()
    assert.strictEqual(code, 0, stderr)
    for (const name of Object.keys(targets)) {
      assert.match(stdout, new RegExp(`^${name}: \\d+ inputs in \\d+ s, \\d+ outcomes, seed 7$`, "m"))
    }
  })

  it("tries one input from the command line", async () => {
    const fuzz = start(["test/fuzz/main.ts", "--target", "json", "--input", Buffer.from("[1] [").toString("hex")])
    assert.strictEqual((await fuzz.exits()).stdout, "json: 1 packets of array, number\n")
  })

  it("ends with a summary when it is interrupted", async () => {
    const fuzz = start(["--expose-gc", "test/fuzz/main.ts", "--minutes", "1", "--target", "cbor"])
    await fuzz.sees(/begins/)
    assert.match((await fuzz.end("SIGINT")).stdout, /^cbor: \d+ inputs/)
  })
})
