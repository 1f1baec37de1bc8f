/**
 * `npm run bench:mesh`: how a network grows. Nodes in one process, over the in-memory network, five of them global; each of
 * the others sets one key. For every size: the time until all have joined and all global nodes know everybody, the
 * links, the packets and bytes that it took, and the heap for each node. Then, over TCP: how long a change takes from one
 * plain node to a monitor on another, over two global nodes.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { Global, Node, Transport } from "../src/index.ts"
import { changes } from "./changes.ts"

const globals = 5
const sizes = [25, 50, 100, 200]

const collect = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const start = (index: number) => {
  const seeds = Array.from({ length: globals }, (_, i) => `memory:${i + 1}`)
  const node = Node.layer({
    nodeId: `node${index}`,
    secret: "bench",
    binds: [index <= globals ? `memory:${index}` : "memory:*"]
  })
  return Layer.build(Layer.provideMerge(Global.layer({ seeds, global: index <= globals }), node))
}

/** All global nodes have these many entries of the family. */
const agreed = (family: string, count: number, contexts: ReadonlyArray<Context.Context<Global.Global>>) =>
  Effect.forEach(
    contexts,
    (context) =>
      Effect.repeat(Effect.andThen(Effect.sleep("5 millis"), Effect.provide(Global.keys(family), context)), {
        until: (keys) => keys.length === count
      }),
    { concurrency: "unbounded", discard: true }
  )

const measure = (size: number) =>
  Effect.gen(function*() {
    const before = collect()
    const began = performance.now()
    const contexts = yield* Effect.forEach(Array.from({ length: size }, (_, i) => i + 1), start)
    yield* Effect.forEach(contexts, (context, i) => Effect.provide(Global.set("bench", `key${i}`, i), context), {
      discard: true
    })
    yield* agreed("bench", size, contexts.slice(0, globals))
    const millis = performance.now() - began
    const peers = yield* Effect.forEach(contexts, (context) => Effect.provide(Node.peers, context))
    const links = peers.flat().filter((peer) => peer.state === "up")
    const bytes = links.reduce((total, peer) => total + peer.sent, 0)
    return {
      nodes: size,
      "joined (ms)": Math.round(millis),
      links: links.length / 2,
      "links of a plain node": peers.at(-1)!.filter((peer) => peer.state === "up").length,
      "KiB sent for each node": Number((bytes / size / 1024).toFixed(1)),
      "heap for each node (KiB)": Math.round((collect() - before) / size / 1024)
    }
  }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory), Effect.provide(Logger.layer([])))

await Effect.runPromise(measure(10))
const rows: Array<Record<string, number>> = []
for (const size of sizes) rows.push(await Effect.runPromise(measure(size)))
console.table(rows)
const times = await Effect.runPromise(changes(1000))
const at = (share: number): string => times[Math.floor(times.length * share)]!.toFixed(2)
console.log(`a change at a monitor of another node: median ${at(0.5)} ms, 99 % within ${at(0.99)} ms`)
