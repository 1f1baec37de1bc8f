/**
 * What owners and voters say to each other. A voter's *desk* is a port that the owner has spawned on the voter's node; the owner has one
 * port for all its voters, which is what voters know it by. The tags are those of the ports' handlers, and arguments are positional:
 *
 * | to the desk              | |
 * | ------------------------ | --- |
 * | `acquire id keys proposal` | answered with the tokens of the keys, 0 for those that the owner does not get |
 * | `refresh id keys tokens` | answered with a vote for each key: 1 yes, 0 no, -1 noted |
 * | `release id keys`        | answered with a 0 for each key |
 *
 * | to the owner             | |
 * | ------------------------ | --- |
 * | `open desk isVoting`     | the desk takes questions now; whether the voter grants anything yet |
 * | `refused desk why`       | the desk takes none, and has ended |
| `answer desk id numbers` | to the question with this ID, for its keys in their order |
 *
 * Only the voter knows the name of its desk beside the owner: so the owner knows who answers. Each side takes the other for a stranger,
 * and what is not of this form is answered with `undefined` here.
 *
 * @internal
 */
import type { Message } from "../port/receiver.ts"
import type { Question } from "./owner.ts"
import { isKey } from "./rules.ts"

/** The function that an owner spawns its desks with: `emp::locks::NAME OWNER VOTERS LEASE GRACE`. */
export const deskFunction = (name: string): string => `emp::locks::${name}`

/** The most keys that a question may have. */
const mostKeysAsked = 1_000

export const questionMessage = (question: Question): Message => {
  if (question.kind === "acquire") return [question.kind, question.id, question.keys, question.proposal]
  if (question.kind === "refresh") return [question.kind, question.id, question.keys, question.tokens]
  return [question.kind, question.id, question.keys]
}

/** A question as a desk gets it. */
export const readQuestion = (
  kind: Question["kind"],
  id: unknown,
  keys: unknown,
  detail: unknown
): Question | undefined => {
  if (!isCount(id) || !isListOf(keys, mostKeysAsked, isKey)) return undefined
  if (kind === "release") return { kind, id, keys }
  if (kind === "acquire") return isCount(detail) ? { kind, id, keys, proposal: detail } : undefined
  return isListOf(detail, keys.length, isCount) && detail.length === keys.length
    ? { kind, id, keys, tokens: detail }
    : undefined
}

/** An answer as an owner gets it. */
export const readAnswer = (
  id: unknown,
  numbers: unknown
): { readonly id: number; readonly numbers: ReadonlyArray<number> } | undefined =>
  isCount(id) && isListOf(numbers, mostKeysAsked, isAnswer) ? { id, numbers } : undefined

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const isAnswer = (value: unknown): value is number => value === -1 || isCount(value)

const isListOf = <A>(value: unknown, most: number, is: (element: unknown) => element is A): value is ReadonlyArray<A> =>
  Array.isArray(value) && value.length <= most && value.every(is)
