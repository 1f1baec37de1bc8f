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

const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
afterAll(() => rmSync(folder, { recursive: true }))

const both = Transport.any([Transport.layerTcp, Transport.layerUnix])
const places = { bind: "127.0.0.1:*", nobody: "127.0.0.1:1" }

for (
  const [name, layer, at] of [
    ["TCP", Transport.layerTcp, places],
    ["a Unix socket", Transport.layerUnix, { bind: `unix:${folder}/a.sock`, nobody: `unix:${folder}/nobody` }],
    ["the network in memory", Transport.layerMemory, places],
    ["one of several transports", both, { bind: `unix:${folder}/b.sock`, nobody: "127.0.0.1:1" }]
  ] as const
) {
  describe(`over ${name}`, () => {
    for (const { check, name } of TestNetwork.transportRules(at)) it.live(name, () => Effect.provide(check, layer))
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
