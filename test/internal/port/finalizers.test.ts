/** Scopes are handled as Effect itself handles them: whatever is done, in whatever order, one of ours and one of Effect's do the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { addFinalizer, removeFinalizer } from "../../../src/internal/port/finalizers.ts"

/** Adds finalizer `n`, or takes it back. Effect's own take one back by the end of the fiber that it belongs to. */
interface Hand {
  readonly add: (scope: Scope.Scope, n: number, ran: Array<number>) => void
  readonly remove: (scope: Scope.Scope, n: number) => void
}

const ours = (): Hand => {
  const keys = new Map<number, object>()
  return {
    add: (scope, n, ran) => {
      const key = {}
      keys.set(n, key)
      addFinalizer(scope, key, () => Effect.sync(() => void ran.push(n)))
    },
    remove: (scope, n) => removeFinalizer(scope, keys.get(n) ?? {})
  }
}

const effects = (): Hand => {
  const children = new Map<number, Scope.Closeable>()
  const removed = new Set<number>()
  return {
    add: (scope, n, ran) => {
      const child = Scope.forkUnsafe(scope)
      children.set(n, child)
      Effect.runSync(Scope.addFinalizer(child, Effect.sync(() => removed.has(n) || ran.push(n))))
    },
    remove: (_, n) => {
      const child = children.get(n)
      if (child === undefined) return
      removed.add(n)
      Effect.runSync(Scope.close(child, Exit.void))
    }
  }
}

type Step = readonly ["add" | "remove", n: number, byEffect: boolean]

const shape = ({ state }: Scope.Scope): unknown =>
  state._tag === "Open"
    ? [state._tag, Object.keys(state).toSorted(), state.finalizer === undefined, state.finalizers?.size]
    : [state._tag]

const run = (steps: ReadonlyArray<Step>, strategy: "sequential" | "parallel", makeHands: () => ReadonlyArray<Hand>) => {
  const scope = Scope.makeUnsafe(strategy)
  const hands = makeHands()
  const ran: Array<number> = []
  const seen: Array<unknown> = []
  const owner = new Map<number, Hand>()
  for (const [what, n, byEffect] of steps) {
    if (what === "add" && !owner.has(n)) {
      const hand = hands[byEffect ? 1 : 0]!
      owner.set(n, hand)
      hand.add(scope, n, ran)
    } else if (what === "remove") owner.get(n)?.remove(scope, n)
    seen.push(shape(scope))
  }
  Effect.runSync(Scope.close(scope, Exit.void))
  return { ran, seen, state: shape(scope) }
}

describe("finalizers that are added without a fiber", () => {
  const numbers = Schema.Literals([0, 1, 2, 3, 4, 5])
  const Steps = Schema.Array(Schema.Tuple([Schema.Literals(["add", "remove"]), numbers, Schema.Boolean]))

  it.prop(
    "leave a scope as Effect's own would, whatever is added and taken back, mixed with Effect's own",
    [Steps, Schema.Literals(["sequential", "parallel"])],
    ([steps, strategy]) => {
      const mixed = run(steps, strategy, () => [ours(), effects()])
      const own = run(steps, strategy, () => [effects(), effects()])
      assert.deepStrictEqual(mixed, own)
    }
  )

  it("are not added to a closed scope, which says how it was closed", () => {
    const scope = Scope.makeUnsafe()
    assert.isUndefined(addFinalizer(scope, {}, () => Effect.void))
    Effect.runSync(Scope.close(scope, Exit.fail("why")))
    const closed = addFinalizer(scope, {}, () => Effect.die("it is closed"))
    assert.deepStrictEqual(closed, Exit.fail("why"))
  })

  it("leave those alone that fibers have in the same scope", () => {
    const scope = Scope.makeUnsafe()
    const fiber = Fiber.runIn(Effect.runFork(Effect.never), scope)
    const key = {}
    addFinalizer(scope, key, () => Effect.void)
    removeFinalizer(scope, key)
    Effect.runSync(Scope.close(scope, Exit.void))
    assert.isDefined(fiber.pollUnsafe())
  })
})
