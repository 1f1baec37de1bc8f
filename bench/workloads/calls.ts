/** W10: calls of Effect's rpc to another process beside `Port.cal`, with the same data: one at a time, and 64 at a time. */
import * as Effect from "effect/Effect"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { type Node, Port } from "../../src/index.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as ours from "../ours.ts"
import { numbersTo, rate, type Side, textOf, type Workload } from "../workload.ts"

const Item = Schema.Struct({ n: Schema.Int, text: Schema.String })
const Items = RpcGroup.make(EffectRpc.make("next", { payload: Item, success: Item }))
const handlers = Items.toLayer({ next: ({ n, text }) => Effect.succeed({ n: n + 1, text }) })

const ItemPort = Port.protocol({ next: Port.message(Item).replies(Item) })

type Call = Effect.Effect<typeof Item.Type, Port.Killed, Node.Node>

interface Kind {
  readonly name: string
  readonly title: string
  readonly outstanding: number
  readonly calls: number
  /** How many calls there are at least for one `Port.cal`: with spans, and without. */
  readonly goals: readonly [withSpans: number, without: number]
}

const workload = ({ calls, goals: [withSpans, without], name, outstanding, title }: Kind): Workload => {
  const numbers = numbersTo(calls)
  const batch = <E, R>(call: (item: typeof Item.Type) => Effect.Effect<unknown, E, R>) => {
    const some = (numbers: ReadonlyArray<number>, concurrency: number) =>
      Effect.forEach(numbers, (n) => call({ n, text: textOf(n) }), { concurrency, discard: true })
    // Codecs are compiled with the first call, and what they are made of is not fast before the compiler has seen some thousands.
    return Effect.andThen(some(numbersTo(10_000), 64), rate(calls, some(numbers, outstanding)))
  }
  const rpc = (options: Rpc.CallOptions): Side => ({
    partner: ours.listening(Effect.provide(Rpc.serve(Items, options), handlers)),
    measure: (partners) =>
      ours.dialling(
        partners,
        (server = "") => Effect.flatMap(Rpc.client(Items, server, options), (client) => batch(client.next))
      )
  })
  const cal = (around: (call: Call) => Call): Side => ({
    partner: ours.listening(Port.make(ItemPort, { next: ({ n, text }) => Effect.succeed({ n: n + 1, text }) })),
    measure: (partners) =>
      ours.dialling(
        partners,
        (port: Port.PortId<typeof ItemPort.messages> = "") => batch((item) => around(Port.cal(port, "next", item)))
      )
  })
  return {
    name,
    title,
    unit: "/s",
    sides: {
      "rpc": rpc({}),
      "rpc without spans": rpc({ disableTracing: true }),
      "cal in a span": cal(Effect.withSpan("call")),
      "cal": cal((call) => call)
    },
    lines: [
      { side: "rpc", peer: "cal", goal: { ratio: withSpans } },
      { side: "rpc without spans", peer: "cal", goal: { ratio: without } },
      { side: "cal in a span", peer: "cal" }
    ]
  }
}

export const calls: ReadonlyArray<Workload> = [
  workload({
    name: "W10a",
    title: "calls to another process, beside cal",
    outstanding: 1,
    calls: 2000,
    goals: [1 / 1.6, 1 / 1.4]
  }),
  workload({ name: "W10b", title: "64 at a time", outstanding: 64, calls: 20_000, goals: [1 / 3.5, 1 / 2] })
]
