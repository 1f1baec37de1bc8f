/**
 * Effect's sharding, in fibers that yield.
 *
 * It stops the entities of a shard in a loop that asks whether all are closed. The last one says that it is before it is struck off the list: the
 * loop that wakes by that finds it there still, closed, and asks again, until its fiber yields after so many steps. A fiber that does not yield
 * would ask for ever, and its process would be alive and do nothing. Whether fibers yield is the program's choice, in the context that it builds
 * and closes its layers with: for these it is made here.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"

/** The same layer, which is built and closed in fibers that yield. */
export const yielding = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.effectContext(Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => inTurn(Scope.close(scope, exit)))
    return yield* inTurn(Layer.buildWithScope(layer, scope))
  }))

/** As fibers are where nobody says otherwise. */
const inTurn = Effect.provideContext(
  Context.empty().pipe(
    Context.add(References.PreventSchedulerYield, false),
    Context.add(References.MaxOpsBeforeYield, References.MaxOpsBeforeYield.defaultValue())
  )
)
