/**
 * How lines of a log may be written: `cli/run/logFormat.ts` does it. Without the library, as the watchdog is.
 *
 * @internal
 */

export const logFormats = ["logfmt", "json", "pretty"] as const
export type LogFormat = typeof logFormats[number]
