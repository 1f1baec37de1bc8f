/**
 * What a supervisor tells of its children: events for programs, metrics, and log lines for people.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { nodeOf } from "../values/portId.ts"
import { type PortExit, showReason } from "../values/reason.ts"
import { isOrderly } from "./decisions.ts"

/** Documented as `Supervisor.Event`. */
export type Event =
  & { readonly supervisor: string; readonly child: string }
  & (
    | { readonly _tag: "Started"; readonly port: string; readonly restarts: number }
    | { readonly _tag: "Ended"; readonly port: string; readonly exit: PortExit }
    | { readonly _tag: "StartFailed"; readonly exit: PortExit }
    | {
      readonly _tag: "Restarting"
      readonly exit: PortExit
      readonly restarts: number
      readonly delay: Duration.Duration
      readonly at: number
      readonly group: ReadonlyArray<string>
    }
    | {
      readonly _tag: "Waiting"
      readonly exit: PortExit
      readonly group: ReadonlyArray<string>
      readonly again: boolean
    }
    | { readonly _tag: "Stopped" }
    | { readonly _tag: "Abandoned"; readonly port: string | undefined }
    | { readonly _tag: "ShuttingDown" }
    | { readonly _tag: "Dropped"; readonly exit: PortExit; readonly restarts: number }
    | { readonly _tag: "GaveUp"; readonly exit: PortExit; readonly restarts: number }
  )

export type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** An event without what its supervisor adds. */
export type Happening = DistributedOmit<Event, "supervisor">

/** For so long a log line that is the same is not written again. */
const calmMillis = 1000

/** Events that a listener may lag behind before it loses the oldest. */
const backlog = 10_000

/** So many different lines are remembered, at least. */
const mostSaid = 100

/** What was said, when, and how often it was not said again since. */
interface Said {
  readonly at: number
  more: number
  /** Once there is something to sum up: what does it, and what waits for its time. */
  sumUp: Effect.Effect<void>
  timer: Fiber.Fiber<void> | undefined
}

export class Reporter {
  private readonly supervisor: string
  private readonly name: string
  private readonly now: () => number
  /** Ends the streams of those who listen. */
  private readonly enders = new Set<() => void>()
  private readonly listeners = new Set<(event: Event) => void>()
  private readonly counters = new Map<Event["_tag"], Metric.Counter<number>>()
  private readonly said = new Map<string, Said>()
  private isOver = false

  constructor(supervisor: string, name: string, now: () => number) {
    this.supervisor = supervisor
    this.name = name
    this.now = now
  }

  /** Tells those who listen, at once; what it answers counts it and writes the log line. `label` stands for all children that are alike. */
  report(happening: Happening, label: string): Effect.Effect<void> {
    const event = { ...happening, supervisor: this.supervisor } as Event
    for (const listener of this.listeners) listener(event)
    return Effect.andThen(Metric.update(this.counter(event._tag), 1), Effect.suspend(() => this.log(event, label)))
  }

  private counter(tag: Event["_tag"]): Metric.Counter<number> {
    const known = this.counters.get(tag)
    if (known !== undefined) return known
    const counter = Metric.counter("effect_mp_supervisor_events_total", {
      description: "What happened to supervised children",
      attributes: { supervisor: this.name, event: tag },
      incremental: true
    })
    this.counters.set(tag, counter)
    return counter
  }

  /** A crash loop cannot flood the log: what is the same is summed up. */
  private log(event: Event, label: string): Effect.Effect<void> {
    const { level, text } = line(event)
    const write = (text: string): Effect.Effect<void> =>
      Effect.annotateLogs(Effect.logWithLevel(level)(`${this.name}: ${text}`), annotations(event, this.supervisor))
    if (level === "Debug") return write(`${event.child} ${text}`)
    const key = `${label} ${text}`
    const before = this.said.get(key)
    if (before === undefined || before.timer === undefined && this.now() - before.at >= calmMillis) {
      this.forgetSome()
      this.said.set(key, { at: this.now(), more: 0, sumUp: Effect.void, timer: undefined })
      return write(`${event.child} ${text}`)
    }
    before.more++
    if (before.timer !== undefined) return Effect.void
    before.sumUp = Effect.suspend(() => {
      this.said.delete(key)
      return write(`${label} ${text}: ${before.more} more ${before.more === 1 ? "time" : "times"} within a second`)
    })
    const waiting = Effect.delay(before.sumUp, calmMillis - (this.now() - before.at))
    return Effect.contextWith((context: Context.Context<never>) => {
      before.timer = Effect.runForkWith(context)(waiting)
      return Effect.void
    })
  }

