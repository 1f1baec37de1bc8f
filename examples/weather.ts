/** What those who know the weather and those who ask agree on. */
import { Rpc, RpcGroup } from "effect/rpc"
import * as Schema from "effect/Schema"

export class UnknownCity extends Schema.TaggedError<UnknownCity>()("UnknownCity", { city: Schema.String }) {}

export const Weather = RpcGroup.make(
  Rpc.make("forecast", { payload: { city: Schema.String }, success: Schema.String, error: UnknownCity })
)

/** The group that stations are members of. */
export const group = "weather stations"
