/**
 * The services of a node that `emp run` runs, under a supervisor.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Port from "../../../Port.ts"
import * as Supervisor from "../../../Supervisor.ts"
import type { ServiceSpec } from "../../config/keys.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { exitFromReason, isOrderly, isTagged, type Reason, reasonFromExit, showReason } from "../../values/reason.ts"
import { Presence } from "./presence.ts"
import { load, type Service, type ServiceEnvironment, ServiceError } from "./service.ts"

/** What fails, of services and threads, is started again after a moment; what fails four times within a minute is for whoever looks after the node. */
export const restarts = {
  intensity: 3,
  period: "1 minute",
  schedule: Schedule.exponential("100 millis").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(30)))),
    Schedule.jittered
  )
} as const

/** Loads services, or says which one cannot be had. */
export const loadServices = (
  wanted: ReadonlyArray<ServiceSpec>
): Effect.Effect<ReadonlyArray<Service>, ServiceError> => Effect.forEach(wanted, load)

/** A service that is a child of the supervisor. */
interface Running extends Service {
  readonly id: string
  readonly presence: Presence
}

const isOf = ({ args, spec }: Service, wanted: ServiceSpec): boolean =>
  Equal.equals([spec, ...args], typeof wanted === "string" ? [wanted] : wanted)

/** What a change starts and stops, by name; nothing is done before `apply`. If a service cannot be started, all is as it was before. */
export interface Change {
  readonly started: ReadonlyArray<string>
  readonly stopped: ReadonlyArray<string>
  readonly apply: Effect.Effect<void, ServiceError>
}

/**
 * The services of a node, each in a port of its own: a Layer has started when it is built, an Effect runs in the port, and its end is
 * the service's. A supervisor that one of them makes is linked to that port: when it gives up, the service has failed.
 */
export class Services {
  private readonly context: Context.Context<ServiceEnvironment>
  private readonly failing = Deferred.makeUnsafe<never, ServiceError>()
  /** There is none as long as there never was a service. */
  private supervisor: Supervisor.Supervisor | undefined = undefined
  private running: ReadonlyArray<Running> = []

  constructor(context: Context.Context<ServiceEnvironment>) {
    this.context = context
  }

  private get router(): Router {
    return Context.get(this.context, NodeRouter)
  }

  /** Fails when one of them could not be kept alive. */
  get failed(): Effect.Effect<never, ServiceError> {
    return Deferred.await(this.failing)
  }

  /** Starts the first ones. */
  begin(services: ReadonlyArray<Service>): Effect.Effect<void, ServiceError> {
    return services.length === 0 ? Effect.void : this.supervise(named(this.router, services, []))
  }

  /** Has the node run these: those of them that it runs already are left alone, and others are loaded now. */
  changeTo(wanted: ReadonlyArray<ServiceSpec>): Effect.Effect<Change, ServiceError> {
    const stopping = [...this.running]
    const missing = wanted.filter((spec) => {
      const at = stopping.findIndex((running) => isOf(running, spec))
      if (at >= 0) stopping.splice(at, 1)
      return at < 0
    })
    return Effect.map(loadServices(missing), (loaded) => {
      const starting = named(this.router, loaded, this.running.filter((service) => !stopping.includes(service)))
      return {
        started: starting.map(({ id }) => id),
        stopped: stopping.map(({ id }) => id),
        apply: this.replace(stopping, starting)
      }
    })
  }

  /** The new ones may need what the old ones hold. */
  private replace(old: ReadonlyArray<Running>, fresh: ReadonlyArray<Running>): Effect.Effect<void, ServiceError> {
    const each = (services: ReadonlyArray<Running>, does: (service: Running) => Effect.Effect<void, ServiceError>) =>
      Effect.forEach(services, does, { discard: true })
    const stop = (service: Running) => this.stop(service)
    const startAgain = (service: Running) =>
      Effect.catch(
        this.add(service),
        ({ message }) => Effect.sync(() => this.router.log.of("Cli").error(`${message}; it is not there any more`))
      )
    const undo = Effect.suspend(() => {
      const added = this.running.filter((service) => fresh.includes(service))
      return Effect.andThen(each(added.toReversed(), stop), each(old, startAgain))
    })
    return Effect.andThen(
      each(old.toReversed(), stop),
      Effect.tapError(each(fresh, (service) => this.add(service)), () => undo)
    )
  }

