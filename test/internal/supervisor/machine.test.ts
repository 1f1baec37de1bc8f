import { assert, describe, it } from "@effect/vitest"
import * as Schedule from "effect/Schedule"
import { inOrder, type State } from "../../../src/internal/supervisor/state.ts"
import { BareSupervisor } from "../../supervisorMachine.ts"
import { Play, Script } from "../../supervisorScripts.ts"

const play = (script: Script, watch?: BareSupervisor["watch"]): void => {
  const model = new Play(script)
  const supervisor = new BareSupervisor(model.children, model.options)
  if (watch !== undefined) supervisor.watch = watch
  for (const step of script.steps) {
    const command = model.step(step)
    switch (command._tag) {
      case "end":
        supervisor.end(...command.ends.map(([id, reason]) => [id, ...reason] as const))
        break
      case "sleep":
        supervisor.sleep(command.millis)
        break
      case "fail":
        supervisor.outcomes.set(command.id, [
          ...supervisor.outcomes.get(command.id) ?? [],
          ...Array.from({ length: command.times }, () => "fails" as const)
        ])
        break
      case "ask": {
        const { id, what } = command
        const answered = what === "startChild" ? supervisor.startChild(model.added) : supervisor[what](id)
        assert.strictEqual(answered, command.answer, what)
      }
    }
    model.check(step, supervisor)
    if (model.isOver) return
  }
}

it.prop(
  "the machine does what OTP's supervisor does, whatever its children do and whatever it is asked for",
  [Script],
  ([script]) => play(script),
  { arbitrary: { runs: 20_000 } }
)

const seen = (state: State): string => JSON.stringify([inOrder(state), state.work, state.restarts.count])

it.prop("the same event in the same state has the same consequences, and the state stays as it was", [Script], ([script]) =>
  play(script, (before, event) => {
    const was = seen(before)
    const [first, second] = [event(before), event(before)]
    assert.deepStrictEqual(second, first)
    assert.strictEqual(seen(before), was)
  }), { arbitrary: { runs: 500 } })
