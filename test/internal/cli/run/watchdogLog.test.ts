/** What the watchdog writes: lines in the format, and at the levels, of its node. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { formatLine } from "../../../../src/internal/cli/run/logFormat.ts"
import { WatchdogLog } from "../../../../src/internal/cli/run/watchdogLog.ts"
import { logFormats } from "../../../../src/internal/config/logFormats.ts"

const settings = {
  nodeId: "a",
  hangSeconds: 30,
  watched: [],
  logFormat: "logfmt",
  logged: { warnings: true, errors: true }
} as const

const written = (log: (log: WatchdogLog) => void): { readonly text: string; readonly kept: WatchdogLog["lines"] } => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true)
  const watchdog = new WatchdogLog()
  log(watchdog)
  return { text: write.mock.calls.map(([text]) => String(text)).join(""), kept: watchdog.lines }
}

describe("the log of the watchdog", () => {
  afterEach(() => void vi.restoreAllMocks())

  it.each(logFormats)("has lines as its node writes them: %s", (logFormat) => {
    const { kept, text } = written((log) => {
      log.goBy({ ...settings, logFormat })
      log.warn("the node\nhangs")
    })
    const line = {
      at: kept[0]?.[0] ?? 0,
      level: "Warn",
      text: "the node\nhangs",
      cause: undefined,
      annotations: { node: "a", module: "Cli", process: "watchdog" }
    }
    assert.include([false, true].map((isColored) => `${formatLine(logFormat, line, isColored)}\n`), text)
  })

  it("has what the node would log, and keeps no more than that", () => {
    const { kept, text } = written((log) => {
      log.goBy({ ...settings, logged: { warnings: false, errors: true } })
      log.warn("it is started again")
      log.error("it was killed")
    })
    assert.match(text, /^timestamp=\S+ level=ERROR message="it was killed" node=a module=Cli process=watchdog\n$/)
    assert.deepStrictEqual(kept.map(([, ...line]) => line), [["Error", "it was killed"]])
  })
})
