/** What others do to a node, and how long it keeps everybody else waiting for that. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { Global, Node, Port, Transport } from "../src/index.ts"
import { secret } from "../test/harness.ts"
import { connectRaw, dialRaw, greeting, type RawPeer } from "../test/rawPeer.ts"
import { changes } from "./changes.ts"
import type { Goal } from "./goal.ts"
import { watchLoop } from "./watchLoop.ts"

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Transport.Transport>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide([Transport.layerTcp, Logger.layer([])])))

const start = (nodeId: string) =>
  Layer.build(
    Layer.provideMerge(Global.layer({ global: true }), Node.layer({ nodeId, secret, binds: ["127.0.0.1:*"] }))
  )

/** The longest that the event loop waits while a peer says so many things at once. */
const flood = (count: number, packet: (n: number) => ReadonlyArray<unknown>) => () =>
  run(Effect.gen(function*() {
    const node = yield* start("seed")
    const [address] = yield* Effect.provide(Node.addresses, node)
    const raw: RawPeer = yield* connectRaw(address!, { nodeId: "flooder" })
    raw.send(["", "g_slave", {}])
    yield* raw.settle
    const longest = yield* watchLoop
    const piece = 5000
    for (let n = 0; n < count; n += piece) {
      raw.send(...Array.from({ length: piece }, (_, i) => packet(n + i)))
      yield* raw.settle
    }
    return longest()
  }))

/** Until a good node's first message is there, beside 500 connections that only say who they are. */
const besideStrangers = () =>
  run(Effect.gen(function*() {
    const node = yield* start("seed")
    const [address] = yield* Effect.provide(Node.addresses, node)
    yield* Effect.forEach(Array.from({ length: 500 }), () => dialRaw(address!, { opening: greeting("raw") }))
    const good = yield* Layer.build(Node.layer({ nodeId: "good", secret, binds: [] }))
    yield* Effect.provide(Node.addressBook(() => Effect.succeed([address!])), good)
    const began = performance.now()
    yield* Effect.provide(Effect.orDie(Port.calMessage("seed", "time")), good)
    return performance.now() - began
  }))

export const strangers: ReadonlyArray<Goal> = [
  {
    name: "a change at a monitor elsewhere",
    unit: "ms",
    atMost: 5,
    measure: async () => (await Effect.runPromise(changes(110)))[55]!
  },
  { name: "a message beside 500 strangers", unit: "ms", atMost: 1500, measure: besideStrangers },
  {
    name: "200,000 updates of a key: the loop waits",
    unit: "ms",
    atMost: 500,
    measure: flood(200_000, (n) => ["", "g_upd", "fam", { k: n }])
  },
  {
    name: "200,000 new keys: the loop waits",
    unit: "ms",
    atMost: 500,
    measure: flood(200_000, (n) => ["", "g_upd", `fam${n % 100}`, { [`k${n}`]: n }])
  },
  {
    name: "100,000 new monitors: the loop waits",
    unit: "ms",
    atMost: 500,
    measure: flood(100_000, (n) => ["", "g_mon1", `fam${n}`])
  }
]