  private add(service: Running): Effect.Effect<void, ServiceError> {
    const { supervisor } = this
    const added = supervisor === undefined ? this.supervise([service]) : this.addTo(supervisor, service)
    return Effect.tapError(added, () => Effect.sync(() => service.presence.isMissed(undefined)))
  }

  private addTo(supervisor: Supervisor.Supervisor, service: Running): Effect.Effect<void, ServiceError> {
    return supervisor.startChild(childOf(service)).pipe(
      Effect.provideContext(this.context),
      Effect.mapError((error) =>
        error._tag === "StartError"
          ? failure(service.spec, reasonFromExit(error.exit))
          : new ServiceError({ service: service.spec, reason: "failed", problem: error.message })
      ),
      Effect.andThen(Effect.sync(() => {
        this.running = [...this.running, service]
      }))
    )
  }

  /** It may have ended by itself. */
  private stop(service: Running): Effect.Effect<void> {
    this.running = this.running.filter((other) => other !== service)
    service.presence.isMissed(undefined)
    const { supervisor } = this
    if (supervisor === undefined) return Effect.void
    return Effect.ignore(Effect.andThen(supervisor.terminateChild(service.id), supervisor.deleteChild(service.id)))
  }

  private supervise(services: ReadonlyArray<Running>): Effect.Effect<void, ServiceError> {
    return Effect.gen({ self: this }, function*() {
      const supervisor: Supervisor.Supervisor = yield* Supervisor.make({
        name: "services",
        intensity: restarts.intensity,
        period: restarts.period,
        children: services.map(childOf)
      }).pipe(
        Effect.catchTag("StartError", ({ child, exit }) => failure(child, reasonFromExit(exit))),
        Effect.catchTag("InvalidSpec", Effect.die)
      )
      yield* Port.mon(supervisor.supervisor, (exit) => {
        const reason = reasonFromExit(exit)
        if (isOrderly(reason)) return Effect.void
        // This reason goes on with the child's name, and with the reason of the child's last end.
        const gaveUp = isTagged(reason, "restart_limit")
        return Deferred.fail(
          this.failing,
          gaveUp ? failure(String(reason[2]), reason.slice(3)) : failure("services", reason)
        )
      })
      this.supervisor = supervisor
      this.running = services
    }).pipe(Effect.provideContext(this.context))
  }
}

/** One service may run twice: names beside those of others. */
const named = (
  router: Router,
  services: ReadonlyArray<Service>,
  others: ReadonlyArray<Running>
): ReadonlyArray<Running> => {
  const taken = new Set(others.map(({ id }) => id))
  return services.map((service) => {
    let id = service.spec
    for (let nth = 2; taken.has(id); nth++) id = `${service.spec} (${nth})`
    taken.add(id)
    return { ...service, id, presence: new Presence(router, "service", id) }
  })
}

const childOf = (service: Running) => {
  service.presence.isMissed("has not started yet")
  return {
    id: service.id,
    start: Effect.annotateLogs(start(service), { node: service.presence.nodeId, service: service.spec }),
    restart: "transient" as const,
    schedule: restarts.schedule,
    shutdown: "infinity" as const
  }
}

const start = Effect.fnUntraced(function*({ isLayer, presence, spec, start }: Running) {
  const port = yield* Port.make(() => {})
  presence.runsIn(port)
  const body = Effect.provideService(start, Port.Self, port)
  const done = Effect.andThen(Effect.logInfo(`service ${spec}: is done`), Port.kil(port))
  if (isLayer) yield* body
  else yield* Port.peval(port, Port.fork(Effect.andThen(body, done)))
  presence.isMissed(undefined)
  return port
})

/** What a service ended with, in its own words. What went wrong while it started or ran is a ServiceError already. */
const failure = (service: string, reason: Reason): ServiceError =>
  serviceErrorOf(reason) ??
    new ServiceError({
      service,
      reason: "failed",
      problem: `ended: ${showReason(exitFromReason(service, reason))}`
    })

/** The ServiceError that a reason tells of, if it is one. */
export const serviceErrorOf = ([tag, , fields]: Reason): ServiceError | undefined =>
  tag === "fail" && isServiceError(fields)
    ? new ServiceError({ service: fields.service, reason: "failed", problem: fields.problem })
    : undefined

const isServiceError = Schema.is(Schema.Struct({
  _tag: Schema.tag("ServiceError"),
  service: Schema.String,
  problem: Schema.String
}))
