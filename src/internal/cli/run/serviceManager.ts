/**
 * Says to systemd, or whatever else has set `NOTIFY_SOCKET`, how the node is: sd_notify(3). Part of the watchdog, which is without
 * the library. The socket is one that Node has no way to: the command `systemd-notify` sends what there is to say. Whether that
 * works is nothing to the node.
 *
 * @internal
 */
import { execFile } from "node:child_process"

/** What a service manager says to the process that it has started, and to no other one. */
export const ownVariables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const

/** One message has so long to be sent. */
const patienceMillis = 10_000
/** At the end all of them together have so long. */
const lastPatienceMillis = 1000

export class ServiceManager {
  private readonly complain: (problem: string) => void
  private readonly isThere = (process.env["NOTIFY_SOCKET"] ?? "") !== ""
  /** How long it waits for a sign of life before it ends the whole service. */
  private readonly watchMillis = readWatchMillis(process.env)
  private readonly waiting: Array<ReadonlyArray<string>> = []
  private isSending = false
  private hasComplained = false
  private sinceAliveMillis = 0
  /** Gives up what is being sent. */
  private leave = (): void => {}

  constructor(complain: (problem: string) => void) {
    this.complain = complain
  }

  ready(status: string): void {
    this.tell("READY=1", statusOf(status))
  }

  status(status: string): void {
    this.tell(statusOf(status))
  }

  /** The time is that of the clock which systemd compares it with. */
  reloading(): void {
    this.tell("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, statusOf("reads its configuration"))
  }

  stopping(): void {
    this.tell("STOPPING=1", statusOf("is stopping"))
  }

  /** The node is alive, and was so since this was called last: told twice as often as it has to be. */
  alive(sinceLastMillis: number): void {
    if (this.watchMillis === undefined) return
    this.sinceAliveMillis += sinceLastMillis
    if (this.sinceAliveMillis < this.watchMillis / 2 - sinceLastMillis || this.isSending) return
    this.sinceAliveMillis = 0
    this.tell("WATCHDOG=1")
  }

  private tell(...message: ReadonlyArray<string>): void {
    if (!this.isThere) return
    this.waiting.push(message)
    if (!this.isSending) this.send()
  }

  /** One after the other: what comes later counts more. */
  private send(): void {
    const message = this.waiting.shift()
    this.isSending = message !== undefined
    if (message === undefined) return
    const child = execFile("systemd-notify", message, { timeout: patienceMillis, killSignal: "SIGKILL" }, (error) => {
      if (error !== null && !this.hasComplained) {
        this.hasComplained = true
        this.complain(`the service manager hears nothing of this node: ${error.message.trim()}`)
      }
      this.send()
    })
    this.leave = () => {
      child.kill("SIGKILL")
      child.stdout?.destroy()
      child.stderr?.destroy()
    }
  }

  /** The watchdog ends, and waits no longer for what is being said: that it has ended the service manager sees. */
  close(): void {
    setTimeout(() => {
      this.waiting.length = 0
      this.leave()
    }, lastPatienceMillis).unref()
  }
}

/** In one line. */
const statusOf = (status: string): string => `STATUS=${status.replaceAll(/\s+/g, " ")}`

const readWatchMillis = (env: NodeJS.ProcessEnv): number | undefined => {
  const { WATCHDOG_PID: pid = String(process.pid), WATCHDOG_USEC: micros } = env
  const millis = Number(micros) / 1000
  return pid === String(process.pid) && millis > 0 ? millis : undefined
}
