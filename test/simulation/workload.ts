/**
 * What the processes of a run do: they make ports, monitor and kill each other's, send numbered messages, call, spawn,
 * link, and share a database. All of it by chance, all of it told as events. Nothing in it knows that the world is
 * simulated: a real process runs it as well.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { NodeRouter, type Router } from "../../src/internal/node/router.ts"
import { type LinkError, transportErrorText } from "../../src/internal/transport/linkError.ts"
import * as Port from "../../src/Port.ts"
import { Asks } from "./asks.ts"
import { Behaviour } from "./behaviour.ts"
import { Channels } from "./channels.ts"
import { ClusterUser } from "./clusters.ts"
import { Database } from "./database.ts"
import { Favours } from "./favours.ts"
import { LockUser } from "./locks.ts"
import { makeNames, type Member, reasonOf, type Services, shownReason } from "./member.ts"
import { OnPurpose } from "./onPurpose.ts"
import { anyDetails } from "./payloads.ts"
import { Rpcs } from "./rpcs.ts"
import { ServiceUser } from "./services.ts"
import { Supervisors } from "./supervisors.ts"

/** Makes a port on another node. */
const makeThere = Port.remote("simulation::make")

/** How many of each a process has at most, by its own doing. */
const portLimit = 6
const channelLimit = 10

/** What a process does, and how often. */
const actions = {
  send: 40,
  burst: 6,
  open: 16,
  call: 10,
  make: 6,
  spawn: 4,
  unmonitor: 3,
  killOwn: 2,
  killOther: 2,
  link: 2,
  selfish: 2,
  entrust: 3,
  remind: 4,
  recall: 1,
  crowd: 1,
  set: 6,
  delete: 2
}

export class Workload {
  readonly database: Database
  private readonly member: Member
  private readonly context: Context.Context<Services>
  private readonly router: Router
  private readonly name: (kind: string) => string
  private readonly channels: Channels
  private readonly favours: Favours
  private readonly behaviour: Behaviour
  private readonly supervisors: Supervisors | undefined
  readonly rpcs: Rpcs | undefined
  readonly asks: Asks | undefined
  readonly locks: LockUser | undefined
  readonly service: ServiceUser | undefined
  readonly cluster: ClusterUser | undefined
  private readonly ports = new Set<string>()
  private isActing = true

  /** Ports, monitors and data of the process live as long as the context's scope. */
  constructor(member: Member, context: Context.Context<Services>) {
    this.member = member
    // Between an event that is told and what it tells of nothing else may happen: fibers do not yield in between.
    this.context = Context.add(context, References.PreventSchedulerYield, true)
    this.router = Context.get(context, NodeRouter)
    this.name = makeNames(member.life)
    this.channels = new Channels(member, this.router, this.name)
    this.favours = new Favours(member, this.router, this.name, (effect) => this.run(effect))
    this.behaviour = new Behaviour(member, this.name, () => this.isActing)
    this.supervisors = member.supervisors &&
      new Supervisors(member, member.supervisors, this.router, (effect) => this.run(effect))
    this.rpcs = member.rpcs && new Rpcs(member, member.rpcs, this.router, (effect) => this.run(effect))
    this.asks = member.rpcs && new Asks(member, member.rpcs, this.router, (effect) => this.run(effect))
    this.locks = member.locks && new LockUser(member, member.locks, (effect) => this.run(effect))
    this.service = member.locks && new ServiceUser(member, member.locks)
    this.cluster = member.locks?.hasCluster === true ? new ClusterUser(member, member.locks) : undefined
    this.database = new Database(member, this.router.nodeId, this.name)
  }

  /** Begins, and goes on by itself. */
  get start(): Effect.Effect<void> {
    return Effect.andThen(this.moveIn, this.begin)
  }

  /** What is there as long as the process. */
  get moveIn(): Effect.Effect<void> {
    const { emit, life } = this.member
    const careless = {
      up: () => {
        throw new OnPurpose("a listener")
      },
      down: () => {
        throw new OnPurpose("a listener")
      }
    }
    const listener = {
      up: (peer: string) => emit({ _tag: "Up", life, peer }),
      down: (peer: string, why: LinkError) => emit({ _tag: "Down", life, peer, reason: transportErrorText(why) })
    }
    return Effect.gen({ self: this }, function*() {
      for (const one of [careless, listener]) {
        yield* Effect.acquireRelease(
          Effect.sync(() => this.router.listeners.add(one)),
          () => Effect.sync(() => this.router.listeners.delete(one))
        )
      }
      yield* this.serveSpawns
      if (this.supervisors !== undefined) yield* this.supervisors.moveIn
      this.run(this.database.follow)
    }).pipe(Effect.provideContext(this.context))
  }

