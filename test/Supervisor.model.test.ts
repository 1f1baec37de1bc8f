import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Node, Port } from "../src/index.ts"
import { makeLogs } from "./harness.ts"
import { sized } from "./size.ts"
import { quiet, sleep } from "./supervised.ts"
import { group, makeKids } from "./supervisedGroup.ts"
import { Model, type ModelChild, type ModelOptions, type Reason } from "./supervisorModel.ts"

const Id = Schema.Literals(["a", "b", "c", "d"])
const Child = Schema.Struct({
  restart: Schema.Literals(["permanent", "transient", "temporary"]),
  significant: Schema.Boolean
})
const End = Schema.Literals(["", "shutdown", "shutdown,details", "crash"])

const Run = Schema.Struct({
  strategy: Schema.Literals(["one_for_one", "one_for_all", "rest_for_one"]),
  autoShutdown: Schema.Literals(["never", "any_significant", "all_significant"]),
  intensity: Schema.Literals([0, 1, 2, 3, 5]),
  children: Schema.Tuple([Child, Child, Child]),
  /** A fourth one, that may be added. */
  added: Child,
  script: Schema.Array(Schema.Union([
    Schema.Tuple([Schema.Literal("end"), Id, End]),
    Schema.Tuple([Schema.Literal("ends"), Id, End, Id, End]),
    Schema.Tuple([Schema.Literal("sleep"), Schema.Literals([400, 1000])]),
    Schema.Tuple([Schema.Literal("fail"), Id, Schema.Literals([1, 2])]),
    Schema.Tuple([Schema.Literals(["terminate", "restart", "delete"]), Id]),
    Schema.Tuple([Schema.Literal("add")])
  ]))
})
type Run = typeof Run.Type

const period = 1000

/** A specification that is not refused: what is significant can end for good, and that has to mean something. */
const valid = (id: string, child: typeof Child.Type, run: Run): ModelChild => ({
  id,
  restart: child.restart,
  significant: child.significant && child.restart !== "permanent" && run.autoShutdown !== "never"
})

/** What something was answered: `ok`, or why not. */
const answer = (effect: Effect.Effect<unknown, { readonly _tag: string }, Node.Node>) =>
  Effect.match(effect, {
    onSuccess: () => "ok",
    onFailure: (error) => "reason" in error && error._tag === "ChildError" ? String(error.reason) : error._tag
  })

const play = (run: Run) =>
  Effect.gen(function*() {
    const specs = run.children.map((child, at) => valid("abc"[at]!, child, run))
    const options: ModelOptions = { ...run, period }
    const model = new Model(options, specs)
    const kids = makeKids()
    const supervisor = yield* group(specs.map((spec) => kids.kid(spec.id, spec)), options)
    const added = valid("d", run.added, run)

    /** Kills the present ports of some, in one go. */
    const kill = (all: ReadonlyArray<readonly [id: string, reason: Reason]>) =>
      Effect.gen(function*() {
        const alive = all.filter(([id], at) => model.isRunning(id) && all.findIndex(([other]) => other === id) === at)
        const ports = yield* Effect.forEach(alive, ([id]) => supervisor.port(id))
        for (const [at, port] of ports.entries()) yield* Port.kil(port, ...alive[at]![1])
        model.ends(alive)
      })
    const reasonOf = (end: string): Reason => end === "" ? [] : end.split(",")

    const act = (step: Run["script"][number]) => {
      switch (step[0]) {
        case "end":
          return kill([[step[1], reasonOf(step[2])]])
        case "ends":
          return kill([[step[1], reasonOf(step[2])], [step[3], reasonOf(step[4])]])
        case "sleep":
          model.now += step[1]
          return sleep(step[1])
        case "fail":
          kids.next(step[1], ...Array.from({ length: step[2] }, () => Effect.fail("no")))
          model.failing.set(step[1], (model.failing.get(step[1]) ?? 0) + step[2])
          return Effect.void
        case "add":
          return same("startChild", supervisor.startChild(kids.kid("d", added)), model.startChild(added))
        case "terminate":
          return same("terminateChild", supervisor.terminateChild(step[1]), model.terminateChild(step[1]))
        case "restart":
          return same("restartChild", supervisor.restartChild(step[1]), model.restartChild(step[1]))
        case "delete":
          return same("deleteChild", supervisor.deleteChild(step[1]), model.deleteChild(step[1]))
      }
    }
    const same = (what: string, ours: Parameters<typeof answer>[0], theirs: string) =>
      Effect.map(answer(ours), (answered) => assert.strictEqual(answered, theirs, what))

    for (const step of run.script) {
      yield* act(step)
      yield* quiet
      assert.strictEqual(kids.log.join(" "), model.log.join(" "), `what happened, after ${JSON.stringify(step)}`)
      const ended = supervisor.reason()
      // The text is for people; the child and its reason are what counts.
      const told = ended?.[0] === "restart_limit" ? ["restart_limit", ...ended.slice(2)] : ended
      assert.deepStrictEqual<unknown>(told?.slice(0, model.over?.length), model.over, "the end of the supervisor")
      if (model.over !== undefined) return
      const states = (yield* supervisor.which).map(({ id, status }) => `${id}: ${status}`).join(", ")
      assert.strictEqual(states, model.states)
      const { active, specs } = yield* supervisor.count
      assert.strictEqual(active, model.states.split("running").length - 1)
      assert.strictEqual(specs, (yield* supervisor.which).length)
    }
    yield* supervisor.stop
  }).pipe(Effect.scoped)

it.effect.prop(
  "a supervisor does what OTP's does, whatever its children do and whatever it is asked for",
  [Run],
  ([run]) => Effect.provide(play(run), [Layer.fresh(Node.layerLocal), makeLogs().layer]),
  { timeout: 600_000, arbitrary: { runs: sized(500, 10_000) } }
)
