/** What links take for granted, over all transports that there are; and transports that do otherwise are found out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { until } from "./harness.ts"
import { layerOwnNats } from "./natsAsTcp.ts"
import { hasNats, ifNats } from "./natsServer.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
afterAll(() => rmSync(folder, { recursive: true }))

const both = Transport.any([Transport.layerTcp, Transport.layerUnix])
const places = { bind: "127.0.0.1:*", nobody: "127.0.0.1:1" }
const webPlaces = { bind: "ws://127.0.0.1:*/nodes", nobody: "ws://127.0.0.1:1" }

/** Those who dial do so with the platform's own WebSocket. */
const layerPlatform = Layer.effect(
  Transport.Transport,
  Effect.gen(function*() {
    const { dial } = yield* Effect.provide(Transport.Transport, Transport.layerWebSocketClient)
    return { ...yield* Transport.Transport, dial }
  })
).pipe(Layer.provide(Transport.layerWebSocket()))

/** The two ends of each connection for each other: who dials gets the one that was accepted. */
const swapped = <E>(layer: Layer.Layer<Transport.Transport, E>): Layer.Layer<Transport.Transport, E> =>
  Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (inner): Transport.Carrier => {
      const accepted = new Array<Transport.Wire>()
      let accept = (_wire: Transport.Wire): void => {}
      return {
        ...inner,
        listen: (bind, give, host, moved) => {
          accept = give
          return inner.listen(bind, (wire) => void accepted.push(wire), host, moved)
        },
        dial: (address, host) =>
          Effect.gen(function*() {
            const dialled = yield* inner.dial(address, host)
            yield* until("a connection is accepted", () => accepted.length > 0)
            accept(dialled)
            return accepted.shift()!
          })
      }
    })
  ).pipe(Layer.provide(layer))

/** The platform reads whether somebody wants it or not. */
const cannotBeKeptWaiting = "who does not read makes the other end buffer"

for (
  const [name, layer, at] of [
    ["TCP", Transport.layerTcp, places],
    ["a Unix socket", Transport.layerUnix, { bind: `unix:${folder}/a.sock`, nobody: `unix:${folder}/nobody` }],
    ["threads", Transport.layerThreads, { bind: "thread:", nobody: "thread:0:nobody" }],
    ["the network in memory", Transport.layerMemory, places],
    ["one of several transports", both, { bind: `unix:${folder}/b.sock`, nobody: "127.0.0.1:1" }],
    ["WebSocket", Transport.layerWebSocket(), webPlaces],
    ["WebSocket, dialled by the platform", layerPlatform, webPlaces],
    [ifNats("NATS"), layerOwnNats, { bind: "nats:", nobody: "nats:nobody" }]
  ] as const
) {
  if (layer === layerOwnNats && !hasNats) {
    it.skip(`over ${name}`, () => {})
    continue
  }
  const rules = TestNetwork.transportRules(at)
  describe(`over ${name}`, () => {
    for (const { check, name } of rules) it.live(name, () => Effect.provide(check, layer))
  })
  describe(`over ${name}, of the end that was accepted`, () => {
    for (const { check, name } of rules) {
      if (layer === layerPlatform && name.startsWith(cannotBeKeptWaiting)) continue
      it.live(name, () => Effect.provide(check, swapped(layer)))
    }
  })
}

/** A wire that does something otherwise than TCP's. */
const broken = (change: (wire: Transport.Wire) => Partial<Transport.Wire>): Layer.Layer<Transport.Transport> => {
  const changed = (wire: Transport.Wire): Transport.Wire => ({
    remote: wire.remote,
    get buffered() {
      return wire.buffered
    },
    start: (events) => wire.start(events),
    write: (bytes, left) => wire.write(bytes, left),
    end: (closed) => wire.end(closed),
    destroy: () => wire.destroy(),
    ...change(wire)
  })
  return Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (tcp): Transport.Carrier => ({
      ...tcp,
      listen: (bind, accept, host, moved) => tcp.listen(bind, (wire) => accept(changed(wire)), host, moved),
      dial: (address, host) => Effect.map(tcp.dial(address, host), changed)
    }))
  ).pipe(Layer.provide(Transport.layerTcp))
}

/** A wire that tells something otherwise. */
const hearing = (change: (events: Transport.WireEvents) => Partial<Transport.WireEvents>) =>
  broken((wire) => ({ start: (events) => wire.start({ ...events, ...change(events) }) }))

describe("is found out that", () => {
  for (
    const [what, rule, layer] of [
      [
        "copies nothing and calls left at once",
        "bytes may be a view",
        broken((wire) => ({
          write: (bytes, left) => {
            left?.()
            wire.write(bytes)
          }
        }))
      ],
      [
        "calls left twice",
        "bytes may be a view",
        broken((wire) => ({
          write: (bytes, left) =>
            wire.write(bytes, () => {
              left?.()
              left?.()
            })
        }))
      ],
      [
        "tells nothing of its own end",
        "destroy tells both ends, once",
        broken((wire) => {
          let isOver = false
          return {
            start: (events) => wire.start({ ...events, closed: (why) => isOver || events.closed(why) }),
            destroy: () => {
              isOver = true
              wire.destroy()
            }
          }
        })
      ],
      [
        "tells it twice",
        "destroy tells both ends, once",
        hearing((events) => ({
          closed: (why) => {
            events.closed(why)
            events.closed(why)
          }
        }))
      ],
      [
        "throws when it is closed",
        "a wire that is closed takes calls",
        broken((wire) => {
          let isOver = false
          return {
            start: (events) =>
              wire.start({
                ...events,
                closed: (why) => {
                  isOver = true
                  events.closed(why)
                }
              }),
            write: (bytes, left) => {
              if (isOver) throw new Error("this wire is closed")
              wire.write(bytes, left)
            }
          }
        })
      ],
      [
        "tells of its end within the call",
        "nobody is told anything within",
        broken((wire) => {
          let tell = (_why: string): void => {}
          return {
            start: (events) => {
              tell = (why) => events.closed(why)
              wire.start({ ...events, closed: () => {} })
            },
            destroy: () => {
              tell("destroyed")
              wire.destroy()
            }
          }
        })
      ],
      [
        "never says that it is drained",
        "drained is told",
        hearing(() => ({ drained: () => {} }))
      ]
    ] as const
  ) {
    it.live(`a wire ${what}`, () =>
      Effect.gen(function*() {
        const meant = TestNetwork.transportRules({ ...places, patience: "1 second" }).find(({ name }) =>
          name.startsWith(rule)
        )!
        const exit = yield* Effect.exit(Effect.provide(meant.check, layer))
        assert.isTrue(Exit.hasFails(exit) || Exit.hasDies(exit))
      }))
  }
})
