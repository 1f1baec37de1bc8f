/**
 * Looking at all ports of a node, which may be very many: in parts, between which the node does other things.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { Receiver } from "../port/receiver.ts"
import type { Router } from "./router.ts"

/** So many are looked at in one turn: a node with no more than that is done at once. */
const portsInTurn = 5000

export const eachPort = (router: Router, look: (port: Receiver) => void): Effect.Effect<void> =>
  Effect.gen(function*() {
    // Ports that are made meanwhile stand behind those that are there, and are not waited for.
    let left = router.ports.size
    for (const port of router.ports.values()) {
      if (left-- === 0) break
      look(port)
      if (left > 0 && left % portsInTurn === 0) yield* Effect.yieldNow
    }
  })
