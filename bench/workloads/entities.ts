/** cluster: calls of entities of a cluster, in another process and in this one, beside `Port.cal`, with the same data. */
import * as Entity from "effect/cluster/Entity"
import type { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Cluster from "../../src/Cluster.ts"
import { Global, Node, Port, Transport } from "../../src/index.ts"
import * as ours from "../ours.ts"
import { numbersTo, rate, type Side, textOf, type Workload } from "../workload.ts"

const Item = Schema.Struct({ n: Schema.Int, text: Schema.String })
const Items = Entity.make("Items", [EffectRpc.make("next", { payload: Item, success: Item })])
const ItemsLive = Items.toLayer(
  Effect.succeed(Items.of({ next: ({ payload: { n, text } }) => Effect.succeed({ n: n + 1, text }) })),
  { concurrency: "unbounded" }
)
const ItemPort = Port.protocol({ next: Port.message(Item).replies(Item) })

const node = (nodeId: string, seeds: ReadonlyArray<string>) =>
  Global.layer({ seeds, global: seeds.length === 0 }).pipe(
    Layer.provideMerge(Node.layer({ nodeId, binds: ["127.0.0.1:*"], secret: "bench" })),
    Layer.provide(Transport.layerTcp)
  )

/** It votes alone: what a call costs does not depend on how many do. */
const runner = (nodeId: string) =>
  ItemsLive.pipe(
    Layer.provideMerge(Cluster.layer({ voters: [nodeId], lease: "1 second", grace: "1 second" })),
    Layer.provideMerge(node(nodeId, []))
  )

const batch = <E, R>(
  calls: number,
  outstanding: number,
  call: (item: typeof Item.Type) => Effect.Effect<unknown, E, R>
) => {
  const some = (numbers: ReadonlyArray<number>, concurrency: number) =>
    Effect.forEach(numbers, (n) => call({ n, text: textOf(n) }), { concurrency, discard: true })
  // Codecs are compiled with the first call, and the compiler is done with what they are made of after some thousands.
  return Effect.andThen(some(numbersTo(5000), 64), rate(calls, some(numbersTo(calls), outstanding)))
}

const workload = (name: string, title: string, outstanding: number, calls: number): Workload => {
  const called = Effect.flatMap(
    Items.client,
    (items): Effect.Effect<number, unknown, Sharding> => batch(calls, outstanding, items("key").next)
  )
  const remote: Side = {
    partner: Effect.flatMap(Layer.build(runner("runner")), (context) => Effect.provide(Node.addresses, context)),
    measure: ([partner]) =>
      Effect.provide(called, Layer.provideMerge(Cluster.layerClient(), node("measured", partner!.words.slice(0, 1))))
  }
  const here: Side = { measure: () => Effect.provide(called, runner("measured")) }
  const cal: Side = {
    partner: ours.listening(Port.make(ItemPort, { next: ({ n, text }) => Effect.succeed({ n: n + 1, text }) })),
    measure: (partners) =>
      ours.dialling(
        partners,
        (port: Port.PortId<typeof ItemPort.messages> = "") =>
          batch(calls, outstanding, (item) => Port.cal(port, "next", item))
      )
  }
  return {
    name,
    title,
    unit: "/s",
    sides: { "entity": remote, "entity here": here, cal },
    lines: [{ side: "entity", peer: "cal" }, { side: "entity here", peer: "cal" }]
  }
}

export const entities: ReadonlyArray<Workload> = [
  workload("cluster", "calls of an entity in another process, beside cal", 1, 1000),
  workload("cluster64", "64 at a time", 64, 5000)
]
