/**
 * Names that nobody else has: random text, and the names of a process's ports. Follows protocol section 1.
 *
 * @internal
 */
import { randomInt } from "#platform"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** What random names are made of: characters that need no quotes anywhere. */
export const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/**
 * Where what must be unique comes from: a whole number from zero up to and without `bound`. It is no part of a program's `Random`,
 * which a program may seed to repeat what it does: two processes with one seed are two all the same. A simulation, which has to
 * repeat all of it, puts another source in its place.
 */
export const IdentitySource = Context.Reference<(bound: number) => number>("effect-mp/IdentitySource", {
  defaultValue: () => randomInt
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

/**
 * Makes the names of a process's ports. No name is given out twice, and none comes again in the next process of the
 * same node ID: either the node ID or the prefix is random. A spawned name ends its prefix with something other than
 * a lower-case letter, so that it cannot be taken for a local name with a longer counter.
 */
export class PortNames {
  private counter = 1
  /** All of the counter's text but the last letter, which is another one each time. */
  private head = ""
  /** All of a local port's ID but that letter. */
  private localHead: string | undefined = undefined
  private readonly nodeId: string
  private readonly localPrefix: string
  private readonly spawnPrefix: string
  constructor(nodeId: string, localPrefix: string, spawnPrefix: string) {
    this.nodeId = nodeId
    this.localPrefix = localPrefix
    this.spawnPrefix = spawnPrefix
  }
  /** The ID of a local port. Put together of two parts, of which it shares the long one with others, it takes 32 bytes. */
  localId(): string {
    const letter = this.nextLetter()
    return (this.localHead ??= `${this.nodeId}#${this.localPrefix}${this.head}`) + letter
  }
  spawned(): string {
    const letter = this.nextLetter()
    return this.spawnPrefix + this.head + letter
  }
  private nextLetter(): string {
    const letter = this.counter++ % 26
    if (letter === 0) {
      this.head = counterText((this.counter - 1) / 26)
      this.localHead = undefined
    }
    return String.fromCharCode(97 + letter)
  }
}

/** Names for a new process. A node ID that is random itself makes the prefix of its local names needless. */
export const makePortNames = (nodeId: string, nodeIdIsRandom: boolean): Effect.Effect<PortNames> =>
  Effect.map(
    Effect.all([randomText(9), randomText(9), IdentitySource]),
    ([local, spawn, below]) => new PortNames(nodeId, nodeIdIsRandom ? "" : local, spawn + alphabet[below(36)])
  )
