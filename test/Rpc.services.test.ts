/** Servers as other rooms have them: supervised, spawned elsewhere, in layers, with a name, in a group. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as EffectRpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Global, Port, Supervisor, Transport } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import { makeLogs, reasonOf, testOver, transports, until, watch, within, type World } from "./harness.ts"
import { makeMeshWorld } from "./meshWorld.ts"
import { authClient, clientOn, handlers, Journal, serveOn, Users } from "./rpcService.ts"

const Adder = RpcGroup.make(EffectRpc.make("add", { payload: { n: Schema.Number }, success: Schema.Number }))
/** Each server has a total of its own. */
const makeAdder = Port.remote("test::adder", [Schema.Number], Rpc.protocol(Adder))
const adderFrom = (first: number) => {
  let total = first
  return Adder.toLayer({ add: ({ n }) => Effect.sync(() => total += n) })
}

/** What supervisors log is no part of it. */
const quietly = Effect.provide(makeLogs().layer)

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`a server that a client spawns, over ${name}`, () => {
    test("is called at once, and has handlers of its own", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* b.run(Layer.build(Rpc.implement(makeAdder, Adder, adderFrom)))
        const [one, other] = [yield* a.run(Port.spawn("b", makeAdder, 10)), yield* a.run(Port.spawn("b", makeAdder, 0))]
        const [first, second] = [yield* a.run(Rpc.client(Adder, one)), yield* a.run(Rpc.client(Adder, other))]
        assert.strictEqual(yield* first.add({ n: 1 }), 11)
        assert.strictEqual(yield* second.add({ n: 1 }), 1)
        assert.strictEqual(yield* first.add({ n: 1 }), 12)
      }))

    test("with arguments that it does not take, or handlers that cannot be made, ends", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const failing = Rpc.remote("test::failing", Adder)
        yield* b.run(Layer.build(Layer.merge(
          Rpc.implement(makeAdder, Adder, adderFrom),
          Rpc.implement(failing, Adder, () => Layer.effectContext(Effect.fail("no database")))
        )))
        const wrong = yield* a.run(Port.spawn("b", Port.remote("test::adder"), "ten"))
        const unmade = yield* a.run(Port.spawn("b", failing))
        for (const [server, tag] of [[wrong, "invalid_message"], [unmade, "fail"]] as const) {
          const [client, ended] = [yield* a.run(Rpc.client(Adder, server)), yield* watch(a, server)]
          yield* within("the end of a call", Effect.flip(client.add({ n: 1 })))
          yield* until("it has ended", () => ended.length === 1)
          assert.include([tag, "no_such_port"], ended[0]![0])
        }
      }))

    test("ends with the layer that offers it", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const scope = yield* Scope.make()
        yield* b.run(Layer.buildWithScope(Rpc.implement(makeAdder, Adder, adderFrom), scope))
        const server = yield* a.run(Port.spawn("b", makeAdder, 10))
        const client = yield* a.run(Rpc.client(Adder, server))
        yield* client.add({ n: 1 })
        const ended = yield* watch(a, server)
        yield* Scope.close(scope, Exit.void)
        yield* until("it has ended", () => ended.length === 1)
        yield* Effect.flip(client.add({ n: 1 }))
      }))
  })

  describe(`a supervised server, over ${name}`, () => {
    test("is found again by its clients when it was restarted", (world) =>
      Effect.gen(function*() {
        const b = yield* world.start("b")
        const a = yield* world.start("a")
        const journal = new Journal()
        const supervised = yield* b.run(
          Supervisor.restart(Effect.provide(Rpc.serve(Users), handlers(journal)), { intensity: 10 }).pipe(quietly)
        )
        const client = yield* clientOn(a, Effect.orDie(supervised.port))
        for (let n = 0; n < 3; n++) {
          const port = yield* supervised.port
          yield* until("it answers", () => Effect.isSuccess(client.greet({ name: "world" })))
          yield* b.run(Port.kil(port, "crash"))
          yield* until(
            "there is another one",
            () => Effect.map(Effect.orDie(supervised.port), (other) => other !== port)
          )
        }
      }))

    /** A server that has a call at work, and that its supervisor has told to end. */
    const stopping = Effect.fnUntraced(function*(world: World, shutdown?: Duration.Input) {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const journal = new Journal()
      const server = Effect.provide(Rpc.serve(Users), handlers(journal))
      const supervised = yield* b.run(Supervisor.restart(server, { shutdown }).pipe(quietly))
      const client = yield* clientOn(a, Effect.orDie(supervised.port))
      const call = yield* Effect.forkScoped(Effect.exit(client.slow({ id: "call" })))
      yield* until("it is at work", () => journal.has("call begins"))
      const restart = yield* Effect.forkScoped(supervised.restart)
      const isEnding = Effect.map(Effect.timeoutOption(Effect.orDie(supervised.port), "1 millis"), Option.isNone)
      return { call, client, journal, restart: within("the restart", Fiber.join(restart)), isEnding }
    })

    test("that is stopped answers the calls that it has, and begins no other", (world) =>
      Effect.gen(function*() {
        const { call, client, isEnding, journal, restart } = yield* stopping(world)
        yield* until("it is ending", () => isEnding)
        const late = yield* Effect.forkChild(Effect.flip(client.slow({ id: "late" })), { startImmediately: true })
        const other = yield* Effect.forkChild(client.slow({ id: "other" }), { startImmediately: true })
        yield* Fiber.interrupt(other)
        yield* Deferred.succeed(journal.go, undefined)
        assert.deepStrictEqual(yield* within("the answer", Fiber.join(call)), Exit.succeed("call is done"))
        const error = yield* within("the end of the late call", Fiber.join(late))
        assert.deepStrictEqual(Option.map(Rpc.killed(error), ({ reason }) => reason), Option.some(["shutdown"]))
        yield* restart
        assert.deepStrictEqual(journal.lines, ["call begins"])
        assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
      }))

    test("that is stopped and takes longer than it may is interrupted", (world) =>
      Effect.gen(function*() {
        const { call, journal, restart } = yield* stopping(world, "20 millis")
        yield* restart
        assert.isTrue(Exit.isFailure(yield* within("the end of the call", Fiber.join(call))))
        yield* until("it is interrupted", () => journal.has("call is interrupted"))
      }))

    test("that waits for its own supervisor is not waited for", (world) =>
      Effect.gen(function*() {
        const b = yield* world.start("b")
        const made = yield* Deferred.make<Effect.Effect<void, Port.Killed>>()
        const restart = Adder.toLayer({
          add: () => Effect.as(Effect.orDie(Effect.flatten(Deferred.await(made))), 1)
        })
        const supervised = yield* b.run(
          Supervisor.restart(Effect.provide(Rpc.serve(Adder), restart), { shutdown: "infinity" }).pipe(quietly)
        )
        yield* Deferred.succeed(made, supervised.restart)
        const client = yield* b.run(Rpc.client(Adder, supervised.port))
        const error = yield* within("the end of the call", Effect.flip(client.add({ n: 1 })))
        assert.deepStrictEqual(Option.map(Rpc.killed(error), ({ reason }) => reason), Option.some(["shutdown"]))
      }))

    test("that ends right behind an answer has answered", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const journal = new Journal()
        const server = yield* serveOn(b, journal)
        const client = yield* clientOn(a, server)
        const call = yield* Effect.forkChild(Effect.exit(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* Deferred.succeed(journal.go, undefined)
        yield* b.run(Port.kil(server, "crash"))
        assert.deepStrictEqual(yield* within("the answer", Fiber.join(call)), Exit.succeed("call is done"))
      }))

    test("lives on another node where its supervisor says so", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* b.run(Layer.build(Rpc.implement(makeAdder, Adder, adderFrom)))
        const supervised = yield* a.run(
          Supervisor.restart(Supervisor.spawn(["b"], makeAdder, 40), { intensity: 10 }).pipe(quietly)
        )
        const client = yield* a.run(Rpc.client(Adder, Effect.orDie(supervised.port)))
        assert.strictEqual(yield* client.add({ n: 2 }), 42)
        const port = yield* supervised.port
        yield* a.run(Port.kil(port, "crash"))
        yield* until("there is another one", () => Effect.map(Effect.orDie(supervised.port), (other) => other !== port))
        yield* until("it has forgotten", () =>
          Effect.map(Effect.orElseSucceed(client.add({ n: 2 }), () => 0), (n) => n === 42))
      }))
  })

  describe(`a server with a name, over ${name}`, () => {
    test("is called by whoever knows its node", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const scope = yield* Scope.make()
        const server = yield* Scope.provide(serveOn(b, new Journal(), { name: "users" }), scope)
        assert.strictEqual(server, Rpc.address(Users, "b", "users"))
        const client = yield* clientOn(a, Rpc.address(Users, "b", "users"))
        assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
        yield* Scope.close(scope, Exit.void)
        yield* Effect.flip(client.greet({ name: "late" }))
        yield* serveOn(b, new Journal(), { name: "users" })
        yield* until("its successor answers", () => Effect.isSuccess(client.greet({ name: "again" })))
      }))

    test("fails the calls that are open when its layers close, and interrupts none of the callers", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const journal = new Journal()
        const scope = yield* Scope.make()
        const layers = RpcServer.layer(Users).pipe(
          Layer.provide(handlers(journal)),
          Layer.provide(Rpc.layerServer({ name: "users" }))
        )
        yield* b.run(Layer.buildWithScope(layers, scope))
        const client = yield* clientOn(a, Rpc.address(Users, "b", "users"))
        const call = yield* Effect.forkChild(Effect.flip(client.slow({ id: "call" })))
        yield* until("it is at work", () => journal.has("call begins"))
        yield* Scope.close(scope, Exit.void)
        const error = yield* within("the end of the call", Fiber.join(call))
        assert.deepStrictEqual(Option.getOrThrow(Rpc.killed(error)).reason, [])
        assert.isTrue(journal.has("call is interrupted"))
      }))

    test("fails what is called when the layer of its client is closed", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        yield* serveOn(b, new Journal(), { name: "users" })
        const client = yield* RpcClient.make(Users).pipe(
          Effect.provide(authClient),
          Effect.provide(Rpc.layerClient(Rpc.address(Users, "b", "users"))),
          a.run
        )
        assert.match((yield* Effect.flip(client.greet({ name: "late" }))).message, /scope .* is closed/)
      }))

    test("is the only one of that name on its node", (world) =>
      Effect.gen(function*() {
        const b = yield* world.start("b")
        yield* serveOn(b, new Journal(), { name: "users" })
        for (const name of ["users", ""]) {
          assert.isTrue(Exit.hasDies(yield* Effect.exit(serveOn(b, new Journal(), { name }))))
        }
      }))

    test("stands in layers", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const live = handlers(new Journal())
        const short = Layer.provide(Rpc.layer(Users, { name: "short" }), live)
        const long = RpcServer.layer(Users).pipe(
          Layer.provide(live),
          Layer.provide(Rpc.layerServer({ name: "long" }))
        )
        yield* b.run(Layer.build(Layer.merge(short, long)))
        for (const name of ["short", "long"]) {
          const greeting = RpcClient.make(Users).pipe(
            Effect.flatMap((client) => client.greet({ name })),
            Effect.scoped,
            Effect.provide(authClient),
            Effect.provide(Rpc.layerClient(Rpc.address(Users, "b", name))),
            a.run
          )
          assert.strictEqual(yield* greeting, `hello, ${name}`)
        }
      }))
  })

  describe(`the address of a server, over ${name}`, () => {
    test("travels in messages", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const Desk = Port.protocol({ meet: Port.message(Rpc.protocol(Users).PortId) })
        const met = yield* Deferred.make<Rpc.Address<RpcGroup.Rpcs<typeof Users>>>()
        const desk = yield* a.run(Port.make(Desk, { meet: (server) => Deferred.succeed(met, server) }))
        yield* b.run(Port.snd(desk, "meet", yield* serveOn(b, new Journal())))
        const client = yield* clientOn(a, yield* Deferred.await(met))
        assert.strictEqual(yield* client.greet({ name: "world" }), "hello, world")
      }))

    test("can be monitored", (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const server = yield* serveOn(b, new Journal())
        yield* b.run(Port.kil(server, "maintenance"))
        assert.include(["maintenance", "no_such_port"], reasonOf(yield* a.run(Port.exit(server)))[0])
      }))
  })
}

