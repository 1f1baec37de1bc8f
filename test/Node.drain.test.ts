/** Nodes that stop in order: what they have in hand is finished, and nothing new is begun. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RpcSchema from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Rpc from "../src/Rpc.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { begin, makeLogs, type TestNode, testOver, transports, until, within, type World } from "./harness.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"
import { sized } from "./size.ts"

const Work = Port.protocol({
  /** Answered when the test says so. */
  wait: Port.message(Schema.Number).replies(Schema.Number),
  /** Answered at once. */
  ask: Port.message().replies(Schema.String),
  note: Port.message(Schema.Number)
})

const two = Effect.fnUntraced(function*(world: World, options?: Node.Options) {
  const a = yield* world.start("a")
  const b = yield* world.start("b", options)
  const free = yield* Deferred.make<void>()
  const begun: Array<number> = []
  const notes: Array<number> = []
  const port = yield* b.run(Port.make(Work, {
    wait: (n) => {
      begun.push(n)
      return Effect.as(Deferred.await(free), 2 * n)
    },
    ask: () => Effect.succeed("answered"),
    note: (n) => void notes.push(n)
  }, { concurrency: { wait: 10 } }))
  const drains = until(
    "b refuses calls",
    () => Effect.map(Effect.exit(a.run(Port.cal(port, "ask"))), (exit) => Exit.findErrorOption(exit)._tag === "Some")
  )
  return { a, b, begun, drains, free: Deferred.succeed(free, undefined), notes, port }
})

/** Waits until what was sent before has arrived. */
const arrived = (from: TestNode, at: string) =>
  within("an answer of the node port", from.run(Port.calMessage(at, "time")))

testOver(Transport.layerTcp)(
  "that a node drains is said by itself, and by no other one in its name",
  (world) =>
    Effect.gen(function*() {
      const { a, b, port } = yield* two(world)
      yield* arrived(a, "b")
      const mallory = yield* connectRaw(b.address, { nodeId: "mallory", keys: ownKind(60_000) })
      const relayed = ["snd", "a"]
      mallory.send(
        ...["emp_draining", "emp_drained"].flatMap((request) => [["", ...relayed, request], ["", "time", "a", request]])
      )
      yield* mallory.settle
      yield* arrived(b, "a")
      assert.strictEqual(yield* a.run(Port.cal(port, "ask")), "answered")
    })
)

testOver(Transport.layerTcp)(
  "a node that is told to drain a thousand times says once what it is not done with",
  (world) =>
    Effect.gen(function*() {
      const { a, begun, port } = yield* two(world, { drainTimeout: "100 millis" })
      yield* begin(a.run(Port.cal(port, "wait", 1)))
      yield* until("it has begun", () => begun.length === 1)
      const lines = (): number => world.logs.filter((line) => line.includes("is not done with")).length
      for (let n = 0; n < 1000; n++) yield* a.run(Port.snd("b", "emp_drain"))
      yield* arrived(a, "b")
      yield* until("it says so", () => lines() > 0)
      yield* Effect.sleep("50 millis")
      assert.strictEqual(lines(), 1)
    })
)

