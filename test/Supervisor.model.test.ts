import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Child } from "../src/internal/supervisor/child.ts"
import { Memory } from "../src/internal/supervisor/spawnOn.ts"
import { sized } from "./size.ts"
import { play } from "./supervisorPlay.ts"
import { Script } from "./supervisorScripts.ts"

it.effect.prop(
  "a supervisor does what OTP's does, whatever its children do and whatever it is asked for, also in the middle of a start",
  [Script],
  ([script]) => play(script),
  { arbitrary: { runs: sized(150, 10_000) } }
)

/** Changes what children do, and answers how to take that back. */
const faults: Readonly<Record<string, () => () => void>> = {
  "a start that is in flight when its supervisor ends goes on": () =>
    replace(Child.prototype, "beginStop", (beginStop) =>
      function(this: Child) {
        return this.isStarting ? undefined : beginStop.call(this)
      }),
  "a start that is in flight is not ended when whoever asked for it waits no longer": () =>
    replace(Child.prototype, "callOff", () => () => Effect.void),
  "an end before the start has answered is a port that there is not": () =>
    replace(Memory.prototype, "endStart", () => () => undefined),
  "an end before the start has answered is none": () =>
    replace(Memory.prototype, "endStart", (endStart) =>
      function(this: Memory, port) {
        return endStart.call(this, port) === undefined ? undefined : Exit.void
      }),
  "an end is told twice": () =>
    replace(Child.prototype, "takeEnd", (takeEnd) => {
      const told = new WeakMap<Child, ReturnType<typeof takeEnd>>()
      return function(this: Child) {
        const end = takeEnd.call(this) ?? told.get(this)
        told.set(this, end)
        return end
      }
    }),
  "an end is not told where the child was stopped": () =>
    replace(Child.prototype, "stop", (stop) =>
      function(this: Child, abandon) {
        return Effect.tap(stop.call(this, abandon), () => Effect.sync(() => this.takeEnd()))
      })
}

/** Puts another method in the place of one. */
const replace = <T, K extends keyof T>(prototype: T, name: K, change: (original: T[K]) => T[K]): () => void => {
  const original = prototype[name]
  prototype[name] = change(original)
  return () => {
    prototype[name] = original
  }
}

/** Whether the comparison finds something. */
const findsFault = (runs: number) => {
  const isRight = (script: Script) => Effect.map(Effect.exit(play(script)), Exit.isSuccess)
  return Effect.map(
    Arbitrary.checkEffect(Arbitrary.schema(Script), isRight, { runs }),
    (result) => Arbitrary.formatCheckFailure(result) !== undefined
  )
}

describe("a planted fault is found by the comparison with OTP:", () => {
  for (const [fault, plant] of Object.entries(faults)) {
    it.effect(fault, () =>
      Effect.gen(function*() {
        yield* Effect.acquireRelease(Effect.sync(plant), (takeBack) => Effect.sync(takeBack))
        assert.isTrue(yield* findsFault(3000))
      }).pipe(Effect.scoped), 120_000)
  }

  it.effect(
    "where there is none, none is found",
    () => Effect.map(findsFault(50), (isFound) => assert.isFalse(isFound))
  )
})
