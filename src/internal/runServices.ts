/**
 * The services of a node that `emp run` runs, under a supervisor.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Port from "../Port.ts"
import * as Supervisor from "../Supervisor.ts"
import { reasonFromExit } from "./killed.ts"
import type { Service, ServiceEnvironment, ServiceError } from "./service.ts"

/** What fails is started again after a moment; what fails four times within a minute is for whoever looks after the node. */
const restarts = {
  intensity: 3,
  period: "1 minute",
  schedule: Schedule.exponential("100 millis").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(30)))),
    Schedule.jittered
  )
} as const

/**
 * Starts services, each in a port of its own: a Layer has started when it is built, an Effect runs in the port, and its end is
 * the service's. Answers what fails when one of them could not be kept alive.
 */
export const runServices = (
  services: ReadonlyArray<Service>
): Effect.Effect<Effect.Effect<never, ServiceError>, ServiceError, ServiceEnvironment> =>
  Effect.gen(function*() {
    const failed = yield* Deferred.make<never, ServiceError>()
    if (services.length === 0) return Deferred.await(failed)
    let last: ServiceError | undefined
    const start = (service: Service) =>
      Effect.gen(function*() {
        const port = yield* Port.make(() => {})
        const body = service.start.pipe(
          Effect.provideService(Port.Self, port),
          Effect.tapError((error) =>
            Effect.sync(() => {
              last = error
            })
          )
        )
        if (service.isLayer) yield* body
        else yield* Port.peval(port, Port.fork(Effect.andThen(body, Port.kil(port))))
        return port
      })
    const supervisor = yield* Supervisor.make({
      name: "services",
      intensity: restarts.intensity,
      period: restarts.period,
      children: services.map((service, at) => ({
        // The same one may run twice.
        id: services.findIndex(({ spec }) => spec === service.spec) === at
          ? service.spec
          : `${service.spec} (${at + 1})`,
        start: start(service),
        restart: "transient" as const,
        schedule: restarts.schedule,
        shutdown: "infinity" as const
      }))
    }).pipe(
      Effect.catchTag("StartError", (error) => last === undefined ? Effect.die(error) : Effect.fail(last)),
      Effect.catchTag("InvalidSpec", Effect.die)
    )
    yield* Port.mon(supervisor.supervisor, (exit) => {
      const reason = reasonFromExit(exit)
      if (reason[0] === "restart_limit" && last !== undefined) return Deferred.fail(failed, last)
      return reason.length === 0 || reason[0] === "shutdown" ? Effect.void : Deferred.die(failed, reason)
    })
    return Deferred.await(failed)
  })
