/**
 * Many nodes in one process, each with a port of its own, and what each of them takes:
 *
 * node --expose-gc examples/guides/many-nodes.ts 50
 */
import { Console, Effect, Layer, Logger, Schema } from "effect"
import { Global, Node, Port, Transport } from "effect-mp"

const Echo = Port.protocol({ where: Port.message().replies(Schema.String) })

/** Whatever is built with this Layer belongs to a node of its own: it is made anew by each call. */
const makeNode = (nodeId: string, seeds: ReadonlyArray<string>) =>
  Layer.provideMerge(Global.layer({ seeds }), Node.layer({ nodeId, secret: "swordfish", binds: ["127.0.0.1:*"] }))

const echo = Effect.gen(function*() {
  const nodeId = yield* Node.id
  const port = yield* Port.make(Echo, { where: () => Effect.succeed(nodeId) })
  yield* Global.register(port, "echoes")
})

const heap = Effect.sync(() => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024
})

const program = Effect.gen(function*() {
  const count = Number(process.argv[2] ?? 5)
  const first = yield* Layer.build(makeNode("node0", []))
  const seeds = yield* Effect.provide(Node.addresses, first)
  const [before, began] = [yield* heap, process.cpuUsage()]
  for (let nth = 1; nth <= count; nth++) {
    const node = yield* Layer.build(makeNode(`node${nth}`, seeds))
    yield* Effect.provide(Effect.andThen(Global.joined, echo), node)
  }
  const { system, user } = process.cpuUsage(began)
  const answers = yield* Effect.gen(function*() {
    const echoes = yield* Global.group<typeof Echo.messages>("echoes")
    yield* echoes.awaitMembers(count)
    return yield* echoes.callAll((echo) => Port.cal(echo, "where"))
  }).pipe(Effect.provide(first))
  yield* Console.log(`${answers.size} nodes have answered`)
  const kibibytes = ((yield* heap) - before) / count
  const millis = (system + user) / 1000 / count
  yield* Console.log(`each: ${kibibytes.toFixed(0)} KiB of the heap, ${millis.toFixed(0)} ms of a core`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([Transport.layerTcp, Logger.layer([])])))
