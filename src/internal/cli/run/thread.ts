/**
 * A further node of `emp run --threads N`, from inside of its thread: whoever has started the thread looks after it.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { tellReady, untilStopped } from "../../node/ownThread.ts"
import { Killed } from "../../values/reason.ts"
import { CurrentEnding, Ending } from "../terminal/interruption.ts"
import { type Keeper, restartReason } from "./keeper.ts"
import type { ThreadOrders } from "./orders.ts"

/** Runs a node until it is asked to stop or to restart, by its process or from afar. */
export const inThread = <E, R>(
  { nodeId }: ThreadOrders,
  run: (keeper: Keeper) => Effect.Effect<void, E, R>
): Effect.Effect<void, E | Killed, R> =>
  Effect.gen(function*() {
    const restarting = new Killed({ port: nodeId, reason: restartReason })
    const asked = yield* Deferred.make<void, Killed>()
    // A signal would be for the whole process.
    const ending = new Ending(() => Deferred.doneUnsafe(asked, Exit.void))
    const keeper: Keeper = {
      restart: () => Deferred.doneUnsafe(asked, Exit.fail(restarting)),
      tellReady
    }
    return yield* untilStopped(Effect.raceFirst(run(keeper), Deferred.await(asked))).pipe(
      Effect.catchIf((error) => error === restarting, () => Effect.void),
      Effect.provideService(CurrentEnding, ending),
      Effect.annotateLogs({ node: nodeId })
    )
  })
