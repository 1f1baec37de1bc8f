/**
 * Shared set-up: several children under one supervisor, with a log of their starts and ends.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { NodeRouter } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import { reasonOf } from "./harness.ts"
import { quiet } from "./supervised.ts"

type Start = Effect.Effect<Supervisor.Started, unknown, Node.Node | Scope.Scope>

/** Children by name. */
export interface Kids {
  /** `+id` for a start that began, `-id` for the end of what a start acquired. Emptied by `took`. */
  readonly log: Array<string>
  /** The log since the last time. */
  readonly took: () => string
  /** The last port of each child, known as soon as it is made. */
  readonly ports: Map<string, Port.PortId>
  /** What happens in the next starts of a child, before its port is made: each is used once. */
  readonly next: (id: string, ...before: ReadonlyArray<Effect.Effect<unknown, unknown>>) => void
  readonly kid: (
    id: string,
    options?: Supervisor.ChildOptions
  ) => Supervisor.ChildSpec<Supervisor.Started, unknown, Node.Node | Scope.Scope>
  /** A start by itself, for templates. */
  readonly start: (id: string) => Start
}

/** In a start: answer `ignore` instead of a port. */
export const ignoring = Effect.succeed("ignore" as const)

/** In a start: answer a port that has ended already, with this reason. */
export const brief = (...reason: ReadonlyArray<unknown>) => Effect.succeed({ brief: reason } as const)

export const makeKids = (): Kids => {
  const log: Array<string> = []
  const ports = new Map<string, Port.PortId>()
  const hooks = new Map<string, Array<Effect.Effect<unknown, unknown>>>()
  const start = (id: string): Start =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => log.push(`+${id}`)),
        () => Effect.sync(() => log.push(`-${id}`))
      )
      const hook = hooks.get(id)?.shift()
      const fate = hook === undefined ? undefined : yield* hook
      if (fate === "ignore") return Supervisor.ignore
      const port = yield* Port.make({
        fail: (error) => Effect.fail(error),
        stuck: () => Effect.uninterruptible(Effect.sleep("1 day"))
      })
      ports.set(id, port)
      if (typeof fate === "object" && fate !== null && "brief" in fate && Array.isArray(fate.brief)) {
        yield* Port.kil(port, ...fate.brief)
        yield* Port.exit(port)
      }
      return port
    })
  return {
    log,
    ports,
    took: () => log.splice(0).join(" "),
    next: (id, ...before) => hooks.set(id, [...hooks.get(id) ?? [], ...before]),
    // What is refused at run time does not compile: tests of that come this way.
    kid: (id, options) => ({ id, start: start(id), ...options }) as ReturnType<Kids["kid"]>,
    start
  }
}

export const strategies = ["one_for_one", "one_for_all", "rest_for_one"] as const

/** What can go wrong in a start, and its Exit. */
export const troubles = [
  ["fails", Effect.fail("no database"), Cause.fail("no database")],
  ["dies", Effect.die("bug"), Cause.die("bug")],
  ["is interrupted", Effect.interrupt, undefined]
] as const

/** That the Exit of a start is the one that it had. */
export const assertExit = (exit: Exit.Exit<unknown, unknown>, cause: Cause.Cause<unknown> | undefined) => {
  if (cause !== undefined) return assert.deepStrictEqual(exit, Exit.failCause(cause))
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
}

/** A supervisor whose end and events are recorded. */
export const record = <H extends Supervisor.Handle>(
  handle: H
): Effect.Effect<
  H & { readonly events_: Array<Supervisor.Event>; readonly reason: () => ReadonlyArray<unknown> | undefined },
  never,
  Node.Node | Scope.Scope
> =>
  Effect.gen(function*() {
    const events: Array<Supervisor.Event> = []
    let reason: ReadonlyArray<unknown> | undefined
    yield* Stream.runForEach(handle.events, (event) => Effect.sync(() => events.push(event))).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    const router = yield* NodeRouter
    router.monitor(handle.supervisor, (exit) => {
      reason = reasonOf(exit)
    })
    return { ...handle, events_: events, reason: () => reason }
  })

/** A supervisor of these children, with room for restarts. */
export const group = <const C extends ReadonlyArray<Supervisor.ChildSpec<any, any, any>>>(
  children: C,
  options: Supervisor.Options = {}
) => Effect.flatMap(Supervisor.make({ intensity: 100, ...options, children }), record)

/** Ends a child's present port, and lets follow what follows. */
export const end = (supervisor: Supervisor.Supervisor, id: string, ...reason: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    yield* Port.kil(yield* supervisor.port(id), ...reason)
    yield* quiet
  })

/** `id: status` of all children. */
export const states = (supervisor: Supervisor.Handle): Effect.Effect<string> =>
  Effect.map(supervisor.which, (all) => all.map(({ id, status }) => `${id}: ${status}`).join(", "))

/** The present ports of all children, by name. */
export const portsOf = (supervisor: Supervisor.Handle): Effect.Effect<Readonly<Record<string, string | undefined>>> =>
  Effect.map(supervisor.which, (all) => Object.fromEntries(all.map(({ id, port }) => [id, port])))

/** `specs, active, supervisors, workers` */
export const counts = (supervisor: Supervisor.Handle): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(supervisor.count, ({ active, specs, supervisors, workers }) => [specs, active, supervisors, workers])

/** Events as `TAG child`. */
export const told = (events: ReadonlyArray<Supervisor.Event>): ReadonlyArray<string> =>
  events.map(({ _tag, child }) => `${_tag} ${child}`)
