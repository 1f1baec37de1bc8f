/**
 * Feeds a target with inputs, one after the other, all of them drawn from one seed. An input with a new outcome joins those
 * that further ones are made of.
 */
import { SeededRandom } from "../simulation/random.ts"
import { mutate, randomBytes } from "./inputs.ts"
import type { Target } from "./targets.ts"

export interface Failure {
  readonly input: Uint8Array
  readonly error: unknown
}

const poolSize = 2000

export class Fuzzer {
  private readonly target: Target
  private readonly seed: string
  private readonly slowMillis: number
  private readonly pool: Array<Uint8Array>
  /** How often each outcome was seen. */
  readonly outcomes = new Map<string, number>()
  inputs = 0
  /** The input at hand. */
  input: Uint8Array = new Uint8Array(0)

  /** Beyond `slowMillis` of this process' time an input does harm: it takes far less. */
  constructor(target: Target, seed: string, slowMillis = Infinity) {
    this.target = target
    this.slowMillis = slowMillis
    this.seed = seed
    this.pool = [...target.corpus]
  }

  /** Tries one more input. */
  next(): Failure | undefined {
    const random = new SeededRandom(`${this.seed}/${this.inputs++}`)
    const input = this.input = this.draw(random)
    const begin = process.cpuUsage()
    try {
      this.seen(input, this.target.check(input))
    } catch (error) {
      return { input: shrunk(this.target, input), error }
    }
    const { system, user } = process.cpuUsage(begin)
    const taken = Math.round((system + user) / 1000)
    return taken < this.slowMillis ? undefined : { input, error: new Error(`took ${taken} ms`) }
  }

  private draw(random: SeededRandom): Uint8Array {
    if (random.chance(0.05)) return randomBytes(random, random.int(0, 40))
    const input = random.chance(0.4) ? this.target.generate(random) : random.pick(this.pool)!
    return random.chance(0.1) ? input : mutate(random, input, this.pool, this.target.tokens)
  }

  private seen(input: Uint8Array, outcome: string): void {
    const times = this.outcomes.get(outcome) ?? 0
    this.outcomes.set(outcome, times + 1)
    if (times === 0 && this.pool.length < poolSize) this.pool.push(Uint8Array.from(input))
  }
}

/** Leaves out what the failure does not need. */
const shrunk = (target: Target, input: Uint8Array): Uint8Array => {
  let smallest = input
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= smallest.length;) {
      const smaller = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      if (fails(target, smaller)) smallest = smaller
      else at += size
    }
  }
  return smallest
}

const fails = (target: Target, input: Uint8Array): boolean => {
  try {
    target.check(input)
    return false
  } catch {
    return true
  }
}
