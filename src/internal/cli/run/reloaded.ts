/**
 * What comes of a configuration that a node reads again: on its way to those who have asked, and in words.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/** `emp_reload REPLYPORT ARG...`: answered by a `Reloaded` when all is done. */
export const reloadRequest = "emp_reload"

const Texts = Schema.Array(Schema.String)

/** What has come of it. */
export const Reloaded = Schema.Struct({
  /** The keys of the configuration whose values are in use now, and what was done with services. */
  taken: Texts,
  /** Keys that have changed, and are for the node's next start. */
  needsRestart: Texts,
  /** Why nothing has changed. */
  wrong: Schema.optionalKey(Schema.String)
})
export type Reloaded = typeof Reloaded.Type

/** For the log, and for those who have asked. */
export const showReloaded = ({ needsRestart, taken, wrong }: Reloaded): string => {
  if (wrong !== undefined) return `the configuration stays as it is: ${wrong}`
  const parts = [
    ...(taken.length === 0 ? [] : [`taken: ${taken.join(", ")}`]),
    ...(needsRestart.length === 0 ? [] : [`needs a restart: ${needsRestart.join(", ")}`])
  ]
  return `the configuration was read again; ${parts.join("; ") || "nothing has changed"}`
}
