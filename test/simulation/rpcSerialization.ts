/**
 * How calls of a run are encoded: as programs do it, but without the numbers of the fibers that interrupted handlers. Those go on from
 * one run to the next, and a longer number makes a longer message, which takes longer.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

type Serialization = RpcSerialization.RpcSerialization["Service"]

/** As bytes, or as data that links with JSON carry too. */
export const serializationOf = (isBinary: boolean): Serialization => {
  const layer = isBinary ? RpcSerialization.layerSchemaBinary() : RpcSerialization.layerJson
  const usual = Effect.runSync(Effect.provide(RpcSerialization.RpcSerialization, layer))
  const codecFor: Serialization["codecFor"] = (schema) => {
    const codec = usual.codecFor(schema)
    const normal = Schema.decodeTo(Schema.toType(codec), {
      decode: SchemaGetter.passthrough(),
      encode: SchemaGetter.transform(withoutFibers)
    })
    return normal(codec)
  }
  return { ...usual, codecFor }
}

const withoutFibers = <A>(value: A): A => {
  if (!Exit.isExit(value) || Exit.isSuccess(value)) return value
  const reasons = value.cause.reasons.map((reason) =>
    Cause.isInterruptReason(reason) ? Cause.makeInterruptReason() : reason
  )
  return Exit.failCause(Cause.fromReasons(reasons)) as A & Exit.Exit<unknown, unknown>
}
