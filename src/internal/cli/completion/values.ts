/**
 * Values that only somebody else knows: the network, the configuration file, the catalogue of errors.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Global from "../../../Global.ts"
import { profilesOf } from "../../config/document.ts"
import { runOptions } from "../../config/options.ts"
import { isFamilyName } from "../../global/families.ts"
import { commandPrefix } from "../../values/commandId.ts"
import { sourcesOf } from "../config/commands.ts"
import { catalogue } from "../errors.ts"
import { askStatus } from "../network/nodes.ts"
import { askPorts, describePort } from "../network/ports.ts"
import { allNodes, connected, type Session } from "../network/session.ts"
import type { Candidate, Completion, Source } from "./line.ts"

/** Whoever waits at a terminal waits no longer than this for a network that does not answer. */
const patienceSeconds = 0.4

/** Nobody reads through more, and of a node that has more those come that have the most to do. */
const mostPorts = 200

const sessionOf = ({ flags }: Completion) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const sources = yield* sourcesOf({ values: {} }, {
      profile: flags.get("profile"),
      norc: flags.has("norc") ? true : undefined,
      values: { seeds: flags.get("seed"), secret: flags.get("secret"), cert: flags.get("cert") }
    })
    return {
      sources,
      nodeId: commandPrefix,
      timeoutSeconds: patienceSeconds,
      endsAtMillis: began + 1000 * patienceSeconds,
      json: false
    } satisfies Session
  })

/** The families of the database, without those of AnyEvent::MP's own. A group is one too. */
const families = (session: Session) =>
  Effect.gen(function*() {
    const { master } = yield* Global.Global
    if (master === undefined) return []
    const status = yield* askStatus(session, master)
    return Object.keys(status.families).filter(isFamilyName).toSorted()
  })

/** The ports of a node when it is named, with what they are; before that, the nodes. */
const ports = (session: Session, word: string) =>
  Effect.gen(function*() {
    const at = word.indexOf("#")
    if (at < 0) return named(yield* allNodes(session))
    const answer = yield* askPorts(session, word.slice(0, at), { limit: mostPorts })
    return "problem" in answer
      ? []
      : answer.ports.map((status): Candidate => [status.port, describePort(status)])
        .filter(([port]) => port.includes("#"))
  })

const named = (words: ReadonlyArray<string>): ReadonlyArray<Candidate> => words.map((word) => [word, ""])

/** The values of a source. */
export const valuesOf = (source: Source, completion: Completion) =>
  Effect.gen(function*() {
    if (source === "files") return []
    if (source === "tags") return Array.from(catalogue, ([tag, text]): Candidate => [tag, text.split("\n")[0] ?? ""])
    const session = yield* sessionOf(completion)
    if (source === "profiles") return named(Object.keys(profilesOf(session.sources.document)))
    if (source === "seeds") return named((yield* runOptions(session.sources)).seeds)
    if (source === "ports") return yield* connected(session, ports(session, completion.word))
    return named(yield* connected(session, source === "nodes" ? allNodes(session) : families(session)))
  })
