/**
 * The services of a node that `emp run` runs, under a supervisor.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import * as Supervisor from "../../../Supervisor.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { exitFromReason, isOrderly, isTagged, type Reason, reasonFromExit, showReason } from "../../values/reason.ts"
import { type Service, type ServiceEnvironment, ServiceError } from "./service.ts"

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
 * the service's. A supervisor that one of them makes is linked to that port: when it gives up, the service has failed. Answers what fails when one of them could not be kept alive.
 */
export const runServices = (
  services: ReadonlyArray<Service>
): Effect.Effect<Effect.Effect<never, ServiceError>, ServiceError, ServiceEnvironment> =>
  Effect.gen(function*() {
    const failed = yield* Deferred.make<never, ServiceError>()
    if (services.length === 0) return Deferred.await(failed)
    const router = yield* NodeRouter
    const supervisor = yield* Supervisor.make({
      name: "services",
      intensity: restarts.intensity,
      period: restarts.period,
      children: services.map((service, at) => ({
        // One service may run twice.
        id: services.findIndex(({ spec }) => spec === service.spec) === at
          ? service.spec
          : `${service.spec} (${at + 1})`,
        start: start(service, router, new Presence(router, service.spec)),
        restart: "transient" as const,
        schedule: restarts.schedule,
        shutdown: "infinity" as const
      }))
    }).pipe(
      Effect.catchTag("StartError", ({ child, exit }) => failure(child, reasonFromExit(exit))),
      Effect.catchTag("InvalidSpec", Effect.die)
    )
    yield* Port.mon(supervisor.supervisor, (exit) => {
      const reason = reasonFromExit(exit)
      if (isOrderly(reason)) return Effect.void
      // This reason goes on with the child's name, and with the reason of the child's last end.
      const gaveUp = isTagged(reason, "restart_limit")
      return Deferred.fail(failed, gaveUp ? failure(String(reason[2]), reason.slice(3)) : failure("services", reason))
    })
    return Deferred.await(failed)
  })

/** Whether a service is there: as long as it is not, the node is not ready. */
class Presence {
  private readonly router: Router
  private readonly spec: string
  private found: (() => void) | undefined

  constructor(router: Router, spec: string) {
    this.router = router
    this.spec = spec
    this.isMissing("has not started yet")
  }

  private isMissing(why: string): void {
    this.found ??= this.router.observed.lacking(`service ${this.spec}: ${why}`)
  }

  /** It runs in this port: when that ends, and not in order, the service is started again. */
  runsIn(port: string): void {
    this.router.monitor(port, (exit) => {
      if (!isOrderly(reasonFromExit(exit))) this.isMissing("has ended, and is started again")
    })
  }

  hasStarted(): void {
    this.found?.()
    this.found = undefined
  }
}

const start = Effect.fnUntraced(function*({ isLayer, spec, start }: Service, router: Router, presence: Presence) {
  const port = yield* Port.make(() => {})
  router.observed.role(port, { kind: "service", what: spec })
  presence.runsIn(port)
  const body = Effect.provideService(start, Port.Self, port)
  const done = Effect.andThen(Effect.logInfo(`service ${spec}: is done`), Port.kil(port))
  if (isLayer) yield* body
  else yield* Port.peval(port, Port.fork(Effect.andThen(body, done)))
  presence.hasStarted()
  return port
})

/** What a service ended with, in its own words. What went wrong while it started or ran is a ServiceError already. */
const failure = (service: string, reason: Reason): ServiceError => {
  const [tag, , fields] = reason
  if (tag === "fail" && isServiceError(fields)) {
    return new ServiceError({ service: fields.service, reason: "failed", problem: fields.problem })
  }
  return new ServiceError({
    service,
    reason: "failed",
    problem: `ended: ${showReason(exitFromReason(service, reason))}`
  })
}

const isServiceError = Schema.is(Schema.Struct({
  _tag: Schema.tag("ServiceError"),
  service: Schema.String,
  problem: Schema.String
}))
