/**
 * How large the tests are that have two sizes: small in `npm test`, full in `npm run test:long`, which sets `TEST_SIZE=full`.
 * A test file that imports this one takes part in both; `vitest.config.ts` sees to it.
 */

/** Whether the tests run at full size. */
export const isFull = process.env["TEST_SIZE"] === "full"

/** What fits the size of this run. */
export const sized = <A>(small: A, full: A): A => isFull ? full : small
