/**
 * Clients of rpc that call servers under their names and by their group, and what became of each call. All of it is told as events.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { RequestId } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../../src/Global.ts"
import type { Router } from "../../src/internal/node/router.ts"
import * as Port from "../../src/Port.ts"
import * as PortRpc from "../../src/Rpc.ts"
import { makeNames, type Member, reasonOf, type RpcPart, type Services, shownReason } from "./member.ts"
import type { SeededRandom } from "./random.ts"
import { streams, type Unwilling, Work } from "./rpcGroup.ts"
import { serializationOf } from "./rpcSerialization.ts"
import { RpcServers, serverNames, workers } from "./rpcServers.ts"
import type { RpcEnd, RpcKind } from "./trace.ts"

/** How many a process has at most, beside those of its group. */
const clientLimit = 4

const actions = {
  serve: 6,
  connect: 8,
  call: 30,
  burst: 6,
  callWorker: 14,
  callWorkers: 3,
  disconnect: 3,
  kill: 3,
  killWorker: 2,
  stop: 2
}

const kinds: Record<Exclude<RpcKind, "wrong">, number> = {
  answer: 12,
  refuse: 3,
  die: 2,
  hang: 2,
  count: 5,
  breaks: 2,
  endless: 3
}

/** So long it takes at most until servers know that clients are gone, where all is whole: milliseconds. */
const goodbye = 1500

/** So long callers wait who are not patient: milliseconds. */
const longestPatience = 1000

const strategies = ["random", "round-robin", "nearest", "least-pending"] as const

interface Client {
  readonly name: string
  /** Of one that stays with a server. */
  readonly port: string | undefined
  readonly calls: PortRpc.Client<Work>
  readonly scope: Scope.Closeable
}

export class Rpcs {
  private readonly member: Member
  private readonly random: SeededRandom
  private readonly router: Router
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private readonly serialization: RpcSerialization.RpcSerialization["Service"]
  private readonly name: (kind: string) => string
  private readonly servers: RpcServers
  private readonly clients = new Map<string, Client>()
  /** Calls that are open, and whose they are. */
  private readonly open = new Map<string, string>()
  private readonly watched = new Map<string, () => void>()
  private view: { readonly group: PortRpc.Group<Work>; readonly scope: Scope.Closeable } | undefined = undefined
  private requests = 0
  private isActing = true
  private isLeaving = false

  constructor(
    member: Member,
    { isBinary, random }: RpcPart,
    router: Router,
    run: (effect: Effect.Effect<unknown, never, Services>) => void
  ) {
    this.member = member
    this.random = random
    this.router = router
    this.run = run
    this.name = makeNames(`${member.life}:rpc`)
    this.serialization = serializationOf(isBinary)
    this.servers = new RpcServers(member, random, router, this.serialization, run)
  }

  rest(): void {
    this.isActing = false
  }

  /** The process is to stop, and interrupts whoever still calls. */
  leave(): void {
    this.isLeaving = true
    for (const call of this.open.keys()) this.giveUp(call)
  }

  /** How many handlers are at work. */
  get working(): number {
    return this.servers.working
  }

  /** Its servers that are in the group, and the members that it sees; `undefined` until it looks. */
  get seen(): { readonly own: ReadonlyArray<string>; readonly members: ReadonlyArray<string> | undefined } {
    return { own: this.servers.workers, members: this.view && Effect.runSync(this.view.group.members) }
  }

