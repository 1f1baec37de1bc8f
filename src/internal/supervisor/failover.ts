/**
 * One service on one of several nodes: each of them runs this, and those who see each other agree on who runs the service.
 *
 * Every pair of nodes holds a port on each side, spawned by the other: its *ear* there. What a node says goes to its ears;
 * that an ear ends says that the node, or its part in this, is gone. So a node knows of another one nothing (`unknown`), that
 * it takes no part at present (`absent`), that it would rather not (`resting`), or what it does.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import { spawnRequest } from "../node/nodePort.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { Killed, type Reason, reasonFromExit } from "../values/reason.ts"
import { keep, makeAddress, type Policy, settle, within } from "./make.ts"
import { answersOfFailover, answerWith } from "./messages.ts"
import { InvalidSpec, settleSupervisor } from "./spec.ts"
import type { Supervision } from "./supervision.ts"

/** What a node does: it runs the service, or is about to, or does not. */
export type Part = "running" | "idle"

/** What is known of another node. */
export type Known = Part | "resting" | "unknown" | "absent"

/** What to do next. */
export type Verdict = "start" | "stop" | "stay"

/**
 * The agreement. `nodes` are in order of preference, `own` is what this node does. Who runs the service keeps it, unless the
 * node that is `preferred` is there and can have it back, or another one runs it too: then the first of them keeps it. A node
 * that `rests` runs it only if all others do too.
 */
export const decideFailover = (
  self: string,
  own: Part,
  nodes: ReadonlyArray<string>,
  preferred: string | undefined,
  known: (node: string) => Known,
  rests = false
): Verdict => {
  const others = nodes.filter((node) => node !== self)
  const runners = others.filter((node) => known(node) === "running")
  const isBefore = (node: string): boolean => nodes.indexOf(node) < nodes.indexOf(self)
  if (own === "running") {
    if (runners.some(isBefore)) return "stop"
    // The other one steps back.
    if (runners.length > 0) return "stay"
    return preferred !== undefined && preferred !== self && known(preferred) === "idle" ? "stop" : "stay"
  }
  if (runners.length > 0 || others.some((node) => known(node) === "unknown")) return "stay"
  const goesFirst = (node: string): boolean =>
    known(node) === "idle" ? rests || isBefore(node) : known(node) === "resting" && rests && isBefore(node)
  return others.some(goesFirst) ? "stay" : "start"
}

/** The preferred node first. */
export const inOrder = (nodes: ReadonlyArray<string>, preferred: string | undefined): ReadonlyArray<string> =>
  preferred === undefined ? nodes : [preferred, ...nodes.filter((node) => node !== preferred)]

/** What an ear takes: whether its node runs the service, on which port, and whether it would rather not. */
const Ear = Port.protocol({ state: Port.message(Schema.Boolean, Schema.NullOr(Schema.String), Schema.Boolean) })

/** A node that could not keep the service alive rests, twice as long each time: milliseconds, and at most. */
const rest = { first: 60_000, longest: 3_600_000 }

/** Until when a node rests from a service, and for how long. */
interface Rest {
  readonly until: number
  readonly length: number
}

const rests = new WeakMap<Router, Map<string, Rest>>()

const restsOf = (router: Router): Map<string, Rest> => {
  const known = rests.get(router) ?? new Map<string, Rest>()
  rests.set(router, known)
  return known
}

/** Another node that takes part. */
interface Peer {
  /** Its ear here. */
  readonly ear: string
  part: Known
  port: string | undefined
}

/** Documented as `Supervisor.Place`. */
export interface Place {
  readonly node: string
  readonly port: string
}

/** The function that other nodes spawn their ears with. */
const functionOf = (name: string) => `emp::failover::${name}` as const

/** How long a part is at its beginning: milliseconds. */
const early = 1000

/** How long to wait before a node is tried again that could not be reached. */
const retry = "2 seconds"

/** Documented as `Supervisor.FailoverOptions`. */
export interface FailoverOptions extends Omit<Policy, "restart" | "id"> {
  readonly name: string
  readonly nodes: ReadonlyArray<string>
  readonly prefer?: string | undefined
}

export class Failover {
  readonly options: FailoverOptions
  private readonly router: Router
  /** Its own port: that of the supervisor. */
  private readonly self: string
  private readonly nodes: ReadonlyArray<string>
  private readonly peers = new Map<string, Peer>()
  /** Our ears on other nodes, and what has become of our attempt to have one. */
  private readonly ears = new Map<string, string>()
  private readonly absent = new Set<string>()
  /** Nodes that could not be reached. */
  private readonly lost = new Set<string>()
  /** Whether it is too early to say that a node is not there: this one has just begun, and may not have joined its network yet. */
  private isEarly = true
  private readonly changes = Effect.runSync(Queue.sliding<void>(1))
  private own: Part = "idle"
  private ownPort: string | undefined = undefined
  /** Who waits for a port. */
  private next: Deferred.Deferred<string, Killed> | undefined = undefined
  /** Told of each new place. */
  private readonly watchers = new Set<(place: Place) => void>()
  private last: string | undefined = undefined
  private over: Killed | undefined = undefined
  /** The service is stopped here, because it is to run elsewhere. */
  private leaves = false
  /** What keeps the service alive here, while it is to run here. */
  running: Supervision | undefined = undefined

