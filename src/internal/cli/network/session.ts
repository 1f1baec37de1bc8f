/**
 * What a command needs that talks to a network: a node of its own, which lives as long as the command.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Global from "../../../Global.ts"
import * as Node from "../../../Node.ts"
import * as Port from "../../../Port.ts"
import { hasProof, runOptions } from "../../config/options.ts"
import type { Sources } from "../../config/resolve.ts"
import { listenersFamily, scopedFamily } from "../../global/families.ts"
import { NodeMesh } from "../../global/mesh.ts"
import { traceMessages, writeLine } from "../../node/messageTrace.ts"
import { NodeRouter } from "../../node/router.ts"
import type { LinkErrorReason } from "../../transport/linkError.ts"
import { natsScheme, parseNats } from "../../transport/nats/address.ts"
import { parseWebSocket } from "../../transport/webSocket/address.ts"
import {
  bare,
  isWildcard,
  parseAddress,
  readLabel,
  schemeOf,
  splitAddresses,
  threadScheme
} from "../../values/address.ts"
import { isCommand } from "../../values/commandId.ts"
import { reasonFromExit } from "../../values/reason.ts"
import { isTraced } from "../terminal/traced.ts"
import { UsageError } from "../terminal/usage.ts"
import { layerTransport } from "../transport.ts"

/** A command that could not do what it was asked to. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

/** An answer that did not come in time. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { problem: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 3
  override get message(): string {
    return this.problem
  }
}

/** What every command that talks to a network is told. */
export interface Session {
  readonly sources: Sources
  /** The node ID of the command's own node. */
  readonly nodeId: string
  /** So long is waited for an answer. */
  readonly timeoutSeconds: number
  /** When the time of the whole command is up. Nothing for those that go on for as long as somebody wants. */
  readonly endsAtMillis: number | undefined
  readonly json: boolean
}

export type Network = Node.Node | Global.Global | Scope.Scope

export const failed = (problem: string) => Effect.fail(new CommandFailed({ problem }))

/** Runs a body on a node that has joined the network which the configuration is of. */
export const connected = <A, E, R>(session: Session, body: Effect.Effect<A, E, R | Network>) =>
  Effect.gen(function*() {
    const options = yield* runOptions(session.sources)
    const seeds = seedsOf(options)
    if (seeds.length === 0) {
      return yield* new UsageError({
        problem: "there is no node to connect to: give --seed HOST:PORT, or configure seeds"
      })
    }
    if (!hasProof(options)) {
      return yield* new UsageError({
        problem: "there is neither a secret nor a certificate: set EMP_SECRET, or configure one"
      })
    }
    const node = Layer.provideMerge(
      Global.layer({ seeds }),
      Layer.provide(
        Node.layer({ ...options, nodeId: session.nodeId, binds: [], advertise: [] }),
        layerTransport(options)
      )
    )
    const joined = within(session, Effect.raceFirst(Global.joined, refused), "").pipe(
      Effect.catchTag("TimedOut", () => unanswered(session, seeds))
    )
    return yield* Effect.andThen(traced, Effect.andThen(joined, body)).pipe(Effect.scoped, Effect.provide(node))
  })

/** Why no node lets this one in that would not let it in either if it were tried again. */
const forGood = new Set<LinkErrorReason>([
  "version_mismatch",
  "no_common_auth",
  "tls_required",
  "certificate_required",
  "tls_no_certificate",
  "tls_untrusted",
  "tls_expired",
  "tls_wrong_node",
  "tls_refused",
  "no_common_framing",
  "auth_not_offered",
  "framing_not_offered",
  "auth_failed"
])

/** Fails when no seed can be reached, and with one of them it is no use to wait. */
const refused = Effect.gen(function*() {
  const { observed } = yield* NodeRouter
  for (;;) {
    const error = observed.seeding?.failures.find(({ reason }) => forGood.has(reason))
    if (error !== undefined) return yield* error
    yield* Effect.sleep("20 millis")
  }
})

/** No seed has answered: why, as far as that is known. */
const unanswered = (session: Session, seeds: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const failures = (yield* NodeRouter).observed.seeding?.failures ?? []
    const why = failures.length === 0 ? seeds.join(", ") : failures.map(({ message }) => message).join("; ")
    return yield* new TimedOut({ problem: `no seed has answered: ${why} (after ${session.timeoutSeconds} s)` })
  })

/** `EMP_TRACE=1` is for commands too. */
const traced = Effect.gen(function*() {
  const router = yield* NodeRouter
  if (yield* isTraced) traceMessages(router, writeLine)
})

/** A node that runs on this machine with the same configuration is as good as a seed. */
const seedsOf = (
  options: { readonly seeds: ReadonlyArray<string>; readonly binds?: ReadonlyArray<string> | undefined }
) => {
  if (options.seeds.length > 0) return options.seeds
  return splitAddresses(options.binds ?? []).flatMap((bind) => {
    const own = readLabel(bind).address
    const scheme = schemeOf(own)
    // A thread is reached from within its process, and by no command.
    if (scheme === threadScheme) return []
    // Without a name it is that of the node, which may be a random one.
    if (scheme === natsScheme) return parseNats(own) === "" ? [] : [own]
    if (scheme !== bare) return parseWebSocket(own)?.port === 0 ? [] : [own]
    const address = parseAddress(own, "localhost")
    if (address === undefined || address.port === 0) return []
    return [address.host === "*" || isWildcard(address.host) ? `localhost:${address.port}` : own]
  })
}

