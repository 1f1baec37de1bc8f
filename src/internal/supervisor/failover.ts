/**
 * One service on one of several nodes: each of them runs this, and those who see each other keep to the agreement of `agreement.ts`
 * on who runs the service.
 *
 * Each node spawns a port on every other one, its *ear* there. What node A does, A sends to its ears on B and C, where it is kept. When
 * A, or A's part in the service, is gone, A's ears end, and so B and C know.
 *
 * With voters the agreement says who tries to run the service, and the lease (`lease.ts`) who does. A node runs it from when it has the lease
 * until nothing of the service is left.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { spawnRequest } from "../node/fullRequests.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { watchSilence } from "../node/silence.ts"
import { printableInLine } from "../values/printable.ts"
import { isTagged, Killed, type Reason, reasonFromExit, reasons } from "../values/reason.ts"
import { decideFailover, type Known, type NextMove, type Part, preferredFirst } from "./agreement.ts"
import { type Arrival, arrive } from "./arrival.ts"
import type { Child } from "./child.ts"
import { makeLease, type ServiceLease } from "./lease.ts"
import { checkWithServices, keep, makeAddress, type Policy, within } from "./make.ts"
import { answersOfFailover, answerWith } from "./messages.ts"
import { endOf, linkToOwner, ownedBy, ownerIn } from "./owner.ts"
import { Rests } from "./rests.ts"
import { checkSupervisor, InvalidSpec, millisOf } from "./spec.ts"
import type { Supervision } from "./supervision.ts"

/** What an ear hears of the node that has spawned it: whether that runs the service, on which port, and whether it rests. */
const Ear = Port.protocol({ state: Port.message(Schema.Boolean, Schema.NullOr(Schema.String), Schema.Boolean) })

/** Another node that takes part. */
interface Peer {
  /** The ear that the other node has on this one. */
  readonly ear: string
  part: Known
  port: string | undefined
}

/** Documented as `Supervisor.Place`. */
export interface Place {
  /** The ID of the node. */
  readonly node: string
  /** The service's port there. */
  readonly port: string
}

/** The function by which other nodes spawn their ears here. */
const functionOf = (name: string) => `emp::failover::${name}` as const

/** So long seeds that do not answer are waited for, unless somebody says otherwise. */
const joinMillis = 10_000

/** So much is shown of what another node says of its voters. */
const longestRules = 1_000

/** How long to wait before a node is tried again that could not be reached. */
const retryDelay = "2 seconds"

/** Documented as `Supervisor.FailoverOptions`. */
export interface FailoverOptions extends Omit<Policy, "restart" | "id"> {
  readonly name: string
  readonly nodes: ReadonlyArray<string>
  readonly prefer?: string | undefined
  readonly joinTimeout?: Duration.Input | undefined
  readonly voters?: ReadonlyArray<string> | undefined
  readonly lease?: Duration.Input | undefined
  readonly grace?: Duration.Input | undefined
}

export class Failover {
  readonly options: FailoverOptions
  private readonly router: Router
  /** Its own port: that of the supervisor. */
  private readonly self: string
  private readonly nodes: ReadonlyArray<string>
  private readonly peers = new Map<string, Peer>()
  /** The ears that this node has, or tries to have, on others: by node. */
  private readonly ears = new Map<string, string>()
  /** Nodes that are there, and take no part. */
  private readonly absent = new Set<string>()
  /** Nodes that could not be reached. */
  private readonly lost = new Set<string>()
  /** Nodes that took part, and were lost. */
  private readonly parted = new Set<string>()
  /** Nodes that take part, and do not answer: their links may last for longer than their leases. */
  private readonly silent = new Set<string>()
  /** Whether it is too early to call a lost node absent: this node has just begun, and may not have joined its network yet. */
  private isEarly = true
  private readonly changes = Effect.runSync(Queue.sliding<void>(1))
  private readonly rests: Rests
  private readonly lease: ServiceLease | undefined
  private readonly joinMillis: number
  /** What this node does, and the port of the service while it runs here. */
  private own: Part = "idle"
  private ownPort: string | undefined = undefined
  /** What those wait for who ask for the service's port while it runs nowhere. */
  private next: Deferred.Deferred<string, Killed> | undefined = undefined
  /** Told of each new place. */
  private readonly watchers = new Set<(place: Place) => void>()
  private last: string | undefined = undefined
  private over: Killed | undefined = undefined
  readonly ended = Deferred.makeUnsafe<never, Killed>()
  /** The service is stopped here, because it is to run elsewhere. */
  private leaves = false
  /** What keeps the service alive here, while it is to run here. */
  running: Supervision | undefined = undefined
  /** The service as that supervisor has it. It may take its time to stop when that supervisor is gone. */
  private child: Child | undefined = undefined

