import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Node, Port, Transport } from "./src/index.ts"
import * as Rpc from "./src/Rpc.ts"
const Item = Schema.Struct({ n: Schema.Int, text: Schema.String })
const Items = RpcGroup.make(EffectRpc.make("next", { payload: Item, success: Item }))
const handlers = Items.toLayer({ next: ({ n, text }) => Effect.succeed({ n: n + 1, text }) })
const ItemPort = Port.protocol({ next: Port.message(Item).replies(Item) })
const measure = <E, R>(name: string, call: (item: typeof Item.Type) => Effect.Effect<unknown, E, R>, concurrency: number) => Effect.gen(function*() {
  const numbers = Array.from({ length: 4000 }, (_, n) => n)
  const batch = Effect.forEach(numbers, (n) => call({ n, text: "text number 1" }), { concurrency, discard: true })
  for (let i = 0; i < 4; i++) yield* batch
  let best = Infinity
  for (let i = 0; i < 5; i++) {
    const c = process.cpuUsage()
    yield* batch
    const d = process.cpuUsage(c)
    best = Math.min(best, (d.user + d.system) / numbers.length)
  }
  console.log(name, concurrency, best.toFixed(1), "us cpu")
})
await Effect.runPromise(Effect.gen(function*() {
  const b = yield* Layer.build(Node.layer({ nodeId: "b", secret: "s", binds: ["memory:1"] }))
  const a = yield* Layer.build(Node.layer({ nodeId: "a", secret: "s", binds: ["memory:2"] }))
  yield* Node.addressBook(() => Effect.succeed(["memory:1"])).pipe(Effect.provide(a))
  for (const disableTracing of [false, true]) {
    const s = yield* Rpc.serve(Items, { disableTracing }).pipe(Effect.provide(handlers), Effect.provide(b))
    const c = yield* Rpc.client(Items, s, { disableTracing }).pipe(Effect.provide(a))
    for (const n of [1, 64]) yield* measure(disableTracing ? "rpc without spans" : "rpc", c.next, n)
  }
  const p = yield* Port.make(ItemPort, { next: ({ n, text }) => Effect.succeed({ n: n + 1, text }) }).pipe(Effect.provide(b))
  for (const n of [1, 64]) yield* measure("cal", (item) => Port.cal(p, "next", item).pipe(Effect.provide(a)), n)
}).pipe(Effect.scoped, Effect.provide(Transport.layerMemory)))
