/**
 * What a supervisor is told of its children and of itself, checked and with all defaults filled in.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { describe } from "../values/describe.ts"
import type { PortExit } from "../values/reason.ts"
import type { AutoShutdown, Limit, RestartType, Strategy } from "./decisions.ts"

/** Re-exported as `Supervisor.InvalidSpec`, where it is documented. */
export class InvalidSpec extends Schema.TaggedError<InvalidSpec>()("InvalidSpec", {
  child: Schema.UndefinedOr(Schema.String),
  field: Schema.String,
  value: Schema.Unknown,
  problem: Schema.String
}) {
  override get message(): string {
    const whose = this.child === undefined ? "supervisor" : `child ${JSON.stringify(this.child)}`
    return `${whose}: ${this.field} ${describe(this.value)} ${this.problem}`
  }
}

/** Documented as `Supervisor.Shutdown`. */
export type Shutdown = Duration.Input | "brutal" | "infinity"

/** Documented as `Supervisor.ChildType`. */
export type ChildType = "worker" | "supervisor"

/** What a specification says of a child, beside its ID and how it starts. Documented as `Supervisor.ChildOptions`. */
export interface ChildOptions {
  readonly restart?: RestartType | undefined
  readonly shutdown?: Shutdown | undefined
  readonly significant?: boolean | undefined
  readonly schedule?: Schedule.Schedule<unknown, PortExit> | undefined
  readonly type?: ChildType | undefined
  readonly startTimeout?: Duration.Input | undefined
}

/** Documented as `Supervisor.ChildLimits`. */
export interface ChildLimits {
  /** So many restarts are allowed; one more is too many. */
  readonly intensity: number
  /** The time that they are counted in. Default: 5 seconds; where there is a schedule, 1 minute. */
  readonly period?: Duration.Input | undefined
}

/** What a supervisor is told of itself. */
export interface SupervisorOptions {
  readonly strategy?: Strategy | undefined
  readonly intensity?: number | undefined
  readonly period?: Duration.Input | undefined
  readonly autoShutdown?: AutoShutdown | undefined
  readonly maxChildren?: number | undefined
  readonly concurrency?: number | "unbounded" | undefined
  readonly perChild?: ChildLimits | undefined
}

/** A child's specification with its services. */
export interface CheckedChild {
  readonly id: string
  readonly start: Effect.Effect<unknown, unknown, Scope.Scope>
  readonly restart: RestartType
  /** How long it may take to end: `Infinity` waits, 0 does not. */
  readonly patienceMillis: number | undefined
  readonly significant: boolean
  readonly schedule: Schedule.Schedule<unknown, PortExit> | undefined
  readonly type: ChildType | undefined
  /** How long its start may take. */
  readonly startMillis: number | undefined
  /** Told when the child is gone for good. */
  readonly gone?: ((child: GoneChild) => void) | undefined
}

/** A child that is gone: what its last start answered, its last port, and its last end. */
export interface GoneChild {
  readonly value: unknown
  readonly port: string | undefined
  readonly lastExit: PortExit | undefined
}

/** A specification without what its start holds, for a child that is never started again. */
export const spent = (spec: CheckedChild): CheckedChild => ({ ...spec, start: startedOnce })

const startedOnce = Effect.die("a temporary child is started once")

export interface CheckedSupervisor {
  readonly strategy: Strategy
  readonly intensity: number
  readonly periodMillis: number
  readonly autoShutdown: AutoShutdown
  readonly maxChildren: number
  /** How many children of a dynamic supervisor are started side by side. */
  readonly concurrency: number
  /** How many restarts of each child alone are allowed: then those of all together are not counted. */
  readonly perChild: Limit | undefined
}

const restartTypes = ["permanent", "transient", "temporary"]
const strategies = ["one_for_one", "one_for_all", "rest_for_one"]
const autoShutdowns = ["never", "any_significant", "all_significant"]
const childTypes = ["worker", "supervisor"]

const oneOf = (known: ReadonlyArray<string>) => `is none of ${known.join(", ")}`

/** What is wrong with a field; `undefined` if nothing is. */
type Rule<T> = readonly [field: keyof T & string, isWrong: (value: any) => boolean, problem: string]

const childRules: ReadonlyArray<Rule<ChildOptions & { readonly id: unknown; readonly start: unknown }>> = [
  ["id", (id) => typeof id !== "string" || id === "", "is no name"],
  ["start", (start) => !Effect.isEffect(start), "is no Effect"],
  [
    "restart",
    (type) => type !== undefined && typeof type !== "function" && !restartTypes.includes(type),
    `${oneOf(restartTypes)}, and no predicate`
  ],
  [
    "shutdown",
    (time) => time !== undefined && millisOf(time) === undefined,
    "is no time, and not brutal or infinity"
  ],
  ["significant", (is) => is !== undefined && typeof is !== "boolean", "is neither true nor false"],
  ["schedule", (schedule) => schedule !== undefined && !Schedule.isSchedule(schedule), "is no Schedule"],
  ["startTimeout", (time) => time !== undefined && !isTimeAboveZero(time), "is no time above zero"],
  ["type", (type) => type !== undefined && !childTypes.includes(type), oneOf(childTypes)]
]

