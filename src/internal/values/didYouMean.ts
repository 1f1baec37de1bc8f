/**
 * Which known word may have been meant.
 *
 * @internal
 */

/**
 * `; did you mean "x"?` with the known word that is fewest letters away (Levenshtein), or nothing if none is near: two letters, of a short
 * word one, as every short word is near some other one.
 */
export const didYouMean = (given: string, known: Iterable<string>): string => {
  let meant = ""
  let least = Math.min(3, Math.ceil(given.length / 2))
  for (const word of known) {
    const far = distance(given, word)
    if (far < least) [meant, least] = [word, far]
  }
  return meant === "" ? "" : `; did you mean ${JSON.stringify(meant)}?`
}

const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [nth, letter] of Array.from(from).entries()) {
    const next = [nth + 1]
    for (const [index, other] of Array.from(to).entries()) {
      next.push(Math.min(next[index]! + 1, row[index + 1]! + 1, row[index]! + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1)!
}
