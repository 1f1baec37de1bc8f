/**
 * Chance that repeats: everything in a run is drawn from generators that its seed makes.
 */
import type * as Random from "effect/Random"

/** A generator of its own for every use, so that one more draw here changes nothing there; also Effect's `Random`. */
export class SeededRandom implements Random.Random {
  private readonly name: string
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(name: string) {
    this.name = name
    this.a = hashText(name, 1)
    this.b = hashText(name, 2)
    this.c = hashText(name, 3)
    for (let i = 0; i < 12; i++) this.nextWord()
  }

  /** Another generator, that depends on this one's name and on nothing that was drawn. */
  derive(name: string): SeededRandom {
    return new SeededRandom(`${this.name}/${name}`)
  }

  /** Chris Doty-Humphrey's sfc32. */
  private nextWord(): number {
    const word = (this.a + this.b + this.counter++) | 0
    this.a = this.b ^ this.b >>> 9
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21 | this.c >>> 11) + word) | 0
    return word >>> 0
  }

  nextDoubleUnsafe(): number {
    return (this.nextWord() * 2 ** 21 + (this.nextWord() >>> 11)) / 2 ** 53
  }

  nextIntUnsafe(): number {
    return Math.floor((this.nextDoubleUnsafe() * 2 - 1) * Number.MAX_SAFE_INTEGER)
  }

  /** From `min` up to and without `max`. */
  between(min: number, max: number): number {
    return min + this.nextDoubleUnsafe() * (max - min)
  }

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return Math.floor(this.between(min, max + 1))
  }

  chance(probability: number): boolean {
    return this.nextDoubleUnsafe() < probability
  }

  /** One of the items; `undefined` if there is none. */
  pick<A>(items: ReadonlyArray<A>): A | undefined {
    return items[this.int(0, items.length - 1)]
  }

  /** One of the names, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const names = Object.keys(weights) as Array<Name>
    let left = this.between(0, names.reduce((sum, name) => sum + weights[name], 0))
    return names.find((name) => (left -= weights[name]) < 0) ?? names[0]!
  }

  shuffle<A>(items: ReadonlyArray<A>): Array<A> {
    const shuffled = [...items]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      const item = shuffled[i]!
      shuffled[i] = shuffled[j]!
      shuffled[j] = item
    }
    return shuffled
  }
}

/** 32 bits of a text: FNV-1a, mixed. */
export const hashText = (text: string, salt = 0): number => {
  let hash = 0x811c9dc5 ^ salt
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  return (hash ^ hash >>> 13) >>> 0
}
