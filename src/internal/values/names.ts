/**
 * Names that nobody else has: random text, and the names of a process's ports. Follows protocol section 1.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"

/** What random names are made of: characters that need no quotes anywhere. */
export const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/**
 * Where what must be unique comes from: a whole number from zero up to and without `bound`. It is no part of a program's `Random`,
 * which a program may seed to repeat what it does: two processes with one seed are two all the same. A simulation, which has to
 * repeat all of it, puts another source in its place.
 */
export const IdentitySource = Context.Reference<(bound: number) => number>("effect-mp/IdentitySource", {
  defaultValue: () => (bound) => crypto.randomInt(bound)
})

/** `length` random characters of `[0-9A-Za-z]`. */
export const randomText = (length: number): Effect.Effect<string> =>
  Effect.map(
    IdentitySource,
    (below) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join("")
  )

/** AEMP's counter: b, c, ... z, aa, ab, ...: base 26 without a zero, lower-case letters only. */
export const counterText = (n: number): string => {
  let text = ""
  for (let rest = n; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    text = String.fromCharCode(97 + (rest - 1) % 26) + text
  }
  return text
}

const letters = "abcdefghijklmnopqrstuvwxyz"

/**
 * Makes the names of a process's ports. No name is given out twice, and none comes again in the next process of the
 * same node ID: either the node ID or the prefix is random. A spawned name ends its prefix with something other than
 * a lower-case letter, so that it cannot be taken for a local name with a longer counter.
 */
export class PortNames {
  private counter = 1
  /** All of the counter's text but the last letter, which is another one each time. */
  private head = counterText(0)
  private readonly localPrefix: string
  private readonly spawnPrefix: string
  constructor(localPrefix: string, spawnPrefix: string) {
    this.localPrefix = localPrefix
    this.spawnPrefix = spawnPrefix
  }
  local(): string {
    return this.localPrefix + this.next()
  }
  spawned(): string {
    return this.spawnPrefix + this.next()
  }
  private next(): string {
    const letter = this.counter++ % letters.length
    if (letter === 0) this.head = counterText((this.counter - 1) / letters.length)
    return this.head + letters[letter]!
  }
}

/** Names for a new process. A node ID that is random itself makes the prefix of its local names needless. */
export const makePortNames = (nodeIdIsRandom: boolean): Effect.Effect<PortNames> =>
  Effect.map(
    Effect.all([randomText(9), randomText(9), IdentitySource]),
    ([local, spawn, below]) => new PortNames(nodeIdIsRandom ? "" : local, spawn + alphabet[below(36)])
  )