  /** What was said long ago, and has nothing to sum up. */
  private forgetSome(): void {
    if (this.said.size < mostSaid) return
    for (const [key, { at, more }] of this.said) {
      if (more === 0 && this.now() - at >= calmMillis) this.said.delete(key)
    }
  }

  /** What of each event is of interest, from now on; ends with the supervisor. Who lags behind loses the oldest. */
  stream<A>(pick: (event: Event) => A | undefined, first: () => A | undefined): Stream.Stream<A> {
    return Stream.callback<A>((queue) => {
      const listener = (event: Event): void => {
        const picked = pick(event)
        if (picked !== undefined) Queue.offerUnsafe(queue, picked)
      }
      const ender = () => void Queue.endUnsafe(queue)
      const listen = Effect.sync(() => {
        if (this.isOver) return ender()
        const present = first()
        if (present !== undefined) Queue.offerUnsafe(queue, present)
        this.listeners.add(listener)
        this.enders.add(ender)
      })
      return Effect.acquireRelease(listen, () =>
        Effect.sync(() => {
          this.listeners.delete(listener)
          this.enders.delete(ender)
        }))
    }, { bufferSize: backlog, strategy: "sliding" })
  }

  /** The same without a stream; the listener must not throw. */
  watch(listener: (event: Event) => void): void {
    this.listeners.add(listener)
  }

  readonly events: Stream.Stream<Event> = this.stream((event) => event, () => undefined)

  /** Nothing more is told. Writes what was to be summed up later. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isOver = true
      for (const end of this.enders) end()
      this.enders.clear()
      this.listeners.clear()
      const left = Array.from(this.said.values()).filter(({ more }) => more > 0)
      for (const { timer } of left) timer?.interruptUnsafe()
      this.said.clear()
      return Effect.forEach(left, ({ sumUp }) => sumUp, { discard: true })
    })
  }
}

interface Line {
  readonly level: "Debug" | "Info" | "Warn" | "Error"
  readonly text: string
}

/** A log line for people. The lines of children that fare alike are the same: what tells them apart is in the annotations. */
const line = (event: Event): Line => {
  switch (event._tag) {
    case "Started":
      return { level: "Debug", text: "started" }
    case "Ended":
      return isOrderly(event.exit)
        ? { level: "Debug", text: "ended" }
        : { level: "Info", text: `ended: ${showReason(event.exit)}` }
    case "StartFailed":
      return { level: "Warn", text: `could not be started: ${showReason(event.exit)}` }
    case "Restarting":
      return { level: "Warn", text: `is restarted: ${showReason(event.exit)}` }
    case "Waiting":
      return { level: event.again ? "Debug" : "Warn", text: `waits for its node: ${showReason(event.exit)}` }
    case "Stopped":
      return { level: "Debug", text: "is not started again" }
    case "Abandoned":
      return { level: "Warn", text: "did not end in time and is abandoned" }
    case "ShuttingDown":
      return { level: "Info", text: "was significant: the supervisor shuts down" }
    case "Dropped":
      return { level: "Error", text: `was restarted too often and is dropped: ${showReason(event.exit)}` }
    case "GaveUp":
      return { level: "Error", text: `was restarted too often, giving up: ${showReason(event.exit)}` }
  }
}

const annotations = (event: Event, supervisor: string): Record<string, unknown> => ({
  node: nodeOf(supervisor),
  module: "Supervisor",
  supervisor,
  child: event.child,
  event: event._tag,
  ..."port" in event && event.port !== undefined ? { port: event.port } : {},
  ..."restarts" in event ? { restarts: event.restarts } : {},
  ..."exit" in event ? { reason: showReason(event.exit) } : {},
  ...event._tag === "Waiting" ? { group: event.group.join(",") } : {},
  ...event._tag === "Restarting" ? { next: new Date(event.at).toISOString(), group: event.group.join(",") } : {}
})
