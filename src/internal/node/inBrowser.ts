/**
 * What a page has in the place of `onNode.ts`: guests come to those who can be dialled, and of itself it tells what every node tells.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { isPortId } from "../values/portId.ts"
import { InvalidOption } from "./options.ts"
import * as ofProbes from "./probes.ts"
import type { Request, Router } from "./router.ts"

export const loadProbes = Effect.succeed(ofProbes)

export const takeGuests = (_router: Router): Effect.Effect<void, InvalidOption> =>
  Effect.fail(new InvalidOption({ option: "guests", problem: "a node in a browser takes none" }))

export const measure = (): Effect.Effect<void> => Effect.void

const why = "a node in a browser tells nothing of its ports"

export const answerPorts = (router: Router): Request => (from, args) => {
  const to = args.find(isPortId)
  if (to !== undefined) router.answer(from, to, [why])
}

export const answerTaps = (router: Router): Request => (from, [, , , to, ...rest]) => {
  if (isPortId(to)) router.relay(from, to, [...rest, why])
}
