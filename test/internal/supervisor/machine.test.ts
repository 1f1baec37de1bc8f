import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as Schedule from "effect/Schedule"
import type { Strategy } from "../../../src/internal/supervisor/decisions.ts"
import { startAsRestarts } from "../../../src/internal/supervisor/machine.ts"
import type { SupervisorOptions } from "../../../src/internal/supervisor/spec.ts"
import { add, find, inOrder, type Shape, type State } from "../../../src/internal/supervisor/state.ts"
import { sized } from "../../size.ts"
import { type BareChild, BareSupervisor, checked } from "../../supervisorMachine.ts"
import { Play, Script } from "../../supervisorScripts.ts"

const play = (script: Script, set: Partial<Pick<BareSupervisor, "watch" | "decide">> = {}): void => {
  const model = new Play(script, { hangs: false })
  const supervisor = new BareSupervisor(model.children, model.options)
  Object.assign(supervisor, set)
  for (const step of script.steps) {
    const command = model.step(step)
    switch (command._tag) {
      case "end":
        supervisor.end(...command.ends.map(([id, reason]) => [id, ...reason] as const))
        break
      case "sleep":
        supervisor.sleep(command.millis)
        break
      case "plan":
        supervisor.outcomes.set(command.id, [
          ...supervisor.outcomes.get(command.id) ?? [],
          command.outcome ?? "succeeds"
        ])
        break
      case "ask": {
        const { id, what } = command
        const answered = what === "startChild" ? supervisor.startChild(model.added) : supervisor[what](id)
        assert.strictEqual(answered, command.asked.answer, what)
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
  { arbitrary: { runs: sized(4000, 100_000) } }
)

const seen = (state: State): string => JSON.stringify([inOrder(state), state.work, state.restarts.count])

it.prop(
  "the same event in the same state has the same consequences, and the state stays as it was",
  [Script],
  ([script]) =>
    play(script, {
      watch: (before, event) => {
        const was = seen(before)
        const [first, second] = [event(before), event(before)]
        assert.deepStrictEqual(second, first)
        assert.strictEqual(seen(before), was)
      }
    }),
  { arbitrary: { runs: 500 } }
)

/** Lets the machine hear of a failed start in a group as if its supervisor had another strategy. */
const failingAs = (own: Strategy, other: Strategy): BareSupervisor["decide"] => (before, event) => {
  const { options, work } = before
  if (work._tag !== "StartGroup" || options.strategy !== own) return event(before)
  const [state, actions] = event({ ...before, options: { ...options, strategy: other } })
  return [{ ...state, options }, actions]
}

const faults: Readonly<Record<string, BareSupervisor["decide"]>> = {
  "rest_for_one stops those before the child that could not be started": failingAs("rest_for_one", "one_for_all"),
  "one_for_all leaves those alone that were started before the child that could not be": failingAs(
    "one_for_all",
    "rest_for_one"
  ),
  "a child that had nothing to supervise is left out of the next attempt": (before, event) => {
    const [state, actions] = event(before)
    const { work } = before
    if (work._tag !== "StartGroup" || state.work._tag !== "StartGroup") return [state, actions]
    const id = work.members[work.at]!
    if (find(state, id)?.status === "running") return [state, actions]
    const members = state.work.members.filter((other) => other !== id)
    return [{ ...state, work: { ...state.work, members, at: state.work.at - 1 } }, actions]
  },
  "an attempt that fails costs nothing": (before, event) => {
    const [state, actions] = event(before)
    return [before.work._tag === "Idle" ? { ...state, restarts: before.restarts } : state, actions]
  },
  "a child that has ended is forgotten when it is not started again": (before, event) => {
    const [state, actions] = event(before)
    const stays = actions.flatMap((action) => action._tag === "StaysDown" ? [action.id] : [])
    return [
      { ...state, children: stays.reduce((children, id) => HashMap.remove(children, id), state.children) },
      actions
    ]
  }
}

describe("a planted fault is found by the comparison with OTP:", () => {
  for (const [fault, decide] of Object.entries(faults)) {
    it.effect(fault, () =>
      Effect.map(
        Arbitrary.checkEffect(
          Arbitrary.schema(Script),
          (script) => Effect.map(Effect.exit(Effect.sync(() => play(script, { decide }))), Exit.isSuccess),
          { runs: 10_000 }
        ),
        (result) => assert.isDefined(Arbitrary.formatCheckFailure(result))
      ))
  }
})

/** A child whose restarts wait: for `delay` unless a test says something else. */
const slow = (id: string, options: Partial<BareChild> = {}): BareChild => ({
  id,
  schedule: Schedule.forever,
  ...options
})

const delayed = (children: ReadonlyArray<BareChild>, options?: SupervisorOptions, shape?: Shape): BareSupervisor => {
  const supervisor = new BareSupervisor(children, options, shape)
  for (const { id } of children) supervisor.delays.set(id, 1000)
  supervisor.took()
  return supervisor
}

describe("the last significant child", () => {
  const significant = { restart: "transient", significant: true } as const
  const make = () => delayed([{ id: "a", ...significant }, slow("b", significant)], { autoShutdown: "all_significant" })

  it("is not the last while another one waits for its restart", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.states, "a: running, b: restarting")
    supervisor.end(["a"])
    assert.isUndefined(supervisor.over)
  })

  it("is not the last while another one, whose start failed, waits for the next attempt", () => {
    const supervisor = make()
    supervisor.delays.set("b", 0)
    supervisor.outcomes.set("b", ["fails"])
    supervisor.end(["b", "crash"], ["a"])
    assert.isUndefined(supervisor.over)
    assert.strictEqual(supervisor.states, "a: stopped, b: running")
  })

  it("is not the last while another one waits that was stopped again, because one of its group could not be started", () => {
    const children = [{ id: "a", ...significant }, { id: "b", ...significant }, { id: "c" }]
    const supervisor = delayed(children, { autoShutdown: "all_significant", strategy: "rest_for_one" })
    supervisor.outcomes.set("c", ["fails"])
    supervisor.end(["b", "crash"], ["a"])
    assert.isUndefined(supervisor.over)
    assert.strictEqual(supervisor.states, "a: stopped, b: running, c: running")
  })

  it("is the last when the other one was terminated while it waited for its restart", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    supervisor.terminateChild("b")
    supervisor.end(["a"])
    assert.deepStrictEqual(supervisor.over, ["shutdown"])
  })
})

