/**
 * Ports that refuse what is wrong, and calls of them: some are wrong, and some are given up while they wait. What became of each is told
 * by the events of rpc, and the same must hold of it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Global from "../../src/Global.ts"
import type { Router } from "../../src/internal/node/router.ts"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import { makeNames, type Member, reasonOf, type RpcPart, type Services, shownReason } from "./member.ts"
import type { SeededRandom } from "./random.ts"
import type { RpcEnd } from "./trace.ts"

/** The group that the ports are in. */
const askers = "askers"
/** How many ports a process has at most. */
const portLimit = 2
/** So long a handler takes at most: milliseconds. */
const longest = 100

const Ask = Port.protocol({ ask: Port.message(Schema.String, Schema.Number).replies(Schema.Number) })
/** What somebody with another version of the protocol asks. */
const OtherAsk = Port.protocol({
  ask: Port.message(Schema.Number, Schema.String).replies(Schema.Number),
  unknown: Port.message(Schema.String, Schema.Number).replies(Schema.Number)
})

const actions = { make: 3, call: 20, crowd: 5, kill: 1, stop: 1 }

const refusals: ReadonlySet<unknown> = new Set(["invalid_message", "unhandled_message"])

export class Asks {
  private readonly member: Member
  private readonly random: SeededRandom
  private readonly router: Router
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private readonly name: (kind: string) => string
  private readonly ports = new Map<string, Scope.Closeable>()
  private readonly open = new Set<string>()
  private readonly areAllOfOurKind: boolean
  private isActing = true
  private isLeaving = false
  private view: { readonly group: Global.Group<typeof Ask.messages>; readonly scope: Scope.Closeable } | undefined =
    undefined

  constructor(
    member: Member,
    { isBinary, random }: RpcPart,
    router: Router,
    run: (effect: Effect.Effect<unknown, never, Services>) => void
  ) {
    this.member = member
    this.random = random.derive("asks")
    this.areAllOfOurKind = isBinary
    this.router = router
    this.run = run
    this.name = makeNames(`${member.life}:ask`)
  }

  rest(): void {
    this.isActing = false
  }

  /** The process is to stop, and interrupts whoever still calls. */
  leave(): void {
    this.isLeaving = true
    for (const call of this.open) this.giveUp(call)
  }

