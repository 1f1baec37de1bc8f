/**
 * What a run of the chaos came to, for people.
 */
import type { Noticed, Result } from "./chaos.ts"

/** Events before a violation that are shown. */
const shown = 40

const millis = ({ count, max, median }: Noticed): string =>
  count === 0 ? "never" : `median ${median.toFixed(1)} ms, at most ${max.toFixed(1)} ms, of ${count}`

export const report = ({ summary, trace }: Result, seed: number): string => {
  const {
    between,
    channels,
    children,
    ends,
    fired,
    folder,
    killNoticed,
    kills,
    messages,
    stopNoticed,
    stops,
    violation
  } = summary
  const lines = [
    `${kills} killed, ${stops} stopped, ${ends} ended in order${
      between === 0 ? "" : `, and what is between them ${between} times`
    }`,
    `${trace.events.length} events, ${messages} messages, ${channels} monitors, ${children} children of supervisors elsewhere`,
    `fired: ${Object.entries(fired).map(([tag, count]) => `${count} ${tag}`).join(", ")}`,
    `a SIGKILL was noticed by the others after ${millis(killNoticed)}`,
    `a SIGSTOP was noticed by the others after ${millis(stopNoticed)}`
  ]
  if (violation === undefined) return [...lines, "no violation"].join("\n")
  const events = trace.events.slice(Math.max(0, violation.at - shown), violation.at + 1)
  return [
    ...lines,
    ...events.map((event) => JSON.stringify(event)),
    `violation: ${violation.checker}: ${violation.message}`,
    `seed ${seed}, events in ${folder}`
  ].join("\n")
}
