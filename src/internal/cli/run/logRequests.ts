/**
 * What a node is asked of its log: our own requests, and the one that AnyEvent::MP has for it.
 *
 * @internal
 */
import * as Schema from "effect/Schema"
import { lineLevels } from "../../config/logLevels.ts"
import { describe } from "../../values/describe.ts"

/**
 * `emp_logs LEVEL PORT REPLYPORT`: lines of this level and above to a port of the node that asks, for a minute, unless the port
 * ends before. Answered by true or false.
 */
export const logsRequest = "emp_logs"

/**
 * `emp_log_level [SPEC] REPLYPORT`: the levels of the log, from now on, as `log_level` of the configuration has them. Answered by `true`
 * and the levels that hold now, or by `false` and what is wrong.
 */
export const logLevelRequest = "emp_log_level"

/**
 * `emp_log_tail { tail, since, level, follow } REPLYPORT`: the last lines, so many, and none from before that time. Answered by a list of
 * lines `[at, level, text, annotations]`, the oldest first. `follow` is a port of the node that asks: it gets the lines as `emp_logs` sends
 * them, and in the same turn it becomes a listener, so that none is lost between the two and none comes twice; the answer is `true` then. What
 * cannot be done is answered by a text that says why.
 */
export const logTailRequest = "emp_log_tail"

export const TailOptions = Schema.Struct({
  tail: Schema.optionalKey(Schema.Finite),
  since: Schema.optionalKey(Schema.Finite),
  level: Schema.optionalKey(Schema.Literals(lineLevels)),
  follow: Schema.optionalKey(Schema.String)
})

/** What a Perl node asks instead: `0 PORT LEVEL`, until the port ends. The port gets `TIME CONTEXT LEVEL TEXT`. */
export const perlLogsRequest = "AnyEvent::MP::LogCatcher::connect"

/** AnyEvent's levels. Ours are among them. */
const perlLevels: ReadonlyMap<string, number> = new Map([
  ["fatal", 1],
  ["alert", 2],
  ["critical", 3],
  ["error", 4],
  ["warn", 5],
  ["note", 6],
  ["info", 7],
  ["debug", 8],
  ["trace", 9]
])

/** By name or by number. */
export const perlLevel = (level: string): number => perlLevels.get(level.toLowerCase()) ?? Number(level)

/** Whatever else a node says is shown as it is. */
export const nameOfPerlLevel = (level: unknown): string =>
  Array.from(perlLevels).find(([, number]) => number === Number(level))?.[0] ?? describe(level)
