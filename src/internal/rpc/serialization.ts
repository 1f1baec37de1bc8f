/**
 * How what calls carry is encoded: as the service says, and without one as binary data of the schemas.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RpcSerialization from "effect/rpc/RpcSerialization"

export type Serialization = RpcSerialization.RpcSerialization["Service"]

const binary: Effect.Effect<Serialization> = Effect.provide(
  RpcSerialization.RpcSerialization,
  RpcSerialization.layerSchemaBinary()
)

export const serialization: Effect.Effect<Serialization> = Effect.flatMap(
  Effect.serviceOption(RpcSerialization.RpcSerialization),
  Option.match({ onNone: () => binary, onSome: Effect.succeed })
)
