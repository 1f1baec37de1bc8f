/**
 * `emp run` is two processes: the watchdog, which was called, and the node, which the watchdog starts, and starts again when the
 * node dies, hangs, or is asked to restart.
 *
 * The watchdog is a small program of its own. It imports nothing of the library, so that it takes little memory beside each node;
 * it knows neither the command line nor the configuration, which the node reads, and tells it. So there is no `Clock` here either:
 * these files alone use the timers of Node, and no clock but for the time in a line of the log.
 *
 * @internal
 */
import { atOnce } from "../terminal/exitCodes.ts"
import type { FromNode, Settings } from "./channel.ts"
import { heedHangups } from "./hangup.ts"
import { checkMillis, type End, NodeProcess, startSeconds } from "./nodeProcess.ts"
import { ServiceManager } from "./serviceManager.ts"
import { WatchdogLog } from "./watchdogLog.ts"
import { watchFiles } from "./watchedFiles.ts"

/** Before a node is started again: the first delay, and the longest one. */
const delayMillis = { first: 100, longest: 30_000 }

/** A node that has lived for so long has the first delay before it again. */
const calmMillis = 60_000

export class Watchdog {
  /** With the exit code. Why the node has ended, it has said itself. */
  readonly ended: Promise<number>
  private readonly log = new WatchdogLog()
  private readonly manager = new ServiceManager((problem) => this.log.warn(problem))
  private settings: Settings | undefined = undefined
  private node: NodeProcess | undefined = undefined
  private isStopping = false
  /** One of the nodes was well for a while: what ends later ones may get better by trying again. */
  private wasWell = false
  /** Ends the rest before the next start. */
  private wake: ((isChanged: boolean) => void) | undefined = undefined
  private unwatch = (): void => {}

  constructor() {
    process.title = "emp watchdog"
    const unheed = heedHangups(() => this.reload())
    this.ended = this.keepRunning().finally(() => {
      unheed()
      this.manager.close()
      this.unwatch()
    })
  }

  /** Ends the node, in order, and itself. */
  stop(): void {
    if (this.isStopping) return
    this.isStopping = true
    this.manager.stopping()
    this.node?.tell({ stop: true })
    this.wake?.(false)
  }

  /** A node that does not run yet reads its configuration when it starts. */
  private reload(): void {
    this.manager.reloading()
    if (this.node === undefined) this.manager.ready("the node is not running")
    else this.node.tell({ reload: true })
  }

  private async keepRunning(): Promise<number> {
    let delay = delayMillis.first
    for (;;) {
      const end = await this.runOnce()
      this.wasWell ||= end.isProven
      if (this.isStopping || !end.isWanted && end.code === 0) return 0
      // What is wrong from the start does not get better by trying again.
      if (end.code !== null && end.code !== 0 && (end.code === 2 || !this.wasWell)) return end.code
      if (end.livedMillis > calmMillis) delay = delayMillis.first
      this.tellEnd(end, delay)
      if (end.isWanted) continue
      // Whoever has corrected a mistake need not wait.
      const isChanged = await this.rest(delay)
      if (this.isStopping) return 0
      delay = isChanged ? delayMillis.first : Math.min(delay * 2, delayMillis.longest)
    }
  }

  private async runOnce(): Promise<End> {
    const settings = (): Settings | undefined => this.settings
    const node = new NodeProcess({
      get hangSeconds() {
        return settings()?.hangSeconds ?? startSeconds
      },
      heard: (message) => this.hear(message),
      checked: (hasBeaten) => {
        if (hasBeaten) this.manager.alive(checkMillis)
      },
      killing: (problem) => this.log.error(`the node ${problem}`)
    })
    this.node = node
    // It hears of them when it listens.
    node.tell({ lines: this.log.lines })
    const end = await node.ended
    this.node = undefined
    return end
  }

  private hear({ nodeId, ready, reloaded, settings }: FromNode): void {
    if (settings !== undefined) {
      this.goBy(settings)
      this.unwatch()
      const complain = (problem: string): void => this.log.warn(problem)
      this.unwatch = watchFiles(settings.watched, (file) => this.changed(file), complain)
    }
    if (nodeId !== undefined && this.settings !== undefined) this.goBy({ ...this.settings, nodeId })
    if (ready) this.manager.ready(`node ${this.settings?.nodeId} is ready`)
    if (reloaded !== undefined) this.manager.ready(reloaded)
  }

  private goBy(settings: Settings): void {
    this.settings = settings
    this.log.goBy(settings)
    process.title = `emp watchdog ${settings.nodeId}`
  }

  private changed(file: string): void {
    this.node?.restartFor(`is to run with the changed ${file}`)
    this.wake?.(true)
  }

  private tellEnd({ how, isWanted }: End, delay: number): void {
    const text = `the node ${how}; it is started again${isWanted ? "" : ` in ${delay} ms`}`
    this.log.warn(text)
    this.manager.status(text)
  }

  /** Answers whether a source file has changed meanwhile. */
  private async rest(millis: number): Promise<boolean> {
    const isChanged = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, millis, false)
      this.wake = (isChanged) => {
        clearTimeout(timer)
        resolve(isChanged)
      }
    })
    this.wake = undefined
    return isChanged
  }
}

/** Whoever waits for the end is told after so long how to have it at once. */
const impatientMillis = 5000

/** Makes this process the watchdog of a node: the first signal ends it in order, a second one at once. */
export const main = async (): Promise<void> => {
  const watchdog = new Watchdog()
  let isEnding = false
  // That nobody reads its log is no reason to end.
  process.stderr.on("error", () => {})
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (isEnding) process.exit(atOnce)
      isEnding = true
      const hint = (): void => void process.stderr.write("emp: still ending; a second signal ends it at once\n")
      setTimeout(hint, impatientMillis).unref()
      watchdog.stop()
    })
  }
  process.exitCode = await watchdog.ended
}
