/**
 * `emp run` runs its node in a process of its own, and this one looks after it: it starts it again when it dies, hangs, or is
 * asked to be restarted.
 *
 * The two talk by messages of Node's child processes. The node says `beat` every second, from its event loop, `ready`, and
 * `restart`; it is told to `stop`. When this process is gone, so is the node.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import { watch } from "node:fs"
import { dirname } from "node:path"

/** Tells a process that it is looked after. */
const mark = "EFFECT_MP_WATCHED"

/** The first delay before the next start, the longest one, and how long a node has to live for the first one to count again. */
const delays = { first: 100, longest: 30_000, calm: 60_000 }

/** A node that is to end the process with a code of its own. What there was to say it has said itself. */
export class NodeEnded extends Schema.TaggedError<NodeEnded>()("NodeEnded", { code: Schema.Number }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return `the node ended with exit code ${this.code}`
  }
}

export interface WatchdogOptions {
  /** Seconds without a beat after which the node counts as hanging. */
  readonly hangTimeout: number
  /** Files whose change is followed by a restart. */
  readonly watched: ReadonlyArray<string>
}

interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly wasReady: boolean
  /** Why it was ended on purpose. */
  readonly restart: string | undefined
}

/** Runs the command line of this process again, as often as it takes. */
export const watchdog = (options: WatchdogOptions): Effect.Effect<void, NodeEnded> =>
  Effect.gen(function*() {
    let delay = delays.first
    let wasReady = false
    for (;;) {
      const began = yield* Clock.currentTimeMillis
      const end = yield* runOnce(options)
      wasReady ||= end.wasReady
      if (end.restart === undefined) {
        if (end.code === 0) return
        // What is wrong from the start does not get better by trying again.
        if (end.code !== null && (end.code === 2 || !wasReady)) return yield* new NodeEnded({ code: end.code })
      }
      const lived = (yield* Clock.currentTimeMillis) - began
      if (lived > delays.calm) delay = delays.first
      const how = end.restart ??
        (end.signal === null ? `ended with exit code ${end.code}` : `was killed by ${end.signal}`)
      const wait = end.restart === undefined || end.restart === hangs ? delay : 0
      yield* Effect.logWarning(`the node ${how}; it is started again${wait === 0 ? "" : ` in ${wait} ms`}`)
      yield* Effect.sleep(wait)
      if (wait > 0) delay = Math.min(delay * 2, delays.longest)
    }
  })

const hangs = "hung, and was killed"

const runOnce = ({ hangTimeout, watched }: WatchdogOptions): Effect.Effect<End> =>
  Effect.scoped(Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const ended = yield* Deferred.make<End>()
    let restart: string | undefined
    let wasReady = false
    let lastBeat = clock.currentTimeMillisUnsafe()
    const child = yield* Effect.acquireRelease(Effect.sync(startAgain), (child) => stop(child, ended))
    child.on("message", (message) => {
      if (message === "beat") lastBeat = clock.currentTimeMillisUnsafe()
      else if (message === "ready") wasReady = true
      else if (message === "restart") endFor("was asked to restart")
    })
    child.on("exit", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal, wasReady, restart })))
    const endFor = (why: string): void => {
      restart = why
      if (child.connected) child.send("stop")
    }
    yield* watchFiles(watched, (file) => endFor(`is to run with the changed ${file}`))
    const check = Effect.sync(() => {
      if (clock.currentTimeMillisUnsafe() - lastBeat < hangTimeout * 1000) return
      restart = hangs
      child.kill("SIGKILL")
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("500 millis"), check)))
    return yield* Deferred.await(ended)
  }))

/** The same program with the same arguments, and a channel to it. */
const startAgain = (): ChildProcess =>
  spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [mark]: "1" }
  })

/** Whoever ends this process ends the node, in order. */
const stop = (child: ChildProcess, ended: Deferred.Deferred<End>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.exitCode !== null || child.signalCode !== null) return Effect.void
    if (child.connected) child.send("stop")
    else child.kill("SIGTERM")
    return Effect.asVoid(Deferred.await(ended))
  })

/** Editors save a file in several steps: the last one counts. */
const watchFiles = Effect.fnUntraced(function*(files: ReadonlyArray<string>, changed: (file: string) => void) {
  const context = yield* Effect.context<never>()
  for (const folder of new Set(files.map(dirname))) {
    let waiting: (() => void) | undefined
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        watch(folder, (_, name) => {
          if (name === null || !/\.[cm]?[jt]s$/.test(name)) return
          waiting?.()
          const fiber = Effect.runForkWith(context)(Effect.delay(Effect.sync(() => changed(name)), "200 millis"))
          waiting = () => fiber.interruptUnsafe()
        })
      ),
      (watcher) =>
        Effect.sync(() => {
          waiting?.()
          watcher.close()
        })
    )
  }
})

// ---- the node's side

/** The request that `emp restart` sends; answered by whether there is somebody who starts the node again. */
export const restartRequest = "emp_restart"

/** Whether this process is looked after. */
export const isWatched = (): boolean => process.env[mark] !== undefined && process.send !== undefined

/** Beats for as long as the scope lasts, and stops when it is told to, or when nobody looks after this process any more. */
export const obey = Effect.gen(function*() {
  if (!isWatched()) return
  // What this process starts is not looked after.
  delete process.env[mark]
  const told = (message: unknown): void => {
    if (message === "stop") process.kill(process.pid, "SIGTERM")
  }
  const alone = (): void => void process.kill(process.pid, "SIGTERM")
  process.on("message", told).on("disconnect", alone)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.off("message", told).off("disconnect", alone)))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sync(() => tell("beat")), Effect.sleep("1 second"))))
})

/** Says something to whoever looks after this process. */
export const tell = (message: "beat" | "ready" | "restart"): void => {
  if (process.connected) process.send?.(message)
}
