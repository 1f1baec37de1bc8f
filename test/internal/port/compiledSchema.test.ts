import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as vm from "node:vm"
import { compileItems } from "../../../src/internal/port/compiledSchema.ts"
import { type AnySchema, checkArguments, validator } from "../../../src/internal/port/protocol.ts"
import { SeededRandom } from "../../simulation/random.ts"
import { sized } from "../../size.ts"
import { keys, type RandomSchema, randomSchema } from "./randomSchemas.ts"

/** What may stand where a schema wants something else. */
const oddities: ReadonlyArray<() => unknown> = [
  () => undefined,
  () => null,
  () => NaN,
  () => -0,
  () => 2 ** 53,
  () => 1.5,
  () => 1n,
  () => "",
  () => "curse",
  () => "throw",
  () => "abcd",
  () => "#a",
  () => true,
  () => [],
  () => ({}),
  () => Symbol("s"),
  () => () => 1,
  () => new Date(0),
  () => new Map(),
  () => new Uint16Array(2),
  () => vm.runInNewContext("[1, 2]") as unknown,
  () => vm.runInNewContext("({ a: 1, tag: 'a' })") as unknown,
  () => vm.runInNewContext("new Uint8Array(2)") as unknown,
  () => new Proxy({ a: 1 }, {}),
  () => new Proxy([1], {}),
  () => ({ length: 1, 0: 1 })
]

class Items extends Array<unknown> {}

/** The same value in another guise: most of them fit where it does. */
const disguises: ReadonlyArray<(value: object) => unknown> = [
  (value) => Array.isArray(value) ? Items.from(value) : Object.assign(Object.create(null), value),
  (value) => Array.isArray(value) ? Object.assign([], { length: value.length }) : Object.create(value),
  (value) => new Proxy(value, {}),
  (value) => Object.freeze(value),
  (value) => Object.defineProperty(value, "a", { get: () => 1, enumerable: true, configurable: true }),
  (value) => Object.defineProperty(value, "b", { value: 1, configurable: true }),
  (value) =>
    Object.defineProperty(value, "a", {
      get: () => {
        throw new Error("cannot be read")
      },
      enumerable: true,
      configurable: true
    })
]

const property = (value: unknown): PropertyDescriptor => ({ value, enumerable: true, configurable: true })

/** A value that is changed in some place. */
const disturbed = (random: SeededRandom, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || random.chance(0.25)) return random.pick(oddities)!()
  const names = Reflect.ownKeys(value).filter((key) => key !== "length")
  const key = names.length > 0 && random.chance(0.8) ? random.pick(names)! : random.pick(keys)!
  try {
    switch (random.int(0, 4)) {
      case 0:
        Reflect.deleteProperty(value, key)
        break
      case 1:
        if (Array.isArray(value)) value.splice(random.int(0, 3), random.int(0, 1), random.pick(oddities)!())
        else Reflect.defineProperty(value, key, property(random.pick(oddities)!()))
        break
      case 2:
        return random.pick(disguises)!(value)
      default:
        // Never what is in a prototype: everything would have it.
        if (Object.hasOwn(value, key)) Reflect.set(value, key, disturbed(random, Reflect.get(value, key)))
    }
  } catch {
    // It stays as it is: it was hostile before.
  }
  return value
}

const valueFor = (random: SeededRandom, { value }: RandomSchema): unknown => {
  let made = value()
  for (let times = random.int(0, 2); times > 0; times--) made = disturbed(random, made)
  return made
}

type Answer = boolean | "throws"

const answer = (ask: () => boolean): Answer => {
  try {
    return ask()
  } catch {
    return "throws"
  }
}

const isOrdinary = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== Array.prototype && !(value instanceof Uint8Array)) return false
  return Reflect.ownKeys(value).every((key) => {
    const property = Reflect.getOwnPropertyDescriptor(value, key)
    return property !== undefined && "value" in property && isOrdinary(property.value)
  })
}

