import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Node, Port, type Supervisor } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import { makeLogs } from "./harness.ts"
import { sized } from "./size.ts"
import { quiet, sleep } from "./supervised.ts"
import { brief, group, ignoring, type Kids, makeKids, states } from "./supervisedGroup.ts"
import type { Asked, Outcome } from "./supervisorModel.ts"
import { type Command, Play, Script } from "./supervisorScripts.ts"

/** What something was answered: `ok`, or why not. */
const answer = (effect: Effect.Effect<unknown, { readonly _tag: string }, Node.Node>) =>
  Effect.match(effect, {
    onSuccess: () => "ok",
    onFailure: (error) => "reason" in error && error._tag === "ChildError" ? String(error.reason) : error._tag
  })

const hookOf = (outcome: Outcome | undefined): Effect.Effect<unknown, string> => {
  if (outcome === undefined) return Effect.void
  if (outcome === "fails") return Effect.fail("no")
  return outcome === "ignores" ? ignoring : brief(...outcome.ends)
}

/** That each start was told, and then its end, once. Nobody listened yet when the `first` ones were started. */
const checkEvents = (first: Iterable<string>, events: ReadonlyArray<Supervisor.Event>): void => {
  const lives = new Map(Array.from(first, (port) => [port, " Started"]))
  for (const event of events) {
    if (event._tag !== "Started" && event._tag !== "Ended") continue
    lives.set(event.port, `${lives.get(event.port) ?? ""} ${event._tag}`)
  }
  for (const [port, told] of lives) assert.strictEqual(told, " Started Ended", `what was told of ${port}`)
}

/** That nothing is left of a supervisor that has ended. */
const checkGone = (kids: Kids, ports: ReadonlyMap<string, unknown>): void => {
  for (const id of ["a", "b", "c", "d"]) {
    const [starts, ends] = ["+", "-"].map((what) => kids.log.filter((line) => line === `${what}${id}`).length)
    assert.strictEqual(ends, starts, `what ${id} had acquired is released`)
    assert.isFalse(ports.has(kids.ports.get(id) ?? ""), `${id} runs on`)
  }
}

const play = (script: Script) =>
  Effect.gen(function*() {
    const model = new Play(script, { hangs: true })
    const kids = makeKids()
    const router = yield* NodeRouter
    const supervisor = yield* group(model.children.map((child) => kids.kid(child.id, child)), model.options)
    /** What lets the starts answer that hang, in the order in which they were planned. */
    const hanging = new Set<Deferred.Deferred<void>>()
    const first = Array.from(kids.ports.values())
    const asks = new Map<Asked, Fiber.Fiber<string>>()

    const hang = (outcome: Outcome | undefined) =>
      Effect.suspend(() => {
        const latch = Deferred.makeUnsafe<void>()
        hanging.add(latch)
        return Effect.ensuring(Deferred.await(latch), Effect.sync(() => hanging.delete(latch)))
      }).pipe(Effect.andThen(hookOf(outcome)))

    const act = (command: Command) => {
      switch (command._tag) {
        case "end":
          return Effect.forEach(command.ends, ([id, reason]) => Port.kil(kids.ports.get(id)!, ...reason))
        case "sleep":
          return sleep(command.millis)
        case "plan":
          kids.next(command.id, command.hangs ? hang(command.outcome) : hookOf(command.outcome))
          return Effect.void
        case "answer":
          return Effect.forEach(hanging, (latch) => Deferred.succeed(latch, undefined))
        case "ask": {
          const { asked, id, what } = command
          const request = what === "startChild"
            ? supervisor.startChild(kids.kid(id, model.added))
            : supervisor[what](id)
          return Effect.map(
            Effect.forkScoped(answer(request), { startImmediately: true }),
            (fiber) => void asks.set(asked, fiber)
          )
        }
        case "withdraw":
          return Fiber.interrupt(asks.get(command.asked)!)
        case "kill":
          return Port.kil(supervisor.supervisor, ...command.reason)
        case "nothing":
          return Effect.void
      }
    }

    for (const step of script.steps) {
      yield* act(model.step(step))
      yield* quiet
      model.check(step, { log: kids.log, over: supervisor.reason(), states: yield* states(supervisor) })
      for (const [asked, fiber] of asks) {
        if (asked.isWithdrawn) continue
        const answered = fiber.pollUnsafe()
        const given = answered === undefined ? undefined : Exit.isSuccess(answered) ? answered.value : "a defect"
        assert.strictEqual(given, asked.answer, `the answer, after ${JSON.stringify(step)}`)
      }
      if (model.isOver) break
      if (model.isBusy) continue
      const { active, specs } = yield* supervisor.count
      const all = yield* supervisor.which
      assert.deepStrictEqual([specs, active], [all.length, all.filter(({ status }) => status === "running").length])
    }
    yield* supervisor.stop
    yield* quiet
    checkGone(kids, router.ports)
    checkEvents(first, supervisor.events_)
  }).pipe(Effect.scoped)

it.effect.prop(
  "a supervisor does what OTP's does, whatever its children do and whatever it is asked for, also in the middle of a start",
  [Script],
  ([script]) => Effect.provide(play(script), [Layer.fresh(Node.layerLocal), makeLogs().layer]),
  { timeout: 240_000, arbitrary: { runs: sized(300, 10_000) } }
)