const isCount = (value: unknown): boolean => value === Infinity || (Number.isInteger(value) && Number(value) >= 0)

const isTimeAboveZero = (time: Shutdown): boolean => time !== "brutal" && (millisOf(time) ?? 0) > 0

const areLimits = (limits: unknown): boolean =>
  typeof limits === "object" && limits !== null && "intensity" in limits && isCount(limits.intensity) &&
  (!("period" in limits) || limits.period === undefined || isTimeAboveZero(limits.period as Shutdown))

const supervisorRules: ReadonlyArray<Rule<SupervisorOptions>> = [
  ["strategy", (strategy) => strategy !== undefined && !strategies.includes(strategy), oneOf(strategies)],
  ["intensity", (count) => count !== undefined && !isCount(count), "is no whole number from 0 on"],
  ["period", (time) => time !== undefined && !isTimeAboveZero(time), "is no time above zero"],
  ["autoShutdown", (when) => when !== undefined && !autoShutdowns.includes(when), oneOf(autoShutdowns)],
  ["maxChildren", (count) => count !== undefined && !(isCount(count) && count > 0), "is no whole number from 1 on"],
  [
    "concurrency",
    (count) => count !== undefined && count !== "unbounded" && !(isCount(count) && count > 0),
    "is no whole number from 1 on, and not unbounded"
  ],
  [
    "perChild",
    (limits) => limits !== undefined && !areLimits(limits),
    "has no whole number from 0 on as its intensity, or a period that is no time above zero"
  ]
]

const checkFields = <T extends object>(child: string | undefined, given: T, rules: ReadonlyArray<Rule<T>>) => {
  const broken = rules.find(([field, isWrong]) => isWrong(given[field]))
  return broken === undefined
    ? Result.succeed(given)
    : Result.fail(new InvalidSpec({ child, field: broken[0], value: given[broken[0]], problem: broken[2] }))
}

const units = new Set([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** What Effect takes for a time without looking closely. */
const isOdd = (time: unknown): boolean =>
  Number.isNaN(time) ||
  (typeof time === "object" && time !== null && !Duration.isDuration(time) && !Array.isArray(time) &&
    !Object.keys(time).some((key) => units.has(key)))

/** A time that somebody gave, in milliseconds; `undefined` if it is none. */
export const millisOf = (time: Shutdown): number | undefined => {
  if (time === "brutal") return 0
  if (time === "infinity") return Infinity
  if (isOdd(time)) return undefined
  const duration = Duration.fromInput(time)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  return millis >= 0 ? millis : undefined
}

/** With a schedule, whose delays pace the restarts, more of them are no sign of trouble. */
export const checkSupervisor = (
  options: SupervisorOptions,
  isPaced: boolean
): Result.Result<CheckedSupervisor, InvalidSpec> =>
  Result.map(checkFields(undefined, options, supervisorRules), (checked) => {
    const periodOf = (limits: { readonly period?: Duration.Input | undefined }): number =>
      millisOf(limits.period ?? (isPaced ? "1 minute" : "5 seconds")) ?? 0
    const { concurrency = 1, perChild } = checked
    return {
      strategy: checked.strategy ?? "one_for_one",
      intensity: checked.intensity ?? (isPaced ? 10 : 1),
      periodMillis: periodOf(checked),
      autoShutdown: checked.autoShutdown ?? "never",
      maxChildren: checked.maxChildren ?? Infinity,
      concurrency: concurrency === "unbounded" ? Infinity : concurrency,
      perChild: perChild && { intensity: perChild.intensity, periodMillis: periodOf(perChild) }
    }
  })

export const checkChild = (
  spec: ChildOptions & { readonly id: string; readonly start: Effect.Effect<unknown, unknown, Scope.Scope> },
  autoShutdown: AutoShutdown
): Result.Result<CheckedChild, InvalidSpec> =>
  Result.flatMap(
    checkFields(typeof spec.id === "string" ? spec.id : describe(spec.id), spec, childRules),
    (checked) => {
      const restart = checked.restart ?? "permanent"
      const refuse = (problem: string) =>
        Result.fail(new InvalidSpec({ child: checked.id, field: "significant", value: true, problem }))
      if (checked.significant === true && restart === "permanent") {
        return refuse("means nothing for a permanent child, which never ends for good")
      }
      if (checked.significant === true && autoShutdown === "never") {
        return refuse("means nothing where autoShutdown is never")
      }
      return Result.succeed({
        id: checked.id,
        start: checked.start,
        restart,
        patienceMillis: checked.shutdown === undefined ? undefined : millisOf(checked.shutdown),
        significant: checked.significant === true,
        schedule: checked.schedule,
        type: checked.type,
        startMillis: checked.startTimeout === undefined ? undefined : millisOf(checked.startTimeout)
      })
    }
  )

/** The first ID that there are two of. */
export const checkUnique = (ids: ReadonlyArray<string>): Result.Result<void, InvalidSpec> => {
  const seen = new Set<string>()
  const double = ids.find((id) => seen.size === seen.add(id).size)
  return double === undefined
    ? Result.succeed(undefined)
    : Result.fail(new InvalidSpec({ child: double, field: "id", value: double, problem: "is given to two children" }))
}
