/**
 * A node of `emp run` reads its configuration again while it runs, on SIGHUP and when it is asked from afar. All of it is checked before
 * anything is changed. What is wrong changes nothing; what a node cannot take while it runs it says by name.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Queue from "effect/Queue"
import { checkProof, runKeyOf, type RunOptions } from "../../config/options.ts"
import { defaults } from "../../node/options.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { isPortId } from "../../values/portId.ts"
import { tellWatchdog } from "./channel.ts"
import { heedHangups } from "./hangup.ts"
import { beginLog, setLevels } from "./log.ts"
import { checkSeeds } from "./node.ts"
import { type Reloaded, reloadRequest, showReloaded } from "./reloaded.ts"
import { OwnProof } from "./renewal.ts"
import type { Change, Services } from "./services.ts"
import { beKnownAs } from "./watched.ts"

type RunOptionName = keyof typeof runKeyOf

const runOptionNames = Object.keys(runKeyOf).filter((name): name is RunOptionName => Object.hasOwn(runKeyOf, name))

/** Options that a node takes while it runs, beside those of its proof; all others are for its next start. */
const takes: { readonly [O in RunOptionName]?: (router: Router, options: RunOptions) => void } = {
  seeds: (router, { seeds }) => router.observed.seeding?.use(seeds),
  drainTimeout: (router, { drainTimeout = defaults.drainTimeoutMillis }) => {
    router.drain.timeoutMillis = Duration.toMillis(drainTimeout)
  },
  logFormat: (_router, options) => beginLog(options),
  logLevel: (_router, options) => setLevels(options)
}

/** A node without seeds is a network of its own, from its start. */
const isTakeable = (name: RunOptionName, { seeds }: RunOptions): boolean =>
  name === "seeds" ? seeds.length > 0 : takes[name] !== undefined

/** Gets an element when the configuration is to be read again: by SIGHUP, which is heard from now on. */
export const hangups = Effect.gen(function*() {
  const reloads = yield* Queue.sliding<"reload">(1)
  const listen = Effect.sync(() => heedHangups(() => Queue.offerUnsafe(reloads, "reload")))
  yield* Effect.acquireRelease(listen, (unlisten) => Effect.sync(unlisten))
  return reloads
})

/** So many wait for what comes of it; and whoever asks again and again has it done so long after the last time. */
const mostAsking = 64
const rest = "500 millis"

export interface ReloadOptions<E, R> {
  /** What the node was started with. */
  readonly first: RunOptions
  readonly reloads: Queue.Queue<"reload">
  /** Reads the whole configuration. */
  readonly reread: Effect.Effect<RunOptions, E, R>
  /** There when they have started. */
  readonly services: Effect.Effect<Services>
  /** Hears of what is used from now on. */
  readonly took: (options: RunOptions) => void
}

/** Keeps the node that it runs on up to date. */
export const reloading = <E extends Error, R>({ first, reloads, reread, services, took }: ReloadOptions<E, R>) =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const proof = new OwnProof(first)
    const used = { ...first }
    const asking: Array<(reloaded: Reloaded) => void> = []
    router.requests.add(reloadRequest, (from, [to, ...rest]) => {
      const answer = (reloaded: Reloaded): void => {
        if (isPortId(to)) router.relay(from, to, [...rest, reloaded])
      }
      if (asking.length === mostAsking) return answer(refused("too many nodes ask for it at the same time"))
      log.warnSome(`reload by ${from}`, `node ${from} asks this one to read its configuration again`)
      asking.push(answer)
      Queue.offerUnsafe(reloads, "reload")
    })
    const log = router.log.of("Cli")
    const once = Effect.gen(function*() {
      const options = yield* reread
      yield* checkProof(options)
      yield* checkSeeds(options)
      yield* proof.check(options)
      const change = Equal.equals(options.services, used.services)
        ? undefined
        : yield* Effect.flatMap(services, (services) => services.changeTo(options.services))
      const { current } = proof
      const proofs = proof.changes(options)
      yield* proof.take(options)
      if (change !== undefined) yield* Effect.tapError(change.apply, () => Effect.ignore(proof.take(current)))
      const changed = runOptionNames.filter((name) =>
        name !== "secret" && name !== "cert" && !Equal.equals(options[name], used[name])
      )
      const taken = changed.filter((name) => isTakeable(name, options))
      for (const name of taken) {
        takes[name]?.(router, options)
        Object.assign(used, { [name]: options[name] })
      }
      used.services = options.services
      took(options)
      beKnownAs(router.nodeId)
      return {
        taken: [...proofs, ...taken.map((name) => runKeyOf[name]), ...showChange(change)],
        needsRestart: changed.filter((name) => !taken.includes(name)).map((name) => runKeyOf[name])
      }
    })
    const next = Effect.gen(function*() {
      yield* Queue.take(reloads)
      const waiting = asking.splice(0)
      const reloaded: Reloaded = yield* once.pipe(
        Effect.catch((error) => Effect.succeed(refused(error.message))),
        Effect.catchDefect((defect) => Effect.succeed(refused(String(defect))))
      )
      const text = showReloaded(reloaded)
      if (reloaded.wrong === undefined) log.info(text)
      else log.error(text)
      tellWatchdog({ reloaded: text })
      // Whoever has asked may take no message of that size.
      yield* Effect.forEach(
        waiting,
        (answer) =>
          Effect.catchDefect(
            Effect.sync(() => answer(reloaded)),
            (defect) => Effect.sync(() => log.warn("what came of it could not be answered", defect))
          ),
        { discard: true }
      )
      yield* Effect.sleep(rest)
    })
    return yield* Effect.raceFirst(Effect.forever(next), proof.watching)
  })

const refused = (wrong: string): Reloaded => ({ taken: [], needsRestart: [], wrong })

const showChange = (change: Change | undefined): ReadonlyArray<string> => [
  ...(change?.stopped ?? []).map((id) => `service ${id} is stopped`),
  ...(change?.started ?? []).map((id) => `service ${id} is started`)
]
