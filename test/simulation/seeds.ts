/**
 * Seeds that once failed, with what they found. They run with every test, for ever.
 */
export const found: ReadonlyArray<readonly [seed: number, what: string]> = [
  [1051, "what a node gave to its next master did not count when the one before noticed late"],
  [1541, "the same, with a crash"]
]
