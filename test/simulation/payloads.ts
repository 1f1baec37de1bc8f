/**
 * What messages, notes and reasons hold: data of all kinds, also such as cannot travel; and how those who get it tell that it is
 * what was sent.
 */
import * as Schema from "effect/Schema"
import { OnPurpose } from "./onPurpose.ts"
import { hashText, type SeededRandom } from "./random.ts"

/** Which links carry it: all, some, or none. */
export type Carried = "always" | "perhaps" | "never"

export interface Payload {
  readonly value: unknown
  readonly carried: Carried
  /** What it shows as when it is made. */
  readonly holds: string
  /** Not every link is known to carry so much: what cannot wait for one may be shortened. */
  readonly isLarge: boolean
  /** Changes it, as a program does that uses its data for something else. */
  readonly spoil: () => void
}

const numbers = [0, 1, -1, 255, 65_536, -2_147_483_649, 0.5, -1e-9, 1e300, 2 ** 53 - 1]
const texts = ["", "a", "é", "日本", "𝒳", "\n\u0000", "#", "x".repeat(300)]

/** What every link carries. */
const plain = (random: SeededRandom, depth = 0): unknown => {
  switch (random.weighted({ number: 4, text: 4, constant: 2, list: depth < 3 ? 2 : 0, record: depth < 3 ? 2 : 0 })) {
    case "number":
      return random.chance(0.5) ? random.pick(numbers) : random.int(-1e9, 1e9)
    case "text":
      return random.pick(texts)
    case "constant":
      return random.pick([null, true, false])
    case "list":
      return Array.from({ length: random.int(0, 4) }, () => plain(random, depth + 1))
    case "record":
      return Object.fromEntries(
        Array.from(
          { length: random.int(0, 4) },
          (_, index) => [`${random.pick(["k", "é", "a b"])}${index}`, plain(random, depth + 1)]
        )
      )
  }
}

/** What CBOR carries, and JSON does not. As text the bytes are the same: what Perl sends as bytes is read as text. */
const some = (random: SeededRandom): unknown =>
  random.pick([NaN, Infinity, -Infinity, Buffer.from("bytes"), new Uint8Array(40).fill(65)])

const cycle = (): unknown => {
  const ring: Record<string, unknown> = { name: "ring" }
  ring["self"] = [ring]
  return ring
}

const nested = (depth: number): unknown => {
  let value: unknown = "deep"
  for (let left = depth; left > 0; left--) value = [value]
  return value
}

/** What no link carries. To look at some of it throws. */
const odd = (random: SeededRandom): unknown =>
  random.pick([
    () => "a function",
    Symbol("symbol"),
    new Date(0),
    new Map([[1, 2]]),
    new OnPurpose("an error in a message"),
    cycle(),
    nested(600),
    "\ud800",
    2n ** 70n,
    {
      get name(): string {
        throw new OnPurpose("a getter")
      }
    },
    {
      toString: () => {
        throw new OnPurpose("a text")
      }
    }
  ])

/** Sizes around that beyond which a message waits for a link that is being made. */
const sizes = [16_000, 16_300, 16_384, 16_400, 17_000, 40_000]

const kinds = { plain: 60, sized: 3, large: 1, some: 5, odd: 4 }

/** Anything that a program may put into a message. */
export const anyPayload = (random: SeededRandom): Payload => {
  const kind = random.weighted(kinds)
  switch (kind) {
    case "plain":
      return payload({ data: plain(random) }, "always")
    case "sized":
      return payload({ data: "s".repeat(random.pick(sizes)! + random.int(-40, 40)) }, "always", true)
    case "large":
      return payload({ data: "x".repeat(200_000) }, "always", true)
    case "some":
      return payload({ data: [plain(random), some(random)] }, "perhaps")
    case "odd":
      return payload({ data: [plain(random), odd(random)] }, "never")
  }
}

/** What every link carries. */
export const plainPayload = (random: SeededRandom): Payload => payload({ data: plain(random) }, "always")

/** What a handler, or the check of a message, fails over. */
export type Trap = "handler" | "check"

/** A message that its receiver fails over. */
export const trapPayload = (trap: Trap): Payload => payload({ data: "trap", trap }, "always")

export const isTrap = (value: unknown, trap: Trap): boolean =>
  typeof value === "object" && value !== null && "trap" in value && value.trap === trap

/** What the schema of a message may be made with: a check that throws for some values. */
export const Delicate = Schema.Unknown.pipe(
  Schema.check(Schema.makeFilter((value: unknown) => {
    if (isTrap(value, "check")) throw new OnPurpose("the check of a message")
    return true
  }))
)

const payload = (value: Record<string, unknown>, carried: Carried, isLarge = false): Payload => {
  const holds = show(value)
  return {
    value,
    carried,
    holds,
    isLarge,
    spoil: () => {
      value["data"] = "spoilt"
      // Some could not be encoded any more.
      if (holds.length % 4 === 0) value["more"] = cycle()
    }
  }
}

/** What explains an end: mostly nothing, at times something that cannot travel. */
export const anyDetails = (random: SeededRandom): ReadonlyArray<unknown> => {
  if (random.chance(0.6)) return []
  return Array.from(
    { length: random.int(1, 3) },
    () =>
      random.weighted({ plain: 1, some: 1, odd: 2 }) === "plain"
        ? plain(random)
        : random.chance(0.3)
        ? some(random)
        : odd(random)
  )
}

/** Of a text that shows a value so many characters are kept; the rest is told by its hash. */
const shownLength = 60

/** A value as text: the same for equal ones, different for others. Looks at everything, whatever that does. */
export const show = (value: unknown): string => {
  const text = exactText(value, 0)
  return text.length <= shownLength
    ? text
    : `${text.slice(0, shownLength)}... ${text.length} ${hashText(text).toString(36)}`
}

const exactText = (value: unknown, depth: number): string => {
  if (depth > 20) return "..."
  try {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value)
      case "number":
        return Object.is(value, -0) ? "-0" : String(value)
      case "boolean":
        return String(value)
      case "bigint":
        return `${value}n`
      case "object":
        return value === null ? "null" : objectText(value, depth)
      default:
        return typeof value
    }
  } catch {
    return "unreadable"
  }
}

const objectText = (value: object, depth: number): string => {
  if (Array.isArray(value)) return `[${value.map((item) => exactText(item, depth + 1)).join()}]`
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("latin1"))
  const fields = Object.entries(value).toSorted(([one], [other]) => one < other ? -1 : 1)
  return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${exactText(inner, depth + 1)}`).join()}}`
}
