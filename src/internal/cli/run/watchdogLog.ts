/**
 * The log of the watchdog, which is without the library: lines as its node writes them. The last ones are kept for the node that is
 * started next, so that `emp logs` has them.
 *
 * @internal
 */
import type { Line, LogFormat, Settings } from "./channel.ts"

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
    const now = new Date()
    this.lines.push([now.getTime(), level, text])
    if (this.lines.length > mostLines) this.lines.shift()
    process.stderr.write(`${formats[this.format](now, level.toUpperCase(), text, this.nodeId)}\n`)
  }
}

type Format = (now: Date, level: string, text: string, nodeId: string | undefined) => string

/** As the loggers of the library have them. */
const formats: { readonly [F in LogFormat]: Format } = {
  logfmt: (now, level, text, nodeId) =>
    [
      `timestamp=${now.toISOString()}`,
      `level=${level}`,
      `message=${quoted(text)}`,
      ...(nodeId === undefined ? [] : [`node=${quoted(nodeId)}`])
    ].join(" "),
  json: (now, level, text, node) =>
    JSON.stringify({
      message: text,
      level,
      timestamp: now.toISOString(),
      annotations: node === undefined ? {} : { node },
      spans: {}
    }),
  pretty: (now, level, text) =>
    `${now.toTimeString().slice(0, 8)}.${millis(now)} ${level.padEnd(5)} Cli: ${text} process=watchdog`
}

const quoted = (text: string): string => /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)

const millis = (now: Date): string => String(now.getMilliseconds()).padStart(3, "0")