  get act(): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const group = yield* Effect.orDie(Scope.provide(PortRpc.group(Work, workers, this.callOptions), scope))
      this.view = { group, scope }
      while (this.isActing) {
        yield* Effect.sleep(this.random.between(0, 2 * this.member.pace))
        if (this.isActing) this.run(this.once(this.random.weighted(actions)))
      }
    }).pipe(Effect.provideService(RpcSerialization.RpcSerialization, this.serialization))
  }

  /** Ends all that it has made. */
  get stopAll(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (const client of Array.from(this.clients.values())) yield* this.disconnect(client)
      for (const unwatch of this.watched.values()) unwatch()
      if (this.view !== undefined) yield* Scope.close(this.view.scope, Exit.void)
      yield* Effect.sleep(goodbye)
      const { member: { emit, life }, servers: { all, connections } } = this
      if (connections.size > 0) {
        emit({ _tag: "Leaked", what: `${life} serves ${connections.size} clients that are gone` })
      }
      for (const port of all) yield* this.servers.stop(port)
    })
  }

  private once(action: keyof typeof actions): Effect.Effect<unknown, never, Services> {
    const { random } = this
    const client = random.pick(Array.from(this.clients.values()))
    const server = random.pick(this.servers.all)
    switch (action) {
      case "serve":
        return this.servers.serve
      case "connect":
        return this.clients.size < clientLimit ? this.connect : Effect.void
      case "call":
        return client === undefined ? Effect.void : this.call(client)
      case "burst":
        return client === undefined ? Effect.void : Effect.sync(() => {
          for (let left = random.int(3, 12); left > 0; left--) this.run(this.call(client))
        })
      case "callWorker":
        return this.callWorker
      case "callWorkers":
        return this.callWorkers
      case "disconnect":
        return client === undefined ? Effect.void : this.disconnect(client)
      case "kill":
        return server === undefined ? Effect.void : Port.kil(server, "killed", this.name("k"))
      case "killWorker": {
        const worker = random.pick(this.seen.members ?? [])
        return worker === undefined ? Effect.void : Port.kil(worker, "killed", this.name("k"))
      }
      case "stop":
        return server === undefined ? Effect.void : this.servers.stop(server)
    }
  }

  // ---- clients

  /** Without spans for some. The IDs of requests are a process's own, so that a run repeats. */
  private get callOptions() {
    return { disableTracing: this.random.chance(0.5), generateRequestId: () => RequestId(++this.requests) }
  }

  /** A client of a server of any node by its name, of a worker, or of whichever worker there is. */
  private get connect(): Effect.Effect<void, never, Services> {
    const { random, view } = this
    const { emit, life } = this.member
    const name = this.name("client")
    const options = this.callOptions
    const worker = random.chance(0.7) ? random.pick(this.seen.members ?? []) : undefined
    const node = random.pick(this.member.directory.nodes())
    const isLed = view !== undefined && random.chance(0.3)
    const port = worker ?? (node === undefined ? undefined : PortRpc.address(Work, node, random.pick(serverNames)!))
    return Effect.gen({ self: this }, function*() {
      if (port === undefined) return
      const scope = yield* Scope.fork(yield* Effect.scope)
      const made = isLed
        ? PortRpc.client(Work, this.pick(view.group), options)
        : PortRpc.client(Work, port, options)
      emit({ _tag: "RpcClient", life, client: name })
      const calls = yield* made.pipe(
        Scope.provide(scope),
        Effect.provideService(RpcSerialization.RpcSerialization, this.serialization)
      )
      this.clients.set(name, { name, port: isLed ? undefined : port, calls, scope })
    })
  }

  private disconnect({ name, scope }: Client): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.clients.delete(name)
      for (const [call, client] of this.open) if (client === name) this.giveUp(call)
      return Scope.close(scope, Exit.void)
    })
  }

  private get strategy() {
    return this.random.chance(0.2) ? { key: this.name("key") } : this.random.pick(strategies)!
  }

  /** Chooses a worker, and watches it from then on, as the group does. */
  private pick(group: PortRpc.Group<Work>): Effect.Effect<string, Global.EmptyGroup> {
    return Effect.suspend(() =>
      Effect.tap(group.pick({ choose: this.strategy }), (port) => Effect.sync(() => this.chosen(port)))
    )
  }

  private chosen(port: string): void {
    const { emit, life } = this.member
    emit({ _tag: "Chosen", life, port })
    if (this.watched.has(port)) return
    this.watched.set(
      port,
      this.router.monitor(port, (exit) => {
        this.watched.delete(port)
        const reason = reasonOf(exit)
        if (reason[0] !== "transport_error") emit({ _tag: "SeenEnd", life, port })
      })
    )
  }

  // ---- calls

  private call({ calls, name, port }: Client): Effect.Effect<void> {
    return Effect.ignoreCause(this.attempt(calls, name, port))
  }

  /** Calls one worker, and others if that one is gone. */
  private get callWorker(): Effect.Effect<void> {
    const { view } = this
    if (view === undefined) return Effect.void
    const client = this.name("client")
    const { emit, life } = this.member
    return Effect.ignoreCause(Effect.suspend(() => {
      // Its connections are kept: they may be as old as the process.
      emit({ _tag: "RpcClient", life, client, isShared: true })
      return view.group.call((calls) => this.attempt(calls, client, undefined), {
        choose: this.strategy,
        retry: { times: this.random.int(0, 3), while: ({ _tag }) => _tag === "RpcClientError" }
      })
    }))
  }

  private get callWorkers(): Effect.Effect<void> {
    const { view } = this
    if (view === undefined) return Effect.void
    const client = this.name("client")
    const { emit, life } = this.member
    return Effect.ignoreCause(Effect.suspend(() => {
      emit({ _tag: "RpcClient", life, client, isShared: true })
      return view.group.callAll((calls) => this.attempt(calls, client, undefined))
    }))
  }

  private giveUp(call: string): void {
    const { emit, life } = this.member
    emit({ _tag: "RpcGaveUp", life, call })
  }

  /** One call, of any kind, and what comes of it. */
  private attempt(
    calls: PortRpc.Client<Work>,
    client: string,
    port: string | undefined
  ): Effect.Effect<void, Unwilling | RpcClientError> {
    const { random } = this
    const { emit, life } = this.member
    const kind = random.weighted(kinds)
    const call = this.name("call")
    const n = random.int(1, streams.has(kind) ? 20 : 1000)
    const isPatient = kind !== "hang" && random.chance(0.7)
    const patience = random.between(0, longestPatience)
    const over = (exit: Exit.Exit<number | undefined, Unwilling | RpcClientError>): void => {
      this.open.delete(call)
      emit({ _tag: "RpcOver", life, call, ...endOf(exit) })
    }
    const asked = Effect.suspend(() => {
      this.open.set(call, client)
      emit({ _tag: "RpcAsked", life, call, client, kind, n, port })
      if (this.isLeaving) this.giveUp(call)
      return this.ask(calls, { call, kind, n })
    }).pipe(Effect.onExit((exit) => Effect.sync(() => over(exit))))
    const givesUp = Effect.andThen(Effect.sleep(patience), Effect.sync(() => this.giveUp(call)))
    return Effect.asVoid(isPatient ? asked : Effect.raceFirst(asked, givesUp))
  }

  /** Answers the number that came, if one did. */
  private ask(
    calls: PortRpc.Client<Work>,
    asked: { readonly call: string; readonly kind: RpcKind; readonly n: number }
  ): Effect.Effect<number | undefined, Unwilling | RpcClientError> {
    const { emit, life } = this.member
    const { call, kind, n } = asked
    if (!streams.has(kind)) {
      return Effect.map(calls.work(asked), (told) => {
        emit({ _tag: "RpcTold", life, call, about: told.call })
        return told.n
      })
    }
    const isSlow = this.random.chance(0.3)
    const items = calls.count(asked)
    return Stream.runForEach(kind === "endless" ? Stream.take(items, n) : items, (item) => {
      emit({ _tag: "RpcTold", life, call, about: item.call, item: item.n })
      return isSlow ? Effect.sleep(5) : Effect.void
    }).pipe(Effect.as(undefined))
  }
}

const endOf = (exit: Exit.Exit<number | undefined, Unwilling | RpcClientError>): RpcEnd => {
  if (Exit.isSuccess(exit)) return { how: "answered", n: exit.value }
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isSome(error)) return endBy(error.value)
  if (Cause.hasDies(exit.cause)) return { how: "died", why: Cause.pretty(exit.cause) }
  return { how: "interrupted" }
}

const endBy = (error: Unwilling | RpcClientError): RpcEnd => {
  if (error._tag === "Unwilling") return { how: "refused", by: error.call }
  const killed = PortRpc.killed(error)
  if (Option.isSome(killed)) {
    return { how: "killed", port: killed.value.port, reason: shownReason(killed.value.reason) }
  }
  const { reason } = error
  return { how: reason._tag === "RpcClientDefect" && reason.cause instanceof Global.EmptyGroup ? "unfound" : "closed" }
}
