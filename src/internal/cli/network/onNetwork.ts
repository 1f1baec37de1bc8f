/**
 * What every command has that talks to a network: its flags, and the node that it runs on.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import type * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { commandPrefix } from "../../values/commandId.ts"
import { runParams, sourcesOf } from "../config/commands.ts"
import { UsageError } from "../terminal/usage.ts"
import type { Network, Session } from "./session.ts"

/** How many seconds others may take to answer, where no flag says it. */
export const answerSeconds = Effect.gen(function*() {
  const text = Option.getOrElse(yield* Config.option(Config.String("EMP_TIMEOUT")), () => "") || "5"
  if (Number(text) > 0 && Number(text) < Infinity) return Number(text)
  return yield* new UsageError({ problem: `EMP_TIMEOUT: ${JSON.stringify(text)} is no number of seconds, more than 0` })
})

export const flags = {
  profile: runParams.profile,
  seeds: runParams.seeds,
  secret: runParams.secret,
  cert: runParams.cert,
  norc: runParams.norc,
  nodeid: Flag.String("node-id").pipe(
    Flag.withDescription("The ID of the command's own node. Default: emp/ and a random name"),
    Flag.withDefault(commandPrefix)
  ),
  timeout: Flag.Finite("timeout").pipe(
    Flag.withDescription(
      "Seconds for all that a command has to wait for; of those that go on (top, tap, logs, mon, ping, bench, shell) for each answer. Default: EMP_TIMEOUT, or 5"
    ),
    Flag.filter((seconds) => seconds > 0, () => "more than 0 seconds"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false))
}
type Flags = Command.Command.Config.Infer<typeof flags>

const session = ({ cert, json, nodeid, norc, profile, secret, seeds, timeout }: Flags) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const seconds = Option.isSome(timeout) ? timeout.value : yield* answerSeconds
    const sources = yield* sourcesOf({ values: {} }, {
      profile: Option.getOrUndefined(profile),
      norc: Option.getOrUndefined(norc),
      values: {
        seeds: seeds.length === 0 ? undefined : seeds,
        secret: Option.getOrUndefined(Option.map(secret, Redacted.value)),
        cert: Option.getOrUndefined(cert)
      }
    })
    return {
      sources,
      nodeId: nodeid,
      timeoutSeconds: seconds,
      endsAtMillis: began + 1000 * seconds,
      json
    } satisfies Session
  })

export const modules = {
  session: () => import("./session.ts"),
  look: () => import("./look.ts"),
  talk: () => import("./talk.ts"),
  ports: () => import("./ports.ts"),
  stopping: () => import("./stopping.ts")
}

/** What a shell is connected by, for the commands that are typed into it. */
export const InShell = Context.Reference<Context.Context<Network> | undefined>("effect-mp/Cli/InShell", {
  defaultValue: () => undefined
})

/** Runs what a command does, on a node that has joined the network: its own one, or that of the shell that it is typed into. */
export const on = <A, E, R, M>(
  input: Flags,
  from: () => Promise<M>,
  body: (module: M, session: Session) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const { connected } = yield* Effect.promise(modules.session)
    const module = yield* Effect.promise(from)
    const made = yield* session(input)
    const shell = yield* InShell
    return yield* shell === undefined
      ? connected(made, body(module, made))
      : Effect.provideContext(Effect.scoped(body(module, made)), shell)
  })

/** The same for what goes on for as long as somebody wants it to: the time is that of each answer. */
export const follow = <A, E, R, M>(
  input: Flags,
  from: () => Promise<M>,
  body: (module: M, session: Session) => Effect.Effect<A, E, R>
) => on(input, from, (module, session) => body(module, { ...session, endsAtMillis: undefined }))

export const port = Argument.String("port").pipe(Argument.withDescription("A port ID, or a node ID for its node port"))
export const node = Argument.String("node").pipe(Argument.withDescription("A node ID"))
export const anyNode = node.pipe(Argument.optional)
