/** Children on other nodes and their supervisors: who ends with whom, and what that takes on the wire. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { Port, Supervisor, Transport } from "../src/index.ts"
import { connect, isDown, isUp, makeWorld, type TestNode, testOver, until, within, type World } from "./harness.ts"
import { connectRaw, listenRaw, ownKind } from "./rawPeer.ts"
import { networkTest, short } from "./supervised.ts"

const overTcp = testOver(Transport.layerTcp)

const Work = Port.protocol({
  who: Port.message().replies(Schema.String),
  slow: Port.message().replies(Schema.String),
  crash: Port.message()
})
const Worker = Port.remote("test::linked", [], Work)

/** Lets others have workers on a node. Answers how many of them there are. */
const serve = Effect.fnUntraced(function*(node: TestNode, slow: Effect.Effect<void> = Effect.void) {
  let present = 0
  const layer = Port.implement(Worker, () =>
    Effect.map(
      Effect.acquireRelease(Effect.sync(() => present++), () => Effect.sync(() => present--)),
      () => ({
        who: () => Effect.succeed(node.id),
        slow: () => Effect.as(slow, "done"),
        crash: () => Effect.fail("boom")
      })
    ))
  yield* node.run(Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(layer, scope)))
  return () => present
})

describe("a child on another node", () => {
  const split = [{ from: "here", to: "one" }, { from: "one", to: "here" }]

  const pair = Effect.fnUntraced(function*() {
    const world = yield* makeWorld
    const here = yield* world.start("here", short)
    const one = yield* world.start("one", short)
    const present = yield* serve(one)
    yield* connect(here, one)
    return { ...world, here, one, present }
  })

  networkTest(
    "ends when its supervisor's node is gone without a word, and is there once when that has begun anew",
    (network) =>
      Effect.gen(function*() {
        const { here, logs, one, present, start } = yield* pair()
        const life = yield* Scope.make()
        const make = Supervisor.restart(Supervisor.spawn(["one"], Worker), { shutdown: "brutal" })
        yield* here.run(Scope.provide(make, life))
        yield* until("it runs", () => present() === 1)
        yield* Effect.forEach(split, network.cut)
        yield* Effect.forkScoped(Effect.andThen(Scope.close(life, Exit.void), here.stop))
        yield* until("it has ended", () => present() === 0)
        assert.isTrue(logs.some((line) => line.includes("the link to here, whose child it is, was lost")))
        yield* Effect.forEach(split, network.heal)
        const again = yield* start("here", short)
        yield* connect(again, one)
        yield* again.run(make)
        yield* until("it runs again, once", () => present() === 1)
      })
  )

  networkTest(
    "ends behind a split, and is lost for its supervisor, which has another one",
    (network) =>
      Effect.gen(function*() {
        const { here, one, present } = yield* pair()
        const policy = { intensity: 100, schedule: Schedule.spaced("100 millis") }
        const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["one"], Worker), policy))
        yield* until("it runs", () => present() === 1)
        const before = yield* supervised.port
        yield* Effect.forEach(split, network.cut)
        yield* until("it has ended", () => present() === 0)
        yield* until("its supervisor knows", () => isDown(here, "one"))
        yield* Effect.forEach(split, network.heal)
        yield* until("it runs again", () =>
          Effect.map(
            supervised.which,
            ([child]) => present() === 1 && child?.status === "running" && child.port !== before
          ))
        assert.isFalse(one.router.ports.has(before))
      })
  )

  networkTest(
    "is started on another node when its own one stops in order, though it ends in order itself",
    () =>
      Effect.gen(function*() {
        const { here, one, present, start } = yield* pair()
        const two = yield* start("two", short)
        const presentOnTwo = yield* serve(two)
        yield* connect(here, two)
        const transient = { restart: "transient", intensity: 1 } as const
        const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["one", "two"], Worker), transient))
        const first = yield* supervised.port
        yield* until("it runs", () => present() === 1)
        yield* one.stop
        yield* until("it runs on the other node", () => presentOnTwo() === 1)
        const [child] = yield* supervised.which
        assert.deepStrictEqual([Port.nodeOf(first), child?.lastReason], ["one", ["shutdown", "its node stops"]])
      })
  )

  networkTest(
    "is restarted, or is not, by why its node's link was lost",
    (network) =>
      Effect.gen(function*() {
        const { here, one, present } = yield* pair()
        const seen: Array<unknown> = []
        const restart = (exit: Exit.Exit<void, Port.Killed>): boolean => {
          const why = Option.getOrUndefined(Exit.findErrorOption(exit))?.linkError
          seen.push(why)
          return why !== "node_left"
        }
        const policy = { restart, intensity: 100, schedule: Schedule.spaced("100 millis") }
        const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["one"], Worker), policy))
        yield* until("it runs", () => present() === 1)
        yield* Effect.forEach(split, network.cut)
        yield* until("its supervisor was asked", () => seen.length > 0)
        yield* Effect.forEach(split, network.heal)
        yield* until("it runs again", () => present() === 1 && isUp(here, "one"))
        yield* until(
          "its supervisor knows",
          () => Effect.map(supervised.which, ([child]) => child?.status === "running")
        )
        yield* one.stop
        yield* within("the end of the supervisor", here.run(Port.exit(supervised.supervisor)))
        assert.deepStrictEqual(Array.from(new Set(seen)), ["peer_silent", "node_left"])
      })
  )

  for (
    const [how, end] of [
      ["is killed", (port: string) => Port.kil(port, "crash")],
      ["is told to shut down", (port: string) => Port.kil(port, "shutdown")]
    ] as const
  ) {
    networkTest(
      `ends when its supervisor ${how}, though what its start acquired is not released`,
      () =>
        Effect.gen(function*() {
          const { here, present } = yield* pair()
          const start = Effect.gen(function*() {
            yield* Supervisor.spawn(["one"], Worker)
            // Released before the spawn takes back what it has made.
            yield* Effect.addFinalizer(() => Effect.sleep("1 hour"))
            return yield* Port.make({})
          })
          const pool = yield* here.run(Supervisor.dynamic({ start: () => start, shutdown: "50 millis" }))
          yield* here.run(pool.startChild())
          yield* until("it runs", () => present() === 1)
          yield* here.run(end(pool.supervisor))
          yield* until("it has ended", () => present() === 0)
        })
    )
  }

  networkTest(
    "finishes the message that it has in hand when it is asked to stop, and answers it",
    () =>
      Effect.gen(function*() {
        const { start } = yield* makeWorld
        const here = yield* start("here", short)
        const one = yield* start("one", short)
        let isBusy = false
        const slow = Effect.andThen(Effect.sync(() => isBusy = true), Effect.sleep("100 millis"))
        const present = yield* serve(one, slow)
        yield* connect(here, one)
        const supervised = yield* here.run(Supervisor.restart(Supervisor.spawn(["one"], Worker)))
        const call = yield* Effect.forkScoped(here.run(Port.cal(yield* supervised.port, "slow")))
        yield* until("it is busy", () => isBusy)
        yield* within("its end", supervised.stop)
        assert.strictEqual(yield* within("the answer", Fiber.join(call)), "done")
        yield* until("it is gone", () => present() === 0)
      })
  )

  networkTest("leaves nothing at its node when it ends before its supervisor", () =>
    Effect.gen(function*() {
      const { here, one, present } = yield* pair()
      const pool = yield* here.run(
        Supervisor.dynamic({ start: () => Supervisor.spawn(["one"], Worker), restart: "temporary" })
      )
      const monitors = () => one.router.peers.get("here")!["monitors"].size
      assert.strictEqual(monitors(), 0)
      const ports = yield* Effect.forEach([1, 2, 3], () => here.run(pool.startChild()))
      yield* until("they run", () => present() === 3)
      assert.strictEqual(monitors(), 1)
      yield* Effect.forEach(ports, (port) => here.run(Port.snd(port, "crash")))
      yield* until("they are gone", () => present() === 0 && monitors() === 0)
      yield* until("nor here", () => here.router.peers.get("one")!["monitored"].size === 0)
    }))

  networkTest(
    "ends with the scope that it was spawned in where there is no supervisor, and with the node",
    (network) =>
      Effect.gen(function*() {
        const { cutOff, here, present } = yield* pair()
        const scope = yield* Scope.make()
        yield* here.run(Scope.provide(Supervisor.spawn(["one"], Worker), scope))
        yield* until("it runs", () => present() === 1)
        yield* Scope.close(scope, Exit.void)
        yield* until("it has ended", () => present() === 0)
        yield* here.run(Supervisor.spawn(["one"], Worker))
        yield* until("another one runs", () => present() === 1)
        yield* Effect.forEach(split, network.cut)
        yield* cutOff("here")
        yield* until("it has ended", () => present() === 0)
      })
  )
})

