/**
 * What all supervisors are made with: a port, what runs in it, and a handle.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { NodeRouter, Witness } from "../node/router.ts"
import { type Killed, reasonFromCause, reasonFromExit } from "../values/reason.ts"
import { Family, openAddress } from "./addresses.ts"
import type { AutoShutdown } from "./decisions.ts"
import { answersOf, answerWith, type StartByArguments } from "./messages.ts"
import { endOf, linkToOwner, ownedBy, ownerIn } from "./owner.ts"
import { Parent, Starter } from "./spawnOn.ts"
import {
  checkChild,
  type CheckedChild,
  type CheckedSupervisor,
  checkSupervisor,
  type ChildOptions,
  type SupervisorOptions
} from "./spec.ts"
import type { Shape } from "./state.ts"
import { Supervision } from "./supervision.ts"

/**
 * Checks a specification, and gives its start the services of the effect that this runs in. What it knows of its siblings is told by
 * `addressOf`.
 */
export const checkWithServices = <A, E, R>(
  child: ChildOptions & { readonly id: string; readonly start: Effect.Effect<A, E, R> },
  autoShutdown: AutoShutdown,
  addressOf?: Family["addressOf"]
) =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) => {
    const known = addressOf === undefined
      ? context
      : Context.add(context, Family, { addressOf, around: Context.get(context, Family) })
    return Effect.fromResult(checkChild(
      { ...child, start: Effect.isEffect(child.start) ? within<R>(known)(child.start) : child.start },
      autoShutdown
    ))
  })

/** Gives effects these services, and the Scope of whoever runs the effects. The services outlive the span that they come from. */
export const within = <R>(context: Context.Context<Exclude<R, Scope.Scope>>) => {
  const services = Context.omit(Scope.Scope, Starter, Parent, Witness, Tracer.ParentSpan)(
    context as Context.Context<any>
  )
  return <A, E>(start: Effect.Effect<A, E, R>): Effect.Effect<A, E, Scope.Scope> =>
    Effect.provideContext(ownedBy(undefined)(start), services) as Effect.Effect<A, E, any>
}

/**
 * The first starts of children: `awaited`, and if one fails there is no supervisor; or `tried` as restarts are, until there were too
 * many.
 */
type First = "awaited" | "tried"

/** Opens the supervisor's port, and starts its first children. */
export const launch = Effect.fnUntraced(function*(
  options: {
    readonly name?: string | undefined
    readonly shape: Shape
    readonly first?: First | undefined
    /** Whether children are found by their IDs: those of dynamic supervisors may have none that anybody knows. */
    readonly hasNames?: boolean | undefined
    /** Told before the first start, for those who are asked during it. */
    readonly made?: ((running: Supervision) => void) | undefined
  },
  checked: CheckedSupervisor,
  list: ReadonlyArray<CheckedChild>,
  byArguments?: StartByArguments
) {
  const router = yield* NodeRouter
  // A supervisor outlives the span that it was made in.
  const context = Context.omit(Tracer.ParentSpan)(yield* Effect.context<never>()) as Context.Context<never>
  const name = options.name ?? "supervisor"
  const port = yield* Port.make(answerWith(router, name, answersOf(() => running, byArguments, ownerIn(context))))
  const { hasNames = true, shape } = options
  const inside = Context.add(context, Parent, port)
  const running: Supervision = new Supervision(router, inside, port, name, shape, checked, list, hasNames)
  options.made?.(running)
  const ended = router.observed.supervisor(port, name)
  const close = (exit: Exit.Exit<unknown, unknown>) => Effect.map(running.close(reasonFromExit(exit)), ended)
  const first = options.first === "tried" ? running.beginTrying() : running.begin()
  yield* Port.peval(port, Effect.andThen(Effect.addFinalizer(close), Port.fork(running.loop))).pipe(Effect.orDie)
  yield* Effect.onError(
    first,
    (cause) => Effect.andThen(Port.kil(port, ...reasonFromCause(cause)), Port.exit(port))
  )
  yield* linkToOwner(router, port)
  return running
})

export const handleOf = (running: Supervision) => ({
  supervisor: running.port as Port.PortId,
  which: Effect.sync(() => running.which),
  count: Effect.sync(() => running.count),
  events: running.reporter.events,
  await: endOf(running.gone),
  stop: running.shutDown
})

/** The address of what a supervisor keeps alive. */
export const makeAddress = (
  present: Effect.Effect<string, Killed>,
  owner: string
): Effect.Effect<Port.PortId, never, Node> =>
  Effect.contextWith((context: Context.Context<Node>) =>
    Effect.succeed(openAddress(Context.get(context, NodeRouter), context as Context.Context<never>, owner, present))
  )

/** What `keep` is told. */
export interface Policy extends Omit<ChildOptions, "significant">, SupervisorOptions {
  readonly id?: string | undefined
  readonly name?: string | undefined
}

/** Keeps a single child alive: its handle, and what runs behind it. */
export const keep = <P, E, R>(child: Effect.Effect<P, E, R>, policy: Policy, first: First = "awaited") =>
  Effect.gen(function*() {
    const checked = yield* Effect.fromResult(checkSupervisor(policy, policy.schedule !== undefined))
    const spec = yield* checkWithServices({ ...policy, id: policy.id ?? "child", start: child }, checked.autoShutdown)
    const running = yield* launch({ name: policy.name ?? "supervised", shape: "single", first }, checked, [spec]).pipe(
      // There is only one child, so that a failed start is its error, and the caller's own.
      Effect.catchTag("StartError", ({ exit }) => exit as Exit.Exit<never, E>)
    )
    const single = running.find(spec.id)!
    const port = running.portOf(spec.id) as Effect.Effect<Port.PortId, Killed>
    const handle = {
      ...handleOf(running),
      port,
      ports: running.reporter.stream(
        (event) => event._tag === "Started" ? event.port : undefined,
        () => single.livePort
      ),
      address: yield* makeAddress(port, running.port),
      restart: running.renew(single)
    }
    return { handle, running, single }
  })

/** Who uses something, and when they are done with it. */
export interface Users {
  readonly count: <A, E, R>(use: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly gone: Effect.Effect<void>
}

export const makeUsers = (): Users => {
  let present = 0
  const none = Latch.makeUnsafe(true)
  const enter = Effect.sync(() => {
    present++
    none.closeUnsafe()
  })
  const leave = Effect.sync(() => {
    if (--present === 0) none.openUnsafe()
  })
  return { count: (use) => Effect.acquireUseRelease(enter, () => use, () => leave), gone: none.await }
}