/** How long may still be waited for an answer. */
const restMillis = ({ endsAtMillis, timeoutSeconds }: Session) =>
  Effect.map(
    Clock.currentTimeMillis,
    (now) => endsAtMillis === undefined ? 1000 * timeoutSeconds : Math.max(0, endsAtMillis - now)
  )

/** Runs an effect for as long as the session waits for an answer; `otherwise` is what has not happened when the time is up. */
export const within = <A, E, R>(session: Session, effect: Effect.Effect<A, E, R>, otherwise: string) =>
  Effect.flatMap(restMillis(session), (millis) =>
    Effect.timeoutOrElse(effect, {
      duration: millis,
      orElse: () => Effect.fail(new TimedOut({ problem: `${otherwise} (after ${session.timeoutSeconds} s)` }))
    }))

/** The same session for a part of what is to be done: others have half of the time that is left. */
export const withHalfTheTime = (session: Session): Effect.Effect<Session> =>
  Effect.gen(function*() {
    if (session.endsAtMillis === undefined) return session
    return { ...session, endsAtMillis: session.endsAtMillis - (yield* restMillis(session)) / 2 }
  })

/** Makes sure of a link to a node, or says why there can be none. */
export const reach = (session: Session, nodeId: string) =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    if (!Port.isPortId(nodeId) || nodeId !== Port.nodeOf(nodeId)) {
      return yield* new UsageError({ problem: `${JSON.stringify(nodeId)} is no node ID` })
    }
    if (router.isUp(nodeId)) return
    const lost = Effect.gen(function*() {
      const [why] = reasonFromExit(yield* Port.exit(nodeId)).slice(-1)
      const known = yield* knownNodes(session)
      if (!known.has(nodeId)) return yield* failed(`no such node: ${nodeId}`)
      return yield* listensNowhere(known.get(nodeId))
        ? failed(`node ${nodeId} listens nowhere: only those can talk to it that it has a link to`)
        : new TimedOut({ problem: `node ${nodeId} cannot be reached: ${String(why)}` })
    })
    yield* within(session, Effect.raceFirst(Global.awaitNode(nodeId), lost), `node ${nodeId} cannot be reached`)
  })

/** A port or a node: checked, and with a link to it. */
export const reachPort = (session: Session, port: string) =>
  Port.isPortId(port)
    ? reach(session, Port.nodeOf(port))
    : Effect.fail(new UsageError({ problem: `${JSON.stringify(port)} is neither a port ID nor a node ID` }))

/** Asks a node port, and answers the whole reply. */
export const ask = (session: Session, nodeId: string, ...request: ReadonlyArray<unknown>) =>
  askFor(session, nodeId, `has not answered ${String(request[0])}`, ...request)

/** As `ask` does; `otherwise` is what the node has not done when no answer comes. */
export const askFor = (session: Session, nodeId: string, otherwise: string, ...request: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const [name] = request
    yield* reach(session, nodeId)
    // A node of another kind may take a request that it does not know for something else.
    if (String(name).startsWith("emp_") && !(yield* NodeRouter).isOwnKind(nodeId)) {
      return yield* failed(`node ${nodeId} is of another kind: it cannot be asked for this`)
    }
    return yield* within(session, Port.calMessage(nodeId, ...request), `node ${nodeId} ${otherwise}`)
  })

/** Makes sure that a node knows a request. One that does not would not answer it, so it is asked first; `cannot` says what that means. */
export const demand = (session: Session, nodeId: string, request: string, cannot: string) =>
  Effect.flatMap(
    ask(session, nodeId, "can", request),
    ([can]) => can === true ? Effect.void : failed(`node ${nodeId} ${cannot}`)
  )

/** Whether a node is of our own kind, once there is a link to it. */
export const isOwnKind = (session: Session, nodeId: string) =>
  Effect.andThen(reach(session, nodeId), Effect.map(NodeRouter, (router) => router.isOwnKind(nodeId)))

/** All nodes that the network knows, without those of commands, and the addresses that they listen on. */
export const knownNodes = (session: Session) =>
  Effect.gen(function*() {
    const mesh = yield* NodeMesh
    const family = (name: string) =>
      Effect.callback<object>((resume) =>
        Effect.sync(mesh.query("g_db_family", name, (result) => resume(Effect.succeed(Object(result)))))
      )
    const both = Effect.all([family(listenersFamily), family(scopedFamily)])
    const [plain, scoped] = yield* within(session, both, "the nodes of the network are not known")
    const entries = Object.entries({ ...plain, ...scoped })
    return new Map<string, unknown>(entries.filter(([name]) => !isCommand(name)))
  })

export const allNodes = (session: Session) =>
  Effect.gen(function*() {
    const own = yield* Node.id
    return Array.from((yield* knownNodes(session)).keys()).filter((name) => name !== own).toSorted()
  })

/** Whether a node listens nowhere: only nodes that it has dialled itself can talk to it. */
export const listensNowhere = (addresses: unknown): boolean => Array.isArray(addresses) && addresses.length === 0
