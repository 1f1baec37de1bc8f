/**
 * Seeds that once failed, with what they found. They run with every test, for ever.
 */
export const found: ReadonlyArray<readonly [seed: number, what: string]> = [
  [1409, "what a node gave to its next master did not count when the one before noticed late"],
  [1806, "the same, with a silent crash"],
  [30941, "crossing connects: each side gave up what the other one kept, after a while"],
  [31363, "the same, on a network without faults"]
]