describe.each(transports)("a node that drains, over %s", (_, transport) => {
  const test = testOver(transport)

  test("answers the calls that it has, refuses new ones, and is done when they are answered", (world) =>
    Effect.gen(function*() {
      const { a, b, begun, drains, free, port } = yield* two(world)
      const call = yield* begin(a.run(Port.cal(port, "wait", 1)))
      yield* until("it has begun", () => begun.length === 1)
      const drain = yield* begin(b.run(Node.drain()))
      yield* drains
      const refused = yield* Effect.flip(a.run(Port.cal(port, "wait", 2)))
      assert.deepStrictEqual([refused.port, refused.reason[0], refused.isUnbegun], [port, "draining", true])
      assert.isUndefined(drain.pollUnsafe())
      yield* free
      assert.strictEqual(yield* within("the call", Fiber.join(call)), 2)
      yield* within("the drain", Fiber.join(drain))
      assert.deepStrictEqual(begun, [1])
    }))

  test("answers calls that are answered later, by whoever has been told to", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const waiting: Array<Port.ReplyTo<string>> = []
      const jobs = yield* b.run(
        Port.make(Port.protocol({ take: Port.message().replies(Schema.String) }), {
          take: () =>
            Port.replyLater<string>((to) => {
              waiting.push(to)
            })
        })
      )
      const call = yield* begin(a.run(Port.cal(jobs, "take")))
      yield* until("the caller waits", () => waiting.length === 1)
      const drain = yield* begin(b.run(Node.drain()))
      yield* arrived(b, "a")
      assert.isUndefined(drain.pollUnsafe())
      yield* b.run(Port.reply(waiting[0]!, "dig"))
      assert.strictEqual(yield* within("the call", Fiber.join(call)), "dig")
      yield* within("the drain", Fiber.join(drain))
    }))

  test("handles plain messages, and calls of its own ports, until the end", (world) =>
    Effect.gen(function*() {
      const { a, b, drains, notes, port } = yield* two(world)
      yield* a.run(Port.snd(port, "note", 1))
      yield* arrived(a, "b")
      yield* within("the drain", b.run(Node.drain()))
      assert.deepStrictEqual(notes, [1])
      yield* drains
      yield* a.run(Port.snd(port, "note", 2))
      yield* until("it is handled", () => notes.length === 2)
      assert.strictEqual(yield* b.run(Port.cal(port, "ask")), "answered")
    }))

  test("refuses what a node asks that has had no link to it before", (world) =>
    Effect.gen(function*() {
      const { b, begun, port } = yield* two(world)
      yield* within("the drain", b.run(Node.drain()))
      const c = yield* world.start("c")
      const refused = yield* Effect.flip(c.run(Port.cal(port, "wait", 1)))
      assert.deepStrictEqual([refused._tag === "Killed" && refused.isUnbegun, begun], [true, []])
    }))

  test("says what was left when its time is over, and goes on", (world) =>
    Effect.gen(function*() {
      const { a, b, begun, free, port } = yield* two(world)
      const call = yield* begin(a.run(Port.cal(port, "wait", 1)))
      yield* until("it has begun", () => begun.length === 1)
      yield* within("the drain", b.run(Node.drain({ timeout: "20 millis" })))
      const lines = world.logs.filter((line) => line.includes("has drained for 20ms"))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], `calls of a; messages of ${port} (0 waiting)`)
      yield* free
      assert.strictEqual(yield* within("the call", Fiber.join(call)), 2)
    }))

  test("answers what it has been asked when its layer closes, and ends its ports with shutdown", (world) =>
    Effect.gen(function*() {
      const { a, b, begun, free, port } = yield* two(world)
      const call = yield* begin(a.run(Port.cal(port, "wait", 1)))
      const ended = yield* begin(a.run(Port.exit(port)))
      yield* until("it has begun", () => begun.length === 1)
      const stop = yield* begin(b.stop)
      yield* arrived(a, "b")
      yield* free
      assert.strictEqual(yield* within("the call", Fiber.join(call)), 2)
      const killed = Cause.squash(yield* Effect.flip(Effect.flatten(Fiber.join(ended)).pipe(Effect.sandbox)))
      assert.instanceOf(killed, Port.Killed)
      assert.deepStrictEqual([killed.reason, killed.linkError], [["shutdown", "its node stops"], "node_left"])
      yield* within("the stop", Fiber.join(stop))
    }))

  test("ends ports with shutdown whose scope is interrupted after that", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const made = yield* Deferred.make<Port.PortId>()
      const program = Effect.scoped(
        Effect.andThen(Effect.flatMap(Port.make({}), (port) => Deferred.succeed(made, port)), Effect.never)
      )
      const running = yield* begin(b.run(program))
      const port = yield* Deferred.await(made)
      const ended = yield* begin(a.run(Port.exit(port)))
      yield* arrived(a, "b")
      yield* within("the drain", b.run(Node.drain()))
      yield* Fiber.interrupt(running)
      const exit = yield* within("the end", Fiber.join(ended))
      assert.isTrue(
        Exit.isFailure(exit) &&
          exit.cause.reasons.every((reason) => reason._tag === "Fail" && reason.error.reason[0] === "shutdown")
      )
    }))

  test("does not wait for the handler that drains it", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const drained = yield* Deferred.make<void>()
      const port = yield* b.run(
        Port.make({ stop: () => Effect.andThen(Node.drain(), Deferred.succeed(drained, undefined)) })
      )
      yield* a.run(Port.snd(port, "stop"))
      yield* within("the drain", Deferred.await(drained))
    }))

  const Numbers = RpcGroup.make(
    RpcSchema.make("double", { payload: { n: Schema.Number }, success: Schema.Number }),
    RpcSchema.make("count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
  )

  test("answers calls of rpc and ends their streams, and refuses new ones", (world) =>
    Effect.gen(function*() {
      const [a, b] = [yield* world.start("a"), yield* world.start("b")]
      const free = yield* Deferred.make<void>()
      const begun: Array<string> = []
      const handlers = Numbers.toLayer({
        double: ({ n }) => {
          begun.push("double")
          return Effect.as(Deferred.await(free), 2 * n)
        },
        count: ({ to }) => {
          begun.push("count")
          return Stream.concat(Stream.make(1), Stream.drain(Stream.fromEffect(Deferred.await(free)))).pipe(
            Stream.concat(Stream.range(2, to))
          )
        }
      })
      const server = yield* b.run(Effect.provide(Rpc.serve(Numbers), yield* Layer.build(handlers)))
      const client = yield* a.run(Rpc.client(Numbers, server))
      const call = yield* begin(client.double({ n: 21 }))
      const stream = yield* begin(Stream.runCollect(client.count({ to: 3 })))
      yield* until("they have begun", () => begun.length === 2)
      const drain = yield* begin(b.run(Node.drain()))
      yield* arrived(b, "a")
      const error = yield* Effect.flip(within("a refusal", client.double({ n: 1 })))
      assert.strictEqual(error._tag, "RpcClientError")
      assert.include(String(error), "is about to stop")
      assert.isUndefined(drain.pollUnsafe())
      yield* Deferred.succeed(free, undefined)
      assert.strictEqual(yield* within("the call", Fiber.join(call)), 42)
      assert.deepStrictEqual(Array.from(yield* within("the stream", Fiber.join(stream))), [1, 2, 3])
      yield* within("the drain", Fiber.join(drain))
      assert.lengthOf(begun, 2)
    }))
})

