/**
 * Inputs for decoders: valid ones that are made up, and what chance makes of them.
 */
import type { SeededRandom } from "../simulation/random.ts"

const byte = (random: SeededRandom): number => random.int(0, 255)

export const randomBytes = (random: SeededRandom, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => byte(random)))

/** Lengths that are mostly small, and now and then at the borders of header sizes. */
const length = (random: SeededRandom): number =>
  random.chance(0.95) ? random.int(0, 6) : random.pick([23, 24, 32, 33, 255, 256])!

/** One item of CBOR, as any encoder might write it: Perl's, with tags, of indefinite length, in longer headers than need be. */
export const randomCbor = (random: SeededRandom, depth = 0): Buffer => {
  switch (random.int(depth > 4 ? 4 : 0, 12)) {
    case 0:
    case 1:
      return container(random, 4, depth, () => randomCbor(random, depth + 1))
    case 2:
      return container(random, 5, depth, () => Buffer.concat([cborKey(random), randomCbor(random, depth + 1)]))
    case 3:
      return Buffer.concat([header(random, 6, random.pick(tags)!), randomCbor(random, depth + 1)])
    case 4:
      return Buffer.concat([header(random, 6, random.int(2, 3)), cborString(random, 2)])
    case 5:
      return header(random, random.int(0, 1), Math.floor(2 ** random.int(0, 63) * random.nextDoubleUnsafe()))
    case 6:
      return Buffer.from([random.int(0xf4, 0xf7)])
    case 7: {
      const size = random.int(1, 3)
      return Buffer.concat([Buffer.from([0xf8 + size]), randomBytes(random, 2 ** size)])
    }
    case 8:
      return Buffer.from([0x20 * random.int(0, 1) + random.int(0, 23)])
    default:
      return cborString(random, random.int(2, 3))
  }
}

const tags = [0, 1, 4, 5, 24, 25, 26, 28, 29, 32, 55799, 22098, 256, 258, 57343, 2 ** 32]

const header = (random: SeededRandom, major: number, argument: number): Buffer => {
  const shortest = argument < 24 ? 0 : argument < 2 ** 8 ? 1 : argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 3 : 4
  const size = random.chance(0.9) ? shortest : random.int(shortest, 4)
  if (size === 0) return Buffer.from([major << 5 | argument])
  const bytes = Buffer.alloc(1 + 2 ** (size - 1))
  bytes[0] = major << 5 | 23 + size
  if (size === 4) bytes.writeBigUInt64BE(BigInt(argument), 1)
  else bytes.writeUIntBE(argument, 1, bytes.length - 1)
  return bytes
}

const container = (random: SeededRandom, major: number, depth: number, item: () => Buffer): Buffer => {
  const items = Array.from({ length: depth === 0 ? random.int(0, 4) : length(random) }, item)
  return random.chance(0.8)
    ? Buffer.concat([header(random, major, items.length), ...items])
    : Buffer.concat([Buffer.from([major << 5 | 31]), ...items, Buffer.from([0xff])])
}

const cborString = (random: SeededRandom, major: number): Buffer => {
  const definite = (): Buffer => {
    const content = major === 3 ? Buffer.from(randomText(random)) : randomBytes(random, length(random))
    return Buffer.concat([header(random, major, content.length), content])
  }
  if (random.chance(0.9)) return definite()
  return Buffer.concat([Buffer.from([major << 5 | 31]), definite(), definite(), Buffer.from([0xff])])
}

const cborKey = (random: SeededRandom): Buffer => {
  const known = Buffer.from(random.pick(["a", "id", "__proto__", "é", "constructor", "1", "toString"])!)
  return random.chance(0.6)
    ? Buffer.concat([header(random, random.int(2, 3), known.length), known])
    : cborString(random, random.int(2, 3))
}

const randomText = (random: SeededRandom): string =>
  Array.from(
    { length: length(random) },
    () => random.pick(["a", "b", "\0", "\"", "\\", "[", "}", "é", "€", "😀", "\ufeff", "\u2028"])
  )
    .join("")

