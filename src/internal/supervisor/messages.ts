/**
 * Supervisors by message: what their ports answer. `remote.ts` asks.
 *
 * A request is `[TAG, ARG..., REPLYPORT]`; the reply is `["ok", VALUE]` or `["error", TAG, FIELDS]`.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Router } from "../node/router.ts"
import { describe } from "../values/describe.ts"
import { culprit } from "../values/plainData.ts"
import { isPortId } from "../values/portId.ts"
import { type Killed, reasonFromExit } from "../values/reason.ts"
import { ChildError, type ChildInfo, isChildError, isStartError, type StartError } from "./errors.ts"
import type { Supervision } from "./supervision.ts"

const Name = Schema.String

/** The requests, and what arguments each takes. */
const requests = {
  which: Schema.Tuple([]),
  count: Schema.Tuple([]),
  about: Schema.Tuple([]),
  start: Schema.Array(Schema.Unknown),
  terminate: Schema.Tuple([Name]),
  restart: Schema.Tuple([Name]),
  delete: Schema.Tuple([Name])
}

export type RequestTag = keyof typeof requests

export const PlainChildInfo = Schema.Struct({
  id: Schema.String,
  status: Schema.Literals(["starting", "running", "ending", "waiting", "restarting", "stopped"]),
  type: Schema.Literals(["worker", "supervisor"]),
  port: Schema.NullOr(Schema.String),
  restarts: Schema.Number,
  uptime: Schema.NullOr(Schema.Number),
  lastReason: Schema.NullOr(Schema.Array(Schema.Unknown))
})

export const PlainCount = Schema.Struct({
  specs: Schema.Number,
  active: Schema.Number,
  supervisors: Schema.Number,
  workers: Schema.Number
})

export const About = Schema.Struct({
  name: Schema.String,
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one", "dynamic", "restart", "failover"]),
  /** The port that it was made in, which ends with it: a service of `emp run`. */
  owner: Schema.optionalKey(Schema.String)
})

/** Starts a child by arguments, as dynamic supervisors can. */
export type StartByArguments = (
  args: ReadonlyArray<unknown>
) => Effect.Effect<unknown, ChildError | StartError | Killed>

/** What each request is answered with. Arguments have been checked. */
type Answers = { readonly [Tag in RequestTag]: (args: ReadonlyArray<any>) => Effect.Effect<unknown, unknown> }

/** What a supervisor's port does with a message. Nothing in it ends the supervisor. */
export const answerWith =
  (router: Router, name: string, answers: Answers) =>
  (...message: ReadonlyArray<unknown>): Effect.Effect<void> | void => {
    const [tag, ...args] = message.slice(0, -1)
    const replyTo = message.at(-1)
    if (!isPortId(replyTo)) {
      const what = `the supervisor ${name} got a message that asks for no answer`
      return router.log.warnSome(what, what, message.slice(0, 3))
    }
    const reply = (...what: ReadonlyArray<unknown>) => void router.send(replyTo, what)
    const known = typeof tag === "string" && Object.hasOwn(requests, tag) ? tag as RequestTag : undefined
    if (known === undefined || !Schema.is(requests[known])(args)) {
      return reply("error", "ChildError", { reason: "malformed", child: excerpt(args[0] ?? ""), request: excerpt(tag) })
    }
    // In a fiber of its own: a request that hangs must not keep others from looking at the supervisor, or from ending what hangs.
    return Effect.asVoid(Effect.forkDetach(Effect.map(Effect.exit(answers[known](args)), (exit) =>
      Exit.isSuccess(exit)
        ? reply("ok", culprit(exit.value, "json") === undefined ? exit.value : null)
        : reply("error", ...toError(exit.cause)))))
  }

/** What the port of a supervisor answers. */
export const answersOf = (
  supervision: () => Supervision,
  start: StartByArguments | undefined,
  owner: string | undefined
): Answers => ({
  which: () => Effect.sync(() => supervision().which.map(toPlain)),
  count: () => Effect.sync(() => supervision().count),
  about: () =>
    Effect.sync(() => ({
      name: supervision().name,
      strategy: strategyOf(supervision()),
      ...owner === undefined ? {} : { owner }
    })),
  start: (args) => start === undefined ? Effect.fail(supervision().refusal("not_dynamic", "")) : start(args),
  terminate: ([child]) => supervision().terminateChild(child),
  restart: ([child]) => supervision().restartChild(child),
  delete: ([child]) => supervision().deleteChild(child)
})

/** What a node's part in a failover answers: it has one child, while it runs the service. */
export const answersOfFailover = (
  name: string,
  present: () => Supervision | undefined,
  owner: string | undefined
): Answers => {
  const list = (): ReadonlyArray<ChildInfo> => {
    const supervision = present()
    return supervision === undefined ? [] : [{
      id: name,
      status: "running",
      type: "supervisor",
      port: supervision.port,
      restarts: 0,
      uptime: undefined,
      lastReason: undefined
    }]
  }
  const refuse = (reason: ChildError["reason"], child: string) =>
    Effect.fail(new ChildError({ reason, child, port: undefined }))
  const refuseOnly = ([child]: ReadonlyArray<any>) => refuse(child === name ? "only_child" : "not_found", child)
  return {
    which: () => Effect.sync(() => list().map(toPlain)),
    count: () =>
      Effect.sync(() => ({ specs: 1, active: list().length, supervisors: list().length, workers: 1 - list().length })),
    about: () =>
      Effect.succeed({
        name: `failover ${name}`,
        strategy: "failover",
        ...owner === undefined ? {} : { owner }
      }),
    start: () => refuse("not_dynamic", ""),
    terminate: refuseOnly,
    restart: refuseOnly,
    delete: refuseOnly
  }
}

/** As much of what somebody sent as helps to find it. */
const excerpt = (value: unknown): string => describe(value).slice(0, 100).toWellFormed()

const strategyOf = (supervision: Supervision): typeof About.Type["strategy"] => {
  if (supervision.shape === "fixed") return supervision.options.strategy
  return supervision.shape === "dynamic" ? "dynamic" : "restart"
}

/** On the wire there is no `undefined`. */
const toPlain = (info: Supervision["which"][number]): typeof PlainChildInfo.Type => ({
  ...info,
  port: info.port ?? null,
  uptime: info.uptime ?? null,
  lastReason: info.lastReason === undefined || culprit(info.lastReason, "json") === undefined
    ? info.lastReason ?? null
    : info.lastReason.map(describe)
})

const toError = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => {
  const error = Cause.squash(cause)
  if (isChildError(error)) {
    return ["ChildError", { reason: error.reason, child: error.child, port: error.port ?? null }]
  }
  if (isStartError(error)) {
    const reason = reasonFromExit(error.exit)
    const isPlain = culprit(reason, "json") === undefined
    return ["StartError", { child: error.child, reason: isPlain ? reason : reason.map(describe) }]
  }
  return ["Failed", { problem: describe(error) }]
}
