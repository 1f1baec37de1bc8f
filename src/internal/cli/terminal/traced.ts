/**
 * `EMP_TRACE`: whether each message is to be shown, as for AEMP's programs.
 *
 * @internal
 */
import * as Config from "effect/Config"

export const isTraced = Config.String("EMP_TRACE").pipe(
  Config.withDefault("0"),
  Config.map((value) => value !== "" && value !== "0")
)