describe("a group that waits for its restart", () => {
  const make = () => delayed([slow("a"), slow("b"), slow("c")], { strategy: "one_for_all", intensity: 1 })

  it("is started in order when its delay is over, and that is one restart", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.took(), "-b -c -a")
    supervisor.sleep(999)
    assert.strictEqual(supervisor.took(), "")
    supervisor.sleep(1)
    assert.strictEqual(supervisor.took(), "+a +b +c")
    assert.isUndefined(supervisor.over)
  })

  it("is started without those who were terminated meanwhile", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    supervisor.terminateChild("a")
    supervisor.took()
    supervisor.sleep(1000)
    assert.strictEqual(supervisor.took(), "+b +c")
    assert.strictEqual(supervisor.states, "a: stopped, b: running, c: running")
  })

  it("is started without one that was terminated meanwhile and then started by hand", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    supervisor.terminateChild("a")
    supervisor.restartChild("a")
    supervisor.took()
    supervisor.sleep(1000)
    assert.strictEqual(supervisor.took(), "+b +c")
  })

  it("waits no more when all of it were terminated", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    for (const [id, waits] of [["a", 1], ["c", 1], ["b", 0]] as const) {
      supervisor.terminateChild(id)
      assert.strictEqual(supervisor.waits, waits)
    }
  })

  it("waits no more when the supervisor ends", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    supervisor.stop()
    assert.strictEqual(supervisor.waits, 0)
    assert.strictEqual(supervisor.states, "a: stopped, b: stopped, c: stopped")
  })

  it("is part of a larger one when an earlier child ends, and is started once", () => {
    const supervisor = delayed([{ id: "a" }, slow("b"), slow("c")], { strategy: "rest_for_one" })
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.took(), "-b -c")
    supervisor.end(["a", "crash"])
    assert.strictEqual(supervisor.took(), "-a +a +b +c")
    assert.strictEqual(supervisor.waits, 0)
    supervisor.sleep(1000)
    assert.strictEqual(supervisor.took(), "")
  })

  it("may be neither started nor deleted by hand", () => {
    const supervisor = make()
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.restartChild("a"), "restarting")
    assert.strictEqual(supervisor.deleteChild("a"), "restarting")
  })

  it("is restarting again when one of it could not be started", () => {
    const supervisor = make()
    supervisor.delays.set("b", 0)
    supervisor.outcomes.set("c", ["fails"])
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.took(), "-b -c -a +a +b +c -c -b -a")
    assert.deepStrictEqual(supervisor.over?.slice(2), ["c", "fail", "no", "no"])
  })
})