  get act(): Effect.Effect<void, never, Services> {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const group = yield* Effect.orDie(Scope.provide(Global.group<typeof Ask.messages>(askers), scope))
      this.view = { group, scope }
      while (this.isActing) {
        yield* Effect.sleep(this.random.between(0, 3 * this.member.pace))
        if (this.isActing) this.run(this.once(this.random.weighted(actions), group))
      }
    })
  }

  get stopAll(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      for (const port of Array.from(this.ports.keys())) yield* this.stop(port)
      if (this.view !== undefined) yield* Scope.close(this.view.scope, Exit.void)
    })
  }

  /** A node is about to stop in order: it has much in hand then, and is asked still more. */
  rush(nodeId: string): void {
    const { random, view } = this
    if (view === undefined || !this.isActing || nodeId === this.router.nodeId) return
    this.run(Effect.flatMap(view.group.members, (members) =>
      Effect.sync(() => {
        for (const port of members.filter((member) => Port.nodeOf(member) === nodeId)) {
          for (let left = random.int(1, 6); left > 0; left--) this.run(this.askSoon(port))
        }
      })))
  }

  private askSoon(port: Port.PortId<typeof Ask.messages>): Effect.Effect<void, never, Node.Node> {
    const { emit, life } = this.member
    const client = this.name("client")
    return Effect.sleep(this.random.between(0, 2 * longest)).pipe(
      Effect.andThen(Effect.sync(() => emit({ _tag: "RpcClient", life, client, isShared: true }))),
      Effect.andThen(Effect.suspend(() => this.attempt(port, client))),
      Effect.ignoreCause
    )
  }

  private once(
    action: keyof typeof actions,
    group: Global.Group<typeof Ask.messages>
  ): Effect.Effect<unknown, never, Services> {
    const port = this.random.pick(Array.from(this.ports.keys()))
    switch (action) {
      case "make":
        return this.ports.size < portLimit ? this.make : Effect.void
      case "call":
        return this.call(group)
      case "crowd":
        return Effect.sync(() => {
          for (let left = this.random.int(3, 15); left > 0; left--) this.run(this.call(group))
        })
      case "kill":
        return port === undefined ? Effect.void : Port.kil(port, "killed", this.name("k"))
      case "stop":
        return port === undefined ? Effect.void : this.stop(port)
    }
  }

  // ---- ports

  private get make(): Effect.Effect<void, never, Services> {
    const { emit, life } = this.member
    const handlers = { ask: (call: string, n: number) => this.answer(call, n) }
    const options = { invalid: "refuse", concurrency: this.random.pick([1, 3])! } as const
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const port = yield* Scope.provide(Port.make(Ask, handlers, options), scope)
      emit({ _tag: "RpcServes", life, port, isWorker: false })
      this.ports.set(port, scope)
      this.router.monitor(port, (exit) => {
        emit({ _tag: "RpcServed", life, port, reason: reasonOf(exit) })
        this.ports.delete(port)
        this.run(Scope.close(scope, Exit.void))
      })
      yield* Effect.orDie(Scope.provide(Global.register(port, askers), scope))
    })
  }

  private stop(port: string): Effect.Effect<void> {
    const scope = this.ports.get(port)
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
  }

  private answer(call: string, n: number): Effect.Effect<number> {
    const { emit, life } = this.member
    return Effect.acquireUseRelease(
      Effect.sync(() => emit({ _tag: "RpcBegan", life, call })),
      () => Effect.as(Effect.sleep(this.random.between(0, longest)), 2 * n),
      () => Effect.sync(() => emit({ _tag: "RpcDone", life, call }))
    )
  }

  // ---- calls

  private giveUp(call: string): void {
    const { emit, life } = this.member
    emit({ _tag: "RpcGaveUp", life, call })
  }

  /** Calls one of the ports, and others when that is gone. */
  private call(group: Global.Group<typeof Ask.messages>): Effect.Effect<void, never, Node.Node> {
    const { random } = this
    const { emit, life } = this.member
    const client = this.name("client")
    const retry = { times: random.int(0, 2), while: ({ _tag }: { readonly _tag: string }) => _tag === "Killed" }
    return Effect.ignoreCause(Effect.suspend(() => {
      emit({ _tag: "RpcClient", life, client, isShared: true })
      return group.call((port) => this.attempt(port, client), { choose: "least-pending", retry })
    }))
  }

  private attempt(port: Port.PortId<typeof Ask.messages>, client: string) {
    const { random } = this
    const { emit, life } = this.member
    const call = this.name("call")
    const n = random.int(1, 1000)
    const isWrong = random.chance(0.2)
    const patience = random.between(10, 800)
    const asked = isWrong ? this.ask(port, patience, call) : random.chance(0.5)
      ? Port.cal(port, "ask", call, n)
      : Port.calTimeout(port, patience, "ask", call, n)
    return Effect.suspend(() => {
      this.open.add(call)
      emit({ _tag: "RpcAsked", life, call, client, kind: isWrong ? "wrong" : "answer", n, port })
      if (this.isLeaving) this.giveUp(call)
      return asked
    }).pipe(Effect.onExit((exit) =>
      Effect.sync(() => {
        const end = endOf(exit)
        if (end.how === "interrupted" && isTimeout(exit)) this.giveUp(call)
        this.open.delete(call)
        emit({ _tag: "RpcOver", life, call, ...end })
      })
    ))
  }

  /**
   * Asks what the port does not know; what comes from its own node is not held against the protocol. A node of another kind cannot say
   * that a call was refused: where there may be one, nobody waits for ever.
   */
  private ask(port: string, patience: number, call: string) {
    const other: Port.PortId<typeof OtherAsk.messages> = port
    const wait = this.areAllOfOurKind ? "1 hour" : patience
    return Port.nodeOf(port) === this.router.nodeId || this.random.chance(0.5)
      ? Port.calTimeout(other, wait, "unknown", call, 1)
      : Port.calTimeout(other, wait, "ask", 1, call)
  }
}

type Failure = Port.Killed | { readonly _tag: "TimeoutError" }

const isTimeout = (exit: Exit.Exit<unknown, Failure>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error._tag === "TimeoutError")

const endOf = (exit: Exit.Exit<number, Failure>): RpcEnd => {
  if (Exit.isSuccess(exit)) return { how: "answered", n: exit.value }
  const [reason] = exit.cause.reasons
  if (reason?._tag !== "Fail" || reason.error._tag === "TimeoutError") return { how: "interrupted" }
  const { port, reason: why } = reason.error
  return refusals.has(why[0]) ? { how: "rejected" } : { how: "killed", port, reason: shownReason(why) }
}
