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
import * as Queue from "effect/Queue"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { type ChildProcess, spawn } from "node:child_process"
import { watch } from "node:fs"
import { dirname } from "node:path"
import { commandLine } from "../terminal/commandLine.ts"
import { atOnce } from "../terminal/interruption.ts"

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
  /** How it ended, for people. */
  readonly how: string
  /** Somebody asked for a restart, and it ended in order: there is nothing to wait for. */
  readonly isWanted: boolean
  readonly wasReady: boolean
}

/** Runs the command line of this process again, as often as it takes. */
export const watchdog = (options: WatchdogOptions): Effect.Effect<void, NodeEnded> =>
  Effect.scoped(Effect.gen(function*() {
    const changes = yield* watchFiles(options.watched)
    let delay = delays.first
    let wasReady = false
    for (;;) {
      const began = yield* Clock.currentTimeMillis
      const end = yield* runOnce(options.hangTimeout, changes)
      wasReady ||= end.wasReady
      if (!end.isWanted && end.code === 0) return
      // What is wrong from the start does not get better by trying again.
      if (end.code !== null && end.code !== 0 && (end.code === 2 || !wasReady)) {
        return yield* new NodeEnded({ code: end.code })
      }
      if ((yield* Clock.currentTimeMillis) - began > delays.calm) delay = delays.first
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
      delay = isChanged ? delays.first : Math.min(delay * 2, delays.longest)
    }
  }))

/** How often is looked whether it beats. */
const looks = 500

const runOnce = (hangTimeout: number, changes: Queue.Dequeue<string>): Effect.Effect<End> =>
  Effect.scoped(Effect.gen(function*() {
    const ended = yield* Deferred.make<End>()
    const patience = hangTimeout * 1000 / looks
    let child: ChildProcess | undefined
    let wasReady = false
    let restart: string | undefined
    let problem: string | undefined
    // Looks are counted, and no clock is read: it may be set, and this process may have stood still, as when a machine sleeps.
    let silent = 0
    let leaving = 0
    const look = Effect.suspend(() => {
      silent++
      if (restart !== undefined) leaving++
      if (silent <= patience && leaving <= patience || problem !== undefined) return Effect.void
      problem = silent > patience ? "hung, and was killed" : `${restart}, did not end in time, and was killed`
      child?.kill("SIGKILL")
      return Effect.logError(`the node ${problem}`)
    })
    // In this order: a node that hangs while it is told to stop is killed too.
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(looks), look)))
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
    return yield* Deferred.await(ended)
  }))

/** The same program with the same arguments, and a channel to it. If this one ends at once, so does that one. */
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

/** What the channel does not carry any more is for nobody. */
const sendTo = (target: Pick<ChildProcess, "connected" | "send">, message: string): void => {
  if (target.connected) target.send(message, () => {})
}

/** Whoever ends this process ends the node, in order. */
const stop = (child: ChildProcess, ended: Deferred.Deferred<End>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Effect.void
    sendTo(child, "stop")
    return Effect.asVoid(Deferred.await(ended))
  })

/** The names of files that have changed. Editors save a file in several steps: the last one counts. */
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

/** Whether this process is looked after. */
export const isWatched = (): boolean => process.env[mark] !== undefined && process.send !== undefined

/**
 * Beats for as long as the scope lasts, and stops when it is told to, or when nobody looks after this process any more. To be
 * told so twice, or by a signal as well, means nothing: it is the watchdog that ends this process at once.
 */
export const obey = Effect.gen(function*() {
  if (!isWatched()) return
  // What this process starts is not looked after.
  delete process.env[mark]
  const stop = (): void => void process.kill(process.pid, "SIGTERM")
  const told = (message: unknown): void => {
    if (message === "stop") stop()
  }
  process.on("message", told).on("disconnect", stop)
  yield* Effect.addFinalizer(() => Effect.sync(() => process.off("message", told).off("disconnect", stop)))
  // It may have gone before anybody listened.
  if (!process.connected) stop()
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sync(() => tell("beat")), Effect.sleep("1 second"))))
})

/** Says something to whoever looks after this process. */
export const tell = (message: "beat" | "ready" | "restart"): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
