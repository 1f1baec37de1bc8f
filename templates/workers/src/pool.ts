/** The workers of the network, as those see them who have jobs. */
import { Effect } from "effect"
import * as PortRpc from "effect-mp/Rpc"
import { group, Workers } from "./protocol.ts"

/** Gives a job to the worker that has the least to do. If that one is lost, the job is given to another one. */
export const makeCount = Effect.map(
  PortRpc.group(Workers, group),
  (workers) => (text: string) =>
    workers.call((worker) => worker.count({ text }), {
      choose: "least-pending",
      whenEmpty: "wait",
      retry: { times: 5, while: (error) => error._tag === "RpcClientError" }
    })
)
