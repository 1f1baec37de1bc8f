/** WebSockets in the place of TCP, under its addresses: for suites that listen on `127.0.0.1:*`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Wire } from "../src/internal/transport/wire.ts"
import * as Transport from "../src/Transport.ts"

const scheme = "ws://"
const bare = (addresses: ReadonlyArray<string>) => addresses.map((address) => address.replace(scheme, ""))

const renamed = (wire: Wire): Wire => ({
  remote: wire.remote.replace(scheme, ""),
  get buffered() {
    return wire.buffered
  },
  start: (events) => wire.start(events),
  write: (bytes, left) => wire.write(bytes, left),
  end: (closed) => wire.end(closed),
  destroy: () => wire.destroy()
})

export const webSocketAsTcp: Layer.Layer<Transport.Transport> = Layer.effect(
  Transport.Transport,
  Effect.map(Transport.Transport, (inner): Transport.Carrier => ({
    listen: (bind, accept, host, moved) => {
      const found = (addresses: ReadonlyArray<string>) => moved?.(bare(addresses))
      return Effect.map(inner.listen(scheme + bind, (wire) => accept(renamed(wire)), host, found), bare)
    },
    resolve: (address) => Effect.map(inner.resolve(scheme + address), bare),
    dial: (address, host) => Effect.map(inner.dial(scheme + address, host), renamed)
  }))
).pipe(Layer.provide(Transport.layerWebSocket()))
