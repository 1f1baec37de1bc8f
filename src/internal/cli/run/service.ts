/**
 * Services by module path: what `emp run` starts on a node.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { Global } from "../../../Global.ts"
import type { Node } from "../../../Node.ts"
import * as Port from "../../../Port.ts"
import type { ServiceSpec } from "../../config/keys.ts"
import { describe } from "../../values/describe.ts"
import { isPortId } from "../../values/portId.ts"
import { reasonFromExit } from "../../values/reason.ts"
import { isNotFound, locate } from "./serviceModule.ts"

/** No file or package is where the name leads to; what is there is no service; the service was made or started, and failed. */
const reasons = ["not_found", "no_service", "failed"] as const

/** Re-exported as `Cli.ServiceError`, where it is documented. */
export class ServiceError extends Schema.TaggedError<ServiceError>()("ServiceError", {
  service: Schema.String,
  reason: Schema.Literals(reasons),
  problem: Schema.String
}) {
  override get message(): string {
    return `service ${this.service}: ${this.problem}`
  }
}

/** What a service can use. */
export type ServiceEnvironment = Node | Global | Scope.Scope

/** A service that has been loaded. */
export interface Service {
  /** As it was given. */
  readonly spec: string
  readonly args: ReadonlyArray<Schema.Json>
  /** A Layer has started when its effect ends. Any other effect may run as long as the node; it lasts as long as what it makes. */
  readonly isLayer: boolean
  readonly start: Effect.Effect<unknown, ServiceError, ServiceEnvironment | Port.Self>
}

/** Loads `MODULE` or `MODULE#EXPORT`: a path from the working directory, or a package of its project. The export is `default`. */
export const load = (service: ServiceSpec): Effect.Effect<Service, ServiceError> =>
  Effect.gen(function*() {
    const [spec, ...args] = typeof service === "string" ? [service] : service
    const hash = spec.lastIndexOf("#")
    const [path, name] = hash < 0 ? [spec, "default"] : [spec.slice(0, hash), spec.slice(hash + 1)]
    const module = yield* importModule(spec, path)
    if (!Object.hasOwn(module, name)) {
      const exports = Object.keys(module).join(", ") || "nothing"
      return yield* new ServiceError({
        service: spec,
        reason: "no_service",
        problem: `the module has no export "${name}": it has ${exports}`
      })
    }
    return yield* toService(spec, module[name], args)
  })

