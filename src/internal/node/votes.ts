/**
 * The voters of a table of locks as a node sees them: whether they are a majority, and what is the matter with the others.
 *
 * @internal
 */

/** `votes`: it grants keys; `starts`: it answers, and grants none yet; all else: it does not answer. */
export interface VoterSeen {
  readonly node: string
  readonly standing: string
}

interface Table {
  readonly voters: ReadonlyArray<VoterSeen>
}

export const votersOf = ({ voters }: Table): ReadonlyArray<string> => voters.map(({ node }) => node)

/** Those that a node has no vote of. */
export const lackingOf = ({ voters }: Table): ReadonlyArray<VoterSeen> =>
  voters.filter(({ standing }) => standing !== "votes")

/** Whether a node can get and keep keys. */
export const hasMajority = (table: Table): boolean => lackingOf(table).length < table.voters.length / 2

/** Who does not vote, and why, in words; empty if all do. */
export const showLacking = (table: Table): string => {
  const lacking = lackingOf(table)
  const starting = lacking.filter(({ standing }) => standing === "starts").map(({ node }) => node)
  const away = lacking.filter(({ standing }) => standing !== "starts").map(({ node }) => node)
  return [
    ...away.length === 0 ? [] : [`${away.join(", ")} ${away.length === 1 ? "does" : "do"} not answer`],
    ...starting.length === 0
      ? []
      : [
        `${starting.join(", ")} ${starting.length === 1 ? "has" : "have"} started, and ${
          starting.length === 1 ? "grants" : "grant"
        } nothing yet`
      ]
  ].join("; ")
}
