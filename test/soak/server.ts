/**
 * A server that lives for long: clients come to one node, talk, are watched, register, set keys, and go, in all the ways in which
 * clients go. Run as a process of its own: `node test/soak/server.ts CLIENTS`. It prints what is left after the first ones, and
 * after all of them: the two are to be the same.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Global, Node, Port, Transport } from "../../src/index.ts"
import { type Mesh, NodeMesh } from "../../src/internal/global/mesh.ts"
import { NodeRouter, type Router } from "../../src/internal/node/router.ts"
import type { Carrier } from "../../src/internal/transport/wire.ts"
import { type Census, census } from "../simulation/leftovers.ts"

v8.setFlagsFromString("--expose-gc")
/** The garbage collector, whatever the process was started with. */
const collect = vm.runInNewContext("gc") as () => void

const secret = "swordfish"
/** So many clients share a process. */
const together = 10
/** One of so many processes comes over TCP. */
const overTcp = 20
/** So many processes are there at a time. */
const crowd = 20
const warmUp = 1000

export interface Left {
  /** Bytes in use. */
  readonly heap: number
  readonly counts: Census
}

/** Both transports: the address says which. */
const both = Layer.effect(
  Transport.Transport,
  Effect.gen(function*() {
    const memory: Carrier = Context.get(yield* Layer.build(Transport.layerMemory), Transport.Transport)
    const tcp: Carrier = Context.get(yield* Layer.build(Transport.layerTcp), Transport.Transport)
    const of = (address: string): Carrier => address.startsWith("memory:") ? memory : tcp
    const carrier: Carrier = {
      listen: (bind, accept, host) => of(bind).listen(bind, accept, host),
      dial: (address, host) => of(address).dial(address, host),
      resolve: (address) => of(address).resolve(address)
    }
    return carrier
  })
)

const node = (nodeId: string, binds: ReadonlyArray<string>, options: Global.Options) =>
  Layer.build(Layer.provideMerge(Global.layer(options), Node.layer({ nodeId, secret, binds })))

/** What the server does for its clients. Everything that it makes for one of them is to go with it. */
const makeServer = Effect.gen(function*() {
  const whole = yield* Effect.context<Node.Node | Global.Global | Scope.Scope>()
  const present = new Set<string>()
  const port: Port.PortId = yield* Port.make({
    join: (client: string, reply: string) =>
      Effect.gen(function*() {
        present.add(client)
        // In the port, which lives as long as the server; and beside it.
        yield* Port.mon(client, () => void present.delete(client))
        yield* Effect.provideContext(Port.mon(client, () => {}), whole)
        yield* Port.mon(client, port, "left", client)
        yield* Port.after("1 millis", client, "hello", "welcome")
        const reminders = yield* Scope.fork(yield* Effect.scope)
        yield* Scope.provide(Port.after("1 hour", client, "hello", "still there?"), reminders)
        yield* Port.mon(client, () => Scope.close(reminders, Exit.void))
        yield* Port.monGuard(client, Effect.acquireRelease(Effect.void, () => Effect.void))
        yield* Port.snd(reply, present.size)
      }),
    left: () => {},
    say: (client: string, text: string) => Port.snd(client, "hello", text),
    dismiss: (client: string) => Port.kil(client, "dismissed")
  })
  return port
})

/** A client, from its coming to its going. */
const visit = Effect.fnUntraced(function*(server: string, number: number) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const port = yield* Scope.provide(
    Port.make({
      hello: () => {},
      fail: () => Effect.fail("failed as it should"),
      double: (n: number, reply: string) => Port.snd(reply, 2 * n)
    }),
    scope
  )
  yield* Scope.provide(Port.mon(server, port), scope)
  yield* Port.cal(server, "join", port)
  yield* Scope.provide(Global.reg(port, "clients", number), scope)
  for (let n = 0; n < 3; n++) yield* Scope.provide(Global.set("seen", port, n), scope)
  yield* Port.snd(server, "say", port, "x".repeat(100))
  yield* Port.cal(port, "double", 1)
  const ended = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
  switch (number % 4) {
    case 0:
      yield* Port.snd(server, "dismiss", port)
      break
    case 1:
      yield* Port.snd(port, "fail")
      break
    case 2:
      yield* Port.kil(port)
      break
    default:
      yield* Scope.close(scope, Exit.void)
  }
  yield* ended.pipe(Fiber.await)
  yield* Scope.close(scope, Exit.void)
})

/** A process with some clients. Some of them vanish with it. */
const household = Effect.fnUntraced(function*(server: string, tcp: string, first: number) {
  const number = Math.floor(first / together)
  const seeds = [number % overTcp === 0 ? tcp : "memory:1"]
  const scope = yield* Scope.make()
  const context = yield* Scope.provide(node(`c${first}`, [], { seeds }), scope)
  const inside = Context.add(context, Scope.Scope, scope)
  yield* Effect.provideContext(
    Effect.andThen(
      Global.joined,
      Effect.forEach(Array.from({ length: together }, (_, i) => first + i), (client) => visit(server, client), {
        concurrency: "unbounded",
        discard: true
      })
    ),
    inside
  )
  yield* Effect.provideContext(
    Effect.flatMap(Port.make({ hello: () => {} }), (port) => Port.cal(server, "join", port)),
    inside
  )
  yield* Scope.close(scope, Exit.void)
})

const program = Effect.fnUntraced(function*(clients: number) {
  const scope = yield* Effect.scope
  const context = yield* node("server", ["memory:1", "127.0.0.1:*"], { global: true })
  const router: Router = Context.get(context, NodeRouter)
  const mesh: Mesh = Context.get(context, NodeMesh)
  const tcp = router.addresses.find((address) => !address.startsWith("memory:"))!
  const server = yield* Effect.provideContext(makeServer, Context.add(context, Scope.Scope, scope))
  yield* Effect.forkScoped(Effect.provideContext(Stream.runDrain(Global.mon("clients")), context))
  const come = (from: number, to: number) =>
    Effect.forEach(
      Array.from({ length: Math.ceil((to - from) / together) }, (_, i) => from + i * together),
      (first) => household(server, tcp, first),
      { concurrency: crowd, discard: true }
    )
  const left: Effect.Effect<Left> = Effect.gen(function*() {
    while (router.upNodes().length > 0 || router.peers.size > 0) yield* Effect.sleep("10 millis")
    yield* Effect.sleep("200 millis")
    let heap = Infinity
    for (let i = 0; i < 5; i++) {
      collect()
      yield* Effect.sleep("20 millis")
      heap = Math.min(heap, process.memoryUsage().heapUsed)
    }
    return { heap, counts: census(router, scope, mesh) }
  })
  yield* come(0, warmUp)
  const before = yield* left
  yield* come(warmUp, clients)
  const after = yield* left
  console.log(JSON.stringify({ clients: clients - warmUp, before, after }))
})

const quiet = Logger.layer([])

await Effect.runPromise(
  Effect.scoped(program(Number(process.argv[2] ?? 100_000))).pipe(Effect.provide(both), Effect.provide(quiet))
)
