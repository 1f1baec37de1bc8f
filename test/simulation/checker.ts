/**
 * What a checker is, and what all of them need.
 */
import type { Reason, Stamped } from "./trace.ts"

/** Answers what is wrong with an event, after all that came before it. */
export type Checker = (event: Stamped, index: number) => string | undefined

export const text = (reason: Reason): string => JSON.stringify(reason)

/** Whether a reason is another one that has travelled: what cannot travel of it has become text. */
export const hasBecome = (before: Reason, after: Reason): boolean =>
  before.length === after.length && before.every((part, index) => {
    const other = after[index]
    return JSON.stringify(part) === JSON.stringify(other) || isOdd(part) && typeof other === "string"
  })

const isOdd = (part: unknown): boolean => typeof part === "object" && part !== null && "odd" in part
