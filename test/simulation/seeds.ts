/**
 * Seeds that once failed, with what they found. They run with every test, for ever.
 */
export const found: ReadonlyArray<readonly [seed: number, what: string]> = [
  [10_073, "what did not fit into the exact encoder's first buffer arrived as zeros"],
  [10_359, "the same, in the middle of a text"],
  [10_475, "the same, where it was refused though every link carries it"],
  [5, "what waited for a link was the very object that was sent, with what had become of it since"],
  [6, "the same, where it could not be encoded any more: the link was lost"],
  [1282, "a node that stopped behind a cut: its machine never answered when the cable was whole again"],
  [201_469, "a port was told that no link had come about when another one stood already: in its turn, as it should"]
]