  constructor(router: Router, self: string, options: FailoverOptions, lease: ServiceLease | undefined) {
    this.router = router
    this.self = self
    this.options = options
    this.nodes = preferredFirst(options.nodes, options.prefer)
    this.rests = new Rests(router, options.name)
    this.lease = lease
    lease?.hear({
      changed: () => this.announce(),
      hurry: () => this.child?.denyTime()
    })
    this.joinMillis = options.joinTimeout === undefined ? joinMillis : millisOf(options.joinTimeout) ?? joinMillis
  }

  private get others(): ReadonlyArray<string> {
    return this.nodes.filter((node) => node !== this.router.nodeId)
  }

  private get fn() {
    return Port.remote(functionOf(this.options.name), [Schema.String, Schema.String], Ear)
  }

  /** What nodes say of their voters to each other. */
  private get rules(): string {
    return this.lease?.rules ?? "none"
  }

  /** This node would rather not run the service. */
  private get isResting(): boolean {
    return this.rests.isResting || this.lease?.isCutOff === true
  }

  // ---- what is known

  private known(node: string): Known {
    const peer = this.peers.get(node)
    if (peer !== undefined) return this.silent.has(node) ? "absent" : peer.part
    return this.absent.has(node) || this.lost.has(node) && !this.isEarly ? "absent" : "unknown"
  }

  /** Where it runs, as far as this node can see, and on which port. */
  get place(): Place | undefined {
    if (this.ownPort !== undefined) return { node: this.router.nodeId, port: this.ownPort }
    for (const node of this.others) {
      const port = this.peers.get(node)?.port
      if (port !== undefined) return { node, port }
    }
    return undefined
  }

  get port(): Effect.Effect<string, Killed> {
    return Effect.suspend(() => {
      const { place } = this
      if (place !== undefined) return Effect.succeed(place.port)
      return this.over === undefined ? Deferred.await(this.next ??= Deferred.makeUnsafe()) : Effect.fail(this.over)
    })
  }

  private changed(): void {
    const { place } = this
    if (place !== undefined && this.next !== undefined) {
      Deferred.doneUnsafe(this.next, Effect.succeed(place.port))
      this.next = undefined
    }
    if (place !== undefined && place.port !== this.last) this.watchers.forEach((watcher) => watcher(place))
    this.last = place?.port
    Queue.offerUnsafe(this.changes, undefined)
  }

  /** Where it runs, then each place that follows. */
  get places(): Stream.Stream<Place> {
    return Stream.callback<Place>((queue) => {
      const watcher = (place: Place): void => void Queue.offerUnsafe(queue, place)
      const listen = Effect.sync(() => {
        if (this.over !== undefined) return void Queue.endUnsafe(queue)
        if (this.place !== undefined) watcher(this.place)
        this.watchers.add(watcher)
        return this.router.monitor(this.self, () => void Queue.endUnsafe(queue))
      })
      return Effect.acquireRelease(listen, (cancel) =>
        Effect.sync(() => {
          this.watchers.delete(watcher)
          cancel?.()
        }))
    }, { bufferSize: 100, strategy: "sliding" })
  }

  // ---- talking to others

