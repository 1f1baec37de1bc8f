/**
 * How a node that `emp run` runs is stopped from afar: as by a signal.
 *
 * @internal
 */
import type { Router } from "../../node/router.ts"
import { isPortId } from "../../values/portId.ts"
import type { Ending } from "../terminal/interruption.ts"

/** `emp_stop REPLYPORT ARG...`: the node stops in order, and is not started again. Answered by true when it begins. */
export const stopRequest = "emp_stop"

export const stopsWhenAsked = (router: Router, ending: Ending): void => {
  router.requests.add(stopRequest, (from, [to, ...rest]) => {
    if (isPortId(to)) router.relay(from, to, [...rest, true])
    router.log.of("Cli").warnSome(`stop by ${from}`, `node ${from} asks this one to stop`)
    // The watchdog starts nothing again that has ended in order by itself.
    ending.endInOrder()
  })
}
