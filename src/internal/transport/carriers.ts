/**
 * Which transport an address is of: several of them as one.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { bare, schemeOf } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import type { Carrier } from "./wire.ts"

export const schemesOf = ({ schemes = [bare] }: Carrier): ReadonlyArray<string> => schemes

/** Whether an address, without a label, is one of this carrier. */
export const isOf = (carrier: Carrier, address: string): boolean => {
  const scheme = schemeOf(address)
  return scheme !== undefined && schemesOf(carrier).includes(scheme)
}

/** Each address goes to the first of the carriers that knows its scheme. */
export const anyOf = (carriers: ReadonlyArray<Carrier>): Carrier => {
  const carrierOf = (address: string): Effect.Effect<Carrier, LinkError> => {
    const found = carriers.find((carrier) => isOf(carrier, address))
    return found === undefined
      ? Effect.fail(new LinkError({ reason: "malformed_address", peer: address }))
      : Effect.succeed(found)
  }
  return {
    schemes: Array.from(new Set(carriers.flatMap(schemesOf))),
    wrong: (address) => carriers.find((carrier) => isOf(carrier, address))?.wrong?.(address),
    away: (address) => carriers.find((carrier) => isOf(carrier, address))?.away?.(address),
    listen: (bind, accept, host, moved) =>
      Effect.flatMap(carrierOf(bind), (carrier) => carrier.listen(bind, accept, host, moved)),
    resolve: (address) => Effect.flatMap(carrierOf(address), (carrier) => carrier.resolve(address)),
    dial: (address, host) => Effect.flatMap(carrierOf(address), (carrier) => carrier.dial(address, host))
  }
}
