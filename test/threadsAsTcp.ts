/** Threads in the place of TCP, under its addresses: for suites that listen on `127.0.0.1:*`. All nodes of a test are in one thread. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Wire } from "../src/internal/transport/wire.ts"
import * as Transport from "../src/Transport.ts"

const bare = (address: string): string => address.replace(/^thread:.*:/, "127.0.0.1:")
const threaded = (address: string): string => `thread:0:${/\d*$/.exec(address)![0]}`

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

let lastPort = 10_000

export const threadsAsTcp: Layer.Layer<Transport.Transport> = Layer.effect(
  Transport.Transport,
  Effect.map(Transport.Transport, (inner): Transport.Carrier => ({
    listen: (bind, accept, host) => {
      const port = bind.replace(/\*$/, () => String(++lastPort))
      return Effect.map(inner.listen(threaded(port), (wire) => accept(renamed(wire)), host), (all) => all.map(bare))
    },
    resolve: (address) => Effect.succeed([address]),
    dial: (address, host) => Effect.map(inner.dial(threaded(address), host), renamed)
  }))
).pipe(Layer.provide(Transport.layerThreads))
