/**
 * Children of one kind that are spread over several nodes: on which node each is started, and which of them move when nodes come and go.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { isOrderly, isTagged, type Killed, type PortExit, reasonFromExit, reasons } from "../values/reason.ts"
import { ignore } from "./child.ts"
import type { Event } from "./events.ts"
import { checkWithServices, handleOf, launch, makeAddress, within } from "./make.ts"
import { Sites } from "./sites.ts"
import { spawnOn } from "./spawnOn.ts"
import { checkSupervisor, type ChildOptions, InvalidSpec, type SupervisorOptions } from "./spec.ts"
import type { Supervision } from "./supervision.ts"

/** Documented as `Supervisor.PoolOptions`. */
export interface PoolOptions<R> extends Pick<ChildOptions, "shutdown" | "schedule">, SupervisorOptions {
  readonly on: ReadonlyArray<string> | Stream.Stream<ReadonlyArray<string>, unknown, R>
  readonly size: number
  readonly spread?: Spread | undefined
  readonly name?: string | undefined
}

/** Documented as `Supervisor.Spread`. */
export type Spread = "even" | "stay"

/** Documented as `Supervisor.pool`. */
export const pool = <Args extends ReadonlyArray<unknown>, M extends Port.Messages, R>(
  fn: Port.RemoteFunction<Args, M>,
  options: PoolOptions<R>,
  args: Args
) =>
  Effect.gen(function*() {
    yield* checkOptions(options)
    const checked = yield* Effect.fromResult(checkSupervisor(options, options.schedule !== undefined))
    const router = yield* NodeRouter
    const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const members = new Members(router, context as Context.Context<never>, options.spread ?? "even")
    const list = yield* Effect.forEach(Array.from({ length: options.size }, (_, index) => String(index + 1)), (id) =>
      checkWithServices({
        id,
        shutdown: options.shutdown,
        schedule: options.schedule,
        restart: isItsFault,
        start: Effect.suspend((): Effect.Effect<Port.PortId<M> | typeof ignore, never, Node | Scope.Scope> => {
          const node = members.place(id)
          return node === undefined ? Effect.succeed(ignore) : spawnOn([node], fn, args)
        })
      }, "never"))
    const running = yield* launch({ name: options.name ?? "pool", shape: "fixed" }, checked, list).pipe(
      Effect.catchTag("StartError", Effect.die)
    )
    const follow = Stream.isStream(options.on)
      ? Stream.runForEach(options.on, (nodes) =>
        Effect.sync(() =>
          members.list(nodes)
        ))
      : Effect.sync(() => members.list(options.on as ReadonlyArray<string>))
    yield* Port.peval(
      running.port,
      Effect.gen(function*() {
        yield* Effect.acquireRelease(
          Effect.sync(() => members.begin(running)),
          () => Effect.sync(() => members.close())
        )
        yield* Port.fork(members.settling)
        yield* Port.fork(within<R>(context)(follow))
      })
    ).pipe(Effect.orDie)
    // On nodes that there are links to the children are there from the start.
    if (!Stream.isStream(options.on)) yield* members.settle
    const next = members.next as Effect.Effect<Port.PortId<M>, Killed>
    return {
      ...handleOf(running),
      ports: Effect.sync(() => members.ports as ReadonlyArray<Port.PortId<M>>),
      next,
      address: (yield* makeAddress(next, running.port)) as Port.PortId<M>
    }
  })

const checkOptions = <R>({ on, size, spread }: PoolOptions<R>): Effect.Effect<void, InvalidSpec> => {
  const refuse = (field: string, value: unknown, problem: string) =>
    Effect.fail(new InvalidSpec({ child: undefined, field, value, problem }))
  if (!Number.isInteger(size) || size < 1) return refuse("size", size, "is no whole number from 1 on")
  if (spread !== undefined && spread !== "even" && spread !== "stay") {
    return refuse("spread", spread, "is none of even, stay")
  }
  const isList = Array.isArray(on) && on.every((node) => typeof node === "string" && node !== "")
  return isList || Stream.isStream(on) ? Effect.void : refuse("on", on, "is no list of nodes, and no Stream of such")
}

/**
 * Which ends count against the budget, and are followed by a restart on the spot. After all others the pool sees to it where the child
 * goes: its node was lost, does not have the function, is about to stop, or is to have fewer children.
 */
const isItsFault = (exit: PortExit): boolean => {
  const reason = reasonFromExit(exit)
  return !isOrderly(reason) && !isTagged(reason, "transport_error") && !isTagged(reason, "no_such_port")
}

/** The children, and the nodes that they are on. */
class Members {
  private readonly router: Router
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private readonly spread: Spread
  private readonly sites: Sites
  private running: Supervision | undefined = undefined
  /** By child: the node that it was started on last. */
  private readonly places = new Map<string, string>()
  /** Ports that were asked to finish, and what ends them if they do not. */
  private readonly leaving = new Map<string, Fiber.Fiber<unknown> | undefined>()
  /** By child: its port, unless that is leaving. */
  private readonly present = new Map<string, string>()
  private readonly changes = Effect.runSync(Queue.sliding<void>(1))
  /** Those who wait for a member. */
  private someone = Deferred.makeUnsafe<void>()
  /** Whose turn it is. */
  private turn = 0

  constructor(router: Router, context: Context.Context<never>, spread: Spread) {
    this.router = router
    this.fork = Effect.runForkWith(context)
    this.spread = spread
    this.sites = new Sites(router, context, () => this.changed())
  }

