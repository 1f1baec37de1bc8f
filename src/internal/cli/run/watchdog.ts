/**
 * `emp run` is two processes: the watchdog, which was called, and the node, which the watchdog starts, and starts again when the
 * node dies, hangs, or is asked to restart.
 *
 * The two talk by messages of Node's child processes. The node says `beat` every second, from its event loop, and `ready` and
 * `restart` when it comes to that; the watchdog says `stop`, and `reload` when it got a SIGHUP. When the watchdog is gone, the node ends too.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import { watch } from "node:fs"
import { dirname } from "node:path"
import { commandLine } from "../terminal/commandLine.ts"
import { atOnce } from "../terminal/interruption.ts"
import type { Reloads } from "./hangup.ts"

/** Tells a process that it is the node of a watchdog. */
const mark = "EFFECT_MP_WATCHED"

/** Before a node is started again: the first delay, and the longest one. */
const delayMillis = { first: 100, longest: 30_000 }

/** A node that has lived for so long has the first delay before it again. */
const calmMillis = 60_000

/** The node has ended for good, and the watchdog ends with the same exit code. Why, the node has said itself. */
export class NodeEnded extends Schema.TaggedError<NodeEnded>()("NodeEnded", { code: Schema.Number }) {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return `the node ended with exit code ${this.code}`
  }
}

export interface WatchdogOptions {
  /** So long without a beat, and the node counts as hanging. */
  readonly hangSeconds: number
  /** Files whose change is followed by a restart. */
  readonly watched: ReadonlyArray<string>
  /** Hangups, which are passed on. */
  readonly reloads: Reloads
}

interface End {
  readonly code: number | null
  /** How the node ended, for people. */
  readonly how: string
  /** Somebody asked for a restart, and the node ended in order: it is started again at once. */
  readonly isWanted: boolean
  readonly wasReady: boolean
}

/** Runs the command line of this process again, as often as it takes. */
export const watchdog = (options: WatchdogOptions): Effect.Effect<void, NodeEnded> =>
  Effect.scoped(Effect.gen(function*() {
    const changes = yield* watchFiles(options.watched)
    let delay = delayMillis.first
    let wasReady = false
    for (;;) {
      const began = yield* Clock.currentTimeMillis
      const end = yield* runOnce(options.hangSeconds, changes, options.reloads)
      wasReady ||= end.wasReady
      if (!end.isWanted && end.code === 0) return
      // What is wrong from the start does not get better by trying again.
      if (end.code !== null && end.code !== 0 && (end.code === 2 || !wasReady)) {
        return yield* new NodeEnded({ code: end.code })
      }
      if ((yield* Clock.currentTimeMillis) - began > calmMillis) delay = delayMillis.first
      if (end.isWanted) {
        yield* Effect.logWarning(`the node ${end.how}; it is started again`)
        continue
      }
      yield* Effect.logWarning(`the node ${end.how}; it is started again in ${delay} ms`)
      // Whoever has corrected a mistake need not wait.
      const isChanged = yield* Effect.raceFirst(
        Effect.as(Effect.sleep(delay), false),
        Effect.as(Queue.take(changes), true)
      )
      delay = isChanged ? delayMillis.first : Math.min(delay * 2, delayMillis.longest)
    }
  }))

/** How often the watchdog counts whether the node has beaten. */
const checkMillis = 500