/** The file of a service that is one, and no package. */
export const fileOf = (service: ServiceSpec): ReadonlyArray<string> => {
  const spec = typeof service === "string" ? service : service[0]
  const file = resolve(spec.replace(/#[^#]*$/, ""))
  return existsSync(file) ? [file] : []
}

const importModule = (spec: string, path: string): Effect.Effect<Record<string, unknown>, ServiceError> =>
  Effect.gen(function*() {
    const refuse = (isMissing: boolean, why: string) =>
      new ServiceError({
        service: spec,
        reason: isMissing ? "not_found" : "no_service",
        problem: `cannot be loaded: ${why}`
      })
    const located = locate(path)
    if (Result.isFailure(located)) return yield* refuse(located.failure.isMissing, located.failure.why)
    const url = located.success
    return yield* Effect.tryPromise({
      try: () => import(url) as Promise<Record<string, unknown>>,
      catch: (cause) => cause
    }).pipe(
      Effect.catch((cause) =>
        Effect.flatMap(
          cause instanceof SyntaxError ? placeOf(cause, url) : Effect.succeed(placeOfThrow(cause)),
          (place) => Effect.fail(refuse(isNotFound(cause), place + describe(cause)))
        )
      )
    )
  })

/**
 * Where a module, or one that it imports, is no JavaScript: `FILE:LINE:COLUMN: `, or nothing if that is not known. Node tells
 * it in the stack of some errors, and of others only to those who do not catch them: another process does not, which for
 * want of a last import runs nothing of what it loads.
 */
const placeOf = (error: SyntaxError, url: string): Effect.Effect<string> => {
  const known = placeIn(error.stack ?? "")
  if (known !== "" || !url.startsWith("file:")) return Effect.succeed(known)
  return Effect.callback((resume) => {
    const code = `import ${JSON.stringify(url)}; import { nothing } from "node:fs"`
    const args = [...process.execArgv, "--input-type=module", "--eval", code]
    const child = execFile(
      process.execPath,
      args,
      { timeout: 5000 },
      (_, __, stderr) => resume(Effect.succeed(stderr.includes(error.message) ? placeIn(stderr) : ""))
    )
    return Effect.sync(() => void child.kill())
  })
}

/** Where a module threw while it was loaded: `FILE:LINE:COLUMN: ` of the first frame that is no code of Node. */
const placeOfThrow = (error: unknown): string => {
  if (!(error instanceof Error) || isNotFound(error)) return ""
  const [, url, place] = /^ +at .*?\(?(file:.+?)(:\d+:\d+)\)?$/m.exec(error.stack ?? "") ?? []
  return url === undefined ? "" : `${fileURLToPath(url)}${place}: `
}

/** The place that a stack begins with: `FILE:LINE`, that line, perhaps with those before it, and a mark below the column. */
const placeIn = (stack: string): string => {
  const [, file = "", line, before] = /^(?!node:)(.+):(\d+)\n(?:.*\n){1,5}?([ \t]*)\^/m.exec(stack) ?? []
  if (before === undefined) return ""
  return `${file.startsWith("file:") ? fileURLToPath(file) : file}:${line}:${before.length + 1}: `
}

/** A Layer is built, an Effect is run; a function gives one of them. */
export const toService = (
  spec: string,
  value: unknown,
  args: ReadonlyArray<Schema.Json>
): Effect.Effect<Service, ServiceError> =>
  Effect.gen(function*() {
    const refuse = (problem: string) => new ServiceError({ service: spec, reason: "no_service", problem })
    const isFunction = typeof value === "function" && !Effect.isEffect(value) && !Layer.isLayer(value)
    if (!isFunction && args.length > 0) {
      return yield* refuse("the export is no function, and takes no arguments")
    }
    const given = isFunction
      ? yield* Effect.try({
        try: (): unknown => value(...args),
        catch: (cause) => failed(spec, cause)
      }).pipe(Effect.tapError(({ cause }) =>
        Effect.annotateLogs(Effect.logError("the service could not be made", Cause.die(cause)), {
          module: "Cli",
          service: spec
        })
      ))
      : value
    if (Layer.isLayer(given)) {
      const layer = given as Layer.Layer<never, unknown, ServiceEnvironment>
      return { spec, args, isLayer: true, start: named(spec, Layer.build(layer)) }
    }
    if (Effect.isEffect(given)) {
      const run = Effect.flatMap(given as Effect.Effect<unknown, unknown, ServiceEnvironment>, lasting)
      return { spec, args, isLayer: false, start: named(spec, run) }
    }
    return yield* refuse("the export is neither a Layer nor an Effect")
  })

/** What an effect has made lasts longer than the effect: the port that it answers, or the supervisor whose handle that is. */
const lasting = (made: unknown): Effect.Effect<void, never, Node | Port.Self> => {
  if (isPortId(made)) return endingWith(made)
  return Predicate.hasProperty(made, "supervisor") && isPortId(made.supervisor)
    ? endingWith(made.supervisor)
    : Effect.void
}

/** The service's own port ends as that port does, for its reason: why that one failed has been logged there. */
const endingWith = (port: Port.PortId): Effect.Effect<void, never, Node | Port.Self> =>
  Effect.gen(function*() {
    const exit = yield* Port.exit(port)
    if (Exit.isSuccess(exit)) return
    yield* Port.kil(yield* Port.Self, ...reasonFromExit(exit))
    yield* Effect.never
  })

/** With the error behind it, whose stack the log shows. */
const failed = (spec: string, error: unknown): ServiceError =>
  Object.defineProperty(
    new ServiceError({ service: spec, reason: "failed", problem: `failed: ${describe(error)}` }),
    "cause",
    { value: error }
  )

/** Whatever goes wrong in a service is told with its name. */
const named = (
  spec: string,
  effect: Effect.Effect<unknown, unknown, ServiceEnvironment | Port.Self>
): Service["start"] =>
  Effect.catchCause(effect, (cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.interrupt
      : Effect.fail(failed(spec, Cause.squash(cause))))