  /** Other nodes' ears here, for as long as this takes part. */
  get listen(): Layer.Layer<never, never, Node> {
    return Port.implement(this.fn, (other, rules) =>
      Effect.gen({ self: this }, function*() {
        const node = Port.nodeOf(other)
        const ear = yield* Port.Self
        if (!this.others.includes(node)) {
          return yield* Effect.fail(`node ${node} is none of those that ${this.options.name} may run on here`)
        }
        if (rules !== this.rules) this.differs(node, rules)
        const peer: Peer = { ear, part: "unknown", port: undefined }
        this.peers.set(node, peer)
        this.absent.delete(node)
        this.lost.delete(node)
        yield* Effect.addFinalizer(() => Effect.sync(() => this.gone(node, peer)))
        yield* Port.mon(other, () => Port.kil(ear))
        this.reach(node)
        return {
          state: (isRunning, port, isResting) => {
            const isConflict = isRunning && this.own === "running" && peer.part !== "running"
            // With a lease it has stopped here, or there, and not all has been said yet.
            if (isConflict && this.lease === undefined) this.conflict(node)
            peer.part = isRunning ? "running" : isResting ? "resting" : "idle"
            peer.port = port ?? undefined
            this.changed()
          }
        }
      }))
  }

  private gone(node: string, peer: Peer): void {
    if (this.peers.get(node) !== peer) return
    this.peers.delete(node)
    this.parted.add(node)
    // What the node last said is not true any more.
    this.absent.add(node)
    this.changed()
  }

  private conflict(node: string): void {
    const why = this.parted.has(node) ? "which had lost each other" : "which had not met before"
    this.router.log.of("Supervisor").warnSome(
      `failover ${this.options.name} on ${node}`,
      `failover ${this.options.name}: ran on ${this.router.nodeId} and ${node}, ${why}`
    )
  }

  private differs(node: string, rules: string): void {
    const { name } = this.options
    this.router.log.of("Supervisor").warnSome(
      `failover ${name}: voters of ${node}`,
      `failover ${name}: may run on ${this.router.nodeId} and ${node} at once, which have other voters: here ${this.rules}; there ${
        printableInLine(rules.slice(0, longestRules))
      }`
    )
  }

  /** Spawns this node's ear on another one, if it has none there. */
  reach(node: string): void {
    if (this.ears.has(node) || this.over !== undefined) return
    const ear = `${node}#${this.router.names.spawned()}`
    this.ears.set(node, ear)
    this.router.request(node, spawnRequest, ear.slice(node.length + 1), this.fn.name, this.self, this.rules)
    this.router.monitor(ear, (exit) => {
      if (this.ears.get(node) !== ear) return
      this.ears.delete(node)
      if (!this.peers.has(node)) (reasonFromExit(exit)[0] === "transport_error" ? this.lost : this.absent).add(node)
      this.changed()
    })
    this.sayState(ear)
  }

  private sayState(ear: string): void {
    this.router.send(ear, ["state", this.own === "running", this.ownPort ?? null, this.isResting])
  }

  /** Says so when this node has rested. */
  private get wake(): Effect.Effect<void> {
    return Effect.map(this.rests.over, (hasRested) => {
      if (hasRested) this.announce()
    })
  }

  /** Tells all others what this node does. */
  private announce(): void {
    for (const ear of this.ears.values()) this.sayState(ear)
    this.changed()
  }

  private become(part: Part, port: string | undefined): void {
    this.own = part
    this.ownPort = port
    this.announce()
  }

  // ---- running the service

  /**
   * Who falls silent is not waited for: the lease sees to it that the service has ended there before it begins elsewhere. Without a lease only the
   * end of a link says so.
   */
  private askOthers({ leaseMillis }: ServiceLease): Effect.Effect<unknown, never, Node> {
    const { router } = this
    const ask = (node: string) => {
      const question = Effect.suspend(() => this.peers.has(node) ? Port.calMessage(node, "time") : Effect.void)
      return watchSilence(router, leaseMillis, Effect.provideService(question, Node, router), (isSilent) => {
        if (isSilent) this.silent.add(node)
        else this.silent.delete(node)
        this.changed()
      })
    }
    return Effect.forEach(this.others, ask, { concurrency: "unbounded" })
  }

