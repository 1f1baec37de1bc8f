/** What a workload is made of, and how its rates are measured. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

/** Another process of a side: its process ID, and the words that it has printed. */
export interface Partner {
  readonly pid: number
  readonly words: ReadonlyArray<string>
}

/** A program of its own, as arguments to a command; it prints what `partner` and `measure` would answer. */
export interface Program {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

/** One way to do the work: ours, or a peer's. */
export interface Side {
  /** Runs in a process of its own, and answers the figure. */
  readonly measure: ((partners: ReadonlyArray<Partner>) => Effect.Effect<number, unknown, Scope.Scope>) | Program
  /** Runs in another process until the measured one is done; answers what that must know, in words. */
  readonly partner?: Effect.Effect<ReadonlyArray<string | number>, unknown, Scope.Scope> | Program
  /** How many of them. Default: 1. */
  readonly partners?: number
}

/** What is to be reached: a figure, or how many times as good as the peer's. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number } | { readonly ratio: number }

export interface Line {
  readonly side: string
  readonly peer: string
  readonly goal?: Goal
}

export interface Workload {
  readonly name: string
  readonly title: string
  /** A peer that has to be asked for: nothing of this runs without it. */
  readonly needs?: string
  /** It runs where it is asked for by name, and not with all others. */
  readonly takesLong?: boolean
  /** Less is better of bytes and milliseconds. */
  readonly unit: "/s" | "MB/s" | "B" | "ms"
  /** All processes on one core, where `taskset` is. */
  readonly isPinned?: boolean
  readonly sides: Readonly<Record<string, Side>>
  /** What is compared. A line whose peer is not there is left out. */
  readonly lines: ReadonlyArray<Line>
}

const warmUpMillis = 700
const measuredMillis = 700

/**
 * How often a second something is done that a batch does `count` times: batches for a while that do not count, then batches for
 * a while that do. What `prepare` does before each of them does not count.
 */
export const rate = <E, R>(
  count: number,
  batch: Effect.Effect<unknown, E, R>,
  prepare: Effect.Effect<unknown, E, R> = Effect.void
): Effect.Effect<number, E, R> =>
  Effect.gen(function*() {
    const batches = Effect.fnUntraced(function*(millis: number) {
      let spent = 0
      let done = 0
      for (; spent < millis; done += count) {
        yield* prepare
        const began = performance.now()
        yield* batch
        spent += performance.now() - began
      }
      return done / spent * 1000
    })
    yield* batches(warmUpMillis)
    return yield* batches(measuredMillis)
  })

/** What all messages are like: a tag, an integer, and one of these texts of 16 bytes. */
export const texts: ReadonlyArray<string> = Array.from({ length: 256 }, (_, n) => `text number ${n + 1000}`)

/** From 1 to the last one. */
export const numbersTo = (last: number): ReadonlyArray<number> => Array.from({ length: last }, (_, n) => n + 1)

/** The text of the message with this number. */
export const textOf = (n: number): string => texts[n & 255]!

/** Is told by callbacks, once for each batch, what a fiber waits for. */
export const makeSignal = () => {
  let told = Deferred.makeUnsafe<void>()
  return {
    tell: (): void => void Deferred.doneUnsafe(told, Exit.void),
    wait: Effect.suspend(() => Deferred.await(told)).pipe(
      Effect.andThen(Effect.sync(() => {
        told = Deferred.makeUnsafe()
      }))
    )
  }
}
