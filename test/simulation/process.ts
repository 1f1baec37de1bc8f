/**
 * A process of the simulation: a node with its part in the database and its program, a clock and a source of chance of
 * its own, and a place in the network under a name that no other process has.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Global from "../../src/Global.ts"
import { type Mesh, NodeMesh } from "../../src/internal/global/mesh.ts"
import { Connections } from "../../src/internal/node/connections.ts"
import { LogLimiter } from "../../src/internal/node/logLimiter.ts"
import { NodeRouter, type Router } from "../../src/internal/node/router.ts"
import { ownKindKey } from "../../src/internal/transport/handshake/greeting.ts"
import type { Carrier } from "../../src/internal/transport/wire.ts"
import { describe } from "../../src/internal/values/describe.ts"
import { IdentitySource } from "../../src/internal/values/names.ts"
import * as Node from "../../src/Node.ts"
import * as Transport from "../../src/Transport.ts"
import { ProcessClock, type SimulatedClock } from "./clock.ts"
import { Gate } from "./gate.ts"
import { type Census, census, grown } from "./leftovers.ts"
import type { Directory } from "./member.ts"
import type { NodePlan, Plan } from "./plan.ts"
import { hashText, type SeededRandom } from "./random.ts"
import type { Event, Life } from "./trace.ts"
import { Workload } from "./workload.ts"

export interface ProcessOptions {
  readonly life: Life
  readonly node: NodePlan
  /** Another process has the same node ID, and came first. */
  readonly isTwin: boolean
  readonly seeds: ReadonlyArray<string>
  readonly clock: SimulatedClock
  readonly random: SeededRandom
  readonly carrier: Carrier
  readonly directory: Directory
  readonly emit: (event: Event) => void
  readonly log: (line: string) => void
  readonly pace: number
  /** Whether its program has supervisors. */
  readonly isSupervised: boolean
  /** Whether its program calls others by rpc, and how these calls are encoded. */
  readonly rpc: Plan["rpc"]
  /** Who votes, if its program has locks. */
  readonly voters: Plan["voters"]
  readonly hasCluster: boolean
  readonly leisure: number
  /** Called when the node is there, before anything runs on it. */
  readonly prepare?: ((process: Process, router: Router) => void) | undefined
}

/** How long it takes from when a process is to stop until its node drains: milliseconds. */
const rush = 60

export class Process {
  readonly life: Life
  readonly node: NodePlan
  readonly clock: ProcessClock
  state: "runs" | "stops" | "stopped" | "crashed" = "runs"
  workload: Workload | undefined = undefined
  router: Router | undefined = undefined
  network: Connections | undefined = undefined
  private mesh: Mesh | undefined = undefined
  /** What it held before its program began. */
  private atFirst: Census | undefined = undefined
  /** Fibers that have begun and not ended. */
  fibers = 0
  /** Its event loop stands still. */
  isStalled = false
  /** Called when it has stopped in order. */
  whenStopped: () => void = () => {}
  private readonly gate: Gate
  private readonly options: ProcessOptions
  /** What the process makes is made in it. */
  readonly scope = Scope.makeUnsafe()
  private readonly context: Context.Context<never>