  /** What comes and goes. */
  get begin(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      yield* this.makePort
      yield* this.makePort
      this.run(this.act)
      if (this.supervisors !== undefined) this.run(this.supervisors.act)
      if (this.rpcs !== undefined) this.run(this.rpcs.act)
      if (this.asks !== undefined) this.run(this.asks.act)
      if (this.locks !== undefined) this.run(this.locks.act)
      if (this.service !== undefined) this.run(this.service.act)
      if (this.cluster !== undefined) this.run(this.cluster.act)
    }).pipe(Effect.provideContext(this.context))
  }

  /** Ends all that has come: what is there then is what was there when it was opened. */
  finish(): void {
    this.run(Effect.gen({ self: this }, function*() {
      yield* this.channels.closeAll
      yield* this.favours.recallAll
      yield* this.database.deleteAll
      if (this.supervisors !== undefined) yield* this.supervisors.stopAll
      for (const port of this.ports) yield* Port.kil(port)
      if (this.asks !== undefined) yield* this.asks.stopAll
      if (this.rpcs !== undefined) yield* this.rpcs.stopAll
      if (this.locks !== undefined) yield* this.locks.stop
      if (this.service !== undefined) yield* this.service.stop
      if (this.cluster !== undefined) yield* this.cluster.stop
    }))
  }

  /** What is wrong with its supervisors, when all is quiet and there are these nodes. */
  wrong(present: ReadonlyArray<string>): ReadonlyArray<string> {
    return this.supervisors?.wrong(present) ?? []
  }

  /** Nothing new begins from here on. What has begun goes on. */
  rest(): void {
    this.isActing = false
    this.supervisors?.rest()
    this.rpcs?.rest()
    this.asks?.rest()
    this.locks?.rest()
    this.service?.rest()
    this.cluster?.rest()
  }

  /** The process is about to stop: nothing new begins, and what has begun is interrupted. */
  leave(): void {
    this.rest()
    this.rpcs?.leave()
    this.asks?.leave()
    this.locks?.leave()
    this.service?.leave()
  }

  /** Runs something in the process. It fails the run when it fails, and ends with the process. */
  run(effect: Effect.Effect<unknown, never, Services>): void {
    const fiber = Effect.runForkWith(this.context)(effect)
    Fiber.runIn(fiber, Context.get(this.context, Scope.Scope))
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
      const what = `the program of ${this.member.life} failed: ${Cause.pretty(exit.cause)}`
      this.member.emit({ _tag: "Leaked", what })
    })
  }

  private get act(): Effect.Effect<void, never, Services> {
    const { pace, random } = this.member
    return Effect.gen({ self: this }, function*() {
      while (this.isActing) {
        yield* Effect.sleep(random.between(0, 2 * pace))
        yield* this.channels.sweep
        for (let left = random.chance(0.1) ? random.int(2, 8) : 1; left > 0 && this.isActing; left--) {
          yield* this.once(random.weighted(actions))
        }
      }
    })
  }

  private once(action: keyof typeof actions): Effect.Effect<unknown, never, Services> {
    const { directory, random } = this.member
    switch (action) {
      case "send":
        return this.sendSome(random.int(1, 3))
      case "burst":
        return this.sendSome(random.int(5, 40))
      case "open":
        return this.openAny
      case "call":
        return this.callAny
      case "make":
        return this.ports.size < portLimit ? this.makePort : Effect.void
      case "spawn":
        return this.spawnAnywhere
      case "unmonitor": {
        const channel = this.channels.any
        return channel === undefined ? Effect.void : this.channels.close(channel)
      }
      case "killOwn":
        return this.kill(random.pick([...this.ports]))
      case "killOther":
        return this.kill(random.pick(directory.ports()))
      case "link":
        return this.linkAny
      case "selfish": {
        const port = random.pick(directory.ports())
        return port === undefined ? Effect.void : Port.snd(port, "selfish")
      }
      case "entrust": {
        const port = random.pick(directory.ports())
        const other = random.pick(random.chance(0.5) ? [...this.ports] : directory.ports())
        return port === undefined || other === undefined ? Effect.void : this.favours.entrust(port, other)
      }
      case "remind":
        return this.favours.remind(
          random.chance(0.5) ? random.pick(directory.ports()) : undefined,
          random.between(0, 1500)
        )
      case "recall":
        return this.favours.recallAll
      case "crowd": {
        const port = random.pick(directory.ports())
        return port === undefined ? Effect.void : this.favours.crowd(port)
      }
      case "set":
        return this.database.setAny
      case "delete":
        return this.database.deleteAny
    }
  }

  // ---- ports

  /** One more port, with what it has to do at its end. */
  get makePort(): Effect.Effect<string, never, Services> {
    const { directory, random } = this.member
    return Effect.tap(this.makeQuietPort, (port) => this.behaviour.burden(port, random.pick(directory.ports())))
  }

  /** One more port, which nothing ends but what is done to it. */
  get makeQuietPort(): Effect.Effect<string, never, Services> {
    return Effect.map(this.behaviour.make, (port) => {
      this.made(port)
      return port
    })
  }

  /** Tells that a port is there, and when it is not any more: as its own node knows it, at that very moment. */
  private made(port: string): void {
    const { directory, emit, life } = this.member
    emit({ _tag: "Made", life, port })
    this.ports.add(port)
    directory.add(port)
    this.router.monitor(port, (exit) => {
      this.ports.delete(port)
      emit({ _tag: "Ended", life, port, reason: reasonOf(exit) })
    })
  }

  /** Lets others make ports here. */
  private get serveSpawns(): Effect.Effect<void, never, Services> {
    const { functions, nodeId } = this.router
    const serve = Port.implement<ReadonlyArray<unknown>, Port.Messages, typeof this.behaviour.plain>(
      makeThere,
      () => Effect.sync(() => this.behaviour.plain)
    )
    return Effect.gen({ self: this }, function*() {
      yield* Layer.buildWithScope(serve, yield* Effect.scope)
      const make = functions.get(makeThere.name)!
      functions.add(makeThere.name, (name, args, from) => {
        make(name, args, from)
        this.made(`${nodeId}#${name}`)
      })
    })
  }

  private get spawnAnywhere(): Effect.Effect<void, never, Services> {
    const { directory, random } = this.member
    const node = random.pick(directory.nodes())
    if (node === undefined) return Effect.void
    return Effect.flatMap(Port.spawn(node, makeThere), (port) => {
      directory.add(port)
      return this.open(port)
    })
  }

  private kill(port: string | undefined): Effect.Effect<void, never, Services> {
    if (port === undefined) return Effect.void
    const { random } = this.member
    return random.chance(0.4) ? Port.kil(port) : Port.kil(port, "killed", this.name("k"), ...anyDetails(random))
  }

  private get linkAny(): Effect.Effect<void, never, Services> {
    const { directory, random } = this.member
    const port = random.pick(directory.ports())
    const other = random.pick(random.chance(0.6) ? [...this.ports] : directory.ports())
    return port === undefined || other === undefined || port === other ? Effect.void : Port.mon(port, other)
  }

  // ---- channels and calls

  private get openAny(): Effect.Effect<void, never, Services> {
    const port = this.member.random.pick(this.member.directory.ports())
    return port === undefined || this.channels.count >= channelLimit ? Effect.void : this.open(port)
  }

  /** A channel with its first messages. Some are made again by what fires them. */
  private open(port: string): Effect.Effect<void, never, Services> {
    const { random } = this.member
    const again = Effect.suspend(() =>
      this.isActing && random.chance(0.3)
        ? Effect.sync(() => this.run(this.open(port)))
        : Effect.void
    )
    return Effect.map(this.channels.open(port, again), (channel) => {
      this.run(this.channels.send(channel, random.int(0, 4)))
    })
  }

  private sendSome(count: number): Effect.Effect<void> {
    return Effect.sync(() => {
      const channel = this.channels.any
      if (channel !== undefined) this.run(this.channels.send(channel, count))
    })
  }

  private get callAny(): Effect.Effect<void, never, Services> {
    const { directory, random } = this.member
    const port = random.pick(directory.ports())
    return port === undefined ? Effect.void : Effect.sync(() => this.run(this.call(port, random.int(1, 1000))))
  }

  private call(port: string, value: number): Effect.Effect<void, never, Services> {
    const { emit, life } = this.member
    const call = this.name("q")
    emit({ _tag: "Asked", life, call, port, value, itself: false })
    return Effect.matchEager(Port.cal(port, "double", value), {
      onSuccess: (answer) => emit({ _tag: "Answered", life, call, value: answer }),
      onFailure: (killed) => emit({ _tag: "Refused", life, call, reason: shownReason(killed.reason) })
    })
  }

  /** Keeps a channel to a port, with messages, for as long as the process lives: made again whenever it fires. */
  probe(port: string): void {
    const again = Effect.andThen(Effect.sleep(200), Effect.sync(() => this.probe(port)))
    this.run(Effect.flatMap(
      this.channels.open(port, Effect.sync(() => this.run(again)), false),
      (channel) => this.channels.send(channel, 3, false)
    ))
  }
}