  /** Keeps to the agreement. When the service cannot be kept alive here, the port of this part ends. */
  run<P, E>(child: Effect.Effect<P, E, Node | Scope.Scope>): Effect.Effect<never, never, Node | Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      for (const node of this.others) this.reach(node)
      yield* this.greet
      yield* Effect.forkScoped(this.seek)
      yield* Effect.forkScoped(Effect.map(arrive(this.router, this.joinMillis), (arrival) => this.arrived(arrival)))
      yield* Effect.forkScoped(this.wake)
      if (this.lease !== undefined) yield* Effect.forkScoped(this.askOthers(this.lease))
      const parent = yield* Effect.scope
      let place: Scope.Closeable | undefined
      for (;;) {
        const move = this.nextMove
        if (move === "start") {
          place = yield* Scope.fork(parent)
          this.become("running", undefined)
          yield* Scope.provide(this.serve(child), place)
        } else if (move === "stop" && place !== undefined) {
          yield* this.leave(place)
          place = undefined
        } else {
          if (place === undefined) yield* this.awaitLease
          yield* Queue.take(this.changes)
        }
      }
    })
  }

  private get agreed(): NextMove {
    return decideFailover({
      self: this.router.nodeId,
      part: this.own,
      isResting: this.isResting,
      nodes: this.nodes,
      preferred: this.options.prefer,
      known: (node) => this.known(node),
      isLeased: this.lease !== undefined
    })
  }

  private get nextMove(): NextMove {
    const { agreed, lease, own } = this
    if (lease === undefined) return agreed
    if (own === "running") return lease.isRunningOut ? "stop" : agreed
    return agreed === "start" && lease.token === undefined ? "stay" : agreed
  }

  /** Tries to have the lease if this node is to run the service, and only then. */
  private get awaitLease(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const { lease } = this
      if (lease === undefined) return
      const isWanted = this.agreed === "start"
      if (!isWanted || lease.isRunningOut) yield* lease.giveBack
      if (isWanted) lease.seek()
    })
  }

  /** Stops the service here. With a lease this node counts as running it until nothing of it is left. */
  private leave(place: Scope.Closeable): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      this.leaves = true
      yield* Scope.close(place, Exit.void)
      this.leaves = false
      this.running = undefined
      if (this.lease !== undefined) yield* Effect.andThen(this.lease.left, this.lease.giveBack)
      this.become("idle", undefined)
    })
  }

  private serve<P, E>(child: Effect.Effect<P, E, Node | Scope.Scope>): Effect.Effect<void, never, Node | Scope.Scope> {
    const { name, ...policy } = this.options
    return Effect.gen({ self: this }, function*() {
      this.router.log.of("Supervisor").info(`failover ${name}: starts here, on ${this.router.nodeId}`)
      const { handle, running, single } = yield* keep(
        this.lease?.guard(child) ?? child,
        { ...policy, id: name, name: `failover ${name}` },
        "tried"
      ).pipe(ownedBy(undefined), Effect.orDie)
      this.running = running
      this.child = single
      let upSince = this.router.monotonic()
      running.reporter.watch((event) => {
        if (event._tag === "Started") {
          upSince = this.router.monotonic()
          this.become("running", event.port)
        } else if (event._tag === "Ended") {
          this.rests.wasUp(this.router.monotonic() - upSince)
          this.become("running", undefined)
        }
      })
      this.become("running", single.livePort)
      this.router.monitor(handle.supervisor, (exit) => {
        const reason = reasonFromExit(exit)
        if (isTagged(reason, "restart_limit")) this.rests.begin()
        // Where the service was stopped because it is to run elsewhere, this part goes on.
        if (!this.leaves) this.router.kill(this.self, reason)
      })
    })
  }

  /** This node knows who is there, as well as it will. From now on who cannot be reached is absent. */
  private arrived(arrival: Arrival): void {
    this.isEarly = false
    for (const node of this.others) {
      if (arrival === "alone" && !this.router.isUp(node)) this.lost.add(node)
      // That it could not be reached before means nothing: perhaps nobody was there yet who knew where it is.
      else if (this.lost.delete(node)) this.reach(node)
    }
    this.changed()
  }

  /** Reaches nodes as soon as there is a link to them, whoever has made it. */
  private get greet(): Effect.Effect<void, never, Scope.Scope> {
    const listener = {
      up: (node: string) => {
        if (!this.others.includes(node)) return
        // What it does is not known yet.
        this.lost.delete(node)
        this.reach(node)
      },
      down: () => {}
    }
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => this.router.listeners.add(listener)),
      () => Effect.sync(() => this.router.listeners.delete(listener))
    ))
  }

  /** Tries again to reach those who are not there, since after a split somebody has to begin. */
  private get seek(): Effect.Effect<never> {
    const missing = Effect.sync(() => {
      for (const node of this.others) {
        // A node that there is a link to, and that takes no part, spawns its ear here when it begins to.
        const isKnown = this.ears.has(node) || this.absent.has(node) && this.router.isUp(node)
        if (!isKnown) this.reach(node)
      }
    })
    return Effect.forever(Effect.andThen(Effect.sleep(retryDelay), missing))
  }

  end(reason: Reason): void {
    this.over = new Killed({ port: this.self, reason })
    Deferred.doneUnsafe(this.ended, Effect.fail(this.over))
    this.own = "idle"
    this.ownPort = undefined
    if (this.next !== undefined) Deferred.doneUnsafe(this.next, Effect.fail(this.over))
  }
}

