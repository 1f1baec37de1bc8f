/**
 * The nodes that a pool's children may be on: which of them are there, which rest, and which have left.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { NodeListener, Router } from "../node/router.ts"

/** A node that could not be reached is tried again after the first time, and each time after twice as long, at most the longest. */
const firstTryMillis = 1000
const longestTryMillis = 30_000

/** The same for a node where children end that nobody had asked to, before they are placed there again. */
const firstRestMillis = 1000
const longestRestMillis = 600_000

/** A node that is not listed any more has left when it has not been listed again within this: groups may lose a member for a moment. */
const graceMillis = 1000

interface Site {
  isListed: boolean
  /** Takes back the monitor of the node, which brings a link up. None while it waits for the next attempt. */
  release: (() => void) | undefined
  failures: number
  rests: number
  restsUntil: number
  /** What waits: for the next attempt, the end of a rest, or the end of the grace. */
  readonly timers: Set<Fiber.Fiber<unknown>>
}

export class Sites implements NodeListener {
  private readonly router: Router
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private readonly changed: () => void
  private readonly all = new Map<string, Site>()

  /** `changed` is told that nodes may have come or gone. */
  constructor(router: Router, context: Context.Context<never>, changed: () => void) {
    this.router = router
    this.fork = Effect.runForkWith(context)
    this.changed = changed
    router.listeners.add(this)
  }

  up(node: string): void {
    const site = this.all.get(node)
    if (site === undefined) return
    // It may be another process.
    site.failures = site.rests = site.restsUntil = 0
    this.changed()
  }

  down(): void {
    this.changed()
  }

  /** These are all that there are now. */
  list(nodes: ReadonlySet<string>): void {
    for (const node of nodes) this.add(node)
    for (const [node, site] of this.all) {
      if (!site.isListed || nodes.has(node)) continue
      site.isListed = false
      this.later(site, graceMillis, () => this.forget(node))
    }
    this.changed()
  }

  private add(node: string): void {
    const known = this.all.get(node)
    if (known !== undefined) {
      known.isListed = true
      return
    }
    const site = { isListed: true, release: undefined, failures: 0, rests: 0, restsUntil: 0, timers: new Set<never>() }
    this.all.set(node, site)
    this.reach(node, site)
  }

  private forget(node: string): void {
    const site = this.all.get(node)
    if (site === undefined || site.isListed) return
    this.drop(site)
    this.all.delete(node)
  }

  private drop(site: Site): void {
    site.release?.()
    for (const timer of site.timers) timer.interruptUnsafe()
  }

  /** Brings a link to the node up, and does so again when it is lost. */
  private reach(node: string, site: Site): void {
    site.release = this.router.monitor(node, () => {
      site.release = undefined
      const millis = Math.min(longestTryMillis, firstTryMillis * 2 ** site.failures++)
      this.later(site, millis, () => this.reach(node, site))
    })
  }

  /** Does something after a time, or up to twice of it, so that not all pools do it at once; unless the site is dropped before. */
  private later(site: Site, millis: number, act: () => void): void {
    const timer = this.fork(
      Effect.flatMap(Random.nextBetween(millis, 2 * millis), (delay) =>
        Effect.delay(
          Effect.sync(() => {
            act()
            this.changed()
          }),
          Math.ceil(delay)
        ))
    )
    site.timers.add(timer)
    timer.addObserver(() => site.timers.delete(timer))
  }

  /** A child has ended there, and not by its own fault: there is no such function, or the node is about to stop. */
  rest(node: string): void {
    const site = this.all.get(node)
    const now = this.router.monotonic()
    // Those that end together are one sign.
    if (site === undefined || site.restsUntil > now) return
    const millis = Math.min(longestRestMillis, firstRestMillis * 2 ** site.rests++)
    site.restsUntil = now + millis
    this.later(site, millis, () => {})
  }

  /** Those that children may be placed on. */
  get open(): ReadonlyArray<string> {
    const now = this.router.monotonic()
    return Array.from(this.all).flatMap(([node, { isListed, restsUntil }]) =>
      isListed && restsUntil <= now && this.router.isUp(node) && !this.router.drains(node) ? [node] : []
    )
  }

  hasLeft(node: string): boolean {
    return !this.all.has(node)
  }

  close(): void {
    this.router.listeners.delete(this)
    for (const site of this.all.values()) this.drop(site)
    this.all.clear()
  }
}
