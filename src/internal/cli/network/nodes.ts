/**
 * What a command gets to know of the nodes of a network, each of which is asked itself.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { NodeRouter } from "../../node/router.ts"
import { Status, statusRequest } from "../../node/status.ts"
import { ask, failed, isOwnKind, knownNodes, listensNowhere, type Session, withHalfTheTime } from "./session.ts"

/** A node that cannot be asked, or does not answer. */
export interface Problem {
  readonly nodeId: string
  readonly problem: string
}

/** Whoever can be asked, and says nothing. */
const silent = "does not answer"

/** What is known of a node of another kind: no more than what it greets with, and how fast it answers. */
export interface OtherKind {
  readonly nodeId: string
  readonly kind: string
  readonly addresses: ReadonlyArray<string>
  readonly roundTripMillis: number
}

/** What there is to know of a node. */
export type Answer = Status | OtherKind | Problem

export const isOfOtherKind = (answer: Answer): answer is OtherKind => "kind" in answer

/** What a node says of itself. Nodes of other kinds do not know the question. */
export const askStatus = (session: Session, nodeId: string) =>
  Effect.flatMap(
    ask(session, nodeId, statusRequest),
    ([status]) =>
      // A node speaks for itself only.
      Schema.is(Status)(status) && status.nodeId === nodeId
        ? Effect.succeed(status)
        : failed(`node ${nodeId} gave an answer that makes no sense`)
  )

/** How long a node takes to answer the simplest question of the protocol. */
export const roundTrip = (session: Session, nodeId: string) =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(ask(session, nodeId, "time"), () => performance.now() - began)
  })

/** What a node is: of our own kind it says so itself. */
export const lookAt = (session: Session, nodeId: string) =>
  Effect.gen(function*() {
    if (yield* isOwnKind(session, nodeId)) return yield* askStatus(session, nodeId)
    const roundTripMillis = yield* roundTrip(session, nodeId)
    const provider = (yield* NodeRouter).linkTo(nodeId)?.provider
    const addresses = (yield* knownNodes(session)).get(nodeId)
    const isText = (address: unknown): address is string => typeof address === "string"
    return {
      nodeId,
      kind: kindOf(provider),
      addresses: Array.isArray(addresses) ? addresses.filter(isText) : [],
      roundTripMillis
    } satisfies OtherKind
  })

/** AnyEvent::MP calls itself `AE-` and its version. */
const kindOf = (provider: string | undefined): string => {
  if (provider === undefined) return "another kind"
  return provider.startsWith("AE-") ? `AnyEvent::MP (${provider})` : provider.slice(0, 40)
}

/** Fails if nodes that can be asked have not answered: what was shown is not all that there is. */
export const unlessSilent = (answers: Iterable<Pick<Problem, "nodeId"> & Partial<Problem>>) =>
  Effect.suspend(() => {
    const names = Array.from(answers).filter(({ problem }) => problem === silent).map(({ nodeId }) => nodeId)
    if (names.length === 0) return Effect.void
    return failed(names.length === 1 ? `node ${names[0]} ${silent}` : `nodes do not answer: ${names.join(", ")}`)
  })

/** Asks each node for the same, and says of those that do not answer why. */
export const askAll = <A, E, R>(
  session: Session,
  names: ReadonlyArray<string>,
  askOne: (session: Session, nodeId: string) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const known = yield* knownNodes(session)
    const router = yield* NodeRouter
    const patient = yield* withHalfTheTime(session)
    const one = (nodeId: string) => {
      if (!router.isUp(nodeId) && listensNowhere(known.get(nodeId))) {
        return Effect.succeed<A | Problem>({ nodeId, problem: "listens nowhere" })
      }
      return Effect.orElseSucceed(askOne(patient, nodeId), (): A | Problem => ({ nodeId, problem: silent }))
    }
    return yield* Effect.forEach(names, one, { concurrency: 64 })
  })
