/**
 * Packets of plain data of every kind, as programs may send them, mostly at the borders of what a codec writes in one way and in
 * another; and where a network cuts them.
 */
import * as vm from "node:vm"
import { type Carries, maxDepth } from "../../src/internal/values/plainData.ts"
import type { SeededRandom } from "../simulation/random.ts"

/** Lengths at which a header grows, and where codecs change their way of reading. */
const borders = [0, 1, 2, 11, 12, 13, 14, 22, 23, 24, 25, 31, 32, 33, 63, 64, 65, 127, 128, 254, 255, 256, 257]
/** Few of these: they take their time. */
const far = [1023, 1024, 1025, 4095, 4096, 4097, 16_384, 32_768, 65_535, 65_536, 70_000]

const length = (random: SeededRandom): number =>
  random.chance(0.7) ? random.int(0, 12) : random.chance(0.995) ? random.pick(borders)! : random.pick(far)!

/** Of a container, whose items have lengths of their own. */
const count = (random: SeededRandom): number =>
  random.chance(0.95)
    ? random.int(0, 4)
    : random.chance(0.9)
    ? random.pick([15, 16, 17, 23, 24, 25])!
    : random.pick(borders)!

const characters = [
  "a",
  "Z",
  "0",
  " ",
  "\0",
  "\n",
  "\"",
  "\\",
  "[",
  "]",
  "}",
  ",",
  ":",
  "\x7f",
  "\x80",
  "é",
  "ÿ",
  "Ā",
  "€"
].concat([
  "\u07ff",
  "\u0800",
  "\ufeff",
  "\u2028",
  "\uffff",
  "😀",
  "\u{10ffff}"
])

const text = (random: SeededRandom): string => {
  const size = length(random)
  if (random.chance(0.5)) return "abcdefghijklmnopqrstuvwxyz".repeat(1 + size / 26).slice(0, size)
  if (random.chance(0.1)) {
    return random.pick(["__proto__", "constructor", "toJSON", "nan", "inf", "][", "1e5", "\\ud800"])!
  }
  if (random.chance(0.3)) return random.pick(characters)!.repeat(size)
  return Array.from({ length: Math.min(size, 300) }, () => random.pick(characters)!).join("")
}

const numbers = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  0.1,
  1.5,
  -1.5,
  65504,
  65505,
  5e-324,
  1.7976931348623157e308,
  3.4028234663852886e38
]
  .concat([2 ** -24, 2 ** -14, 1 / 3, 0.1234567890123456, 1234567890.123456, 1e15, 1e16, 1e20, 1e21, 1e300, -1e21])

/** A power of two, or one more or less: where integers take more bytes, or are none any more. */
const integer = (random: SeededRandom, bits: number): bigint => {
  const power = 1n << BigInt(random.int(0, bits))
  const value = power + BigInt(random.int(-2, 2))
  return random.chance(0.5) ? value : -value
}

const number = (random: SeededRandom): number => {
  if (random.chance(0.3)) return random.int(-300, 300)
  if (random.chance(0.4)) return Number(integer(random, 70))
  if (random.chance(0.5)) return random.pick(numbers)!
  return random.chance(0.5)
    ? random.between(-1, 1) * 10 ** random.int(-20, 20)
    : Math.fround(random.between(-1000, 1000))
}

const bigint = (random: SeededRandom): bigint => {
  const value = random.chance(0.5)
    ? integer(random, 64)
    : BigInt(random.int(0, 2 ** 32 - 1)) << 32n | BigInt(random.int(0, 2 ** 32 - 1))
  return value < -(2n ** 63n) || value >= 2n ** 64n ? value >> 2n : value
}

const bytes = (random: SeededRandom): Uint8Array => {
  const value = Buffer.alloc(length(random), random.int(0, 255))
  switch (random.int(0, 4)) {
    case 0:
      return value
    case 1:
      return value.subarray(Math.min(1, value.length))
    case 2:
      return other.bytes(value)
    default:
      return Uint8Array.from(value, (byte, i) => byte ^ i)
  }
}

/** Makes things of another realm. */
const other = vm.runInNewContext(
  "({ bytes: (from) => new Uint8Array(from), object: () => ({}), array: () => [] })"
) as {
  readonly bytes: (from: Uint8Array) => Uint8Array
  readonly object: () => object
  readonly array: () => Array<unknown>
}

const key = (random: SeededRandom): string =>
  random.chance(0.6)
    ? random.pick(["a", "id", "name", "é", "1", "", "-1", "__proto__", "constructor", "toJSON"])!
    : text(random)

const entries = (random: SeededRandom, depth: number, carries: Carries): ReadonlyArray<[string, unknown]> =>
  Array.from({ length: count(random) }, () => [key(random), value(random, depth + 1, carries)])

