/**
 * `emp run --threads N`: beside the node of the main thread further ones, each in a thread of its own, which is started again when it has
 * ended or hangs, as services are.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Node from "../../../Node.ts"
import * as Port from "../../../Port.ts"
import * as Supervisor from "../../../Supervisor.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { schemeOf, threadScheme } from "../../values/address.ts"
import { reasonFromExit, showReason } from "../../values/reason.ts"
import { isRestart } from "./keeper.ts"
import { marked } from "./orders.ts"
import { Presence } from "./presence.ts"
import { reloadRequest } from "./reloaded.ts"
import type { ServiceError } from "./service.ts"
import { restarts, serviceErrorOf } from "./services.ts"

/** A thread could not be started, or kept alive. */
export class ThreadFailed extends Schema.TaggedError<ThreadFailed>()("ThreadFailed", {
  node: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `the thread of node ${this.node} ${this.problem}`
  }
}

const failure = (node: string, why: string): ThreadFailed => new ThreadFailed({ node, problem: `has failed: ${why}` })

type Failure = ThreadFailed | ServiceError

export interface ThreadsOptions {
  /** How many nodes there are, with that of the main thread. */
  readonly count: number
  /** So long without a sign of life, and a thread counts as hanging. */
  readonly hangSeconds: number
}

/** A thread that there is to be, whether or not it runs. */
interface Place {
  readonly index: number
  readonly nodeId: string
  readonly presence: Presence
}

/** The nodes of further threads: `ID/1`, `ID/2` and so on. */
export class Threads {
  private readonly context: Context.Context<Node.Node>
  private readonly hangSeconds: number
  private readonly places: ReadonlyArray<Place>
  private readonly failing = Deferred.makeUnsafe<never, Failure>()
  private stopAll: Effect.Effect<void> = Effect.void

  constructor(context: Context.Context<Node.Node>, { count, hangSeconds }: ThreadsOptions) {
    this.context = context
    this.hangSeconds = hangSeconds
    this.places = Array.from({ length: count - 1 }, (_, n) => {
      const nodeId = `${this.router.nodeId}/${n + 1}`
      return { index: n + 1, nodeId, presence: new Presence(this.router, "thread", nodeId) }
    })
  }

  private get router(): Router {
    return Context.get(this.context, NodeRouter)
  }

  /** Fails when one of them could not be kept alive, or a service in it: that has been tried as often as in the main thread. */
  get failed(): Effect.Effect<never, Failure> {
    return Deferred.await(this.failing)
  }

  /** Ends all of them side by side, in order. */
  get stop(): Effect.Effect<void> {
    return Effect.suspend(() => this.stopAll)
  }

  /** Has each of them read its configuration again. */
  reload(): void {
    for (const { nodeId } of this.places) this.router.send(nodeId, [reloadRequest])
  }

  /** Done when all have joined their network, and run their services. They end with the scope. */
  get begin(): Effect.Effect<void, Failure, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      if (this.places.length === 0) return
      const supervisor = yield* Supervisor.dynamic({
        name: "threads",
        start: (place: Place) => startThread(place, this.hangSeconds),
        id: ({ nodeId }) => nodeId,
        perChild: { intensity: restarts.intensity, period: restarts.period },
        concurrency: this.places.length,
        restart: "transient",
        schedule: restarts.schedule,
        shutdown: "infinity"
      }).pipe(Effect.catchTag("InvalidSpec", Effect.die))
      this.stopAll = supervisor.stop
      const start = (place: Place) =>
        Effect.mapError(supervisor.startChild(place), (error): Failure =>
          error._tag === "StartError"
            ? serviceErrorOf(reasonFromExit(error.exit)) ?? failure(place.nodeId, showReason(error.exit))
            : failure(place.nodeId, error.message))
      const startAgain = (nodeId: string) =>
        Effect.forEach(
          this.places.filter((place) => place.nodeId === nodeId),
          (place) => Effect.catch(start(place), (error) => Deferred.fail(this.failing, error)),
          { discard: true }
        )
      yield* supervisor.events.pipe(
        Stream.runForEach((event) => {
          if (event._tag === "Dropped") return Deferred.fail(this.failing, failure(event.child, showReason(event.exit)))
          if (event._tag !== "Ended") return Effect.void
          const reason = reasonFromExit(event.exit)
          if (isRestart(reason)) return Effect.forkScoped(startAgain(event.child))
          const failed = serviceErrorOf(reason)
          return failed === undefined ? Effect.void : Deferred.fail(this.failing, failed)
        }),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.forEach(this.places, start, { concurrency: "unbounded", discard: true })
    }).pipe(Effect.provideContext(this.context))
  }
}

/** It runs the command line of this process once more, which is told so by its orders. */
const startThread = Effect.fnUntraced(function*({ index, nodeId, presence }: Place, hangSeconds: number) {
  presence.isMissed("has not started yet")
  const router = yield* NodeRouter
  const seed = (yield* Node.addresses).find((address) => schemeOf(address) === threadScheme) ?? ""
  const { port, terminate } = yield* Supervisor.spawnThread(process.argv[1] ?? "", {
    argv: process.argv.slice(2),
    workerData: marked({ nodeId, index, seed }),
    name: nodeId,
    stopTimeout: Duration.sum(Duration.millis(router.drain.timeoutMillis), Duration.seconds(hangSeconds))
  })
  presence.isMissed(undefined)
  presence.runsIn(port)
  yield* Port.peval(port, Port.fork(endIfHanging(nodeId, hangSeconds, terminate)))
  return port
})

/** Two questions in this time go without an answer, so that a machine which has slept is no proof. */
const endIfHanging = (
  nodeId: string,
  seconds: number,
  terminate: Effect.Effect<void>
): Effect.Effect<void, never, Node.Node> => {
  const answers = Effect.retry(Port.calMessage(nodeId, "time"), Schedule.spaced("1 second")).pipe(
    Effect.timeoutOption(Duration.seconds(seconds / 2)),
    Effect.match({ onSuccess: Option.isSome, onFailure: () => false })
  )
  return Effect.gen(function*() {
    while ((yield* answers) || (yield* answers)) yield* Effect.sleep("1 second")
    yield* Effect.logError(
      `node ${nodeId} hangs: no sign of life for ${seconds} s; its thread is ended, and started again`
    )
    yield* terminate
  })
}
