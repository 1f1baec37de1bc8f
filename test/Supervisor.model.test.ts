import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Node, Port } from "../src/index.ts"
import { makeLogs } from "./harness.ts"
import { sized } from "./size.ts"
import { quiet, sleep } from "./supervised.ts"
import { group, makeKids, states } from "./supervisedGroup.ts"
import { type Command, Play, Script } from "./supervisorScripts.ts"

/** What something was answered: `ok`, or why not. */
const answer = (effect: Effect.Effect<unknown, { readonly _tag: string }, Node.Node>) =>
  Effect.match(effect, {
    onSuccess: () => "ok",
    onFailure: (error) => "reason" in error && error._tag === "ChildError" ? String(error.reason) : error._tag
  })

const play = (script: Script) =>
  Effect.gen(function*() {
    const model = new Play(script)
    const kids = makeKids()
    const supervisor = yield* group(model.children.map((child) => kids.kid(child.id, child)), model.options)

    const act = (command: Command) => {
      switch (command._tag) {
        case "end":
          return Effect.gen(function*() {
            const ports = yield* Effect.forEach(command.ends, ([id]) => supervisor.port(id))
            for (const [at, port] of ports.entries()) yield* Port.kil(port, ...command.ends[at]![1])
          })
        case "sleep":
          return sleep(command.millis)
        case "fail":
          kids.next(command.id, ...Array.from({ length: command.times }, () => Effect.fail("no")))
          return Effect.void
        case "ask": {
          const { id, what } = command
          const asked = what === "startChild" ? supervisor.startChild(kids.kid(id, model.added)) : supervisor[what](id)
          return Effect.map(answer(asked), (answered) => assert.strictEqual(answered, command.answer, what))
        }
      }
    }

    for (const step of script.steps) {
      yield* act(model.step(step))
      yield* quiet
      model.check(step, { log: kids.log, over: supervisor.reason(), states: yield* states(supervisor) })
      if (model.isOver) return
      const { active, specs } = yield* supervisor.count
      const all = yield* supervisor.which
      assert.deepStrictEqual([specs, active], [all.length, all.filter(({ status }) => status === "running").length])
    }
    yield* supervisor.stop
  }).pipe(Effect.scoped)

it.effect.prop(
  "a supervisor does what OTP's does, whatever its children do and whatever it is asked for",
  [Script],
  ([script]) => Effect.provide(play(script), [Layer.fresh(Node.layerLocal), makeLogs().layer]),
  { timeout: 240_000, arbitrary: { runs: sized(300, 10_000) } }
)
