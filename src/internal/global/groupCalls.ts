/**
 * What programs do with a group that a node looks at: choose a member, call one or all of them, wait for members, follow them.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { isUnbegun } from "../values/reason.ts"
import type { Strategy } from "./choice.ts"
import { EmptyGroup } from "./emptyGroup.ts"
import type { Group } from "./group.ts"
import { movedBetween } from "./member.ts"

/** A group, and what it is called. */
export interface Named {
  readonly name: string
  readonly group: Group
}

/** Documented as `Global.ChooseOptions`. */
export interface ChooseOptions {
  readonly choose?: Strategy | undefined
  readonly whenEmpty?: "fail" | "wait" | undefined
}

/** Documented as `Global.CallOptions`. */
export interface CallOptions<E> extends ChooseOptions {
  readonly retry?: {
    readonly times: number
    readonly while?: ((error: E) => boolean) | undefined
  } | undefined
}

/** Waits until a condition holds, which only a change of the group can bring about. */
const awaitChange = (group: Group, holds: () => boolean): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (holds()) return resume(Effect.void)
    const cancel = group.listen(() => {
      if (holds()) resume(Effect.void)
    })
    return Effect.sync(cancel)
  })

/** Waits until it is known who is in the group. */
export const awaitKnown = (group: Group): Effect.Effect<void> => awaitChange(group, () => group.isKnown)

/** Waits until there are so many members. */
export const awaitMembers = (group: Group, count: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(awaitChange(group, () => group.members.length >= count), () => group.members)

/** Chooses a member that is none of `except`. */
export const choose = (
  { group, name }: Named,
  { choose: strategy = "random", whenEmpty = "fail" }: ChooseOptions,
  except?: ReadonlySet<string>
): Effect.Effect<string, EmptyGroup> => {
  const attempt: Effect.Effect<string, EmptyGroup> = Effect.flatMap(Random.next, (chance) => {
    const member = group.choose(strategy, chance, except)
    if (member !== undefined) return Effect.succeed(member)
    if (whenEmpty === "fail") return Effect.fail(new EmptyGroup({ group: name }))
    const isThere = () => group.members.some((other) => except?.has(other) !== true)
    return Effect.andThen(awaitChange(group, isThere), attempt)
  })
  return attempt
}

type Use<A, E, R> = (member: string) => Effect.Effect<A, E, R>

/** Uses a member: it counts as busy meanwhile. */
const counted = <A, E, R>(group: Group, member: string, use: Use<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => group.begin(member)),
    () => use(member),
    (end) => Effect.sync(end)
  )

/**
 * Uses one member, and if that fails and may be repeated, another one. A call that a member's node has refused since it is about to stop has
 * not begun, and counts for nothing.
 */
export const call = <A, E, R>(
  named: Named,
  use: Use<A, E, R>,
  options: CallOptions<E>
): Effect.Effect<A, E | EmptyGroup, R> => {
  const { retry } = options
  const attempt = (
    member: string,
    before: ReadonlySet<string>,
    left: number
  ): Effect.Effect<A, E | EmptyGroup, R> => {
    const tried = new Set([...before, member])
    return Effect.catch(counted(named.group, member, use), (error) => {
      const isFree = isUnbegun(error)
      if (!isFree && (left === 0 || retry?.while?.(error) === false)) return Effect.fail(error)
      return Effect.matchEffect(choose(named, options, tried), {
        // That nobody is left says less than why the last one failed.
        onFailure: () => Effect.fail(error),
        onSuccess: (other) => attempt(other, tried, isFree ? left : left - 1)
      })
    })
  }
  return Effect.flatMap(choose(named, options), (member) => attempt(member, new Set(), retry?.times ?? 0))
}

/** Uses all members at once, and collects what comes of that. */
export const callAll = <A, E, R>(
  group: Group,
  use: Use<A, E, R>,
  within: Duration.Input | undefined
): Effect.Effect<ReadonlyMap<string, Exit.Exit<A, E | Cause.TimeoutError>>, never, R> =>
  Effect.suspend(() =>
    Effect.forEach(group.chooseAll(), (member) => {
      const used = counted(group, member, use)
      const limited: Effect.Effect<A, E | Cause.TimeoutError, R> = within === undefined
        ? used
        : Effect.timeout(used, within)
      return Effect.map(Effect.exit(limited), (exit) => [member, exit] as const)
    }, { concurrency: "unbounded" })
  ).pipe(Effect.map((answers) => new Map(answers)))

/** The members at first, as soon as they are known, and then whoever comes and goes. */
export const changes = ({ group, name }: Named) =>
  Stream.callback<void>((queue) => {
    const tell = () => Queue.offerUnsafe(queue, undefined)
    const listen = Effect.sync(() => {
      const cancel = group.listen(tell)
      tell()
      return cancel
    })
    return Effect.acquireRelease(listen, (cancel) => Effect.sync(cancel))
  }, { bufferSize: 1, strategy: "sliding" }).pipe(
    Stream.mapAccum((): ReadonlyArray<string> | undefined => undefined, (before) => {
      const { isKnown, members } = group
      const { joined, left } = movedBetween(before ?? [], members)
      const isNews = before === undefined ? isKnown : joined.length > 0 || left.length > 0
      return [isNews ? members : before, isNews ? [{ group: name, members, joined, left }] : []] as const
    })
  )
