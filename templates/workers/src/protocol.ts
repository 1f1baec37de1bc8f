/** What the front and its workers agree on. */
import { Schema } from "effect"
import { Rpc, RpcGroup } from "effect/rpc"

/** The group that workers are members of. */
export const group = "workers"

export const Counted = Schema.Struct({ words: Schema.Int, worker: Schema.String })

/** A job may be done twice: when a worker is lost, another one is asked. */
export const Workers = RpcGroup.make(
  Rpc.make("count", { payload: { text: Schema.String }, success: Counted })
)