const Millis = (most: number) => Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: most })))
const Call = Schema.Struct({ at: Millis(150), takes: Millis(100), way: Schema.Literals(["group", "port", "limited"]) })

describe("calls while one of two nodes drains and stops", () => {
  const Slow = Port.protocol({ slow: Port.message(Schema.Number, Schema.Number).replies(Schema.Number) })

  it.effect.prop(
    "are answered once, or refused where nothing has begun; and none of a group fails",
    [Schema.Array(Call), Millis(150), Millis(20)],
    ([calls, drainAt, latency]) =>
      Effect.gen(function*() {
        const network = yield* Transport.MemoryNetwork
        yield* network.shape({ from: "*", to: "*" }, { latency: latency })
        const handled = new Map<number, number>()
        const start = (nodeId: string) => TestNetwork.start(nodeId, { services: Global.layer({ seeds: ["client:1"] }) })
        const serve = Port.make(Slow, {
          slow: (n, takes) => {
            handled.set(n, (handled.get(n) ?? 0) + 1)
            return Effect.delay(Effect.succeed(n), takes)
          }
        }, { concurrency: "unbounded" }).pipe(Effect.tap(Global.register("slow")))
        const [client, one, other] = [yield* start("client"), yield* start("one"), yield* start("other")]
        const port = yield* one.run(serve)
        yield* other.run(serve)
        const group = yield* client.run(Global.group("slow"))
        yield* group.awaitMembers(2)
        const ask = (n: number, { at, takes, way }: typeof Call.Type) => {
          const ways = {
            group: Effect.exit(group.call((member) => Port.cal(member, "slow", n, takes), { choose: "round-robin" })),
            port: Effect.exit(Port.cal(port, "slow", n, takes)),
            limited: Effect.exit(Port.calTimeout(port, "1 minute", "slow", n, takes))
          }
          return Effect.delay<Exit.Exit<number, unknown>, never, Node.Node>(ways[way], at)
        }
        const stopping = yield* Effect.forkChild(Effect.delay(Effect.andThen(one.run(Node.drain()), one.stop), drainAt))
        const ends = yield* Effect.forEach(calls, (call, n) => client.run(ask(n, call)), { concurrency: "unbounded" })
        yield* Fiber.join(stopping)
        for (const [n, end] of ends.entries()) {
          const error = Exit.isFailure(end) ? Cause.squash(end.cause) : undefined
          if (error === undefined) assert.deepStrictEqual([end, handled.get(n)], [Exit.succeed(n), 1])
          else {
            assert.notStrictEqual(calls[n]!.way, "group")
            // A port of a node that has stopped is out of reach.
            const isLate = error instanceof Port.Killed && error.reason[0] === "transport_error"
            assert.isTrue(isLate || error instanceof Port.Killed && error.isUnbegun, String(error))
            assert.isUndefined(handled.get(n))
          }
        }
      }).pipe(Effect.scoped, TestNetwork.within("1 hour"), Effect.provide([TestNetwork.layer, makeLogs().layer])),
    { arbitrary: { runs: sized(30, 1000) } }
  )
})