describe("servers in a group", () => {
  it.live("are picked for each connection", () =>
    Effect.gen(function*() {
      const world = yield* makeMeshWorld
      const a = yield* world.start("a", { global: true })
      const b = yield* world.start("b", { seeds: [a.address] })
      yield* b.run(
        Effect.provide(Rpc.serve(Adder), adderFrom(40)).pipe(Effect.tap(Global.register("adders")))
      )
      yield* a.run(Global.awaitGroup("adders", 1))
      const client = yield* a.run(
        Rpc.client(Adder, Effect.flatMap(Global.pick("adders"), Effect.fromOption))
      )
      assert.strictEqual(yield* client.add({ n: 2 }), 42)
    }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory)))

  it.live("are chosen for each call, and those that end are called no more", () =>
    Effect.gen(function*() {
      const world = yield* makeMeshWorld
      const a = yield* world.start("a", { global: true })
      const nodes = [yield* world.start("b", { seeds: [a.address] }), yield* world.start("c", { seeds: [a.address] })]
      const servers: Array<Rpc.Address> = []
      for (const [n, node] of nodes.entries()) {
        const serve = Effect.provide(Rpc.serve(Adder), adderFrom(100 * (n + 1)))
        servers.push(yield* node.run(serve.pipe(Effect.tap(Global.register("adders")))))
      }
      const adders = yield* a.run(Rpc.group(Adder, "adders"))
      yield* within("both", adders.awaitMembers(2))
      const add = adders.call((client) => client.add({ n: 0 }), { choose: "round-robin", retry: { times: 1 } })
      assert.sameMembers(Array.from(yield* Effect.replicateEffect(add, 4)), [100, 200, 100, 200])
      const all = yield* adders.callAll((client) => client.add({ n: 0 }))
      assert.sameMembers(Array.from(all.values(), (exit) => Exit.isSuccess(exit) ? exit.value : undefined), [100, 200])
      yield* nodes[0]!.run(Port.kil(servers[0]!, "crash"))
      assert.deepStrictEqual(Array.from(yield* Effect.replicateEffect(add, 3)), [200, 200, 200])
      yield* until("it is no member", () => Effect.map(adders.members, (members) => members.length === 1))
    }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory)))
})