const object = (random: SeededRandom, depth: number, carries: Carries): object => {
  const made = entries(random, depth, carries)
  switch (random.int(0, 5)) {
    case 0:
      return withEntries(Object.create(null) as object, made)
    case 1:
      return withEntries(other.object(), made)
    case 2:
      return Object.defineProperty(Object.fromEntries(made), "unseen", { value: Symbol("unseen") })
    default:
      return Object.fromEntries(made)
  }
}

/** Whatever their keys mean elsewhere. */
const withEntries = (object: object, entries: ReadonlyArray<readonly [string, unknown]>): object => {
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return object
}

class Items extends Array<unknown> {}

const array = (random: SeededRandom, depth: number, carries: Carries): ReadonlyArray<unknown> => {
  const made = Array.from({ length: count(random) }, () => value(random, depth + 1, carries))
  switch (random.int(0, 12)) {
    case 0:
      return Items.from(made)
    case 1:
      return Object.assign(other.array(), made)
    case 2:
      // A hole is read as undefined.
      if (carries === "cbor" && made.length > 0) Reflect.deleteProperty(made, random.int(0, made.length - 1))
      return made
    default:
      return made
  }
}

/** As deep as can be, in arrays or objects. */
const deep = (random: SeededRandom, depth: number): unknown => {
  let inner: unknown = 1
  for (let level = depth; level < maxDepth; level++) inner = random.chance(0.5) ? [inner] : { a: inner }
  return inner
}

const value = (random: SeededRandom, depth: number, carries: Carries): unknown => {
  if (random.chance(0.001)) return deep(random, depth)
  switch (random.int(depth > 4 ? 3 : 0, 12)) {
    case 0:
    case 1:
      return array(random, depth, carries)
    case 2:
      return object(random, depth, carries)
    case 3:
      return random.pick([true, false, null])
    case 4:
      return carries === "json" ? null : undefined
    case 5:
      return carries === "cbor" ? bytes(random) : text(random)
    case 6: {
      const wide = bigint(random)
      return carries === "json" && Number.isSafeInteger(Number(wide)) ? Number(wide) : wide
    }
    case 7:
    case 8:
    case 9: {
      const made = number(random)
      return carries === "cbor" || Number.isFinite(made) ? made : 0
    }
    default:
      return text(random)
  }
}

/** A name and a message that can be carried. Most are as messages are: a tag, and a few values. */
export const randomPacket = (random: SeededRandom, carries: Carries): readonly [string, ...ReadonlyArray<unknown>] =>
  random.chance(0.5)
    ? ["q4aBqVQEwb", random.pick(["tag", "hello", "", "é"]), ...items(random, random.int(0, 3), carries)]
    : [text(random), ...items(random, count(random), carries)]

const items = (random: SeededRandom, many: number, carries: Carries): ReadonlyArray<unknown> =>
  Array.from({ length: many }, () => value(random, 1, carries))

/** What no message may hold. */
const foreign: ReadonlyArray<(inner: unknown) => unknown> = [
  () => "a\ud800",
  () => `${"a".repeat(50)}\udfff€`,
  (inner) => ({ "a\udc00": inner }),
  () => 2n ** 64n,
  () => -(2n ** 63n) - 1n,
  () => new Date(0),
  () => new Map(),
  () => new Uint16Array(2),
  () => new ArrayBuffer(2),
  () => () => 1,
  () => Symbol("s"),
  (inner) => Object.create({ inner }) as unknown,
  (inner) => Object.assign(new URL("http://localhost"), { inner }),
  (inner) => {
    let nested = inner
    for (let i = 0; i < maxDepth; i++) nested = i % 2 === 0 ? [nested] : { nested }
    return nested
  },
  (inner) => {
    const ring: Array<unknown> = [inner]
    ring.push(ring)
    return ring
  },
  () => ({
    get broken(): never {
      throw new Error("cannot be read")
    }
  })
]

/** The same packet with something in it that cannot travel. */
export const unsendable = <Packet extends ReadonlyArray<unknown>>(
  random: SeededRandom,
  [name, ...message]: Packet
): ReadonlyArray<unknown> => [name, ...disturbed(random, message) as ReadonlyArray<unknown>]

const disturbed = (random: SeededRandom, value: unknown): unknown => {
  if (Array.isArray(value) && value.length > 0) {
    const at = random.int(0, value.length - 1)
    return Array.from(value, (item: unknown, i) => i === at ? disturbed(random, item) : item)
  }
  return Array.isArray(value) ? [random.pick(foreign)!(value)] : random.pick(foreign)!(value)
}

/** Sizes of chunks, to be repeated: all in one, single bytes, or any. */
export const randomSizes = (random: SeededRandom, length: number): ReadonlyArray<number> => {
  if (length === 0 || random.chance(0.2)) return [Math.max(1, length)]
  if (length < 20_000 && random.chance(0.2)) return [1]
  const longest = random.chance(0.5) ? 20 : length
  const shortest = length < 20_000 ? 1 : Math.min(longest, 1000)
  return Array.from({ length: random.int(1, 6) }, () => random.int(shortest, Math.max(shortest, longest)))
}
