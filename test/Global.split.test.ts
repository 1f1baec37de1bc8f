import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Global, Port, Transport } from "../src/index.ts"
import { areLinked, until } from "./harness.ts"
import { follow, linkedTo, makeMeshWorld } from "./meshWorld.ts"

const short = { monitorTimeout: "500 millis", connectInterval: "300 millis" } as const

/** Two global nodes, each with a node that uses it, and all ways between the halves. */
const halves = Effect.gen(function*() {
  const { start } = yield* makeMeshWorld
  const network = yield* Transport.MemoryNetwork
  const g1 = yield* start("g1", { global: true, ...short })
  const g2 = yield* start("g2", { global: true, seeds: [g1.address], ...short })
  const a = yield* start("a", { seeds: [g1.address], ...short })
  const b = yield* start("b", { seeds: [g2.address], ...short })
  yield* linkedTo(g1, "a", "g2")
  yield* linkedTo(g2, "b", "g1")
  const cut = [g1, a].flatMap((left) =>
    [g2, b].flatMap((right) => [
      { from: left.id, to: right.id },
      { from: right.id, to: left.id }
    ])
  )
  return { network, cut, g1, g2, a, b }
})

describe("a network in two halves", () => {
  it.live(
    "goes on in both, and has the union of both when it has healed",
    () =>
      Effect.gen(function*() {
        const { a, b, cut, g1, g2, network } = yield* halves
        yield* a.run(Global.set("f", "of a", 1))
        yield* b.run(Global.set("f", "of b", 2))
        const everywhere = { "of a": 1, "of b": 2 }
        for (const node of [g1, g2, a, b]) yield* node.has("f", everywhere)
        const follower = yield* follow(a, "f")

        yield* Effect.forEach(cut, network.cut)
        for (const node of [g1, a]) yield* node.has("f", { "of a": 1 })
        for (const node of [g2, b]) yield* node.has("f", { "of b": 2 })
        yield* a.run(Global.set("f", "of a, in the split", 3))
        yield* b.run(Global.set("f", "of b, in the split", 4))
        for (const node of [g1, a]) yield* node.has("f", { "of a": 1, "of a, in the split": 3 })
        for (const node of [g2, b]) yield* node.has("f", { "of b": 2, "of b, in the split": 4 })

        yield* Effect.forEach(cut, network.heal)
        const union = { ...everywhere, "of a, in the split": 3, "of b, in the split": 4 }
        for (const node of [g1, g2, a, b]) yield* node.has("f", union)
        yield* follower.reaches(union)
        yield* until("global nodes are linked", () => areLinked(g1, g2))
      }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory))
  )

  it.live(
    "has a group in both, and the whole group when it has healed",
    () =>
      Effect.gen(function*() {
        const { a, b, cut, network } = yield* halves
        const member = Effect.tap(Port.make({ who: () => {} }), Global.register("workers"))
        const [ofA, ofB] = [yield* a.run(member), yield* b.run(member)]
        const views = yield* Effect.forEach([a, b], (node) => node.run(Global.group("workers")))
        const sees = (nth: number, ...members: ReadonlyArray<string>) =>
          until(`view ${nth} is ${members.join(" and ")}`, () =>
            Effect.map(views[nth]!.members, (now) => now.join() === members.toSorted().join()))
        for (const nth of [0, 1]) {
          yield* sees(nth, ofA, ofB)
        }
        yield* a.run(Port.snd(ofB, "who"))

        yield* Effect.forEach(cut, network.cut)
        yield* sees(0, ofA)
        yield* sees(1, ofB)
        const late = yield* b.run(member)
        yield* sees(1, ofB, late)

        yield* Effect.forEach(cut, network.heal)
        for (const nth of [0, 1]) {
          yield* sees(nth, ofA, ofB, late)
        }
      }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory))
  )
})