/** One JSON text, with white space, escapes, and numbers as Perl says them. */
export const randomJson = (random: SeededRandom, depth = 0): string => {
  const space = random.chance(0.8) ? "" : random.pick([" ", "\n", "\t", "\r\n"])!
  const list = (item: () => string): string => Array.from({ length: random.int(0, 4) }, item).join(`${space},`)
  switch (depth === 0 ? 0 : random.int(depth > 4 ? 2 : 0, 7)) {
    case 0:
      return `[${space}${list(() => randomJson(random, depth + 1))}${space}]`
    case 1:
      return `{${space}${list(() => `${jsonString(random)}${space}:${randomJson(random, depth + 1)}`)}}`
    case 2:
      return random.pick(["true", "false", "null"])!
    case 3:
      return random.pick(jsonNumbers)!
    case 4:
      return random.chance(0.8) ? "7" : random.pick(["inf", "-inf", "nan", "NaN", "Infinity", "-Inf"])!
    default:
      return jsonString(random)
  }
}

const jsonNumbers = [
  "0",
  "-0",
  "1",
  "-1.5",
  "1e3",
  "1E-2",
  "1e999",
  "-1e-999",
  "0.1",
  "0.12345678901234567",
  "1e+1234567890123456"
]
  .concat(["123456789012345", "1234567890123456", "9007199254740991", "-9007199254740993", "9007199254740993e0"])
  .concat(["12345678901234567890", "-12345678901234567890", "1234567890123456.5"])

const jsonString = (random: SeededRandom): string => {
  if (random.chance(0.1)) return random.pick(["\"__proto__\"", "\"nan\"", "\",inf,\"", "\"\\ud800\"", "\"\\u0000\""])!
  return JSON.stringify(randomText(random))
}

/** Numbers where something changes: sizes, signs, and what CBOR's headers are. */
const border = [0, 1, 0x17, 0x18, 0x1b, 0x1f, 0x20, 0x22, 0x3b, 0x40, 0x5b, 0x5c, 0x5d, 0x5f, 0x60, 0x7b, 0x7f, 0x80]
  .concat([0x81, 0x9b, 0x9f, 0xa0, 0xbb, 0xbf, 0xc2, 0xd9, 0xdb, 0xe0, 0xf4, 0xf8, 0xfb, 0xff])

/** No input grows beyond this. */
const longest = 4096

/** Changes an input in a few places; may mix it with others, and with tokens of its language. */
export const mutate = (
  random: SeededRandom,
  input: Uint8Array,
  others: ReadonlyArray<Uint8Array>,
  tokens: ReadonlyArray<Uint8Array>
): Buffer => {
  let bytes = Buffer.from(input)
  for (let times = random.int(1, 6); times > 0; times--) {
    const from = random.int(0, bytes.length)
    const to = Math.min(bytes.length, from + random.int(0, 1 + Math.floor(bytes.length / random.int(1, 16))))
    const before = bytes.subarray(0, from)
    const behind = bytes.subarray(to)
    const put = (...middle: ReadonlyArray<Uint8Array>) => Buffer.concat([before, ...middle, behind])
    const other = random.pick(others)!
    switch (random.int(0, 8)) {
      case 0:
        if (from < bytes.length) bytes[from]! ^= 1 << random.int(0, 7)
        break
      case 1:
        if (from < bytes.length) bytes[from] = random.pick(border)!
        break
      case 2:
        bytes = put()
        break
      case 3:
        bytes = put(randomBytes(random, random.int(0, 4)), bytes.subarray(from, to))
        break
      case 4:
        bytes = put(Buffer.alloc(random.chance(0.05) ? 600 : random.int(0, 20), random.pick(border)!))
        break
      case 5:
        bytes = put(...Array.from({ length: random.int(2, 5) }, () => bytes.subarray(from, to)))
        break
      case 6:
        bytes = put(other.subarray(random.int(0, other.length)))
        break
      case 7:
        bytes = put(random.pick(tokens)!, bytes.subarray(from, to))
        break
      default:
        bytes = Buffer.from(random.chance(0.5) ? before : behind)
    }
    if (bytes.length > longest) bytes = bytes.subarray(0, longest)
  }
  return bytes
}