  private changed(): void {
    Queue.offerUnsafe(this.changes, undefined)
  }

  list(nodes: ReadonlyArray<string>): void {
    this.sites.list(new Set(nodes.map(Port.nodeOf)))
  }

  begin(running: Supervision): void {
    this.running = running
    running.reporter.watch((event) => this.see(event))
    for (const { id, port } of running.which) if (port !== undefined) this.joined(id, port)
    this.changed()
  }

  close(): void {
    this.sites.close()
    for (const timer of this.leaving.values()) timer?.interruptUnsafe()
    this.leaving.clear()
  }

  // ---- where they are

  /** Where a child is to be started: on the node with the fewest of them, and there where it was if others have no fewer. */
  place(id: string): string | undefined {
    const { open } = this.sites
    const counts = this.countOn(open, id)
    const before = this.places.get(id)
    const fewest = Math.min(...counts.values())
    const node = before !== undefined && counts.get(before) === fewest
      ? before
      : open.find((node) => counts.get(node) === fewest)
    if (node !== undefined) this.places.set(id, node)
    return node
  }

  /** How many children there are on each of these nodes, beside one. */
  private countOn(nodes: ReadonlyArray<string>, beside?: string): ReadonlyMap<string, number> {
    const counts = new Map(nodes.map((node) => [node, 0]))
    for (const [id, port] of this.present) {
      const node = Port.nodeOf(port)
      const count = counts.get(node)
      if (id !== beside && count !== undefined) counts.set(node, count + 1)
    }
    return counts
  }

  private see(event: Event): void {
    if (event._tag === "Started") this.joined(event.child, event.port)
    else if (event._tag === "Ended") this.ended(event.child, event.port, event.exit)
    if (event._tag !== "Restarting") this.changed()
  }

  private joined(id: string, port: string): void {
    this.present.set(id, port)
    Deferred.doneUnsafe(this.someone, Effect.void)
    this.someone = Deferred.makeUnsafe()
  }

  private ended(id: string, port: string, exit: PortExit): void {
    if (this.present.get(id) === port) this.present.delete(id)
    const wasAsked = this.leaving.has(port)
    this.leaving.get(port)?.interruptUnsafe()
    this.leaving.delete(port)
    const isLost = isTagged(reasonFromExit(exit), "transport_error")
    if (!wasAsked && !isItsFault(exit) && !isLost) this.sites.rest(Port.nodeOf(port))
  }

  /** Sees to it that children are where they should be, whenever something has changed. */
  get settling(): Effect.Effect<never> {
    return Effect.forever(Effect.andThen(Queue.take(this.changes), Effect.suspend(() => this.settle)))
  }

  get settle(): Effect.Effect<void> {
    const { running } = this
    if (running === undefined) return Effect.void
    for (const [id, port] of this.present) {
      const node = Port.nodeOf(port)
      // A node that is about to stop has left its groups, and sees to it itself that its ports handle all that they have.
      if (this.sites.hasLeft(node) && !this.router.takesNoCalls(node)) {
        this.drain(id, port, "its node has left the pool")
      }
    }
    if (this.sites.open.length === 0) return Effect.void
    const stopped = running.which.filter(({ status }) => status === "stopped")
    if (stopped.length === 0) return Effect.sync(() => this.balance())
    // One that is not stopped any more is refused.
    return Effect.forEach(stopped, ({ id }) => Effect.ignore(running.restartChild(id)), { discard: true })
  }

  /** Has one child move, if that makes it more even. When it has moved, the next one may. */
  private balance(): void {
    if (this.spread === "stay" || this.leaving.size > 0) return
    const counts = this.countOn(this.sites.open)
    const most = Math.max(...counts.values())
    if (most - Math.min(...counts.values()) < 2) return
    const last = Array.from(this.present).findLast(([, port]) => counts.get(Port.nodeOf(port)) === most)
    if (last !== undefined) this.drain(...last, "another node of the pool has fewer")
  }

  /** Lets a child finish the message that it has in hand, within its time. Its place is another one then. */
  private drain(id: string, port: string, why: string): void {
    this.present.delete(id)
    this.places.delete(id)
    const patienceMillis = this.running?.find(id)?.patienceMillis ?? 0
    const end = Effect.sync(() => this.router.kill(port, reasons.shutdown(why)))
    this.leaving.set(port, patienceMillis < Infinity ? this.fork(Effect.delay(end, patienceMillis)) : undefined)
    this.router.finish(port, reasons.shutdown(why))
  }

  // ---- how they are reached

  get ports(): ReadonlyArray<string> {
    // The end of one may be known, and not be told of yet.
    return Array.from(this.present).flatMap(([id, port]) => this.running?.find(id)?.livePort === port ? [port] : [])
  }

  /** Those that may be asked. A node that is about to stop ends those that are there when they have handled what they have. */
  private get asked(): ReadonlyArray<string> {
    return this.ports.filter((port) => !this.router.takesNoCalls(Port.nodeOf(port)))
  }

  /** The member whose turn it is. Waits for one if there is none. */
  readonly next: Effect.Effect<string, Killed> = Effect.suspend(() => {
    const { asked } = this
    const port = asked[this.turn++ % asked.length]
    if (port !== undefined) return Effect.succeed(port)
    const over = this.running?.gone ?? Effect.never
    return Effect.andThen(Effect.raceFirst(Deferred.await(this.someone), over), this.next)
  })
}
