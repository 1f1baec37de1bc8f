/**
 * The log of the watchdog, which is without the library: lines as its node writes them. The last ones are kept for the node that is
 * started next, so that `emp logs` has them.
 *
 * @internal
 */
import type { LogFormat } from "../../config/logFormats.ts"
import { type Line, ofWatchdog, type Settings } from "./channel.ts"
import { writeLogLine } from "./logFormat.ts"

/** So many lines are kept. */
const mostLines = 200

export class WatchdogLog {
  readonly lines: Array<Line> = []
  /** Nothing is known of the node yet. */
  private nodeId: string | undefined = undefined
  private format: LogFormat = "logfmt"
  private logged: Settings["logged"] = { warnings: true, errors: true }

  goBy({ logFormat, logged, nodeId }: Settings): void {
    this.nodeId = nodeId
    this.format = logFormat
    this.logged = logged
  }

  warn(text: string): void {
    if (this.logged.warnings) this.write("Warn", text)
  }

  error(text: string): void {
    if (this.logged.errors) this.write("Error", text)
  }

  private write(level: Line[1], text: string): void {
    const at = Date.now()
    this.lines.push([at, level, text])
    if (this.lines.length > mostLines) this.lines.shift()
    const annotations = this.nodeId === undefined ? ofWatchdog : { node: this.nodeId, ...ofWatchdog }
    writeLogLine(this.format, { at, level, text, cause: undefined, annotations })
  }
}