describe("a compiled schema", () => {
  it("says of every value what the schema says of it", () => {
    const seen = new Map<string, number>()
    const rounds = sized(4000, 100_000)
    for (let seed = 0; seed < rounds; seed++) {
      const random = new SeededRandom(`compiled ${seed}`)
      const drawn = randomSchema(random)
      const certainlyFit = compileItems(Schema.Tuple([drawn.schema]))
      const is = Schema.is(drawn.schema)
      for (let i = 0; i < 5; i++) {
        const value = valueFor(random, drawn)
        const truth = answer(() => is(value))
        const compiled = answer(() => certainlyFit([value], 0))
        // It asks the schema by no, and by what it throws. Of what messages hold it knows by itself, but for a check that throws.
        const isRight = compiled === true
          ? truth === true || truth === "throws" && !isOrdinary(value)
          : compiled === "throws" || truth !== true || !isOrdinary(value)
        if (!isRight) {
          assert.fail(`seed ${seed}, value ${i}: the schema says ${truth}, and what is compiled ${compiled}`)
        }
        seen.set(String(truth), (seen.get(String(truth)) ?? 0) + 1)
      }
    }
    assert.isAbove(seen.get("true")!, rounds)
    assert.isAbove(seen.get("false")!, rounds)
    assert.isAbove(seen.get("throws")!, rounds / 100)
  })

  it("is asked for the arguments of a message, and they are explained by the schema", () => {
    for (let seed = 0; seed < sized(500, 20_000); seed++) {
      const random = new SeededRandom(`arguments ${seed}`)
      const drawn = Array.from({ length: random.int(0, 3) }, () => randomSchema(random))
      const args = drawn.map((each) => valueFor(random, each))
      if (random.chance(0.2)) args.push(random.pick(oddities)!())
      if (random.chance(0.1)) args.pop()
      const schemas = drawn.map(({ schema }) => schema)
      // What comes behind the last schema is nobody's concern.
      const truth = answer(() => Schema.is(Schema.Tuple(schemas))(args.slice(0, schemas.length)))
      const wrong = checkArguments(schemas)(args)
      assert.strictEqual(wrong === undefined, truth === true, `seed ${seed}`)
      if (truth === "throws") assert.match(wrong!, /^the check itself failed/)
      const validate = validator({ tag: { schemas, tail: undefined, reply: undefined } })
      assert.strictEqual(validate(["tag", ...args])?.[1], wrong === undefined ? undefined : `message "tag": ${wrong}`)
    }
  })

  it("asks a check of a program's once for what fits", () => {
    let asked = 0
    const counting = Schema.makeFilter(() => {
      asked++
      return true
    })
    const check = checkArguments([Schema.String.check(counting), Schema.Array(Schema.Int.check(counting))])
    assert.isUndefined(check(["a", [1, 2]]))
    assert.strictEqual(asked, 3)
  })

  it("follows what is declared later, and what contains itself", () => {
    interface Chain {
      readonly next?: Chain
    }
    const Chain: Schema.Codec<Chain> = Schema.Struct({
      next: Schema.optionalKey(Schema.suspend((): Schema.Codec<Chain> => Chain))
    })
    const certainlyFit = compileItems(Schema.Tuple([Chain]))
    let chain: Chain = {}
    for (let i = 0; i < 500; i++) chain = { next: chain }
    assert.isTrue(certainlyFit([chain], 0))
    assert.isFalse(certainlyFit([{ next: { next: 1 } }], 0))
    const ring: { next?: Chain } = {}
    ring.next = ring
    assert.match(checkArguments([Chain])([ring])!, /^the check itself failed/)
  })

  it("names nothing in a message that does not fit but what is wrong", () => {
    const schema: AnySchema = Schema.Struct({ a: Schema.Int })
    assert.match(checkArguments([schema])([{ a: 1.5 }])!, /an integer.*\[0\]\["a"\]/)
  })
})