  constructor(options: ProcessOptions) {
    this.options = options
    this.life = options.life
    this.node = options.node
    this.clock = new ProcessClock(options.clock)
    // The network knows processes, not nodes: two of them may have one node ID.
    this.gate = new Gate(options.carrier, this.life)
    const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
      const text = [message].flat().map(describe).join(" ")
      const cut = cause.reasons.length === 0 ? "" : ` ${cause.reasons.map(causeText).join(", ")}`
      options.log(`${logLevel.toUpperCase()} ${text}${cut}`)
    })
    const random = options.random.derive("node")
    this.context = Context.empty().pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(Random.Random, random),
      Context.add(IdentitySource, (bound) => Math.floor(random.nextDoubleUnsafe() * bound)),
      Context.add(Logger.CurrentLoggers, new Set([logger])),
      Context.add(References.MinimumLogLevel, "Info"),
      Context.add(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => this.fibers++,
        recordFiberEnd: () => this.fibers--
      })
    )
  }

  get emit(): (event: Event) => void {
    return this.options.emit
  }

  get isTwin(): boolean {
    return this.options.isTwin
  }

  /** Whether it takes part: it has started, and nothing has ended it. */
  get isLive(): boolean {
    return this.state === "runs" && this.workload !== undefined
  }

  /** Runs something in the process's world, as its first fiber. */
  private fork<A, E>(effect: Effect.Effect<A, E>, done: (exit: Exit.Exit<A, E>) => void): void {
    Effect.runForkWith(this.context)(effect).addObserver(done)
  }

  start(): void {
    const { directory, emit, hasCluster, isSupervised, leisure, life, node, pace, random, rpc, seeds, voters } =
      this.options
    const begin = Effect.gen({ self: this }, function*() {
      const below = yield* Layer.build(Node.layer({
        nodeId: node.id,
        secret: "simulation",
        binds: [node.address],
        framings: node.framings,
        monitorTimeout: node.monitorTimeout,
        connectInterval: node.connectInterval
      }))
      const { network } = Context.get(below, NodeRouter)
      if (!(network instanceof Connections)) throw new Error("a process is a node with a network")
      if (node.isForeign && network.settings.proof.current.identity.keys instanceof Map) {
        network.settings.proof.current.identity.keys.delete(ownKindKey)
      }
      emit({ _tag: "Started", life, node: node.id, isForeign: node.isForeign })
      this.network = network
      this.router = Context.get(below, NodeRouter)
      tellAll(this.router.log)
      this.options.prepare?.(this, this.router)
      const above = yield* Effect.provide(Layer.build(Global.layer({ seeds, global: node.isGlobal })), below)
      const context = yield* Effect.context<Scope.Scope>()
      const supervisors = isSupervised ? random.derive("supervisors") : undefined
      const rpcs = rpc && { random: random.derive("rpcs"), isBinary: rpc === "binary" }
      const locks = voters && { random: random.derive("locks"), voters, hasCluster, leisure }
      const member = { life, random: random.derive("program"), supervisors, rpcs, locks, directory, emit, pace }
      this.workload = new Workload(member, Context.merge(context, Context.merge(below, above)))
      yield* this.workload.moveIn
      this.mesh = Context.get(above, NodeMesh)
      // What the node begins beside has begun by then.
      yield* Effect.sleep(1)
      this.atFirst = this.census
      // It may have been told to stop meanwhile.
      if (this.state === "runs") yield* this.workload.begin
    })
    this.fork(
      begin.pipe(Effect.provideService(Transport.Transport, this.gate.carrier), Scope.provide(this.scope)),
      (exit) => {
        if (Exit.isFailure(exit)) emit({ _tag: "Leaked", what: `${life} did not start: ${String(exit.cause)}` })
      }
    )
  }

  /** What comes and goes in it, in numbers. */
  get census(): Census {
    const { mesh, router, scope } = this
    if (router === undefined || mesh === undefined) throw new Error(`${this.life} has not started`)
    return census(router, scope, mesh)
  }

  /** What its program has left behind, once all that it made is gone. */
  get left(): ReadonlyArray<string> {
    const working = this.workload?.rpcs?.working ?? 0
    return [
      ...this.atFirst === undefined ? [] : grown(this.atFirst, this.census),
      ...working === 0 ? [] : [`${working} handlers of calls at work`]
    ]
  }

  /** Its node drains before its program ends: that of every second process does. Nothing is drawn for it. */
  private get drained(): Effect.Effect<void> {
    const { life, router } = this
    const { emit } = this.options
    if (router === undefined || hashText(life) % 2 !== 0) return Effect.void
    const begin = Effect.sync(() => emit({ _tag: "Draining", life }))
    const over = Effect.sync(() => emit({ _tag: "Drained", life, isDone: router.drain.isDone }))
    // By then it has in hand what the others ask when they see it stop.
    const asked = Effect.sleep(this.options.rpc === undefined ? 0 : rush)
    return asked.pipe(Effect.andThen(begin), Effect.andThen(router.drain.within()), Effect.andThen(over))
  }

  /** Ends in order. It takes as long as it takes. */
  stop(): void {
    if (this.state !== "runs") return
    this.state = "stops"
    const { emit, life } = this.options
    // As a program that is told to stop: nothing new begins in a scope that closes, however long that takes.
    const leave = Effect.sync(() => this.workload?.leave())
    const closed = Effect.andThen(leave, Scope.close(this.scope, Exit.void))
    // It is there for a little longer than its node.
    const gone = Effect.suspend(() => this.workload?.service?.gone ?? Effect.void)
    this.fork(Effect.andThen(this.drained, Effect.andThen(closed, gone)), (exit) => {
      this.state = "stopped"
      emit({ _tag: "Stopped", life })
      if (Exit.isFailure(exit)) emit({ _tag: "Leaked", what: `${life} did not stop in order: ${String(exit.cause)}` })
      this.whenStopped()
    })
  }

  /** Nothing of it happens any more. What it held in the network is the network's business. */
  crash(): void {
    if (this.state !== "runs" && this.state !== "stops") return
    this.state = "crashed"
    this.clock.die()
    this.gate.shut()
    this.options.emit({ _tag: "Crashed", life: this.life })
  }

  /** The event loop stands still: nothing wakes, whatever the time is. What is read is the network's business. */
  stall(): void {
    this.isStalled = true
    this.clock.stand()
    this.emit({ _tag: "Stood", life: this.life })
  }

  goOn(): void {
    this.isStalled = false
    if (this.state === "runs" || this.state === "stops") this.emit({ _tag: "WentOn", life: this.life })
    this.clock.goOn()
  }
}

/** Of what happens often only some lines are logged: the one that nobody expects could be among the others. */
const tellAll = (log: Router["log"]): void => {
  log["bounds"].limiter = () => new Unlimited()
}

class Unlimited extends LogLimiter {
  override line() {
    return { _tag: "tell" } as const
  }
}

const causeText = (reason: unknown): string => {
  try {
    return String(reason)
  } catch {
    return "a cause that has no text"
  }
}
