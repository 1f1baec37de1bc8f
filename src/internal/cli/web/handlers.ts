/**
 * Who answers what `api.ts` says.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Global from "../../../Global.ts"
import type * as Node from "../../../Node.ts"
import { version } from "../../values/version.ts"
import type { Network, Session } from "../network/session.ts"
import { act } from "./actions.ts"
import { api, type Events, Forbidden, type Picture, TooMany } from "./api.ts"
import { changesBetween } from "./changes.ts"
import { clustersIn } from "./clusters.ts"
import type { Collector } from "./collector.ts"
import { families, family, nodeDetails, supervisors } from "./inspect.ts"

/** So many may look at it at the same time. */
export const mostLooking = 32

/** There is an event so often, even if nothing happens: who hears none any more knows that the server is gone. */
const quietMillis = 5000

/** Events do not come closer to each other than this, however much happens. */
const paceMillis = 200

/** What can be followed. */
export type Followed = Pick<Collector, "picture" | "lastEntry" | "entriesAfter" | "newerThan" | "look">

/** What somebody knows who follows it. */
interface Known {
  readonly picture: Picture | undefined
  readonly entry: number
}

/**
 * The events for one who looks. What is sent is made when there is room for it, of what was sent last and of what is now: nothing
 * queues up for who reads slowly.
 */
export const eventsFor = (collector: Followed): Stream.Stream<Events> => {
  const next = ({ entry, picture }: Known) =>
    Effect.gen(function*() {
      if (picture !== undefined) {
        yield* Effect.sleep(paceMillis)
        yield* Effect.timeoutOption(collector.newerThan(picture.version, entry), quietMillis - paceMillis)
      }
      const now = collector.picture
      const events: Array<Events> = [{ event: "network", data: changesBetween(picture, now) }]
      const entries = collector.entriesAfter(entry)
      if (picture === undefined || entries.length > 0) {
        events.push({ event: "timeline", data: { full: picture === undefined, entries } })
      }
      const known: Known = { picture: now, entry: collector.lastEntry }
      return [events, Option.some(known)] as const
    })
  return Stream.unwrap(Effect.as(
    collector.look,
    Stream.paginate<Known, Events>({ picture: undefined, entry: 0 }, next)
  ))
}

/** What the handlers have in hand. */
export interface Site {
  readonly session: Session
  readonly collector: Collector
  /** The node that questions are asked from. */
  readonly context: Context.Context<Node.Node | Global.Global>
  readonly nodeId: string
  readonly allowsActions: boolean
}

const looking = ({ allowsActions, collector, context, nodeId, session }: Site) => {
  const on = <A, E>(effect: Effect.Effect<A, E, Network>) => Effect.provide(Effect.scoped(effect), context)
  return HttpApiBuilder.group(api, "look", (handlers) =>
    handlers
      .handle("about", () => Effect.succeed({ nodeId, version, allowsActions }))
      .handle("events", () =>
        collector.looking >= mostLooking
          ? Effect.fail(new TooMany({ problem: `${mostLooking} look at this already` }))
          : Effect.succeed(eventsFor(collector)))
      .handle("node", ({ query: { id, sort } }) => on(nodeDetails(session, collector.picture, id, sort ?? "mailbox")))
      .handle("supervisors", () => on(supervisors(session, collector.picture)))
      .handle("clusters", () => Effect.sync(() => clustersIn(collector.statuses, collector.picture)))
      .handle("families", () => on(families(session)))
      .handle("family", ({ query: { name } }) => on(family(session, name)))
      .handle("history", ({ query: { node } }) => Effect.sync(() => collector.histories.read(node))))
}

const acting = ({ allowsActions, collector, context, session }: Site) =>
  HttpApiBuilder.group(api, "act", (handlers) =>
    handlers.handle("act", ({ payload }) =>
      Effect.gen(function*() {
        if (!allowsActions) {
          const problem = "nothing can be done from here: emp web was started without --allow-actions"
          return yield* new Forbidden({ problem })
        }
        const { remoteAddress } = yield* HttpServerRequest
        const who = Option.getOrElse(remoteAddress, () => "an unknown address")
        return { done: yield* Effect.provide(Effect.scoped(act(session, collector, payload, who)), context) }
      })))

/** Everything that the HttpApi needs. */
export const handlers = (site: Site) => Layer.merge(looking(site), acting(site))
