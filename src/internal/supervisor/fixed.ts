/**
 * What `Supervisor.make` and `Supervisor.partition` make: supervisors of children that have names.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import type { PortId } from "../../Port.ts"
import type { Killed } from "../values/reason.ts"
import type { Child } from "./child.ts"
import type { ChildError } from "./errors.ts"
import { checkWithServices, handleOf, launch } from "./make.ts"
import { checkSupervisor, checkUnique, type ChildOptions, InvalidSpec, type SupervisorOptions } from "./spec.ts"
import type { Supervision } from "./supervision.ts"

interface Spec<R> extends ChildOptions {
  readonly id: string
  readonly start: Effect.Effect<unknown, unknown, R>
}

interface Options extends SupervisorOptions {
  readonly name?: string | undefined
}

/** The handle, and what runs behind it. */
export const fixed = <R>(options: Options & { readonly children: ReadonlyArray<Spec<R>> }) =>
  Effect.gen(function*() {
    const { children, name } = options
    const checked = yield* Effect.fromResult(
      checkSupervisor(options, children.some((child) => child?.schedule !== undefined))
    )
    // Starts ask it, and there are none before it is made.
    let family: Supervision | undefined
    const addressOf = (id: string): PortId | undefined => family?.addressOf(id)
    const check = <R>(child: Spec<R>) => checkWithServices(child, checked.autoShutdown, addressOf)
    const list = yield* Effect.forEach(children, check)
    yield* Effect.fromResult(checkUnique(list.map((child) => child.id)))
    const made = (running: Supervision): void => {
      family = running
    }
    const running = yield* launch({ name, shape: "fixed", made }, checked, list)
    const startChild = <R>(child: Spec<R>) => Effect.flatMap(check(child), (spec) => running.startChild(spec))
    return { handle: { ...handleOf(running), ...management(running), startChild }, running }
  })

const management = (running: Supervision) => {
  const orNotFound = <A>(idOrPort: string, find: () => A | undefined): Effect.Effect<A, ChildError> =>
    Effect.suspend(() => {
      const found = find()
      return found === undefined ? Effect.fail(running.refusal("not_found", idOrPort)) : Effect.succeed(found)
    })
  return {
    port: (id: string) => running.portOf(id),
    address: (id: string) => orNotFound(id, () => running.addressOf(id)),
    terminateChild: (idOrPort: string) => running.terminateChild(idOrPort),
    restartChild: (id: string) => running.restartChild(id),
    deleteChild: (id: string) => running.deleteChild(id),
    spec: (idOrPort: string) => Effect.map(orNotFound(idOrPort, () => running.find(idOrPort)), specOf)
  }
}

/** Documented as `Supervisor.CompleteSpec`. */
const specOf = ({ patienceMillis, spec, type }: Child) => ({
  id: spec.id,
  restart: spec.restart,
  significant: spec.significant,
  startTimeout: spec.startMillis ?? Infinity,
  shutdown: patienceMillis,
  type
})

interface Partitions<R> extends Omit<ChildOptions, "significant">, Options {
  readonly partitions: number
  readonly start: (index: number) => Effect.Effect<unknown, unknown, R>
}

export const partition = <R>(options: Partitions<R>) =>
  Effect.gen(function*() {
    const { partitions, start } = options
    if (!Number.isInteger(partitions) || partitions < 1) {
      const problem = "is no whole number from 1 on"
      return yield* new InvalidSpec({ child: undefined, field: "partitions", value: partitions, problem })
    }
    const children = Array.from({ length: partitions }, (_, index) => ({
      ...options,
      id: String(index),
      start: Effect.suspend(() => start(index))
    }))
    const { running } = yield* fixed({ ...options, children })
    const idOf = (key: unknown): string => String((Hash.hash(key) >>> 0) % partitions)
    return {
      ...handleOf(running),
      partitions,
      port: (key: unknown) => running.portOf(idOf(key)),
      child: (key: unknown): Effect.Effect<unknown, ChildError | Killed> =>
        Effect.map(running.portOf(idOf(key)), () => running.find(idOf(key))?.value)
    }
  })