describe("on the wire, a child", () => {
  const supervise = (node: TestNode) =>
    node.run(Supervisor.restart(Supervisor.spawn(["raw"], Worker), { shutdown: "100 millis" }))

  /** Links to a node that is made by hand: before the child is spawned, or by the spawn. */
  const ways = [
    ["there is a link", (_world: World, node: TestNode, keys: string) =>
      Effect.gen(function*() {
        const raw = yield* connectRaw(node.address, { keys })
        yield* until("the link stands", () => isUp(node, "raw"))
        yield* supervise(node)
        return raw
      })],
    ["a link is made for it", (world: World, node: TestNode, keys: string) =>
      Effect.gen(function*() {
        const { address, peers } = yield* listenRaw({ keys })
        world.book.set("raw", [address])
        yield* supervise(node)
        yield* until("it is dialled", () => peers.length === 1)
        return peers[0]!
      })]
  ] as const

  for (const [when, meet] of ways) {
    overTcp(`is spawned as ever on a node of another kind, when ${when}`, (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const raw = yield* meet(world, a, "")
        const packets = yield* raw.has(2)
        const name = packets[0]?.[2]
        assert.deepStrictEqual(packets.slice(0, 2), [
          ["", "AnyEvent::MP::_spawn", name, "test::linked"],
          ["", "mon1", name]
        ])
      }))

    overTcp(
      `is spawned on a node of our own kind with the name of its supervisor, when ${when}`,
      (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a")
          const raw = yield* meet(world, a, ownKind(60_000))
          const packets = yield* raw.has(2)
          const [, , owner, name] = packets[0]!
          assert.deepStrictEqual(packets.slice(0, 2), [
            ["", "emp_spawn", owner, name, "test::linked"],
            ["", "mon1", name]
          ])
          assert.isTrue(a.router.ports.has(String(owner)))
        })
    )
  }

  overTcp("is asked to stop on a node of another kind as it ever was", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const raw = yield* connectRaw(a.address)
      yield* until("the link stands", () => isUp(a, "raw"))
      const { stop } = yield* supervise(a)
      const name = (yield* raw.has(1))[0]![2]
      yield* Effect.forkScoped(stop)
      const packets = yield* raw.has(3)
      assert.deepStrictEqual(packets[2], ["", "kil1", name, "shutdown"])
    }))

  /** A node whose children `raw` has. */
  const host = Effect.fnUntraced(function*(world: World) {
    const a = yield* world.start("a")
    const present = yield* serve(a)
    const raw = yield* connectRaw(a.address, { keys: ownKind(60_000) })
    return { a, present, raw }
  })

  overTcp("whose supervisor is gone when the request comes ends at once", (world) =>
    Effect.gen(function*() {
      const { present, raw } = yield* host(world)
      raw.send(["", "emp_spawn", "raw#sup", "child", "test::linked"], ["", "mon1", "child"])
      assert.deepStrictEqual(yield* raw.has(1), [["", "mon1", "sup"]])
      raw.send(["", "kil0", "sup", "no_such_port", "cannot monitor nonexistent port", "raw#sup"])
      yield* raw.has(2)
      assert.deepStrictEqual(raw.packets[1], ["", "kil0", "child", "shutdown", "its supervisor has ended"])
      yield* until("it is gone", () => present() === 0)
    }))

  overTcp("that ends first takes the monitor of its supervisor back", (world) =>
    Effect.gen(function*() {
      const { raw } = yield* host(world)
      raw.send(["", "emp_spawn", "raw#sup", "child", "test::linked"], ["child", "crash"])
      yield* raw.has(2)
      assert.deepStrictEqual(raw.packets.slice(0, 2), [["", "mon1", "sup"], ["", "mon0", "sup"]])
    }))

  overTcp("of a node itself is ended by the loss of the link alone", (world) =>
    Effect.gen(function*() {
      const { present, raw } = yield* host(world)
      raw.send(["", "emp_spawn", "raw", "child", "test::linked"])
      assert.deepStrictEqual(yield* raw.settle, [])
      yield* until("it is there", () => present() === 1)
      raw.socket.destroy()
      yield* until("it is gone", () => present() === 0)
    }))

  for (const owner of ["other#sup", "a#sup", "", 7, null]) {
    overTcp(
      `is not spawned for somebody whom its spawner cannot speak for: ${JSON.stringify(owner)}`,
      (world) =>
        Effect.gen(function*() {
          const { a, present, raw } = yield* host(world)
          raw.send(["", "emp_spawn", owner, "child", "test::linked"])
          yield* raw.settle
          assert.isFalse(a.router.ports.has("a#child"))
          assert.strictEqual(present(), 0)
        })
    )
  }

  overTcp("is spawned once: a second request of the same name changes nothing", (world) =>
    Effect.gen(function*() {
      const { present, raw } = yield* host(world)
      raw.send(["", "AnyEvent::MP::_spawn", "child", "test::linked"], [
        "",
        "emp_spawn",
        "raw#sup",
        "child",
        "test::linked"
      ])
      assert.deepStrictEqual(yield* raw.settle, [])
      yield* until("it is there", () => present() === 1)
    }))
})
