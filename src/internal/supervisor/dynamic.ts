/**
 * What `Supervisor.dynamic` makes: a supervisor of many children of one kind, which are started by arguments.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { handleOf, launch, within } from "./make.ts"
import {
  checkChild,
  type CheckedChild,
  checkSupervisor,
  type ChildOptions,
  InvalidSpec,
  type SupervisorOptions
} from "./spec.ts"
import type { Supervision } from "./supervision.ts"
import { resultOf } from "./task.ts"

/** Documented as the parameter of `Supervisor.dynamic`. */
export interface Template<Args extends ReadonlyArray<any>, A, E, R>
  extends Omit<ChildOptions, "significant">, SupervisorOptions
{
  readonly name?: string | undefined
  readonly start: (...args: Args) => Effect.Effect<A, E, R>
  readonly id?: ((...args: Args) => string) | undefined
}

const isFunction = (value: unknown): boolean => typeof value === "function"

/** Whatever is wrong with a template is wrong at once. */
const checkTemplate = (template: Template<any, unknown, unknown, any>): Effect.Effect<void, InvalidSpec> => {
  const { id, start } = template
  const refuse = (field: string, value: unknown, problem: string) =>
    Effect.fail(new InvalidSpec({ child: "template", field, value, problem }))
  if (!isFunction(start)) return refuse("start", start, "is no function that gives an Effect")
  if (id !== undefined && !isFunction(id)) return refuse("id", id, "is no function that gives a name")
  return Effect.asVoid(Effect.fromResult(checkChild({ ...template, id: "template", start: Effect.void }, "never")))
}

export const dynamic = <Args extends ReadonlyArray<any>, A, E, R>(template: Template<Args, A, E, R>) =>
  Effect.gen(function*() {
    const checked = yield* Effect.fromResult(checkSupervisor(template, template.schedule !== undefined))
    const inside = within<R>(yield* Effect.context<Exclude<R, Scope.Scope>>())
    yield* checkTemplate(template)
    const specOf = (args: Args): Effect.Effect<CheckedChild> =>
      Effect.suspend(() => {
        const id = template.id?.(...args) ?? running.nextId()
        const start = inside(Effect.suspend(() => template.start(...args)))
        return Effect.orDie(Effect.fromResult(checkChild({ ...template, id, start }, "never")))
      })
    const startChild = (...args: Args) => Effect.flatMap(specOf(args), (spec) => running.startChild(spec))
    const running: Supervision = yield* launch(
      { name: template.name, shape: "dynamic", hasNames: template.id !== undefined },
      checked,
      [],
      (args) => startChild(...args as Args)
    ).pipe(Effect.catchTag("StartError", Effect.die))
    return {
      ...handleOf(running),
      startChild,
      runChild: (...args: Args) =>
        Effect.flatMap(
          Effect.flatMap(specOf(args), (spec) => running.runChild(spec)),
          ({ lastExit, port, value }) => resultOf(value, port, lastExit)
        ),
      terminateChild: (idOrPort: string) => running.terminateChild(idOrPort)
    }
  })