/** Starts the node and waits for its end: by itself, or because it hangs, is asked to restart, or one of its files has changed. */
const runOnce = (hangSeconds: number, changes: Queue.Dequeue<string>, reloads: Reloads): Effect.Effect<End> =>
  Effect.scoped(Effect.gen(function*() {
    const ended = yield* Deferred.make<End>()
    const mostChecks = hangSeconds * 1000 / checkMillis
    let child: ChildProcess | undefined
    let wasReady = false
    let restart: string | undefined
    let problem: string | undefined
    // Checks since the last beat, and since the node was told to stop. No clock is read: it may be set, and the watchdog may have
    // stood still together with its node, as when a machine sleeps.
    let silent = 0
    let leaving = 0
    const check = Effect.suspend(() => {
      silent++
      if (restart !== undefined) leaving++
      if (silent <= mostChecks && leaving <= mostChecks || problem !== undefined) return Effect.void
      problem = silent > mostChecks ? "hung, and was killed" : `${restart}, did not end in time, and was killed`
      child?.kill("SIGKILL")
      return Effect.logError(`the node ${problem}`)
    })
    // Before the node is made, and so ended after it: a node that hangs while it is told to stop is killed too.
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(checkMillis), check)))
    child = yield* Effect.acquireRelease(Effect.sync(startAgain), (child) => stop(child, ended))
    const endFor = (why: string): void => {
      restart ??= why
      sendTo(child, "stop")
    }
    child.on("message", (message) => {
      if (message === "beat") silent = 0
      else if (message === "ready") wasReady = true
      else if (message === "restart") endFor("was asked to restart")
    })
    const over = (code: number | null, how: string): void => {
      const isAsked = restart !== undefined
      const isWanted = isAsked && code === 0
      const end: End = { code, how: isWanted ? restart ?? how : how, isWanted, wasReady: wasReady || isAsked }
      Deferred.doneUnsafe(ended, Effect.succeed(end))
    }
    child.on(
      "exit",
      (code, signal) =>
        over(code, problem ?? (signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`))
    )
    child.on("error", (error) => child?.pid === undefined && over(null, `could not be started (${error.message})`))
    const changed = Effect.map(Queue.take(changes), (file) => endFor(`is to run with the changed ${file}`))
    yield* Effect.forkScoped(Effect.forever(changed))
    const reload = Effect.map(Queue.take(reloads), () => sendTo(child, "reload"))
    yield* Effect.forkScoped(Effect.forever(reload))
    return yield* Deferred.await(ended)
  }))

/** Starts the node, with the watchdog's own command line and a channel between the two. A second signal ends both at once. */
const startAgain = (): ChildProcess => {
  const { args, command } = commandLine()
  const child = spawn(command, args, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [mark]: "1" }
  })
  const kill = (code: number): void => void (code === atOnce && child.kill("SIGKILL"))
  process.once("exit", kill)
  child.once("exit", () => process.off("exit", kill))
  return child
}

/** A message to a process that has gone is for nobody. */
const sendTo = (target: Pick<ChildProcess, "connected" | "send">, message: string): void => {
  if (target.connected) target.send(message, () => {})
}

/** The end of the watchdog ends the node, in order. */
const stop = (child: ChildProcess, ended: Deferred.Deferred<End>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Effect.void
    sendTo(child, "stop")
    return Effect.asVoid(Deferred.await(ended))
  })

/** The names of files that have changed. Editors save a file in several steps: the last step counts. */
const watchFiles = Effect.fnUntraced(function*(files: ReadonlyArray<string>) {
  const changes = yield* Queue.sliding<string>(1)
  const context = yield* Effect.context<never>()
  for (const folder of new Set(files.map(dirname))) {
    let waiting: (() => void) | undefined
    const opened = Effect.try({
      try: () => watch(folder),
      catch: (error) => `${folder} is not watched: ${error instanceof Error ? error.message : error}`
    })
    const watching = Effect.acquireRelease(opened, (watcher) =>
      Effect.sync(() => {
        waiting?.()
        watcher.close()
      }))
    const watcher = yield* Effect.catch(watching, (problem) => Effect.as(Effect.logWarning(problem), undefined))
    watcher?.on("change", (_, name) => {
      const file = String(name)
      if (!/\.[cm]?[jt]sx?$/.test(file)) return
      waiting?.()
      const fiber = Effect.runForkWith(context)(Effect.delay(Queue.offer(changes, file), "200 millis"))
      waiting = () => fiber.interruptUnsafe()
    })
    // A folder that is gone does not change any more.
    watcher?.on("error", () => {})
  }
  return changes
})

// ---- the node's side

/** The request that `emp restart` sends; answered by whether there is somebody who starts the node again. */
export const restartRequest = "emp_restart"

/** Whether this process is the node of a watchdog. */
export const isWatched = (): boolean => process.env[mark] !== undefined && process.send !== undefined

/**
 * Beats for as long as the scope lasts, and stops the node when the watchdog says so, or is gone. A node that is told to stop
 * twice, or by a signal as well, still stops in order: what ends it at once is its watchdog.
 */
export const obey = Effect.gen(function*() {
  if (!isWatched()) return
  // The processes that the node starts have no watchdog.
  delete process.env[mark]
  const stop = (): void => void process.kill(process.pid, "SIGTERM")
  const listener = (message: unknown): void => {
    if (message === "stop") stop()
    else if (message === "reload") process.kill(process.pid, "SIGHUP")
  }
  process.on("message", listener).on("disconnect", stop)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.off("message", listener).off("disconnect", stop)))
  // The watchdog may have gone before the node listened.
  if (!process.connected) stop()
  yield* Effect.forkScoped(
    Effect.forever(Effect.andThen(Effect.sync(() => tellWatchdog("beat")), Effect.sleep("1 second")))
  )
})

/** Says something to the watchdog of this process, if it has one. */
export const tellWatchdog = (message: "beat" | "ready" | "restart"): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
