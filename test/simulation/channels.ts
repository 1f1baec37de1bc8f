/**
 * Channels: a monitor each, and numbered messages that are sent under it. A channel that has fired is over; the next
 * one to the same port has another name, and its messages begin at 1.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import { type Member, reasonOf } from "./member.ts"

export interface Channel {
  readonly id: string
  readonly port: string
  /** The monitor's. Closing it takes the monitor back. */
  readonly scope: Scope.Closeable
  sent: number
  /** Sends, and may wait for room. */
  sender: Fiber.Fiber<unknown, unknown> | undefined
  isOver: boolean
}

/** What makes a large message: links fill up, and senders wait. */
const padding = "x".repeat(200_000)

export class Channels {
  private readonly member: Member
  private readonly name: (kind: string) => string
  private all: Array<Channel> = []
  /** Monitors that have fired or were taken back: their scopes are closed by the next round. */
  private spent: Array<Channel> = []

  constructor(member: Member, name: (kind: string) => string) {
    this.member = member
    this.name = name
  }

  get count(): number {
    return this.all.length
  }

  /** A channel that is open, if there is one. */
  get any(): Channel | undefined {
    return this.member.random.pick(this.all)
  }

  /** Monitors a port. `fired` is told when that is over. */
  open(
    port: string,
    fired: Effect.Effect<unknown, never, Node.Node | Scope.Scope> = Effect.void
  ): Effect.Effect<Channel, never, Node.Node | Scope.Scope> {
    const { emit, life } = this.member
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const channel: Channel = { id: this.name("c"), port, scope, sent: 0, sender: undefined, isOver: false }
      yield* Scope.provide(
        Port.mon(port, (exit) =>
          Effect.suspend(() => {
            emit({ _tag: "Fired", life, channel: channel.id, reason: reasonOf(exit) })
            this.over(channel)
            return fired
          })),
        scope
      )
      emit({ _tag: "Monitored", life, channel: channel.id, port })
      this.all.push(channel)
      return channel
    })
  }

  private over(channel: Channel): void {
    this.finish(channel)
    this.spent.push(channel)
  }

  /** What waits for room would be sent after the monitor has fired: it would be no part of the channel any more. */
  private finish(channel: Channel): void {
    channel.isOver = true
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
  send(channel: Channel, count: number): Effect.Effect<void, never, Node.Node> {
    const { emit, life, random } = this.member
    return Effect.withFiber((fiber) => {
      if (channel.sender !== undefined) return Effect.void
      channel.sender = fiber
      return Effect.gen(function*() {
        for (let left = count; left > 0 && !channel.isOver; left--) {
          const n = ++channel.sent
          emit({ _tag: "Sent", life, channel: channel.id, n })
          yield* Port.snd(channel.port, "num", channel.id, n, random.chance(0.01) ? padding : "")
        }
        channel.sender = undefined
      })
    })
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
