/**
 * The voters of a table of locks as a node sees them: whether they are a majority, and what is the matter with the others.
 *
 * @internal
 */

/** `votes`: it grants keys; `starts`: it answers, and grants none yet; `refuses`: it grants this node none; all else: it does not answer. */
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
  const isWith = (...standings: ReadonlyArray<string>) => ({ standing }: VoterSeen) => standings.includes(standing)
  return [
    told(lacking.filter((one) => !isWith("starts", "refuses")(one)), "does not answer", "do not answer"),
    told(
      lacking.filter(isWith("refuses")),
      "refuses this node, whose log says why",
      "refuse this node, whose log says why"
    ),
    told(
      lacking.filter(isWith("starts")),
      "has started, and grants nothing yet",
      "have started, and grant nothing yet"
    )
  ].filter((part) => part !== "").join("; ")
}

const told = (voters: ReadonlyArray<VoterSeen>, one: string, more: string): string =>
  voters.length === 0 ? "" : `${voters.map(({ node }) => node).join(", ")} ${voters.length === 1 ? one : more}`
