/**
 * NATS as a transport: how a node listens on a server, and how it dials over it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { LinkError } from "../linkError.ts"
import type { Carrier, Wire } from "../wire.ts"
import { formatNats, natsScheme, parseNats, wrongNats } from "./address.ts"
import type { Broker } from "./broker.ts"

/** Whoever listens by a name has so long to say so. */
const askMillis = 500

/** Nobody keeps a second one from listening: it has to ask. Somebody who does not answer is not there. */
const isTaken = ({ exchange, lacks }: Broker, name: string): Effect.Effect<boolean> =>
  lacks !== undefined ? Effect.succeed(false) : Effect.callback<boolean>((resume) => {
    const giveUp = exchange.isTaken(name, (isTaken) => resume(Effect.succeed(isTaken)))
    return Effect.sync(giveUp)
  }).pipe(Effect.timeoutOrElse({ duration: askMillis, orElse: () => Effect.succeed(false) }))

export const carrierOf = (broker: Broker): Carrier => {
  const { exchange } = broker
  const nameOf = (address: string): Effect.Effect<string, LinkError> => {
    const name = parseNats(address)
    return name === undefined || name === ""
      ? Effect.fail(new LinkError({ reason: "malformed_address", peer: address }))
      : Effect.succeed(name)
  }
  return {
    schemes: [natsScheme],
    wrong: wrongNats,
    away: () => broker.lacks,
    listen: (bind, accept, host) =>
      Effect.gen(function*() {
        const name = parseNats(bind) || host
        const refuse = (detail: string) => Effect.fail(new LinkError({ reason: "listen_failed", peer: bind, detail }))
        if (exchange.hasListener(name)) return yield* refuse("another node of this process listens there")
        yield* Effect.acquireRelease(Effect.sync(() => exchange.listen(name, accept)), Effect.sync)
        if (yield* isTaken(broker, name)) return yield* refuse("another node listens there")
        yield* Effect.catch(
          broker.subscribe(exchange.subjectOf(name), ({ data }) => exchange.call(name, data)),
          refuse
        )
        return [formatNats(name)]
      }),
    resolve: (address) => Effect.as(nameOf(address), [address]),
    dial: (address, host) =>
      Effect.flatMap(nameOf(address), (name) =>
        Effect.callback<Wire, LinkError>((resume) => {
          const fail = (detail: string) =>
            resume(Effect.fail(new LinkError({ reason: "connect_failed", peer: address, detail })))
          const { lacks } = broker
          if (lacks !== undefined) return fail(lacks)
          const giveUp = exchange.dial(
            name,
            host,
            (dialled) => "wire" in dialled ? resume(Effect.succeed(dialled.wire)) : fail(dialled.why)
          )
          return Effect.sync(giveUp)
        }))
  }
}
