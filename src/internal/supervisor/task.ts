/**
 * Tasks: children that are an effect, and end as it does.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { NodeRouter } from "../node/router.ts"
import { Killed, type PortExit, reasonFromExit } from "../values/reason.ts"

/** In what a task's start answers: what has come of it, once it has ended. */
const Outcome: unique symbol = Symbol.for("effect-mp/Supervisor/Task/Outcome")

/** Documented as `Supervisor.Task`. */
export interface Task<out A, out E> {
  /** The port that it runs in, which ends as it does. */
  readonly port: Port.PortId
  /** Waits for its result. Fails as it does, or with `Killed` when it was ended before. */
  readonly await: Effect.Effect<A, E | Killed>
}

interface RunningTask<A, E> extends Task<A, E> {
  readonly [Outcome]: () => Exit.Exit<A, E | Killed> | undefined
}

/** Documented as `Supervisor.task`. */
export const task = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Task<A, E>, never, Node | Scope.Scope | Exclude<R, Port.Self | Scope.Scope>> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    // It waits for no messages, and what somebody sends it nevertheless does not end its work.
    const port = yield* Port.make(() => {})
    const ended = Deferred.makeUnsafe<A, E | Killed>()
    let outcome: Exit.Exit<A, E | Killed> | undefined
    let result: Exit.Exit<A, E> | undefined
    router.monitor(port, (exit) => {
      outcome = outcomeOf(port, result, exit)
      Deferred.doneUnsafe(ended, outcome)
    })
    const work = Effect.onExit(effect, (exit) =>
      Effect.sync(() => {
        result = exit
        // Its failure ends the port as it is; what is interrupted, and what succeeds, would leave the port alone.
        if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) router.kill(port, reasonFromExit(exit))
      }))
    // It may be so short that the port has ended already.
    yield* Effect.exit(Port.peval(port, Port.fork(work)))
    const made: RunningTask<A, E> = { port, await: Deferred.await(ended), [Outcome]: () => outcome }
    return made
  })

/** An effect that was interrupted has no result of its own: then the end of its port says why. */
const outcomeOf = <A, E>(
  port: string,
  result: Exit.Exit<A, E> | undefined,
  exit: PortExit
): Exit.Exit<A, E | Killed> => {
  const isInterrupted = result === undefined || Exit.isFailure(result) && Cause.hasInterruptsOnly(result.cause)
  if (!isInterrupted) return result
  return Exit.isFailure(exit) ? Exit.failCause(exit.cause) : Exit.fail(new Killed({ port, reason: [] }))
}

/** What has come of a child that is gone: of a task its result, of others how the last port ended, or why there was none. */
export const resultOf = (
  value: unknown,
  port: string | undefined,
  last: PortExit | undefined
): Exit.Exit<unknown, unknown> => {
  const end = last ?? Exit.void
  const killed = Exit.isFailure(end) ? Cause.squash(end.cause) : undefined
  // Its last start has failed: what there was before tells nothing of that.
  if (killed instanceof Killed && killed.port !== port) return end
  return isTask(value) ? value[Outcome]() ?? end : end
}

const isTask = (value: unknown): value is RunningTask<unknown, unknown> =>
  typeof value === "object" && value !== null && Outcome in value
