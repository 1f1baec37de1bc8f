/**
 * Who hears when a supervisor does not end in order: the port that it was made in, or whoever runs what it was made in.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Port from "../../Port.ts"
import type { Router } from "../node/router.ts"
import { isOrderly, type Killed, type PortExit, reasonFromExit } from "../values/reason.ts"

/** What hears of the supervisors that are made here. */
interface Owner {
  /** The port that this runs in, which hears nothing. Another port, made within, hears of the supervisors that are made in it. */
  readonly around: string | undefined
  /** Hears of all others. */
  readonly hears: ((exit: PortExit) => void) | undefined
}

const Owner = Context.Reference<Owner>("effect-mp/Supervisor/Owner", {
  defaultValue: () => ({ around: undefined, hears: undefined })
})

/**
 * The supervisors that an effect makes are not linked to the port that it runs in: `hears` is told in its place. So it is in the
 * starts of children, whose supervisor hears of them itself: there it is nobody.
 */
export const ownedBy =
  (hears: ((exit: PortExit) => void) | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.provideService(effect, Owner, { around: Context.getOrUndefined(context, Port.Self), hears })
    )

/** The port that what runs here was made in, if that hears of it: not the one that the start of a child runs in. */
export const ownerIn = (context: Context.Context<never>): string | undefined => {
  const self = Context.getOrUndefined(context, Port.Self)
  return self === Context.get(context, Owner).around ? undefined : self
}

/** Links a supervisor, or a node's part in a failover, to what it was made in: its end is heard there, unless it is in order. */
export const linkToOwner = (router: Router, port: string): Effect.Effect<void> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const self = ownerIn(context)
    const hear = self === undefined
      ? Context.get(context, Owner).hears
      : (exit: PortExit) => router.kill(self, reasonFromExit(exit))
    if (hear !== undefined) {
      router.monitor(port, (exit) => {
        if (!isOrderly(reasonFromExit(exit))) hear(exit)
      })
    }
    return Effect.void
  })

/** How a supervisor has ended, for whoever waits for that: an end in order is no failure. */
export const endOf = (over: Effect.Effect<never, Killed>): Effect.Effect<void, Killed> =>
  Effect.catch(over, (killed) => isOrderly(killed.reason) ? Effect.void : Effect.fail(killed))