  constructor(router: Router, self: string, options: FailoverOptions) {
    this.router = router
    this.self = self
    this.options = options
    this.nodes = inOrder(options.nodes, options.prefer)
  }

  private get others(): ReadonlyArray<string> {
    return this.nodes.filter((node) => node !== this.router.nodeId)
  }

  private get fn() {
    return Port.remote(functionOf(this.options.name), [Schema.String], Ear)
  }

  // ---- what is known

  private known(node: string): Known {
    const peer = this.peers.get(node)
    if (peer !== undefined) return peer.part
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
    return Port.implement(this.fn, (other) =>
      Effect.gen({ self: this }, function*() {
        const node = Port.nodeOf(other)
        const ear = yield* Port.Self
        if (!this.others.includes(node)) {
          return yield* Effect.fail(`node ${node} is none of those that ${this.options.name} may run on here`)
        }
        const peer: Peer = { ear, part: "unknown", port: undefined }
        this.peers.set(node, peer)
        this.absent.delete(node)
        this.lost.delete(node)
        yield* Effect.addFinalizer(() => Effect.sync(() => this.gone(node, peer)))
        yield* Port.mon(other, () => Port.kil(ear))
        this.reach(node)
        return {
          state: (isRunning, port, rests) => {
            if (isRunning && this.own === "running" && peer.part !== "running") this.conflict(node)
            peer.part = isRunning ? "running" : rests ? "resting" : "idle"
            peer.port = port ?? undefined
            this.changed()
          }
        }
      }))
  }

  private gone(node: string, peer: Peer): void {
    if (this.peers.get(node) !== peer) return
    this.peers.delete(node)
    // Until it is there again: what it last said is not true any more.
    this.absent.add(node)
    this.changed()
  }

  private conflict(node: string): void {
    this.router.log.warnSome(
      `failover ${this.options.name} on ${node}`,
      `failover ${this.options.name}: ran on ${this.router.nodeId} and ${node}, which had lost each other`
    )
  }

  /** Has an ear on another node, or tries to. */
  reach(node: string): void {
    if (this.ears.has(node) || this.over !== undefined) return
    const ear = `${node}#${this.router.names.spawned()}`
    this.ears.set(node, ear)
    this.router.request(node, spawnRequest, ear.slice(node.length + 1), this.fn.name, this.self)
    this.router.monitor(ear, (exit) => {
      if (this.ears.get(node) !== ear) return
      this.ears.delete(node)
      if (!this.peers.has(node)) (reasonFromExit(exit)[0] === "transport_error" ? this.lost : this.absent).add(node)
      this.changed()
    })
    this.tell(ear)
  }

  private tell(ear: string): void {
    this.router.send(ear, ["state", this.own === "running", this.ownPort ?? null, this.rests])
  }

  /** Whether the service could not be kept alive here a moment ago. */
  private get rests(): boolean {
    const last = restsOf(this.router).get(this.options.name)
    return last !== undefined && last.until > this.router.monotonic()
  }

  private takeRest(): void {
    const all = restsOf(this.router)
    const before = all.get(this.options.name)
    const length = before === undefined ? rest.first : Math.min(rest.longest, 2 * before.length)
    all.set(this.options.name, { until: this.router.monotonic() + length, length })
  }

  /** The service was up here for so long. If that was longer than the last rest, all is well again. */
  private wasUp(time: number): void {
    const all = restsOf(this.router)
    if (time > (all.get(this.options.name)?.length ?? Infinity)) all.delete(this.options.name)
  }

