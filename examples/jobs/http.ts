/** The HTTP API: each request is a call of a worker, and each way that a call can end is an answer. */
import type { Global } from "effect-mp"
import * as PortRpc from "effect-mp/Rpc"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpApiBuilder } from "effect/http-api"
import * as Layer from "effect/Layer"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import { group, JobsApi, NoWorker, type Order, type UnknownTemplate, Unsure, Workers } from "./jobs.ts"

/** So long a request may take. */
const patience = "10 seconds"
/** So long one worker may take, where another one may try. */
const patienceWithOne = "3 seconds"

/** What may run twice is tried again by other workers. What a worker has answered is an answer, an error of the domain too. */
const mayRunTwice: Global.CallOptions<UnknownTemplate | RpcClientError | Cause.TimeoutError> = {
  choose: "least-pending",
  whenEmpty: "wait",
  retry: { times: 5, while: (error) => error._tag === "RpcClientError" || error._tag === "TimeoutError" }
}

/** What must not run twice is tried once, and not at all if there is nobody. */
const atMostOnce: Global.ChooseOptions = { choose: "least-pending" }

/** The workers, as this node sees them. A Layer of its own, which stands below the HTTP server: that listens when they can be asked. */
export class WorkerGroup extends Context.Service<WorkerGroup>()("jobs/WorkerGroup", {
  make: PortRpc.group(Workers, group)
}) {
  static readonly layer = Layer.effect(WorkerGroup, WorkerGroup.make)
}

export const jobs = HttpApiBuilder.group(JobsApi, "jobs", (handlers) =>
  Effect.gen(function*() {
    const workers = yield* WorkerGroup
    const render = (order: Order) =>
      workers.call((worker) => Effect.timeout(worker.render(order), patienceWithOne), mayRunTwice)
    const mail = (order: Order) => workers.call((worker) => worker.mail(order), atMostOnce)
    return handlers
      .handle("render", ({ payload }) =>
        render(payload).pipe(
          Effect.timeout(patience),
          Effect.catchTag(["EmptyGroup", "RpcClientError", "TimeoutError"], () => Effect.fail(new NoWorker()))
        ))
      .handle("mail", ({ payload }) =>
        mail(payload).pipe(
          Effect.timeout(patience),
          Effect.catchTag("EmptyGroup", () => Effect.fail(new NoWorker())),
          Effect.catchTag(["RpcClientError", "TimeoutError"], () => Effect.fail(new Unsure({ id: payload.id })))
        ))
  }))