/** Takes part, in a port of its own. */
export const failover = <P, E, R>(child: Effect.Effect<P, E, R>, options: FailoverOptions) =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const { autoShutdown } = yield* Effect.fromResult(checkSupervisor(options, options.schedule !== undefined))
    const broken = brokenOption(options, router)
    if (broken !== undefined) return yield* broken
    yield* checkWithServices({ ...options, id: options.name, start: child }, autoShutdown)
    const { voters } = options
    const lease = voters === undefined
      ? undefined
      : yield* Effect.acquireRelease(makeLease(router, { ...options, voters }), ({ close }) => close)
    const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const supervisor = yield* Port.make(
      answerWith(
        router,
        `failover ${options.name}`,
        answersOfFailover(options.name, () => part.running, ownerIn(context))
      )
    )
    const part: Failover = new Failover(router, supervisor, options, lease)
    const body = Effect.gen(function*() {
      if (lease !== undefined) yield* Effect.addFinalizer(() => lease.close)
      yield* Effect.addFinalizer((exit) => Effect.sync(() => part.end(reasonFromExit(exit))))
      yield* Layer.build(part.listen)
      yield* Port.fork(part.run(within<R>(context)(child)))
    })
    yield* Effect.orDie(Port.peval(supervisor, body))
    yield* linkToOwner(router, supervisor)
    return {
      supervisor,
      port: part.port,
      places: part.places,
      where: Effect.sync(() => part.place?.node),
      address: yield* makeAddress(part.port, supervisor),
      await: endOf(Deferred.await(part.ended)),
      stop: Effect.andThen(Port.kil(supervisor, ...reasons.shutdown()), Port.exit(supervisor)).pipe(
        Effect.asVoid,
        Effect.provideService(Node, router)
      )
    }
  })

const brokenOption = (options: FailoverOptions, router: Router): InvalidSpec | undefined => {
  const { grace, joinTimeout, lease, name, nodes, prefer, voters } = options
  const self = router.nodeId
  const refuse = (field: string, value: unknown, problem: string) =>
    new InvalidSpec({ child: name, field, value, problem })
  if (typeof name !== "string" || name === "") return refuse("name", name, "is no name")
  if (!Array.isArray(nodes) || new Set(nodes).size < nodes.length) {
    return refuse("nodes", nodes, "are no list of different node IDs")
  }
  if (!nodes.includes(self)) return refuse("nodes", nodes, `do not have this one, ${self}`)
  if (router.functions.has(functionOf(name))) return refuse("name", name, "is that of another one on this node")
  if (prefer !== undefined && !nodes.includes(prefer)) return refuse("prefer", prefer, "is none of the nodes")
  if (voters === undefined && lease !== undefined) {
    return refuse("lease", lease, "is that of voters, and there are none")
  }
  if (voters === undefined && grace !== undefined) {
    return refuse("grace", grace, "is that of voters, and there are none")
  }
  return joinTimeout === undefined || millisOf(joinTimeout) !== undefined
    ? undefined
    : refuse("joinTimeout", joinTimeout, "is no time")
}