  /** Says that the rest is over. */
  private get waken(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const last = restsOf(this.router).get(this.options.name)
      if (last === undefined) return
      // A timer counts whole milliseconds, and may be early.
      while (this.rests) yield* Effect.sleep(Math.ceil(last.until - this.router.monotonic()) + 1)
      for (const ear of this.ears.values()) this.tell(ear)
      this.changed()
    })
  }

  private become(part: Part, port: string | undefined): void {
    this.own = part
    this.ownPort = port
    for (const ear of this.ears.values()) this.tell(ear)
    this.changed()
  }

  // ---- running the service

  /** Keeps to the agreement. When the service cannot be kept alive here, the port of this part ends. */
  run<P, E>(child: Effect.Effect<P, E, Node | Scope.Scope>): Effect.Effect<never, never, Node | Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      for (const node of this.others) this.reach(node)
      yield* this.greet
      yield* Effect.forkScoped(this.seek)
      yield* Effect.forkScoped(Effect.delay(this.settled, early))
      yield* Effect.forkScoped(this.waken)
      const parent = yield* Effect.scope
      let place: Scope.Closeable | undefined
      for (;;) {
        const { nodeId } = this.router
        const { nodes, options: { prefer }, own, rests } = this
        const verdict = decideFailover(nodeId, own, nodes, prefer, (node) => this.known(node), rests)
        if (verdict === "start") {
          place = yield* Scope.fork(parent)
          this.become("running", undefined)
          yield* Scope.provide(this.serve(child), place)
        } else if (verdict === "stop" && place !== undefined) {
          this.leaves = true
          yield* Scope.close(place, Exit.void)
          this.leaves = false
          place = undefined
          this.running = undefined
          this.become("idle", undefined)
        } else yield* Queue.take(this.changes)
      }
    })
  }

  private serve<P, E>(child: Effect.Effect<P, E, Node | Scope.Scope>): Effect.Effect<void, never, Node | Scope.Scope> {
    const { name, ...policy } = this.options
    return Effect.gen({ self: this }, function*() {
      yield* Effect.logInfo(`failover ${name}: starts here, on ${this.router.nodeId}`)
      const { handle, running, single } = yield* keep(
        child,
        { ...policy, id: name, name: `failover ${name}` },
        "tried"
      ).pipe(Effect.orDie)
      this.running = running
      let upSince = this.router.monotonic()
      running.reporter.watch((event) => {
        if (event._tag === "Started") {
          upSince = this.router.monotonic()
          this.become("running", event.port)
        } else if (event._tag === "Ended") {
          this.wasUp(this.router.monotonic() - upSince)
          this.become("running", undefined)
        }
      })
      this.become("running", single.livePort)
      this.router.monitor(handle.supervisor, (exit) => {
        const reason = reasonFromExit(exit)
        if (reason[0] === "restart_limit") this.takeRest()
        // Stopped by the agreement: that is no end of it.
        if (!this.leaves) this.router.kill(this.self, reason)
      })
    })
  }

  private readonly settled = Effect.sync(() => {
    this.isEarly = false
    this.changed()
  })

  /** Reaches nodes as soon as there is a link to them, whoever has made it. */
  private get greet(): Effect.Effect<void, never, Scope.Scope> {
    const listener = {
      up: (node: string) => {
        if (this.others.includes(node)) this.reach(node)
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
        // One that is there, and takes no part, says so when it does.
        const isKnown = this.ears.has(node) || this.absent.has(node) && this.router.isUp(node)
        if (!isKnown) this.reach(node)
      }
    })
    return Effect.forever(Effect.andThen(Effect.sleep(retry), missing))
  }

  end(reason: Reason): void {
    this.over = new Killed({ port: this.self, reason })
    this.own = "idle"
    this.ownPort = undefined
    if (this.next !== undefined) Deferred.doneUnsafe(this.next, Effect.fail(this.over))
  }
}

/** Takes part, in a port of its own. */
export const failover = <P, E, R>(child: Effect.Effect<P, E, R>, options: FailoverOptions) =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const { autoShutdown } = yield* Effect.fromResult(settleSupervisor(options, options.schedule !== undefined))
    const broken = brokenOption(options, router)
    if (broken !== undefined) return yield* broken
    yield* settle({ ...options, id: options.name, start: child }, autoShutdown)
    const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
    const supervisor = yield* Port.make(
      answerWith(router, `failover ${options.name}`, answersOfFailover(options.name, () => part.running))
    )
    const part: Failover = new Failover(router, supervisor, options)
    const body = Effect.gen(function*() {
      yield* Effect.addFinalizer((exit) => Effect.sync(() => part.end(reasonFromExit(exit))))
      yield* Layer.build(part.listen)
      yield* Port.fork(part.run(within<R>(context)(child)))
    })
    yield* Effect.orDie(Port.peval(supervisor, body))
    return {
      supervisor,
      port: part.port,
      places: part.places,
      where: Effect.sync(() => part.place?.node),
      address: yield* makeAddress(part.port, supervisor),
      stop: Effect.andThen(Port.kil(supervisor, "shutdown"), Port.exit(supervisor)).pipe(
        Effect.asVoid,
        Effect.provideService(Node, router)
      )
    }
  })

const brokenOption = (options: FailoverOptions, router: Router): InvalidSpec | undefined => {
  const { name, nodes, prefer } = options
  const self = router.nodeId
  const refuse = (field: string, value: unknown, problem: string) =>
    new InvalidSpec({ child: name, field, value, problem })
  if (typeof name !== "string" || name === "") return refuse("name", name, "is no name")
  if (!Array.isArray(nodes) || new Set(nodes).size < nodes.length) {
    return refuse("nodes", nodes, "are no list of different node IDs")
  }
  if (!nodes.includes(self)) return refuse("nodes", nodes, `do not have this one, ${self}`)
  if (router.functions.has(functionOf(name))) return refuse("name", name, "is that of another one on this node")
  return prefer === undefined || nodes.includes(prefer) ? undefined : refuse("prefer", prefer, "is none of the nodes")
}
