/**
 * What every node says of its life in its log, for tests of what it says beside that.
 */

const told =
  /\b(?:node \S+ (?:starts:|listens |is up:|is down:|has left:|has stopped|is the master |is a global node)|seed .* is (?:reached|lost):?)/

export const isOfLife = (line: string): boolean => told.test(line)

/** The other lines of a log. */
export const withoutLife = (log: string): string => log.split("\n").filter((line) => !isOfLife(line)).join("\n")
