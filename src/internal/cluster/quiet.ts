/**
 * Effect's sharding in the log. Without a majority it says so at each attempt to find one, several times a second, for as long as that lasts: once a minute is
 * enough. That the majority is gone, and that it is back, it says once.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

/** As Effect 4.1 has it: what it says otherwise is not kept back. */
const repeated = "Shard lock storage is still unhealthy"

const pauseMillis = 60_000

const quieter = <Output>(logger: Logger.Logger<unknown, Output>): Logger.Logger<unknown, Output | undefined> => {
  let toldAt = -Infinity
  return Logger.make((line) => {
    if ([line.message].flat()[0] !== repeated) return logger.log(line)
    const at = line.date.getTime()
    if (Math.abs(at - toldAt) < pauseMillis) return undefined
    toldAt = at
    return logger.log(line)
  })
}

/** The same layer, whose fibers repeat themselves less. */
export const quiet = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.unwrap(Effect.map(
    Logger.CurrentLoggers,
    (loggers) => Layer.provide(layer, Logger.layer(Array.from(loggers, quieter)))
  ))
