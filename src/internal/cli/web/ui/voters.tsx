/**
 * Who votes in a table of locks, whether they answer, and who has no majority of them.
 *
 * @internal
 */
import type { LocksSummary, VoterSummary } from "../api.ts"
import { counted } from "./format.ts"
import { nodeHref } from "./routes.ts"
import { Text } from "./text.tsx"

/** So many nodes are named where several are meant. */
const mostNamed = 5

const Named = ({ count, names }: { readonly count: number; readonly names: ReadonlyArray<string> }) => (
  <>
    {names.slice(0, mostNamed).map((name, at) => (
      <span key={name}>
        {at === 0 ? "" : ", "}
        <Text text={name} href={nodeHref(name)} most={24} />
      </span>
    ))}
    {count > mostNamed ? ` and ${count - mostNamed} more` : null}
  </>
)

/** A voter that its own node does not speak for any more is away, whatever others still believe. */
const isGone = ({ state }: VoterSummary): boolean => state !== null && state !== "up"

type Standing = "votes" | "starts" | "away"

/** As most see it: a node that is cut off sees no voter, and that is no fault of theirs. */
const standingOf = (voter: VoterSummary, nodes: number): Standing => {
  if (isGone(voter)) return "away"
  if (2 * voter.votesFor > nodes) return "votes"
  return voter.startsFor > voter.silentFor.length ? "starts" : "away"
}

const shown = {
  votes: { grade: "good", sign: "●", words: "votes" },
  starts: { grade: "slow", sign: "◐", words: "has started, grants nothing yet" },
  away: { grade: "bad", sign: "✕", words: "does not answer" }
} as const

const Voter = ({ nodes, voter }: { readonly nodes: number; readonly voter: VoterSummary }) => {
  const standing = standingOf(voter, nodes)
  const { keys, node, silentFor, state, votesFor } = voter
  const { grade, sign, words } = shown[standing]
  return (
    <li>
      <Text text={node} href={nodeHref(node)} />
      <span class={`state grade-${grade}`}>
        <span aria-hidden="true">{sign}</span> {isGone(voter) ? state : words}
      </span>
      <small>
        {votesFor === nodes ? "for all" : `for ${votesFor} of ${nodes}`}
        {keys === null ? "" : `, keeps ${counted(keys, "key")}`}
        {standing !== "votes" || silentFor.length === 0 ? null : (
          <>
            , not for <Named names={silentFor} count={silentFor.length} />
          </>
        )}
      </small>
    </li>
  )
}

export const Voters = ({ table }: { readonly table: LocksSummary }) => (
  <>
    <h3>Voters</h3>
    {table.withoutMajority === 0 ? null : (
      <p class="problem" role="alert">
        ✕ No majority of the voters for <Named names={table.without} count={table.withoutMajority} />
        : no leases there.
      </p>
    )}
    <ul class="voters" aria-label="Voters">
      {table.voters.map((voter) => <Voter key={voter.node} voter={voter} nodes={table.nodes} />)}
    </ul>
  </>
)

/** What is held, and by whom. */
export const Holders = ({ table: { held, holders } }: { readonly table: LocksSummary }) => (
  <p class="summary">
    {held === 0 ? "No keys are held" : `${counted(held, "key")} held`}
    {holders.slice(0, mostNamed).map(({ held, node }) => (
      <span key={node}>
        {" · "}
        <Text text={node} href={nodeHref(node)} most={24} />: {held}
      </span>
    ))}
    {holders.length > mostNamed ? ` · ${holders.length - mostNamed} more` : null}
  </p>
)
