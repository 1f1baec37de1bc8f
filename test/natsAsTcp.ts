/** NATS in the place of TCP, under its addresses: for suites that listen on `127.0.0.1:*`. Each test has a network of its own on one server. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Wire } from "../src/internal/transport/wire.ts"
import * as Transport from "../src/Transport.ts"
import { sharedNats } from "./natsServer.ts"

const bare = (address: string): string => address.replace(/^nats:n/, "127.0.0.1:")
const named = (address: string): string => `nats:n${/\d*$/.exec(address)![0]}`

const renamed = (wire: Wire): Wire => ({
  remote: bare(wire.remote),
  get buffered() {
    return wire.buffered
  },
  start: (events) => wire.start(events),
  write: (bytes, left) => wire.write(bytes, left),
  end: (closed) => wire.end(closed),
  destroy: () => wire.destroy()
})

const asTold = ({ detail, peer, reason }: Transport.LinkError) =>
  new Transport.LinkError({ reason, peer: bare(peer), detail })

let lastPort = 10_000
let lastNetwork = 0

/** Transport over NATS on a network of its own, of the server that tests share. */
export const layerOwnNats: Layer.Layer<Transport.Transport, Transport.LinkError> = Layer.unwrap(
  Effect.map(
    Effect.promise(sharedNats),
    ({ url }) => Transport.layerNats({ servers: url, network: `${process.pid}-${++lastNetwork}` })
  )
)

export const natsAsTcp: Layer.Layer<Transport.Transport> = Layer.effect(
  Transport.Transport,
  Effect.map(Transport.Transport, (inner): Transport.Carrier => ({
    listen: (bind, accept, host) => {
      const port = bind.replace(/(?:^|:)(?:\*|0)$/, () => `:${++lastPort}`)
      return inner.listen(named(port), (wire) => accept(renamed(wire)), host).pipe(
        Effect.map((all) => all.map(bare)),
        Effect.mapError(asTold)
      )
    },
    resolve: (address) => Effect.succeed([address]),
    dial: (address, host) => Effect.mapBoth(inner.dial(named(address), host), { onFailure: asTold, onSuccess: renamed })
  }))
).pipe(Layer.provide(Layer.orDie(layerOwnNats)))
