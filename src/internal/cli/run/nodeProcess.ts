/**
 * One life of the node that a watchdog looks after: it is started, beats, is told to stop, is killed when it hangs, and ends. Part of
 * the watchdog, which is without the library.
 *
 * @internal
 */
import { type ChildProcess, spawn } from "node:child_process"
import { commandLine } from "../terminal/commandLine.ts"
import { atOnce } from "../terminal/exitCodes.ts"
import { type FromNode, type FromWatchdog, mark, readFromNode, tellNode } from "./channel.ts"
import { ownVariables } from "./serviceManager.ts"

/** How often the watchdog counts whether the node has beaten. */
export const checkMillis = 500

/** Services that fail from the start have failed when the node has been ready for so long. */
const provenMillis = 3000

/** A node that is not ready yet loads modules, for which no beat can come: on a busy machine that takes its time. */
export const startSeconds = 30

export interface End {
  readonly code: number | null
  /** How the node ended, for people. */
  readonly how: string
  /** Somebody asked for a restart, and the node ended in order: it is started again at once. */
  readonly isWanted: boolean
  /** It does not fail from the start. */
  readonly isProven: boolean
  readonly livedMillis: number
}

/** What the watchdog has to know of the node, and do for it. */
export interface Keeper {
  /** So long without a beat, and the node counts as hanging. */
  readonly hangSeconds: number
  readonly heard: (message: FromNode) => void
  /** Comes with every check. */
  readonly checked: (hasBeaten: boolean) => void
  readonly killing: (problem: string) => void
}

export class NodeProcess {
  readonly ended: Promise<End>
  private readonly keeper: Keeper
  private readonly child: ChildProcess
  /** Why it is to end, and to be started again. */
  private restart: string | undefined = undefined
  /** Why it was killed. */
  private problem: string | undefined = undefined
  // Counted in checks: no clock is read. It may be set, and the watchdog may have stood still together with its node, as when a
  // machine sleeps.
  private silent = 0
  private leaving = 0
  private lived = 0
  private ready: number | undefined = undefined

  constructor(keeper: Keeper) {
    this.keeper = keeper
    this.child = spawnAgain()
    const checking = setInterval(() => this.check(), checkMillis)
    this.ended = new Promise((resolve) => {
      const over = (code: number | null, how: string): void => {
        clearInterval(checking)
        resolve(this.endOf(code, how))
      }
      this.child.on(
        "exit",
        (code, signal) =>
          over(code, this.problem ?? (signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`))
      )
      this.child.on("error", (error) => {
        if (this.child.pid === undefined) over(null, `could not be started (${error.message})`)
      })
    })
    this.child.on("message", (message) => this.hear(readFromNode(message)))
  }

  tell(message: FromWatchdog): void {
    tellNode(this.child, message)
  }

  /** Ends it in order, or kills it when that takes as long as a node may hang; then it is to be started again. */
  restartFor(why: string): void {
    this.restart ??= why
    this.tell({ stop: true })
  }

  private hear(message: FromNode): void {
    if (message.beat) this.silent = 0
    if (message.ready) this.ready = this.lived
    if (message.restart) this.restartFor("was asked to restart")
    this.keeper.heard(message)
  }

  private check(): void {
    this.lived++
    this.silent++
    if (this.restart !== undefined) this.leaving++
    const { hangSeconds } = this.keeper
    const most = hangSeconds * 1000 / checkMillis
    const mostSilent = this.ready === undefined ? Math.max(hangSeconds, startSeconds) * 1000 / checkMillis : most
    this.keeper.checked(this.silent <= beatChecks)
    if (this.silent <= mostSilent && this.leaving <= most || this.problem !== undefined) return
    this.problem = this.silent > mostSilent
      ? "hung, and was killed"
      : `${this.restart}, did not end in time, and was killed`
    this.child.kill("SIGKILL")
    this.keeper.killing(this.problem)
  }

  private endOf(code: number | null, how: string): End {
    const { lived, ready, restart } = this
    const isWanted = restart !== undefined && code === 0
    const isProven = restart !== undefined || ready !== undefined && (lived - ready) * checkMillis >= provenMillis
    return { code, how: isWanted ? restart : how, isWanted, isProven, livedMillis: lived * checkMillis }
  }
}

/** A node that beats has done so within so many checks. */
const beatChecks = 4

/** Starts the node, with the watchdog's own command line and a channel between the two. A second signal ends both at once. */
const spawnAgain = (): ChildProcess => {
  const { args, command } = commandLine()
  const env: NodeJS.ProcessEnv = { ...process.env, [mark]: "1" }
  // The service manager hears from the watchdog alone.
  for (const name of ownVariables) delete env[name]
  const child = spawn(command, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], env })
  const kill = (code: number): void => void (code === atOnce && child.kill("SIGKILL"))
  process.once("exit", kill)
  child.once("exit", () => process.off("exit", kill))
  return child
}
