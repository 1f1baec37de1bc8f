/**
 * Messages are plain data: what arrives elsewhere as it is here. The sender is told where a message holds something else, before any of
 * it has left. `docs/messages.md` has the table of it.
 *
 * @internal
 */
import { isUint8Array } from "#platform"
import { describe } from "./describe.ts"

/** A message: by custom a tag, then its arguments. */
export type Message = ReadonlyArray<unknown>

/** Who is at the other end of a link: a node of our own kind, or one that reads and writes as Perl does. */
export type PeerKind = "own" | "perl"

/**
 * What a link can carry: by its codec, and for JSON by who reads it. JSON has no bytes, and no number that is not finite. Our own kind
 * could not tell there `undefined` from nothing, nor a small bigint from a number; for Perl they are the same.
 */
export type Carries = "cbor" | "json" | "perlJson"

/** Nesting beyond this is refused by Perl's decoders, and by ours. */
export const maxDepth = 512

/** Where a value is not plain data: the path to it, such as `[2].name`, and what stands there. */
export interface Culprit {
  readonly path: string
  readonly what: string
}

/** A value that nobody can change any more, and about how many bytes it takes on a link. */
export interface Copied<A> {
  readonly copy: A
  readonly size: number
}

/** The first value inside `root` that cannot travel, or `undefined` if all of it can. */
export const culprit = (root: unknown, carries: Carries = "cbor"): Culprit | undefined => {
  const walk = new Walk(carries, false)
  walk.root(root)
  return walk.culprit
}

/** Checks a value and copies it, in one walk; answers the culprit if it cannot travel. */
export const copy = <A>(root: A, carries: Carries = "cbor"): Copied<A> | Culprit => {
  const walk = new Walk(carries, true)
  // Plain data, and so its copy is of the same type.
  const made = walk.root(root) as A
  return walk.culprit ?? { copy: made, size: walk.size }
}

/** Whether a bigint is a number as well, which JSON cannot tell from it. */
export const isSafe = (value: bigint): boolean => value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER

/** Whether CBOR has a place for it: beyond it a bigint would be of any length. */
export const fits64Bits = (value: bigint): boolean => value >= -(2n ** 63n) && value < 2n ** 64n

/** What the header of a text, an array or an object takes. Most are shorter, few are longer. */
const headerBytes = 3
const numberBytes = 9

/** Of the path to a culprit so many steps are shown: the beginning of a cycle says it all. */
const stepsShown = 10

/** Ends at the first value that cannot travel. */
class Walk {
  private readonly carries: Carries
  private readonly copying: boolean
  private what: string | undefined = undefined
  /** The way to what cannot travel, innermost first: built on the way back, so that the common case pays nothing for it. */
  private steps: Array<string> | undefined = undefined
  size = 0

  constructor(carries: Carries, copying: boolean) {
    this.carries = carries
    this.copying = copying
  }

  get culprit(): Culprit | undefined {
    if (this.what === undefined) return undefined
    const { length } = this.steps ?? []
    const shown = (this.steps ?? []).slice(-stepsShown).toReversed().join("")
    return { path: length > stepsShown ? `${shown}...` : shown, what: this.what }
  }

  /** Answers the value, or its copy. To look at it may run code of its own, which may throw. */
  root(value: unknown): unknown {
    try {
      return this.value(value, 0)
    } catch (error) {
      return this.refuse(`data that cannot be read: ${describe(error)}`)
    }
  }

  private refuse(what: string): undefined {
    this.what = what
    return undefined
  }

  private value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        this.size += headerBytes + value.length
        return value.isWellFormed() ? value : this.refuse("a string with a lone surrogate")
      case "number":
        this.size += numberBytes
        return this.carries === "cbor" || Number.isFinite(value) ? value : this.refuse(`the number ${value}`)
      case "boolean":
        this.size++
        return value
      case "undefined":
        this.size++
        return this.carries === "json" ? this.refuse("undefined") : value
      case "bigint":
        return this.bigint(value)
      case "object":
        return value === null ? this.null() : this.object(value, depth)
      default:
        return this.refuse(`a ${typeof value}`)
    }
  }

  private null(): null {
    this.size++
    return null
  }

  private bigint(value: bigint): bigint | undefined {
    this.size += numberBytes
    if (!fits64Bits(value)) return this.refuse("a bigint of more than 64 bits")
    return this.carries === "json" && isSafe(value) ? this.refuse(`a bigint that is a number too, ${value}`) : value
  }

  private object(value: object, depth: number): unknown {
    // A cycle ends here too.
    if (depth >= maxDepth) return this.refuse(`nesting of more than ${maxDepth} levels, or a cycle`)
    this.size += headerBytes
    if (Array.isArray(value)) return this.array(value, depth)
    return isPlain(value) ? this.record(value, depth) : this.other(value)
  }

  private array(items: ReadonlyArray<unknown>, depth: number): ReadonlyArray<unknown> | undefined {
    const { length } = items
    const made = this.copying ? Array<unknown>(length) : undefined
    for (let i = 0; i < length; i++) {
      const item = this.value(items[i], depth + 1)
      if (this.what !== undefined) return this.within(`[${i}]`)
      if (made !== undefined) made[i] = item
    }
    return made
  }

  private record(record: Readonly<Record<string, unknown>>, depth: number): object | undefined {
    const made: Record<string, unknown> | undefined = this.copying ? {} : undefined
    for (const key in record) {
      const item = this.value(record[key], depth + 1)
      if (this.what !== undefined) return this.within(step(key))
      if (!key.isWellFormed()) return this.refuse("a key with a lone surrogate")
      this.size += headerBytes + key.length
      if (made === undefined) continue
      // Assigned, it would be the prototype.
      if (key === "__proto__") Object.defineProperty(made, key, { value: item, ...plainProperty })
      else made[key] = item
    }
    return made
  }

  private other(value: object): Uint8Array | undefined {
    if (!isUint8Array(value)) return this.refuse(kindOf(value))
    this.size += value.length
    if (this.carries !== "cbor") return this.refuse("bytes")
    return this.copying ? new Uint8Array(value) : value
  }

  private within(step: string): undefined {
    this.steps ??= []
    this.steps.push(step)
    return undefined
  }
}

const plainProperty = { enumerable: true, writable: true, configurable: true }

const step = (key: string): string => /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`

/** Of this realm or of another one (a context of `node:vm`), and no instance of a class. */
export const isPlain = (value: object): value is Readonly<Record<string, unknown>> => {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ||
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf")
}

const kindOf = (value: object): string => {
  const name: unknown = value.constructor?.name
  return `a ${typeof name === "string" && name !== "" ? name : "class instance"}`
}
