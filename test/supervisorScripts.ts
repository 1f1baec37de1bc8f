/**
 * Random scripts of what happens to a supervisor, played to the model of OTP and, in the same words, to one of ours: a real one, or
 * its machine alone.
 */
import { assert } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type Asked, Model, type ModelChild, type ModelOptions, type Outcome, type Reason } from "./supervisorModel.ts"

const Id = Schema.Literals(["a", "b", "c", "d"])
const Child = Schema.Struct({
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  significant: Schema.Boolean
})
const End = Schema.Literals(["", "shutdown", "shutdown,details", "crash"])
/** What becomes of a start: "" is up. Others answer a port that has ended: by this. */
const Fate = Schema.Literals(["", "fails", "ignores", "ends", "ends:shutdown", "ends:crash"])
const Step = Schema.Union([
  Schema.Tuple([Schema.Literal("end"), Id, End]),
  Schema.Tuple([Schema.Literal("ends"), Id, End, Id, End]),
  Schema.Tuple([Schema.Literal("sleep"), Schema.Literals([400, 1000])]),
  Schema.Tuple([Schema.Literal("plan"), Id, Fate]),
  Schema.Tuple([Schema.Literal("hang"), Id, Fate]),
  Schema.Tuple([Schema.Literals(["answer", "withdraw", "stop", "kill"])]),
  Schema.Tuple([Schema.Literals(["terminate", "restart", "delete"]), Id]),
  Schema.Tuple([Schema.Literal("add")])
])
type Step = typeof Step.Type

export const Script = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  autoShutdown: Schema.Literals(["never", "any_significant", "all_significant"]),
  intensity: Schema.Literals([0, 1, 2, 3, 5]),
  children: Schema.Tuple([Child, Child, Child]),
  /** A fourth one, that may be added. */
  added: Child,
  steps: Schema.Array(Step)
})
export type Script = typeof Script.Type

/** What is done to a supervisor in one step. */
export type Command =
  | { readonly _tag: "nothing" }
  /** These children end by themselves, in the same moment. */
  | { readonly _tag: "end"; readonly ends: ReadonlyArray<readonly [id: string, reason: Reason]> }
  | { readonly _tag: "sleep"; readonly millis: number }
  /** This becomes of the next start of a child, of which that is not said yet: at once, or when it is told to answer. */
  | { readonly _tag: "plan"; readonly id: string; readonly outcome: Outcome | undefined; readonly hangs: boolean }
  /** The start that is in flight answers. */
  | { readonly _tag: "answer" }
  /** It is asked for something. The answer may take its time. */
  | {
    readonly _tag: "ask"
    readonly what: "startChild" | "terminateChild" | "restartChild" | "deleteChild"
    readonly id: string
    readonly asked: Asked
  }
  /** Whoever asked for this waits no longer. */
  | { readonly _tag: "withdraw"; readonly asked: Asked }
  | { readonly _tag: "kill"; readonly reason: Reason }

/** What can be seen of a supervisor after a step. */
export interface Seen {
  /** As in `Model`. */
  readonly log: ReadonlyArray<string>
  /** The reason that it ended with. */
  readonly over: ReadonlyArray<unknown> | undefined
  /** `id: status` of all children. */
  readonly states: string
}

/** What the supervisor under test can do: starts that hang, and asking while one does, need one with fibers. */
export interface Abilities {
  readonly hangs: boolean
}

const period = 1000

/** A specification that is not refused: what is significant can end for good, and that has to mean something. */
const valid = (id: string, child: typeof Child.Type, script: Script): ModelChild => ({
  id,
  restart: child.restart,
  significant: child.significant && child.restart !== "permanent" && script.autoShutdown !== "never"
})

/** The model's part in a script. */
export class Play {
  readonly children: ReadonlyArray<ModelChild>
  readonly added: ModelChild
  readonly options: ModelOptions
  private readonly model: Model
  private readonly abilities: Abilities
  /** The last start that somebody asked for. */
  private lastStart: Asked | undefined = undefined

  constructor(script: Script, abilities: Abilities) {
    this.abilities = abilities
    this.children = script.children.map((child, at) => valid("abc"[at]!, child, script))
    this.added = valid("d", script.added, script)
    this.options = { ...script, period }
    this.model = new Model(this.options, this.children)
  }

  get isOver(): boolean {
    return this.model.over !== undefined
  }

  get isBusy(): boolean {
    return this.model.isBusy
  }

  /** Does a step to the model, and says what is to be done to ours. */
  step(step: Step): Command {
    const { model } = this
    switch (step[0]) {
      case "end":
        return this.end([[step[1], reasonOf(step[2])]])
      case "ends":
        return this.end([[step[1], reasonOf(step[2])], [step[3], reasonOf(step[4])]])
      case "sleep":
        model.now += step[1]
        return { _tag: "sleep", millis: step[1] }
      case "plan":
      case "hang":
        return this.plan(step[1], outcomeOf(step[2]), step[0] === "hang" && this.abilities.hangs)
      case "answer":
        model.answer()
        return { _tag: "answer" }
      case "add":
        return this.ask("startChild", this.added.id, this.lastStart = model.startChild(this.added))
      case "terminate":
        return this.ask("terminateChild", step[1], model.terminateChild(step[1]))
      case "restart":
        return this.ask("restartChild", step[1], this.lastStart = model.restartChild(step[1]))
      case "delete":
        return this.ask("deleteChild", step[1], model.deleteChild(step[1]))
      case "withdraw": {
        const asked = this.lastStart
        if (asked === undefined || asked.answer !== undefined) return { _tag: "nothing" }
        model.withdraw(asked)
        return { _tag: "withdraw", asked }
      }
      case "stop":
        return this.kill("shutdown")
      case "kill":
        return this.kill("enough")
    }
  }

  private plan(id: string, outcome: Outcome | undefined, hangs: boolean): Command {
    this.model.plan(id, outcome, hangs)
    return { _tag: "plan", id, outcome, hangs }
  }

  private ask(what: Extract<Command, { _tag: "ask" }>["what"], id: string, asked: Asked): Command {
    return { _tag: "ask", what, id, asked }
  }

  private kill(...reason: Reason): Command {
    if (!this.abilities.hangs) return { _tag: "nothing" }
    this.model.kill(...reason)
    return { _tag: "kill", reason }
  }

  /** Of children that run; each can end only once. */
  private end(all: ReadonlyArray<readonly [id: string, reason: Reason]>): Command {
    const ends = all.filter(([id], at) => this.model.isRunning(id) && all.findIndex(([other]) => other === id) === at)
    this.model.ends(ends)
    return { _tag: "end", ends }
  }

  /** That ours has done what the model did. */
  check(step: Step, seen: Seen): void {
    assert.strictEqual(seen.log.join(" "), this.model.log.join(" "), `what happened, after ${JSON.stringify(step)}`)
    // The text is for people; the child and its reason are what counts.
    const told = seen.over?.[0] === "restart_limit" ? ["restart_limit", ...seen.over.slice(2)] : seen.over
    assert.deepStrictEqual<unknown>(told?.slice(0, this.model.over?.length), this.model.over, "its end")
    if (!this.isOver && !this.isBusy) {
      assert.strictEqual(seen.states, this.model.states, `children, after ${JSON.stringify(step)}`)
    }
  }
}

const reasonOf = (end: string): Reason => end === "" ? [] : end.split(",")

const outcomeOf = (fate: typeof Fate.Type): Outcome | undefined => {
  if (fate === "") return undefined
  if (fate === "fails" || fate === "ignores") return fate
  return { ends: fate === "ends" ? [] : [fate.slice("ends:".length)] }
}
