/**
 * Random scripts of what happens to a supervisor, played to the model of OTP and, in the same words, to one of ours: a real one, or
 * its machine alone.
 */
import { assert } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Model, type ModelChild, type ModelOptions, type Reason } from "./supervisorModel.ts"

const Id = Schema.Literals(["a", "b", "c", "d"])
const Child = Schema.Struct({
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  significant: Schema.Boolean
})
const End = Schema.Literals(["", "shutdown", "shutdown,details", "crash"])
const Step = Schema.Union([
  Schema.Tuple([Schema.Literal("end"), Id, End]),
  Schema.Tuple([Schema.Literal("ends"), Id, End, Id, End]),
  Schema.Tuple([Schema.Literal("sleep"), Schema.Literals([400, 1000])]),
  Schema.Tuple([Schema.Literal("fail"), Id, Schema.Literals([1, 2])]),
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
  /** These children end by themselves, in the same moment. */
  | { readonly _tag: "end"; readonly ends: ReadonlyArray<readonly [id: string, reason: Reason]> }
  | { readonly _tag: "sleep"; readonly millis: number }
  /** The next starts of a child fail. */
  | { readonly _tag: "fail"; readonly id: string; readonly times: number }
  /** It is asked for something, and answers `ok` or why not. */
  | {
    readonly _tag: "ask"
    readonly what: "startChild" | "terminateChild" | "restartChild" | "deleteChild"
    readonly id: string
    readonly answer: string
  }

/** What can be seen of a supervisor after a step. */
export interface Seen {
  /** As in `Model`. */
  readonly log: ReadonlyArray<string>
  /** The reason that it ended with. */
  readonly over: ReadonlyArray<unknown> | undefined
  /** `id: status` of all children. */
  readonly states: string
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

  constructor(script: Script) {
    this.children = script.children.map((child, at) => valid("abc"[at]!, child, script))
    this.added = valid("d", script.added, script)
    this.options = { ...script, period }
    this.model = new Model(this.options, this.children)
  }

  get isOver(): boolean {
    return this.model.over !== undefined
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
      case "fail":
        model.failing.set(step[1], (model.failing.get(step[1]) ?? 0) + step[2])
        return { _tag: "fail", id: step[1], times: step[2] }
      case "add":
        return { _tag: "ask", what: "startChild", id: this.added.id, answer: model.startChild(this.added) }
      case "terminate":
        return { _tag: "ask", what: "terminateChild", id: step[1], answer: model.terminateChild(step[1]) }
      case "restart":
        return { _tag: "ask", what: "restartChild", id: step[1], answer: model.restartChild(step[1]) }
      case "delete":
        return { _tag: "ask", what: "deleteChild", id: step[1], answer: model.deleteChild(step[1]) }
    }
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
    if (!this.isOver) assert.strictEqual(seen.states, this.model.states, `children, after ${JSON.stringify(step)}`)
  }
}

const reasonOf = (end: string): Reason => end === "" ? [] : end.split(",")
