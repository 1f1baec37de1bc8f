/**
 * What a process has others do for it, and gives up at times: messages that monitors send, reminders, and crowds of senders that
 * wait for room.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Router } from "../../src/internal/node/router.ts"
import * as Port from "../../src/Port.ts"
import type { Member, Services } from "./member.ts"
import { anyPayload, type Payload, plainPayload } from "./payloads.ts"

/** So many notes and reminders stand at a time; the oldest one is taken back. */
const favourLimit = 8
/** What each of a crowd sends: enough of them fill a link, or wait for one. */
const bulk = "x".repeat(60_000)

export class Favours {
  private readonly member: Member
  private readonly router: Router
  private readonly name: (kind: string) => string
  /** Runs something beside. */
  private readonly run: (effect: Effect.Effect<unknown, never, Services>) => void
  private standing: Array<Effect.Effect<void>> = []

  constructor(
    member: Member,
    router: Router,
    name: (kind: string) => string,
    run: (effect: Effect.Effect<unknown, never, Services>) => void
  ) {
    this.member = member
    this.router = router
    this.name = name
    this.run = run
  }

  /** Takes back what stands. */
  get recallAll(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const all = this.standing.splice(0)
      return Effect.forEach(all, (recall) => recall, { discard: true })
    })
  }

  private keep(recall: Effect.Effect<void>): Effect.Effect<void> {
    this.standing.push(recall)
    return this.standing.length > favourLimit ? this.standing.shift()! : Effect.void
  }

  private isHere(port: string): boolean {
    return Port.nodeOf(port) === this.router.nodeId
  }

  private spoilLater(port: string, { spoil }: Payload): void {
    // Within a node nothing is copied: it must not be changed.
    if (!this.isHere(port) && this.member.random.chance(0.6)) queueMicrotask(spoil)
  }

  /** Has a monitor send a message to another port when this one ends. What cannot travel there is refused now. */
  entrust(port: string, other: string): Effect.Effect<void, never, Services> {
    const { emit, life, random } = this.member
    const payload = anyPayload(random)
    const { holds, isLarge, value } = payload
    const carried = isLarge ? "perhaps" : payload.carried
    return Effect.gen({ self: this }, function*() {
      const note = this.name("n")
      const scope = yield* Scope.fork(yield* Effect.scope)
      this.spoilLater(other, payload)
      const set = yield* Effect.exit(Scope.provide(Port.mon(port, other, "note", note, value), scope))
      if (Exit.isFailure(set)) return yield* Scope.close(scope, Exit.void)
      const known = this.isHere(other) ? "always" : carried
      emit({ _tag: "Entrusted", life, note, port, other, holds, carried: known })
      yield* this.keep(Effect.suspend(() => {
        emit({ _tag: "Withdrawn", life, note })
        return Scope.close(scope, Exit.void)
      }))
    })
  }

  /** Does something later here, or sends a message. */
  remind(port: string | undefined, delay: number): Effect.Effect<void, never, Services> {
    const { emit, life, random } = this.member
    const drawn = anyPayload(random)
    // What only some links can carry is seen when it is due, and logged then.
    const payload = drawn.carried === "perhaps" ? plainPayload(random) : drawn
    const { holds, value } = payload
    return Effect.gen({ self: this }, function*() {
      const reminder = this.name("r")
      const scope = yield* Scope.fork(yield* Effect.scope)
      if (port !== undefined) this.spoilLater(port, payload)
      const later = port === undefined
        ? Port.after(delay, Effect.sync(() => emit({ _tag: "Reminded", life, reminder, holds })))
        : Port.after(delay, port, "remind", reminder, value)
      const set = yield* Effect.exit(Scope.provide(later, scope))
      if (Exit.isFailure(set)) return yield* Scope.close(scope, Exit.void)
      emit({ _tag: "Promised", life, reminder, own: port === undefined, holds })
      yield* this.keep(Effect.suspend(() => {
        emit({ _tag: "Recalled", life, reminder })
        return Scope.close(scope, Exit.void)
      }))
    })
  }

  /** Many send at once; some of those that wait give up. */
  crowd(port: string): Effect.Effect<void> {
    const { random } = this.member
    return Effect.sync(() => {
      for (let left = random.int(3, 25); left > 0; left--) this.run(this.push(port, random.chance(0.4)))
    })
  }

  private push(port: string, isImpatient: boolean): Effect.Effect<unknown, never, Services> {
    const { emit, life, pace, random } = this.member
    const push = this.name("p")
    return Effect.suspend(() => {
      emit({ _tag: "Pushed", life, push })
      const sent = Effect.onInterrupt(
        Port.snd(port, "push", push, bulk),
        () => Effect.sync(() => emit({ _tag: "GaveUp", life, push }))
      )
      const patience = random.between(0, 2 * pace)
      return isImpatient ? Effect.timeoutOption(sent, patience) : sent
    })
  }
}
