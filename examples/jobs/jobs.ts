/** What the front and the workers agree on: jobs, what comes of them, the calls of a worker, and the HTTP API. */
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Rpc, RpcGroup } from "effect/rpc"
import * as Schema from "effect/Schema"

/** The group that workers are members of. */
export const group = "letter workers"

export const Order = Schema.Struct({ id: Schema.String, template: Schema.String, name: Schema.String })
export type Order = typeof Order.Type

export class Letter extends Schema.Class<Letter>("Letter")({
  text: Schema.String,
  written: Schema.DateTimeUtc,
  /** The node of its worker. */
  by: Schema.String
}) {}

/** An error of the domain: a worker fails with it, and whoever asks by HTTP is answered 404. */
export class UnknownTemplate extends Schema.TaggedError<UnknownTemplate>()(
  "UnknownTemplate",
  { template: Schema.String },
  { httpApiStatus: 404 }
) {}

/** There is no worker, or none that has answered in time. Nothing has been done, or nothing that cannot be done again. */
export class NoWorker extends Schema.TaggedError<NoWorker>()("NoWorker", {}, { httpApiStatus: 503 }) {}

/** The worker was lost, or is late, and nobody knows whether the letter was mailed: the front has not tried again. */
export class Unsure extends Schema.TaggedError<Unsure>()("Unsure", { id: Schema.String }, { httpApiStatus: 502 }) {}

/** The calls of a worker. */
export const Workers = RpcGroup.make(
  // May run twice: nobody notices.
  Rpc.make("render", { payload: Order, success: Letter, error: UnknownTemplate }),
  // Must not run twice: a letter that is mailed is mailed.
  Rpc.make("mail", { payload: Order, success: Letter, error: UnknownTemplate })
)

/** The same calls as the world outside sees them. */
export const JobsApi = HttpApi.make("jobs").add(
  HttpApiGroup.make("jobs").add(
    HttpApiEndpoint.post("render", "/render", { payload: Order, success: Letter, error: [UnknownTemplate, NoWorker] }),
    HttpApiEndpoint.post("mail", "/mail", {
      payload: Order,
      success: Letter,
      error: [UnknownTemplate, NoWorker, Unsure]
    })
  )
)
