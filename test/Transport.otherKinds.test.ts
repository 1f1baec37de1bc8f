/** Links to nodes of another kind, and to one of our own kind that keeps to the protocol by hand. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { collector, follow, hasWaiting, isUp, peerOf, roundTrip, testOver, until, upNodes, watch } from "./harness.ts"
import { downs, hears, notReading, pair, silent } from "./links.ts"
import { connectRaw, dialRaw, greeting, listenRaw, opening, ownKind } from "./rawPeer.ts"

const overTcp = testOver(Transport.layerTcp)

describe("towards a node of another kind", () => {
  overTcp("no byte is sent while nothing happens, and its silence is no verdict", (world) =>
    Effect.gen(function*() {
      const [a] = yield* pair(world, 200)
      const raw = yield* connectRaw(a.address)
      yield* until("the link stands", () => isUp(a, "raw"))
      const { bytesRead } = raw.socket
      // The clock: beats to others.
      yield* hears(a, "b", 40)
      assert.deepStrictEqual([raw.socket.bytesRead, raw.packets, yield* isUp(a, "raw")], [bytesRead, [], true])
      assert.deepStrictEqual(yield* raw.settle, [])
    }))

  overTcp("requests among our own kind mean nothing from it", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const raw = yield* connectRaw(a.address)
      const events = yield* follow(a)
      raw.send(["", "emp_probe"], ["", "emp_duplicate", "here"], ["", "emp_bye"])
      assert.deepStrictEqual(yield* raw.settle, [])
      assert.deepStrictEqual([downs(events), world.logs], [[], []])
    }))

  overTcp("nor when it has us pass them on to a node that is", (world) =>
    Effect.gen(function*() {
      const [a, b] = yield* pair(world, 120_000)
      const raw = yield* connectRaw(a.address)
      const events = [yield* follow(a), yield* follow(b)]
      raw.send(["", "snd", "b", "emp_bye"], ["", "time", "b", "emp_bye"], ["", "snd", "b", "emp_duplicate", "here"])
      yield* raw.settle
      yield* roundTrip(a, b)
      assert.deepStrictEqual([events.flatMap(downs), world.logs], [[], []])
    }))

  overTcp("nor is it told that we stop", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const raw = yield* connectRaw(a.address)
      yield* until("the link stands", () => isUp(a, "raw"))
      yield* a.run(Port.snd("raw#p", "last"))
      yield* a.stop
      yield* raw.closed
      assert.deepStrictEqual(raw.packets, [["p", "last"]])
    }))

  overTcp(
    "one that does not read is given up in time, and with it what it was sent",
    (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { monitorTimeout: "400 millis" })
        const raw = yield* connectRaw(a.address)
        const fired = yield* watch(a, "raw#p")
        yield* raw.has(1)
        raw.socket.pause()
        let most = 0
        const sending = yield* Effect.forkScoped(a.run(Effect.forever(
          Effect.andThen(
            Port.snd("raw#p", "x".repeat(16 * 1024)),
            Effect.map(peerOf(a, "raw"), (peer) => {
              most = Math.max(most, peer?.buffered ?? 0)
            })
          )
        )))
        yield* until("the monitor fires", () => fired.length > 0)
        yield* Fiber.interrupt(sending)
        assert.deepStrictEqual(fired, [["transport_error", "raw", notReading]])
        assert.isBelow(most, 1024 * 1024 + 64 * 1024)
        raw.socket.resume()
        yield* raw.closed
      })
  )

  overTcp("what the node port answers does not wait behind others", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const raw = yield* connectRaw(a.address)
      yield* until("the link stands", () => isUp(a, "raw"))
      raw.socket.pause()
      const text = "x".repeat(64 * 1024)
      const sending = yield* Effect.forkScoped(a.run(Effect.forever(Port.snd("raw#p", text))))
      yield* until("the sender waits", () => hasWaiting(a, "raw", 1))
      const sent = Effect.map(peerOf(a, "raw"), (peer) => peer?.sent ?? 0)
      const before = yield* sent
      raw.send(["", "time", "raw#t"], ["", "mon1", "nobody"])
      yield* until("it has answered", () => Effect.map(sent, (now) => now > before))
      assert.isBelow((yield* sent) - before, 200, "the sender still waits")
      yield* Fiber.interrupt(sending)
      raw.socket.resume()
      yield* until("both answers", () => raw.packets.at(-1)?.[1] === "kil0")
      assert.strictEqual(raw.packets.at(-2)![0], "t")
    }))

  overTcp("a second handshake never completes: our auth line is held back", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const first = yield* connectRaw(a.address, { nodeId: "perl" })
      const fired = yield* watch(a, "perl#p")
      const second = yield* dialRaw(a.address, { nodeId: "perl" })
      yield* second.closed
      assert.deepStrictEqual([second.lines.length, second.packets], [2, []])
      // The one that says it is of our kind is a stranger as well: the first one is not.
      const third = yield* dialRaw(a.address, { nodeId: "perl", keys: ownKind(1000) })
      yield* third.closed
      assert.deepStrictEqual([third.lines.length, third.packets], [2, []])
      const asked = ["", "time", "a#emp_probe"]
      assert.deepStrictEqual(yield* first.settle, [["", "mon1", "p"], asked, asked])
      assert.deepStrictEqual(fired, [])
    }))

  overTcp("a stranger that says it is the node makes nobody ask whether that lives", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const first = yield* connectRaw(a.address, { nodeId: "perl" })
      yield* until("the link stands", () => isUp(a, "perl"))
      const silent = yield* dialRaw(a.address, { nodeId: "perl", opening: greeting("perl") })
      yield* silent.closed
      const wrong = yield* dialRaw(a.address, { nodeId: "perl", secret: "another" })
      yield* wrong.closed
      assert.deepStrictEqual([silent.lines.length, wrong.lines.length, yield* first.settle], [2, 2, []])
    }))

  for (const [who, dials] of [["that dials us", false], ["that we dial", true]] as const) {
    overTcp(
      `a node that hangs makes room for its successor, one ${who}: its monitors fire before anything comes`,
      (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a", { monitorTimeout: "600 millis" })
          const inbox = yield* collector(a)
          const hung = yield* connectRaw(a.address, { nodeId: "perl" })
          const fired = yield* watch(a, "perl#p")
          yield* hung.has(1)
          const events = yield* follow(a)
          hung.socket.pause()
          const said = `${opening("perl")}["${inbox.name}","new"]`
          const successor = dials ? yield* listenRaw({ nodeId: "perl", opening: said }) : undefined
          const dialled = successor === undefined ? undefined : yield* Effect.forkScoped(a.dial(successor.address))
          const peer = successor === undefined
            ? yield* dialRaw(a.address, { nodeId: "perl", opening: said })
            : yield* Effect.map(until("we have dialled", () => successor.peers.length > 0), () => successor.peers[0]!)
          yield* inbox.has(1)
          assert.deepStrictEqual(fired, [["transport_error", "perl", "the node came back with a new connection"]])
          yield* until("down, and then up", () => events.slice(-2).map(({ _tag }) => _tag).join() === "Down,Up")
          assert.deepStrictEqual(yield* peer.settle, [])
          if (dialled !== undefined) yield* Fiber.join(dialled)
          hung.socket.resume()
          yield* hung.closed
        })
    )
  }

  overTcp("a node that blocks for a while, and then answers, keeps its link", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a", { monitorTimeout: "30 seconds" })
      const busy = yield* connectRaw(a.address, { nodeId: "perl" })
      const fired = yield* watch(a, "perl#p")
      yield* busy.has(1)
      busy.socket.pause()
      const sent = Effect.map(peerOf(a, "perl"), (peer) => peer?.sent ?? 0)
      const before = yield* sent
      const second = yield* dialRaw(a.address, { nodeId: "perl" })
      yield* until("it is asked", () => Effect.map(sent, (now) => now > before))
      assert.isFalse(second.isClosed())
      busy.socket.resume()
      yield* second.closed
      assert.deepStrictEqual([second.lines.length, fired, yield* isUp(a, "perl")], [2, [], true])
    }))

  for (const [us, stays] of [["a", "ours"], ["z", "theirs"]] as const) {
    overTcp(
      `when both dial at once, the auth line goes out on one connection: ${us} keeps ${stays}`,
      (world) =>
        Effect.gen(function*() {
          const node = yield* world.start(us)
          // It says its greeting, and waits for nothing: as Perl does, its auth line follows ours.
          const perl = yield* listenRaw({ nodeId: "perl", opening: greeting("perl") })
          world.book.set("perl", [perl.address])
          yield* node.run(Port.snd("perl#p", "hello"))
          yield* until("our auth line", () => perl.peers[0]?.lines.length === 3)
          const theirs = yield* dialRaw(node.address, { opening: greeting("perl") })
          if (stays === "ours") {
            yield* theirs.closed
            assert.strictEqual(theirs.lines.length, 2)
          } else yield* until("our greeting", () => theirs.lines.length === 2)
          // The other side completes what it has our auth line for.
          perl.peers[0]!.write(opening("perl").split("\n")[2]! + "\n")
          assert.deepStrictEqual(yield* perl.peers[0]!.has(1), [["p", "hello"]])
          yield* theirs.closed
          assert.deepStrictEqual([theirs.lines.length, yield* upNodes(node)], [2, ["perl"]])
        })
    )
  }

  for (const order of ["before", "with", "behind"] as const) {
    overTcp(
      `when both dial at once, and it closes ours ${order} its own coming, that is no wrong secret`,
      (world) =>
        Effect.gen(function*() {
          const node = yield* world.start("z")
          const perl = yield* listenRaw({ nodeId: "perl", opening: greeting("perl") })
          const ours = yield* Effect.forkScoped(Effect.flip(node.dial(perl.address)))
          yield* until("our auth line", () => perl.peers[0]?.lines.length === 3)
          const close = Effect.sync(() => perl.peers[0]!.socket.end())
          const come = dialRaw(node.address, { nodeId: "perl" })
          if (order === "before") yield* Effect.andThen(close, Effect.andThen(Effect.sleep("100 millis"), come))
          else if (order === "with") yield* Effect.all([close, come])
          else yield* Effect.andThen(come, Effect.andThen(Effect.sleep("100 millis"), close))
          const error = yield* Fiber.join(ours)
          assert.strictEqual(error.reason, "crossing_connection")
          yield* until("its own stands", () => isUp(node, "perl"))
          assert.deepStrictEqual(world.logs, [])
        })
    )
  }

  overTcp("a connection that it closes, and nothing else, is a wrong secret", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      const perl = yield* listenRaw({ nodeId: "perl", opening: greeting("perl") })
      const ours = yield* Effect.forkScoped(Effect.flip(node.dial(perl.address)))
      yield* until("our auth line", () => perl.peers[0]?.lines.length === 3)
      perl.peers[0]!.socket.end()
      assert.strictEqual((yield* Fiber.join(ours)).reason, "handshake_closed")
    }))

  overTcp("what is odd and harmless is taken: in the order of section 20", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const inbox = yield* collector(a)
      const raw = yield* connectRaw(a.address)
      const doomed = yield* collector(a)
      raw.write("[][\"\"][\"\",\"\"][null][\"\",null][null,null]")
      raw.send(["", "kil1", ""], ["", "kil1", null], ["", "mon0", null], ["", "kil0", "unknown", "x"])
      raw.send(["", "mon1", doomed.name], ["", "mon1", doomed.name], ["", "mon0", "unknown"], [null, "g_unknown"])
      raw.send([inbox.name, "alive"], ["", "kil1", doomed.name, "end"])
      yield* inbox.has(1)
      yield* raw.has(1)
      assert.deepStrictEqual(yield* raw.settle, [["", "kil0", doomed.name, "end"]])
    }))
})

describe("a node of our own kind that speaks by hand", () => {
  overTcp(
    "is told our timeout, gets beats, is asked once for one, and is down when it sends none",
    (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { monitorTimeout: "300 millis" })
        const raw = yield* connectRaw(a.address, { keys: ownKind(300) })
        yield* until("the link stands", () => isUp(a, "raw"))
        assert.match(raw.lines[0]!, /;effect-mp=[0-9A-Za-z]{16};effect-mp-timeout=300(;|$)/)
        const fired = yield* watch(a, "raw")
        yield* until("the monitor fires", () => fired.length > 0)
        yield* raw.closed
        assert.deepStrictEqual(fired, [["transport_error", "raw", silent]])
        assert.isAtLeast(raw.packets.length, 2)
        const asked = raw.packets.filter((packet) => packet.length > 0)
        assert.deepStrictEqual(asked, [["", "emp_probe"]])
      })
  )

  overTcp("lives while bytes trickle in the middle of one message", (world) =>
    Effect.gen(function*() {
      const timeout = 3000
      const a = yield* world.start("a", { monitorTimeout: timeout })
      const inbox = yield* collector(a)
      const raw = yield* connectRaw(a.address, { keys: ownKind(timeout) })
      yield* until("the link stands", () => isUp(a, "raw"))
      const fired = yield* watch(a, "raw")
      raw.write(`["${inbox.name}","`)
      // For as long as the node needs for many beats: several timeouts.
      let count = 0
      for (; raw.packets.length < 20; count++) {
        raw.write("x")
        yield* Effect.sleep("10 millis")
      }
      raw.write("\"]")
      yield* inbox.has(1)
      assert.deepStrictEqual([inbox.messages, fired], [[["x".repeat(count)]], []])
    }))

  overTcp("lives while it reads one large message slowly", (world) =>
    Effect.gen(function*() {
      const timeout = 3000
      const a = yield* world.start("a", { monitorTimeout: timeout })
      const raw = yield* connectRaw(a.address, { keys: ownKind(timeout) })
      yield* until("the link stands", () => isUp(a, "raw"))
      const fired = yield* watch(a, "raw")
      const size = 48 * 1024 * 1024
      // It takes a portion now and then, and says that it lives. Each takes at least eight milliseconds.
      const { socket } = raw
      socket.removeAllListeners("data").pause()
      const before = socket.bytesRead
      yield* a.run(Port.snd("raw#p", "x".repeat(size)))
      let portions = 0
      for (; socket.bytesRead - before < size && !raw.isClosed(); portions++) {
        raw.write("[]")
        yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)).resume())
        socket.pause()
        yield* Effect.sleep("8 millis")
      }
      assert.deepStrictEqual([fired, raw.isClosed()], [[], false])
      assert.isAbove(8 * portions, timeout, "longer than its patience with one that does not read")
    }))
})
