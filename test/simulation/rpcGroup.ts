/**
 * The service that processes of a run offer each other by rpc: its handlers answer, refuse, fail, hang and stream, and tell when they
 * begin and when they are done.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Port from "../../src/Port.ts"
import type { Member } from "./member.ts"
import { OnPurpose } from "./onPurpose.ts"
import type { SeededRandom } from "./random.ts"
import type { RpcKind } from "./trace.ts"

/** What a handler refuses a call with. */
export class Unwilling extends Schema.TaggedError<Unwilling>()("Unwilling", { call: Schema.String }) {}

const asked = { call: Schema.String, kind: Schema.String, n: Schema.Number }

/** What answers hold: which call they are for, and its number, doubled, or that of the item. */
const Told = Schema.Struct({ call: Schema.String, n: Schema.Number })

export const Work = RpcGroup.make(
  EffectRpc.make("work", { payload: asked, success: Told, error: Unwilling }),
  EffectRpc.make("count", { payload: asked, success: Told, error: Unwilling, stream: true })
)
export type Work = RpcGroup.Rpcs<typeof Work>

interface Asked {
  readonly call: string
  readonly kind: string
  readonly n: number
}

/** The kinds of calls that are answered with a stream. */
export const streams: ReadonlySet<string> = new Set<RpcKind>(["count", "breaks", "endless"])

/** So long a handler takes at most, and so long its cleanup: milliseconds. */
const longest = { work: 300, cleanup: 200, item: 20 }

export class Handlers {
  /** How many are at work. */
  working = 0
  private readonly member: Member
  private readonly random: SeededRandom

  constructor(member: Member, random: SeededRandom) {
    this.member = member
    this.random = random
  }

  get layer(): Layer.Layer<EffectRpc.ToHandler<Work>> {
    return Work.toLayer({
      work: (asked) => Effect.scoped(Effect.andThen(this.told(asked), this.work(asked))),
      count: (asked) => Stream.unwrap(Effect.as(this.told(asked), this.count(asked)))
    })
  }

  /** Tells that a handler begins, and when all that it has is released. */
  private told({ call }: Asked): Effect.Effect<void, never, Scope.Scope> {
    const { emit, life } = this.member
    return Effect.acquireRelease(
      Effect.map(Effect.serviceOption(Port.Self), (self) => {
        this.working++
        emit({ _tag: "RpcBegan", life, call, ...Option.isSome(self) ? { server: self.value } : {} })
      }),
      () =>
        Effect.sync(() => {
          this.working--
          emit({ _tag: "RpcDone", life, call })
        })
    )
  }

  /** Some take their time, and some of these clean up slowly when they are interrupted. */
  private get pauses(): Effect.Effect<void> {
    const { random } = this
    if (random.chance(0.5)) return Effect.void
    const pause = Effect.sleep(random.between(0, longest.work))
    const cleanup = Effect.sleep(random.between(0, longest.cleanup))
    return random.chance(0.3) ? Effect.onInterrupt(pause, () => cleanup) : pause
  }

  private work({ call, kind, n }: Asked): Effect.Effect<typeof Told.Type, Unwilling> {
    const { emit, life } = this.member
    return Effect.andThen(
      this.pauses,
      Effect.suspend(() => {
        switch (kind) {
          case "refuse":
            return Effect.fail(new Unwilling({ call }))
          case "die":
            return Effect.die(new OnPurpose("a handler of a call"))
          case "hang":
            return Effect.never
          default:
            return Effect.succeed({ call, n: 2 * n })
        }
      })
    ).pipe(Effect.onInterrupt(() => Effect.sync(() => emit({ _tag: "RpcStopped", life, call }))))
  }

  private count({ call, kind, n }: Asked): Stream.Stream<typeof Told.Type, Unwilling> {
    const pace = this.random.chance(0.5) ? 0 : this.random.between(0, longest.item)
    const items = Stream.range(1, kind === "endless" ? Infinity : n).pipe(
      Stream.mapEffect((n) => Effect.as(pace === 0 ? Effect.void : Effect.sleep(pace), { call, n }))
    )
    return kind === "breaks" ? Stream.concat(items, Stream.fail(new Unwilling({ call }))) : items
  }
}