describe("a schedule that is done", () => {
  it("is a supervisor that gives up", () => {
    const supervisor = delayed([slow("a"), { id: "b" }])
    supervisor.delays.set("a", undefined)
    supervisor.end(["a", "crash"])
    assert.deepStrictEqual(supervisor.over, ["restart_limit", "a was restarted too often", "a", "crash"])
    assert.strictEqual(supervisor.took(), "-a -b")
  })
})

describe("a start that is ended by somebody who wants the child terminated", () => {
  it("leaves the child stopped, and its group goes on without it", () => {
    const supervisor = delayed([{ id: "a" }, { id: "b" }, { id: "c" }], { strategy: "one_for_all", intensity: 1 })
    supervisor.outcomes.set("b", ["is called off"])
    supervisor.end(["a", "crash"])
    assert.strictEqual(supervisor.took(), "-a -c -b +a +c")
    assert.strictEqual(supervisor.states, "a: running, b: stopped, c: running")
  })

  it("is made again where the child is the only one, and costs no restart", () => {
    const supervisor = delayed([{ id: "a" }], { intensity: 1 }, "single")
    supervisor.outcomes.set("a", ["is called off", "is called off"])
    supervisor.end(["a", "crash"])
    assert.strictEqual(supervisor.states, "a: running")
    assert.isUndefined(supervisor.over)
  })
})

describe("a start that answers that there is nothing to supervise", () => {
  it("leaves a stopped child, or nothing of a temporary one, among the first children", () => {
    const children = [{ id: "a" }, { id: "b", restart: "temporary" as const }, { id: "c" }]
    const supervisor = new BareSupervisor(children, {}, "fixed", { a: ["ignores"], b: ["ignores"] })
    assert.strictEqual(supervisor.states, "a: stopped, c: running")
  })

  it("leaves the others of its group to their restart", () => {
    const supervisor = delayed([{ id: "a" }, { id: "b" }], { strategy: "one_for_all" })
    supervisor.outcomes.set("a", ["ignores"])
    supervisor.end(["b", "crash"])
    assert.strictEqual(supervisor.states, "a: stopped, b: running")
  })

  it("ends, in a restart, the supervisor of a single child", () => {
    const supervisor = delayed([{ id: "a" }], {}, "single")
    supervisor.outcomes.set("a", ["ignores"])
    supervisor.end(["a", "crash"])
    assert.deepStrictEqual(supervisor.over, [])
  })
})

describe("first starts that are tried as restarts", () => {
  it("are restarts from the beginning: what is to be started is restarting", () => {
    const { state } = new BareSupervisor([], {}, "single")
    const [tried] = startAsRestarts(add(state, checked({ id: "a" })))
    assert.deepStrictEqual(inOrder(tried).map(({ restarts, status }) => [restarts, status]), [[0, "restarting"]])
  })
})

describe("a single child", () => {
  it("takes its supervisor with it when it has ended for good", () => {
    const supervisor = delayed([{ id: "a", restart: "transient" }], {}, "single")
    supervisor.end(["a"])
    assert.deepStrictEqual(supervisor.over, [])
    assert.deepStrictEqual(supervisor.told, ["Started a", "Ended a", "Stopped a"])
  })

  it("is renewed at once, also while it waits for its restart, and that is a restart which costs nothing", () => {
    const supervisor = delayed([slow("a")], { intensity: 1 }, "single")
    supervisor.end(["a", "crash"])
    supervisor.renew("a")
    supervisor.renew("a")
    assert.strictEqual(supervisor.took(), "-a +a -a +a")
    assert.strictEqual(supervisor.waits, 0)
    assert.strictEqual(inOrder(supervisor.state)[0]?.restarts, 3)
    assert.isUndefined(supervisor.over)
  })
})

describe("many of one kind", () => {
  it("are refused above their limit, and forgotten when they end for good", () => {
    const supervisor = delayed([], { maxChildren: 2 }, "dynamic")
    const start = (id: string) => supervisor.startChild({ id, restart: "transient" })
    assert.deepStrictEqual(["1", "2", "3"].map(start), ["ok", "ok", "max_children"])
    supervisor.end(["1"])
    assert.strictEqual(supervisor.states, "2: running")
    assert.strictEqual(start("4"), "ok")
  })
})
