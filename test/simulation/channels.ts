/**
 * Channels: a monitor each, and numbered messages that are sent under it. A channel that has fired is over; the next
 * one to the same port has another name, and its messages begin at 1.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Router } from "../../src/internal/node/router.ts"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import { type Member, reasonOf } from "./member.ts"
import { OnPurpose } from "./onPurpose.ts"
import { anyPayload, type Payload, plainPayload, trapPayload } from "./payloads.ts"

export interface Channel {
  readonly id: string
  readonly port: string
  /** The monitor's. Closing it takes the monitor back. */
  readonly scope: Scope.Closeable
  sent: number
  /** Another watcher, which throws, and may be told before the monitor is: takes it back. */
  readonly dismiss: () => void
  /** Sends, and may wait for room. */
  sender: Fiber.Fiber<unknown, unknown> | undefined
  isOver: boolean
}

/** What a monitor's callback does when it has told that it fired. */
const moods = { well: 80, throws: 6, dies: 6, fails: 6, lingers: 2 }

export class Channels {
  private readonly member: Member
  private readonly router: Router
  private readonly name: (kind: string) => string
  private all: Array<Channel> = []
  /** Monitors that have fired or were taken back: their scopes are closed by the next round. */
  private spent: Array<Channel> = []

  constructor(member: Member, router: Router, name: (kind: string) => string) {
    this.member = member
    this.router = router
    this.name = name
  }

  get count(): number {
    return this.all.length
  }

  /** A channel that is open, if there is one. */
  get any(): Channel | undefined {
    return this.member.random.pick(this.all)
  }

  /** Monitors a port. `fired` is told when that is over. A careless one may fail then. */
  open(
    port: string,
    fired: Effect.Effect<unknown, never, Node.Node | Scope.Scope>,
    isCareless = true
  ): Effect.Effect<Channel, never, Node.Node | Scope.Scope> {
    const { emit, life, random } = this.member
    const then = this.afterwards(isCareless ? random.weighted(moods) : "well", fired)
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const dismiss = random.chance(0.15) ? this.router.monitor(port, throws) : () => {}
      const channel: Channel = { id: this.name("c"), port, scope, sent: 0, dismiss, sender: undefined, isOver: false }
      yield* Scope.provide(
        Port.mon(port, (exit) => {
          emit({ _tag: "Fired", life, channel: channel.id, reason: reasonOf(exit) })
          this.over(channel)
          return then()
        }),
        scope
      )
      emit({ _tag: "Monitored", life, channel: channel.id, port })
      this.all.push(channel)
      return channel
    })
  }

  private afterwards(
    mood: keyof typeof moods,
    fired: Effect.Effect<unknown, never, Node.Node | Scope.Scope>
  ): () => Effect.Effect<unknown, unknown, Node.Node | Scope.Scope> {
    const { pace } = this.member
    switch (mood) {
      case "well":
        return () => fired
      case "lingers":
        return () => Effect.andThen(Effect.sleep(pace), fired)
      case "throws":
        return throws
      case "dies":
        return () => Effect.andThen(fired, Effect.die(new OnPurpose("a monitor")))
      case "fails":
        return () => Effect.andThen(fired, Effect.fail(new OnPurpose("a monitor")))
    }
  }

  private over(channel: Channel): void {
    this.finish(channel)
    this.spent.push(channel)
  }

  /** What waits for room would be sent after the monitor has fired: it would be no part of the channel any more. */
  private finish(channel: Channel): void {
    channel.isOver = true
    channel.dismiss()
    channel.sender?.interruptUnsafe()
    this.all = this.all.filter((other) => other !== channel)
  }

  /** Lets go of what fired since. Not when it fires: a scope would wait for what runs in it. */
  get sweep(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const spent = this.spent
      this.spent = []
      return Effect.forEach(spent, ({ scope }) => Scope.close(scope, Exit.void), { discard: true })
    })
  }

  /** Sends the next messages. One call at a time: they are numbered. */
  send(channel: Channel, count: number, isCareless = true): Effect.Effect<void, never, Node.Node> {
    return Effect.withFiber((fiber) => {
      if (channel.sender !== undefined) return Effect.void
      channel.sender = fiber
      return Effect.gen({ self: this }, function*() {
        for (let left = count; left > 0 && !channel.isOver; left--) {
          yield* this.sendNext(channel, isCareless ? this.payload : plainPayload(this.member.random))
        }
        channel.sender = undefined
      })
    })
  }

  private get payload(): Payload {
    const { random } = this.member
    if (random.chance(0.01)) return trapPayload(random.chance(0.5) ? "handler" : "check")
    return anyPayload(random)
  }

  private sendNext(channel: Channel, { carried, holds, spoil, value }: Payload): Effect.Effect<void, never, Node.Node> {
    const { emit, life, random } = this.member
    // Within a node nothing is copied: there it all arrives, and must not be changed.
    const isLocal = Port.nodeOf(channel.port) === this.router.nodeId
    const n = ++channel.sent
    emit({ _tag: "Sent", life, channel: channel.id, n, holds, carried: isLocal ? "always" : carried })
    // As soon as `snd` has returned, or waits.
    if (!isLocal && random.chance(0.6)) queueMicrotask(spoil)
    return Effect.catchCause(Port.snd(channel.port, "num", channel.id, n, value), (cause) => {
      // An interrupted sender is that of a channel which is over.
      if (!Cause.hasInterruptsOnly(cause) && !channel.isOver) {
        channel.sent--
        emit({ _tag: "Unsent", life, channel: channel.id, n })
      }
      return Effect.void
    })
  }

  /** Takes all monitors back. */
  get closeAll(): Effect.Effect<void> {
    return Effect.andThen(
      Effect.suspend(() => Effect.forEach(this.all, (channel) => this.close(channel), { discard: true })),
      this.sweep
    )
  }

  /** Takes a monitor back. */
  close(channel: Channel): Effect.Effect<void> {
    const { emit, life } = this.member
    return Effect.suspend(() => {
      if (channel.isOver) return Effect.void
      this.finish(channel)
      emit({ _tag: "Unmonitored", life, channel: channel.id })
      return Scope.close(channel.scope, Exit.void)
    })
  }
}

const throws = (): never => {
  throw new OnPurpose("a monitor")
}
