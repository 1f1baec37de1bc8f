/**
 * Who asks the nodes, and keeps the picture of the network: once a second while somebody looks at it, and else not at all. What the links
 * of this node tell (that a node is lost) is in the picture at once, and in the timeline whether somebody looks or not.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Node from "../../../Node.ts"
import { NodeRouter } from "../../node/router.ts"
import type { Status } from "../../node/status.ts"
import { lookAt } from "../network/nodes.ts"
import { knownNodes, type Network, type Session } from "../network/session.ts"
import type { Picture, TimelineEntry } from "./api.ts"
import { emptyPicture } from "./changes.ts"
import { Histories } from "./history.ts"
import { Roster } from "./roster.ts"
import { type Happening, happenings, Timeline } from "./timeline.ts"

/** So often all nodes are asked that answer, and those that do not. */
const everyMillis = 1000
const absentEveryMillis = 3000

/** So many are asked at a time: of those that answer, and of those that do not. */
const [width, absentWidth] = [12, 4]

/** So long is waited for an answer. */
export const patienceSeconds = 1

export class Collector {
  readonly histories = new Histories()
  private readonly timeline = new Timeline()
  private readonly roster = new Roster()
  private readonly session: Session
  private current: Picture = emptyPicture
  private watchers = 0
  /** Done when somebody begins to look, and when there is something new: then the next one stands here. */
  private looked = Deferred.makeUnsafe<void>()
  private changed = Deferred.makeUnsafe<void>()

  constructor(session: Session) {
    this.session = { ...session, timeoutSeconds: patienceSeconds }
  }

  get picture(): Picture {
    return this.current
  }

  /** What those nodes have said last that answer. */
  get statuses(): ReadonlyArray<Status> {
    return this.roster.statuses
  }

  /** The number of the last entry of the timeline. */
  get lastEntry(): number {
    return this.timeline.last
  }

  entriesAfter(number: number): ReadonlyArray<TimelineEntry> {
    return this.timeline.after(number)
  }

  /** How many look at it. */
  get looking(): number {
    return this.watchers
  }

  /** Somebody looks at the picture until the scope closes. */
  readonly look: Effect.Effect<void, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      this.watchers++
      Deferred.doneUnsafe(this.looked, Effect.void)
    }),
    () =>
      Effect.sync(() => {
        if (--this.watchers === 0) this.looked = Deferred.makeUnsafe()
      })
  )

  /** Waits for what is newer than what somebody knows: a picture, or an entry of the timeline. */
  newerThan(version: number, entry: number): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.current.version > version || this.timeline.last > entry ? Effect.void : Deferred.await(this.changed)
    )
  }

  /** Adds to the timeline what no picture shows. */
  tell(happening: Happening): void {
    this.timeline.add([happening])
    this.wake()
  }

  /** Runs until it is interrupted. */
  get run(): Effect.Effect<never, never, Network> {
    return Effect.andThen(
      Effect.all([
        this.paced(everyMillis, this.askPresent),
        this.paced(absentEveryMillis, this.askAbsent),
        Stream.runForEach(Node.events, (event) => this.heard(event))
      ], { concurrency: "unbounded", discard: true }),
      Effect.never
    )
  }

  /** Does something so often while somebody looks. What takes long is followed by as long a rest, up to that. */
  private paced<R>(millis: number, what: Effect.Effect<void, never, R>): Effect.Effect<never, never, R> {
    return Effect.forever(Effect.gen({ self: this }, function*() {
      yield* Effect.suspend(() => Deferred.await(this.looked))
      const began = yield* Clock.currentTimeMillis
      yield* what
      const took = (yield* Clock.currentTimeMillis) - began
      yield* Effect.sleep(Math.max(millis - took, Math.min(took, millis)))
    }))
  }

  private get askPresent(): Effect.Effect<void, never, Network> {
    return Effect.gen({ self: this }, function*() {
      const own = yield* Node.id
      const known = yield* Effect.option(knownNodes(this.session))
      if (known._tag === "Some") {
        known.value.delete(own)
        this.roster.list(known.value)
      }
      yield* Effect.forEach(this.roster.present, (id) => this.ask(id), { concurrency: width, discard: true })
      this.roster.forget(yield* Clock.currentTimeMillis)
      yield* this.publish(this.current.isComplete || known._tag === "Some")
      this.histories.push(this.current)
    })
  }

  private get askAbsent(): Effect.Effect<void, never, Network> {
    return Effect.suspend(() =>
      Effect.forEach(this.roster.absent, (id) => this.ask(id), { concurrency: absentWidth, discard: true })
    )
  }

  private ask(id: string): Effect.Effect<void, never, Network> {
    return Effect.gen({ self: this }, function*() {
      const router = yield* NodeRouter
      if (!router.isUp(id) && this.roster.isDeaf(id)) return this.roster.missed(id, false)
      const answer = yield* Effect.option(lookAt(this.session, id))
      if (answer._tag === "None") return this.roster.missed(id, router.isUp(id))
      const at = yield* Clock.currentTimeMillis
      this.roster.answered(id, answer.value, at, router.roundTripMillis(id, router.monotonic()))
    })
  }

  private heard(event: Node.NodeEvent): Effect.Effect<void> {
    if (event._tag === "Up") return Effect.sync(() => this.roster.linked(event.nodeId))
    return Effect.suspend(() => {
      this.roster.lost(
        event.nodeId,
        event.orderly ? "has stopped in order" : `the link to it was lost: ${event.reason}`
      )
      return this.publish(this.current.isComplete)
    })
  }

  private publish(isComplete: boolean): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeMillis, (at) => {
      const before = this.current
      this.current = { at, version: before.version + 1, isComplete, ...this.roster.read() }
      this.timeline.add(happenings(before, this.current))
      this.wake()
    })
  }

  private wake(): void {
    const { changed } = this
    this.changed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(changed, Effect.void)
  }
}
