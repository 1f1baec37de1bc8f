/**
 * How large the tests are that have two sizes: small in `npm test`, full in `npm run test:long`, which sets `TEST_SIZE=full`.
 * A test file that imports this one takes part in both; `vitest.config.ts` sees to it.
 */

import { it } from "vitest"

/** Whether the tests run at full size. */
export const isFull = process.env["TEST_SIZE"] === "full"

/** What fits the size of this run. */
export const sized = <A>(small: A, full: A): A => isFull ? full : small

/** The seeds of this run, from 1 on. The full size goes on where the small one ends: what a seed does is the same in both. */
export const seeds = (small: number, full: number): ReadonlyArray<number> =>
  Array.from({ length: full }, (_, nth) => nth + 1).slice(...sized([0, small], [small]))

/** What the full size alone has, of a list of variants: others of them have been tried in the small one. */
export const onlyFull = <A>(variants: ReadonlyArray<A>): ReadonlyArray<A> => isFull ? variants : []

/** A test that the full size alone has: it takes long, and most of what it tries other tests try as well. */
export const itLong = (name: string, test: () => Promise<void>, timeout?: number): void => {
  if (isFull) it(name, test, timeout)
}
