/**
 * What the ports of a process do with messages, and with their end. They are as careless as people's: some take their time, fail,
 * call themselves, clean up badly or slowly.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"
import { type Member, reasonOf, shownReason } from "./member.ts"
import { OnPurpose } from "./onPurpose.ts"
import { Delicate, isTrap, show } from "./payloads.ts"

/** How a port ends, beside its end itself. */
const ends = { well: 75, dies: 20, hangs: 5 }

/** How long a cleanup that hangs holds up the end of its port at most: milliseconds. */
const hangLimit = 2000

/** What typed ports speak. */
const Speech = Port.protocol({
  num: Port.message(Schema.String, Schema.Number, Delicate),
  push: Port.message(Schema.String, Schema.String),
  note: Port.message(Schema.String, Schema.Unknown).rest(Schema.Unknown),
  remind: Port.message(Schema.String, Schema.Unknown),
  selfish: Port.message(),
  double: Port.message(Schema.Number).replies(Schema.Number)
})

type Own = Node.Node | Port.Self | Scope.Scope

export class Behaviour {
  private readonly member: Member
  private readonly name: (kind: string) => string
  private readonly isActing: () => boolean

  constructor(member: Member, name: (kind: string) => string, isActing: () => boolean) {
    this.member = member
    this.name = name
    this.isActing = isActing
  }

  /** Makes a port: one with a protocol, or without. */
  get make(): Effect.Effect<string, never, Node.Node | Scope.Scope> {
    return Effect.suspend(() => {
      const { answers, ...others } = this.handlers()
      return this.member.random.chance(0.5)
        ? Port.make(Speech, { ...others, double: answers })
        : Port.make(this.untyped({ answers, ...others }))
    })
  }

  /** What a port without a protocol does. */
  get plain() {
    return this.untyped(this.handlers())
  }

  private untyped({ answers, ...others }: ReturnType<Behaviour["handlers"]>) {
    return {
      ...others,
      double: (value: number, reply: string) => Effect.flatMap(answers(value), (result) => this.answer(reply, result))
    }
  }

  private answer(reply: string, result: number): Effect.Effect<void, never, Node.Node | Port.Self> {
    const { emit, life } = this.member
    return Effect.gen(function*() {
      const isHere = Port.nodeOf(reply) === Port.nodeOf(yield* Port.Self)
      if (isHere) emit({ _tag: "Answers", life })
      yield* Port.snd(reply, result)
      if (isHere) emit({ _tag: "HasAnswered", life })
    })
  }

  private handlers() {
    const { emit, life } = this.member
    const slowly = this.pauses
    return {
      num: (channel: string, n: number, held: unknown) =>
        Effect.flatMap(Port.Self, (port) => {
          emit({ _tag: "Got", life, port, channel, n, holds: show(held) })
          return isTrap(held, "handler") ? this.failure : slowly
        }),
      push: (push: string, _bulk: string) => {
        emit({ _tag: "Came", life, push })
      },
      note: (note: string, held: unknown, ..._reason: ReadonlyArray<unknown>) =>
        Effect.map(Port.Self, (port) => emit({ _tag: "Noted", life, port, note, holds: show(held) })),
      remind: (reminder: string, held: unknown) => {
        emit({ _tag: "Reminded", life, reminder, holds: show(held) })
      },
      selfish: () => this.callItself,
      answers: (value: number) => Effect.as(slowly, 2 * value)
    }
  }

  /** What some handlers do before they are done, as long as there is time. When they are interrupted, their cleanup may fail. */
  private get pauses(): Effect.Effect<void> {
    const { random } = this.member
    const isSlow = random.chance(0.2)
    const isUntidy = random.chance(0.2)
    return Effect.suspend(() => {
      if (!isSlow || !this.isActing()) return Effect.void
      const pause = Effect.sleep(random.between(1, 60))
      return isUntidy ? Effect.onInterrupt(pause, () => Effect.die(new OnPurpose("the cleanup of a handler"))) : pause
    })
  }

  /** A handler fails, with what people's handlers fail with. */
  private get failure(): Effect.Effect<never, unknown> {
    const error = new OnPurpose("a handler")
    return this.member.random.pick([
      Effect.fail(error),
      Effect.die(error),
      Effect.fail("just text"),
      Effect.fail(new Date(0)),
      Effect.die(undefined),
      Effect.die({
        toString: () => {
          throw error
        }
      }),
      Effect.fail({
        get message(): string {
          throw error
        }
      }),
      Effect.sync(() => {
        throw error
      })
    ])!
  }

  /** A handler asks its own port. Nobody could answer: it is told so. */
  private get callItself(): Effect.Effect<void, never, Node.Node | Port.Self> {
    const { emit, life } = this.member
    return Effect.flatMap(Port.Self, (port) => {
      const call = this.name("q")
      emit({ _tag: "Asked", life, call, port, value: 1, itself: true })
      return Effect.matchEager(Port.cal(port, "double", 1), {
        onSuccess: (value: unknown) => emit({ _tag: "Answered", life, call, value }),
        onFailure: ({ reason }) => emit({ _tag: "Refused", life, call, reason: shownReason(reason) })
      })
    })
  }

  /** What a port of this process has to do at its end, and whom it watches. */
  burden(port: string, other: string | undefined): Effect.Effect<void, never, Node.Node> {
    const { random } = this.member
    const end = random.weighted(ends)
    const finalizer = this.finalizer(end)
    const watch = other !== undefined && random.chance(0.4) ? this.watch(other) : Effect.void
    if (end === "well" && watch === Effect.void) return Effect.void
    return Effect.ignore(Port.peval(port, Effect.andThen(Effect.addFinalizer(() => finalizer), watch)))
  }

  private finalizer(end: keyof typeof ends): Effect.Effect<void> {
    switch (end) {
      case "well":
        return Effect.void
      case "dies":
        return Effect.die(new OnPurpose("a finalizer"))
      case "hangs": {
        const step = hangLimit / 10
        return Effect.suspend(() => {
          let left = hangLimit
          return Effect.whileLoop({
            while: () => left > 0 && this.isActing(),
            body: () => Effect.sleep(step),
            step: () => {
              left -= step
            }
          })
        })
      }
    }
  }

  /** A port watches another one until it ends itself. Some fail when they are told, which is their end. */
  private watch(other: string): Effect.Effect<void, never, Own> {
    const { emit, life, random } = this.member
    const isClumsy = random.chance(0.3)
    return Effect.gen({ self: this }, function*() {
      const channel = this.name("w")
      let isOver = false
      // Runs when the monitor has been taken back: finalizers run backwards.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (!isOver) emit({ _tag: "Unmonitored", life, channel })
        })
      )
      yield* Port.mon(other, (exit) => {
        isOver = true
        emit({ _tag: "Fired", life, channel, reason: reasonOf(exit) })
        if (isClumsy) throw new OnPurpose("a monitor in a port")
      })
      emit({ _tag: "Monitored", life, channel, port: other })
    })
  }
}
