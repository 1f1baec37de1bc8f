/** Other transports in the place of TCP, under its addresses: for suites that listen on `127.0.0.1:*`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LinkError } from "../src/internal/transport/linkError.ts"
import type { Wire } from "../src/internal/transport/wire.ts"
import * as Transport from "../src/Transport.ts"
import { layerOwnNats } from "./natsServer.ts"

/** How addresses are written: by the transport itself, and as those of TCP. */
interface Names {
  readonly own: (address: string) => string
  readonly bare: (address: string) => string
  /** Whether the transport finds a free port by itself. */
  readonly findsPorts: boolean
}

const renamed = (wire: Wire, bare: Names["bare"]): Wire => ({
  remote: bare(wire.remote),
  get buffered() {
    return wire.buffered
  },
  start: (events) => wire.start(events),
  write: (bytes, left) => wire.write(bytes, left),
  end: (closed) => wire.end(closed),
  destroy: () => wire.destroy()
})

/** A socket whose listener has gone is no file any more: with TCP nobody answers then. */
const refused = "Connection refused"

const renamedError = ({ detail, peer, reason }: LinkError, bare: Names["bare"]): LinkError =>
  new LinkError({ reason, peer: bare(peer), detail: detail === "there is no such socket" ? refused : detail })

let lastPort = 10_000

const asTcp = (
  transport: Layer.Layer<Transport.Transport>,
  { bare, findsPorts, own }: Names
): Layer.Layer<Transport.Transport> =>
  Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (inner): Transport.Carrier => ({
      listen: (bind, accept, host, moved) => {
        const found = (all: ReadonlyArray<string>) => moved?.(all.map(bare))
        const address = findsPorts ? bind : bind.replace(/(?<=:)(?:\*|0)$/, () => String(++lastPort))
        return Effect.mapBoth(inner.listen(own(address), (wire) => accept(renamed(wire, bare)), host, found), {
          onSuccess: (all) => all.map(bare),
          onFailure: (error) => renamedError(error, bare)
        })
      },
      resolve: (address) => Effect.map(inner.resolve(own(address)), (all) => all.map(bare)),
      dial: (address, host) =>
        Effect.mapBoth(inner.dial(own(address), host), {
          onSuccess: (wire) => renamed(wire, bare),
          onFailure: (error) => renamedError(error, bare)
        })
    }))
  ).pipe(Layer.provide(transport))

/** All nodes of a test are in one thread. */
export const threadsAsTcp = asTcp(Transport.layerThreads, {
  own: (address) => `thread:0:${/\d*$/.exec(address)![0]}`,
  bare: (address) => address.replace(/^thread:.*:/, "127.0.0.1:"),
  findsPorts: false
})

export const webSocketAsTcp = asTcp(Transport.layerWebSocket(), {
  own: (address) => `ws://${address}`,
  bare: (address) => address.replace("ws://", ""),
  findsPorts: true
})

let folder: string | undefined

/** The sockets of this process. */
const sockets = (): string => {
  if (folder !== undefined) return folder
  const made = mkdtempSync(join(tmpdir(), "sockets-"))
  process.once("exit", () => rmSync(made, { recursive: true, force: true }))
  return folder = made
}

export const unixAsTcp = asTcp(Transport.layerUnix, {
  own: (address) => `unix:${sockets()}/${/\d*$/.exec(address)![0]}`,
  bare: (address) => address.replace(/^unix:.*\//, "127.0.0.1:"),
  findsPorts: false
})

/** Each test has a network of its own, on one server. */
export const natsAsTcp = asTcp(Layer.orDie(layerOwnNats), {
  own: (address) => `nats:n${/\d*$/.exec(address)![0]}`,
  bare: (address) => address.replace(/^nats:n/, "127.0.0.1:"),
  findsPorts: false
})
