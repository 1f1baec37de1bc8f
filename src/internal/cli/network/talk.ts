/**
 * Commands that send messages and use the database: `snd`, `cal`, `mon`, `eval`, `find`, `db`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Global from "../../../Global.ts"
import * as Port from "../../../Port.ts"
import { parse } from "../../config/relaxedJson.ts"
import { isFamilyName } from "../../global/families.ts"
import { operatorRequests } from "../../global/requests.ts"
import { NodeRouter } from "../../node/router.ts"
import { stringify } from "../../values/exactJson.ts"
import { reasonFromExit } from "../../values/reason.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { UsageError } from "../terminal/usage.ts"
import { ask, askFor, failed, isOwnKind, reachPort, type Session, within } from "./session.ts"

/** Arguments that begin as JSON lists, objects and strings do are JSON, or all of them are; all others are text. */
export const readArguments = (
  words: ReadonlyArray<string>,
  allJson = false
): Effect.Effect<ReadonlyArray<unknown>, UsageError> =>
  Effect.forEach(words, (word) => {
    if (!allJson && !/^[[{"]/.test(word)) return Effect.succeed<unknown>(word)
    return Effect.fromResult(Result.mapBoth(parse(word), {
      onSuccess: ({ value }): unknown => value,
      onFailure: ({ column, line, problem }) =>
        new UsageError({
          problem: `${word} is no JSON${
            allJson ? "" : ", though it begins like it"
          }: line ${line}, column ${column}: ${problem}`
        })
    }))
  })

/** Text as it is, everything else as JSON. */
export const show = (value: unknown): string => typeof value === "string" ? value : stringify(value) ?? "null"

const printReply = (session: Session, reply: ReadonlyArray<unknown>) =>
  session.json ? printOutput("cal", reply) : print(reply.map(show).join(" "))

/** How a port ended, for people and for programs. */
export const printEnd = (session: Session, port: string, reason: ReadonlyArray<unknown>) =>
  session.json
    ? printOutput("mon", { port, reason })
    : print(`${port} ended: ${reason.length === 0 ? "no reason" : reason.map(show).join(": ")}`)

/** Why a port does not answer any more. */
const gone = (port: string, reason: ReadonlyArray<unknown>) =>
  failed(reason[0] === "no_such_port" ? `no such port: ${port}` : `${port} ended: ${reason.map(show).join(": ")}`)

/** Fails when the port ends, or is not there, while the effect runs. */
const unlessGone = <A, E, R>(port: string, effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.flatMap(Port.exit(port), (exit) => gone(port, reasonFromExit(exit))))

/** Ends when the message is certain to have reached the node: what is asked behind it on the same link has been answered. */
export const snd = (session: Session, port: string, words: ReadonlyArray<string>, allJson = false) =>
  Effect.gen(function*() {
    const message = yield* readArguments(words, allJson)
    yield* reachPort(session, port)
    const node = Port.nodeOf(port)
    const arrived = Effect.andThen(
      Effect.flatMap(NodeRouter, (router) => Effect.sync(() => router.send(port, message))),
      askFor(session, node, "has not confirmed the message, which may still arrive", "time")
    )
    yield* port === node ? arrived : unlessGone(port, Effect.andThen(ask(session, node, "time"), arrived))
  })

/** Why a call was not answered: its port has ended, or lives on and has refused the message. */
const unanswered = (session: Session, port: string, reason: ReadonlyArray<unknown>) => {
  const hasEnded = port === Port.nodeOf(port) ? Effect.succeed(true) : Effect.raceFirst(
    Effect.as(Port.exit(port), true),
    Effect.as(ask(session, Port.nodeOf(port), "time"), false)
  )
  return Effect.flatMap(
    hasEnded,
    (hasEnded) => hasEnded ? gone(port, reason) : failed(`${port} refused the message: ${reason.map(show).join(": ")}`)
  )
}

export const cal = (session: Session, port: string, words: ReadonlyArray<string>, allJson = false) =>
  Effect.gen(function*() {
    const message = yield* readArguments(words, allJson)
    yield* reachPort(session, port)
    const asked = Effect.catchTag(
      Port.calMessage(port, ...message),
      "Killed",
      ({ reason }) => unanswered(session, port, reason)
    )
    const reply = yield* within(session, asked, `${port} has not answered`)
    yield* printReply(session, reply)
  })

/** Waits for the end of a port, however long that takes. */
export const mon = (session: Session, port: string) =>
  Effect.gen(function*() {
    yield* reachPort(session, port)
    const reason = reasonFromExit(yield* Port.exit(port))
    if (reason[0] === "no_such_port") return yield* failed(`no such port: ${port}`)
    yield* printEnd(session, port, reason)
  })

/** Runs code on a node that allows it. */
export const evaluate = (session: Session, node: string, code: string) =>
  Effect.gen(function*() {
    const [problem, ...results] = yield* ask(session, node, "eval", code)
    if (problem !== "") return yield* failed(`node ${node}: ${show(problem)}`)
    yield* printReply(session, results)
  })

export const find = (session: Session, group: string) =>
  Effect.gen(function*() {
    yield* checkFamily(group)
    const members = (yield* within(session, Global.find(group), "no answer")).toSorted()
    if (session.json) yield* printOutput("find", members)
    if (members.length === 0) return yield* failed(`nobody is in the group ${group}`)
    if (!session.json) yield* Effect.forEach(members, print, { discard: true })
  })

/** Reads a family, or one of its keys. */
export const dbGet = (session: Session, family: string, key: string | undefined) =>
  Effect.gen(function*() {
    yield* checkFamily(family)
    const entries = yield* within(session, Global.family(family), "no answer")
    if (key !== undefined) {
      if (!entries.has(key)) return yield* failed(`family ${family} has no key ${JSON.stringify(key)}`)
      return yield* session.json ? printOutput("db get FAMILY KEY", entries.get(key)) : print(show(entries.get(key)))
    }
    if (session.json) yield* printOutput("db get FAMILY", Object.fromEntries(entries))
    if (entries.size === 0) return yield* failed(`there is nothing in the family ${family}`)
    if (session.json) return
    const sorted = Array.from(entries).toSorted(([left], [right]) => left < right ? -1 : 1)
    yield* Effect.forEach(sorted, ([name, value]) => print(`${name} ${stringify(value)}`), { discard: true })
  })

/** The node that an entry is to belong to: one that stays, by default the one that this one's data is at. */
const ownerOf = (node: string | undefined) =>
  Effect.flatMap(
    Global.Global,
    ({ master }) => node === undefined ? Effect.succeed(master ?? "") : Effect.succeed(node)
  )

/** The same, where it can be asked to set an entry: nobody can ask that of a node of another kind. */
const ownerOfOwnKind = (session: Session, node: string | undefined) =>
  Effect.gen(function*() {
    const owner = yield* ownerOf(node)
    if (yield* isOwnKind(session, owner)) return owner
    const seed = node === undefined ? ", the seed that has answered," : ""
    return yield* failed(
      `node ${owner}${seed} is of another kind: its entries are set by its own program; for an entry of another node, name one of effect-mp with --node`
    )
  })

export const checkFamily = (family: string): Effect.Effect<void, UsageError> =>
  isFamilyName(family) ? Effect.void : new UsageError({
    problem: `${JSON.stringify(family)} is no family: its name begins with a letter and holds no '`
  })

export const dbSet = (
  session: Session,
  node: string | undefined,
  family: string,
  key: string,
  word: string,
  allJson = false
) =>
  Effect.gen(function*() {
    yield* checkFamily(family)
    const [value] = yield* readArguments([word], allJson)
    const owner = yield* ownerOfOwnKind(session, node)
    const [done] = yield* ask(session, owner, operatorRequests.set, family, key, value)
    if (done !== true) return yield* failed(`node ${owner} has refused it`)
  })

/** Only the node that has set a key can delete it. */
export const dbDelete = (session: Session, node: string | undefined, family: string, keys: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    yield* checkFamily(family)
    const owner = yield* ownerOfOwnKind(session, node)
    const [left] = yield* ask(session, owner, operatorRequests.delete, family, keys)
    if (!Array.isArray(left)) return yield* failed(`node ${owner} has refused it`)
    if (left.length === 0) return
    const names = left.map((key) => JSON.stringify(key)).join(", ")
    const others = left.length < keys.length ? "; the others are deleted" : ""
    return yield* failed(
      `node ${owner} has not set ${names} in ${family}: name the node that has, with --node${others}`
    )
  })

/** Follows a family until it is interrupted. */
export const dbMon = (session: Session, family: string) =>
  Effect.andThen(checkFamily(family), followFamily(session, family))

const followFamily = (session: Session, family: string) =>
  Stream.runForEach(Global.mon(family), ({ added, changed, deleted, entries }) => {
    const value = (key: string) => entries.get(key)
    if (session.json) {
      const set = Object.fromEntries([...added, ...changed].map((key) => [key, value(key)]))
      return printOutput("db mon", { added, changed, deleted, set })
    }
    const lines = [
      ...added.map((key) => `+ ${key} ${stringify(value(key))}`),
      ...changed.map((key) => `~ ${key} ${stringify(value(key))}`),
      ...deleted.map((key) => `- ${key}`)
    ]
    return Effect.forEach(lines, print, { discard: true })
  })
