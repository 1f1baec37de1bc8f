/**
 * What comes of a configuration that a node reads again: on its way to those who have asked, and in words.
 *
 * @internal
 */

/** `emp_reload REPLYPORT ARG...`: answered by a `Reloaded` when all is done. */
export const reloadRequest = "emp_reload"

/** What has come of it. */
export interface Reloaded {
  /** The keys of the configuration whose values are in use now, and what was done with services. */
  readonly taken: ReadonlyArray<string>
  /** Keys that have changed, and are for the node's next start. */
  readonly needsRestart: ReadonlyArray<string>
  /** Why nothing has changed. */
  readonly wrong?: string
}

/** For the log, and for those who have asked. */
export const showReloaded = ({ needsRestart, taken, wrong }: Reloaded): string => {
  if (wrong !== undefined) return `the configuration stays as it is: ${wrong}`
  const parts = [
    ...(taken.length === 0 ? [] : [`taken: ${taken.join(", ")}`]),
    ...(needsRestart.length === 0 ? [] : [`needs a restart: ${needsRestart.join(", ")}`])
  ]
  return `the configuration was read again; ${parts.join("; ") || "nothing has changed"}`
}
