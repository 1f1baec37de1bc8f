/**
 * Servers of rpc that a process has, with names and without, in the group of workers and not: they come and go, and tell so.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Scope from "effect/Scope"
import * as Global from "../../src/Global.ts"
import type { Router } from "../../src/internal/node/router.ts"
import { connectFunction } from "../../src/internal/rpc/wire.ts"
import * as PortRpc from "../../src/Rpc.ts"
import { type Member, reasonOf, type Services } from "./member.ts"
import type { SeededRandom } from "./random.ts"
import { Handlers, Work } from "./rpcGroup.ts"

/** The group that some of the servers are in. */
export const workers = "workers"
/** What servers are called, on any node: the next one of the name takes the place of the last one. */
export const serverNames = ["work1", "work2"]
/** How many a process has at most. */
const serverLimit = 4

export class RpcServers {
  private readonly member: Member
  private readonly random: SeededRandom
  private readonly router: Router
  private readonly serialization: RpcSerialization.RpcSerialization["Service"]
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private readonly handlers: Handlers
  private readonly servers = new Map<string, { readonly isWorker: boolean; readonly scope: Scope.Closeable }>()
  /** Ports that serve a client of one of them. */
  readonly connections = new Set<string>()

  constructor(
    member: Member,
    random: SeededRandom,
    router: Router,
    serialization: RpcSerialization.RpcSerialization["Service"],
    run: (effect: Effect.Effect<unknown, never, Services>) => void
  ) {
    this.member = member
    this.random = random
    this.router = router
    this.serialization = serialization
    this.run = run
    this.handlers = new Handlers(member, random)
    this.noteEnds()
  }

  private noteEnds(): void {
    const { member: { emit, life }, router, servers } = this
    const ending = router.ending.bind(router)
    router.ending = (receiver, exit) => {
      if (servers.has(receiver.id)) emit({ _tag: "RpcEnds", life, port: receiver.id })
      ending(receiver, exit)
    }
  }

  /** How many handlers are at work. */
  get working(): number {
    return this.handlers.working
  }

  /** The ports of all. */
  get all(): ReadonlyArray<string> {
    return Array.from(this.servers.keys())
  }

  /** The ports of those in the group. */
  get workers(): ReadonlyArray<string> {
    return Array.from(this.servers).filter(([, { isWorker }]) => isWorker).map(([port]) => port)
  }

  /** One more server, unless there are enough: with a name if there is one that no other has, and perhaps in the group. */
  get serve(): Effect.Effect<void, never, Services> {
    if (this.servers.size >= serverLimit) return Effect.void
    const { emit, life } = this.member
    const free = serverNames.filter((name) => !this.router.ports.has(`${this.router.nodeId}#${name}`))
    const name = this.random.chance(0.6) ? this.random.pick(free) : undefined
    const isWorker = this.random.chance(0.7)
    const concurrency = this.random.pick([undefined, 8])
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const served = PortRpc.serve(Work, { name, concurrency }).pipe(
        Effect.provide(this.handlers.layer),
        Effect.provideService(RpcSerialization.RpcSerialization, this.serialization)
      )
      const port = yield* Scope.provide(served, scope)
      emit({ _tag: "RpcServes", life, port, isWorker })
      this.servers.set(port, { isWorker, scope })
      this.countConnections(port)
      this.router.monitor(port, (exit) => {
        emit({ _tag: "RpcServed", life, port, reason: reasonOf(exit) })
        this.servers.delete(port)
        this.run(Scope.close(scope, Exit.void))
      })
      if (isWorker) yield* Effect.orDie(Scope.provide(Global.register(port, workers), scope))
    })
  }

  private countConnections(server: string): void {
    const { connections, router: { functions, nodeId } } = this
    const connect = connectFunction(server)
    const accept = functions.get(connect)!
    const takeBack = functions.add(connect, (name, args, from) => {
      accept(name, args, from)
      const port = `${nodeId}#${name}`
      if (!this.router.ports.has(port)) return
      connections.add(port)
      this.router.monitor(port, () => connections.delete(port))
    })
    this.router.monitor(server, takeBack)
  }

  stop(port: string): Effect.Effect<void> {
    const server = this.servers.get(port)
    return server === undefined ? Effect.void : Scope.close(server.scope, Exit.void)
  }
}
