/** Links that go silent, come back, end in order or are in doubt: what programs on both sides notice of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import {
  areParted,
  collector,
  connect,
  follow,
  hasWaiting,
  isDown,
  isUp,
  peerOf,
  reasonOf,
  roundTrip,
  type TestNode,
  testOver,
  until,
  upNodes,
  watch,
  wires,
  within,
  type World
} from "./harness.ts"
import { downs, hears, notReading, pair, silent } from "./links.ts"
import { sized } from "./size.ts"
import { churn } from "./soak/churn.ts"

type Mark = Awaited<ReturnType<typeof churn>>[number]

/** The process stands still for so long. */
const block = (millis: number): Effect.Effect<void> =>
  Effect.sync(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis))

const numbers = (count: number) => Array.from({ length: count }, (_, i) => [i])

/** A port that keeps the order of messages and of what its monitors say. */
const recorder = (node: TestNode) =>
  Effect.suspend(() => {
    const record: Array<unknown> = []
    return Effect.map(
      node.run(Port.make({
        n: (...args: ReadonlyArray<unknown>) => {
          record.push(...args)
        },
        watch: (port: Port.PortId) => Port.mon(port, (exit) => Effect.sync(() => record.push(reasonOf(exit)[0])))
      })),
      (port) => ({ port, record })
    )
  })

for (const [name, transport] of wires) {
  const test = testOver(transport)

  describe(`a node that falls silent, over ${name}`, () => {
    test("is down on both sides, once, though no connection was closed", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 400)
        const there = yield* collector(b)
        const events = [yield* follow(a), yield* follow(b)]
        const fired = [yield* watch(a, there.port), yield* watch(a, "b"), yield* watch(b, "a")]
        yield* roundTrip(a, b)
        yield* world.freeze
        yield* a.run(Port.snd(there.port, "lost"))
        yield* until("all monitors fire", () => fired.every((list) => list.length > 0))
        yield* until("both are told", () => events.every((list) => downs(list).length > 0))
        // What it was sent stays with us as well: that may be noticed first.
        const why = new RegExp(`^(${silent}|the other node does not read what it is sent)$`)
        assert.deepStrictEqual(fired.map((list) => list.map(([tag, node]) => [tag, node])), [
          [["transport_error", "b"]],
          [["transport_error", "b"]],
          [["transport_error", "a"]]
        ])
        for (const [reason] of fired) assert.match(String(reason?.[2]), why)
        for (const list of events) {
          const [down, ...more] = downs(list)
          assert.isTrue(down?._tag === "Down" && why.test(down.reason) && !down.orderly && more.length === 0)
        }
        yield* a.run(Port.snd(there.port, "again"))
        yield* there.has(1)
        assert.deepStrictEqual([there.messages, fired.map((list) => list.length)], [[["again"]], [1, 1, 1]])
      }))

    test("is noticed by those who are less patient first, and not by others", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 300, 120_000)
        const events = [yield* follow(a), yield* follow(b)]
        // Beats come as often as the other side needs them.
        yield* Effect.all([hears(a, "b", 15), hears(b, "a", 1)], { concurrency: "unbounded" })
        assert.deepStrictEqual(events.flatMap(downs), [])
        yield* world.freeze
        yield* until("a sees it", () => isDown(a, "b"))
        assert.isTrue(yield* isUp(b, "a"))
      }))
  })

  describe(`a link that is healthy, over ${name}`, () => {
    test("lives through many timeouts without a message", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 300)
        const events = [yield* follow(a), yield* follow(b)]
        // Six beats to a timeout at most.
        yield* Effect.all([hears(a, "b", 40), hears(b, "a", 40)], { concurrency: "unbounded" })
        assert.deepStrictEqual(events.flatMap(downs), [])
        yield* roundTrip(a, b)
      }))

    test(
      "lives through a stall of both processes under load, and each says so once",
      (world) =>
        Effect.gen(function*() {
          const timeout = 500
          const [a, b] = yield* pair(world, timeout)
          const c = yield* world.start("c", { monitorTimeout: timeout })
          yield* Effect.andThen(connect(a, c), connect(b, c))
          const events = [yield* follow(a), yield* follow(b), yield* follow(c)]
          const [atA, atB] = [yield* collector(a), yield* collector(b)]
          const lost = [yield* watch(a, atB.port), yield* watch(b, atA.port)]
          const total = 20_000
          for (let round = 0; round < 2; round++) {
            for (let i = 0; i < total / 2; i++) {
              yield* a.run(Port.snd(atB.port, round * total / 2 + i))
              yield* b.run(Port.snd(atA.port, round * total / 2 + i))
            }
            // Some of it is on its way already.
            if (round === 1) yield* Effect.yieldNow
            yield* block(3 * timeout)
            yield* Effect.andThen(atA.has((round + 1) * total / 2), atB.has((round + 1) * total / 2))
            yield* Effect.all([hears(a, "b", 5), hears(b, "a", 5), hears(c, "a", 5)], { concurrency: "unbounded" })
          }
          assert.deepStrictEqual(atA.messages, numbers(total))
          assert.deepStrictEqual(atB.messages, numbers(total))
          assert.deepStrictEqual([lost, events.flatMap(downs)], [[[], []], []])
          // A shorter stall, of this machine's, right before ours is said in its place: until something is heard that is one and the same.
          const stalls = world.logs.map((line) => /^WARN (\w) this process stood still for (\d+) ms/.exec(line))
            .filter((match) => match !== null)
          for (const node of ["a", "b", "c"]) {
            const lengths = stalls.filter((match) => match[1] === node).map((match) => Number(match[2]))
            assert.isAtLeast(lengths.length, 2, node)
            assert.isAtMost(lengths.filter((length) => length > 2 * timeout).length, 2, node)
          }
        })
    )

    test("lives through large messages, which hold it up for as long as the timeout", (world) =>
      Effect.gen(function*() {
        // All of them together take about as long, and each of them holds up both nodes, which are one process here.
        const [a, b] = yield* pair(world, 1000)
        const events = [yield* follow(a), yield* follow(b)]
        const inbox = yield* collector(b)
        const text = "x".repeat(48 * 1024 * 1024)
        for (let i = 0; i < 4; i++) yield* a.run(Port.snd(inbox.port, i, text))
        yield* a.run(Port.snd(inbox.port, "behind"))
        yield* inbox.has(5)
        yield* Effect.andThen(hears(a, "b", 3), hears(b, "a", 3))
        assert.deepStrictEqual(inbox.messages.map(([first]) => first), [0, 1, 2, 3, "behind"])
        assert.deepStrictEqual(events.flatMap(downs), [])
      }))
  })

  describe(`a node that comes back with its ID, over ${name}`, () => {
    const patient = { monitorTimeout: "3 minutes", connectInterval: "2 minutes" } as const

    for (const who of ["it dials us", "we dial it"] as const) {
      test(`replaces its dead predecessor at once when ${who}: monitors first, then messages`, (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a", patient)
          const before = yield* world.start("b", patient)
          yield* connect(before, a)
          const events = yield* follow(a)
          const old = yield* collector(before)
          const { port, record } = yield* recorder(a)
          yield* a.run(Port.snd(port, "watch", old.port))
          yield* roundTrip(a, before)
          yield* world.freeze
          yield* a.run(Port.snd(old.port, "lost"))
          const b = yield* world.start("b", patient)
          if (who === "we dial it") yield* Effect.forkScoped(a.dial(b.address))
          for (let i = 0; i < 3; i++) yield* b.run(Port.snd(port, "n", i))
          yield* until("the messages of the new life", () => record.includes(2))
          assert.deepStrictEqual(record, ["transport_error", 0, 1, 2])
          const inbox = yield* collector(b)
          yield* a.run(Port.snd(inbox.port, "hello"))
          yield* inbox.has(1)
          assert.deepStrictEqual(events, [
            { _tag: "Up", nodeId: "b" },
            {
              _tag: "Down",
              nodeId: "b",
              reason: "the node came back with a new connection",
              linkError: "replaced",
              orderly: false
            },
            { _tag: "Up", nodeId: "b" }
          ])
          assert.deepStrictEqual([inbox.messages, old.messages], [[["hello"]], []])
          assert.deepStrictEqual(world.logs, [])
        }))
    }

    test("is found in time for what it says first", (world) =>
      Effect.gen(function*() {
        // The time that finding and dialling may take is the default.
        const a = yield* world.start("a")
        yield* connect(yield* world.start("b"), a)
        yield* world.freeze
        const b = yield* world.start("b")
        const inbox = yield* collector(a)
        const lost = yield* watch(b, inbox.port)
        yield* b.run(Port.snd(inbox.port, "first"))
        yield* inbox.has(1)
        assert.deepStrictEqual([inbox.messages, lost], [[["first"]], []])
      }))

    for (const loser of ["a", "b"] as const) {
      test(`whose connection only ${loser} lost: it is back at once, in the same process`, (world) =>
        Effect.gen(function*() {
          const nodes = { a: yield* world.start("a", patient), b: yield* world.start("b", patient) }
          const [back, stale] = loser === "a" ? [nodes.a, nodes.b] : [nodes.b, nodes.a]
          yield* connect(nodes.a, nodes.b)
          const [atBack, { port, record }] = [yield* collector(back), yield* recorder(stale)]
          yield* stale.run(Port.snd(port, "watch", atBack.port))
          yield* roundTrip(stale, back)
          yield* Effect.andThen(world.freeze, world.cutOff(back.id))
          yield* until("one side has lost it", () => isDown(back, stale.id))
          assert.isTrue(yield* isUp(stale, back.id))
          yield* stale.run(Port.snd(atBack.port, "lost"))
          for (let i = 0; i < 3; i++) yield* back.run(Port.snd(port, "n", i))
          yield* until("messages arrive again", () => record.includes(2))
          assert.deepStrictEqual(record, ["transport_error", 0, 1, 2])
          yield* stale.run(Port.snd(atBack.port, "found"))
          yield* atBack.has(1)
          assert.deepStrictEqual([atBack.messages, world.logs], [[["found"]], []])
        }))
    }

    test("of which both sides still hold a dead link is taken by whoever dials", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", patient)
        const b = yield* world.start("b", patient)
        yield* connect(a, b)
        const { port, record } = yield* recorder(a)
        yield* a.run(Port.snd(port, "watch", "b"))
        yield* roundTrip(b, a)
        yield* world.freeze
        yield* within("the new link", a.dial(b.address))
        yield* b.run(Port.snd(port, "n", 1))
        yield* until("a message", () => record.length === 2)
        assert.deepStrictEqual([record, world.logs], [["transport_error", 1], []])
      }))
  })

  describe(`two live nodes with one ID, over ${name}`, () => {
    test("dialled by the third one: the second one is refused, and all three are told", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const first = yield* world.start("b")
        yield* connect(a, first)
        const second = yield* world.start("b")
        const lost = yield* watch(a, "b")
        const error = yield* Effect.flip(a.dial(second.address))
        assert.strictEqual(error.reason, "duplicate_node")
        yield* until("all three are told", () => world.logs.length >= 3)
        yield* roundTrip(a, first)
        const told = [
          /^ERROR a two live nodes have the node ID b: at .*, and at .*, which is refused$/,
          /^ERROR b node a refused another live node with our ID, b/,
          /^ERROR b .*another live node with our node ID.*\(ours is b\)$/
        ]
        for (const pattern of told) {
          assert.strictEqual(world.logs.filter((line) => pattern.test(line)).length, 1, String(pattern))
        }
        assert.strictEqual(world.logs.length, 3, world.logs.join("\n"))
        assert.deepStrictEqual([lost, yield* upNodes(second)], [[], []])
      }))

    test("however often the second one tries, the first one keeps its link", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const first = yield* world.start("b")
        yield* connect(first, a)
        const second = yield* world.start("b", { binds: [] })
        const [events, inbox] = [yield* follow(a), yield* collector(a)]
        const attempts = 6
        for (let i = 0; i < attempts; i++) {
          yield* first.run(Port.snd(inbox.port, i))
          const tries = [second.dial(a.address), second.dial(a.address)].map(Effect.flip)
          yield* Effect.all(tries, { concurrency: "unbounded" })
          assert.deepStrictEqual(yield* upNodes(second), [])
        }
        yield* inbox.has(attempts)
        assert.deepStrictEqual(inbox.messages, numbers(attempts))
        assert.deepStrictEqual(downs(events), [])
      }))
  })

  describe(`a farewell, over ${name}`, () => {
    test("a node that stops is told from one that is cut off, and what it sent last arrives", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 120_000)
        const [events, inbox] = [yield* follow(a), yield* collector(a)]
        yield* world.cut
        yield* until("the crash", () => areParted(a, b))
        yield* connect(b, a)
        const { port, record } = yield* recorder(a)
        yield* a.run(Port.snd(port, "watch", "b"))
        for (let i = 0; i < 500; i++) yield* b.run(Port.snd(inbox.port, i))
        yield* b.run(Port.snd(port, "n", "last"))
        yield* b.stop
        yield* until("the end", () => record.length === 2 && downs(events).length === 2)
        assert.deepStrictEqual(inbox.messages, numbers(500))
        assert.deepStrictEqual(record, ["last", "transport_error"])
        assert.deepStrictEqual(downs(events), [
          { _tag: "Down", nodeId: "b", reason: "cut", linkError: "link_lost", orderly: false },
          { _tag: "Down", nodeId: "b", reason: "the other node stopped", linkError: "node_left", orderly: true }
        ])
      }))

    test("to a node that does not read does not hold up the stop for long", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 120_000)
        yield* world.freeze
        yield* a.run(Port.snd("b#p", "never sent"))
        yield* within("the stop", a.stop)
        assert.isTrue(yield* isUp(b, "a"), "nothing came through")
      }))

    test("both sides at once", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 120_000)
        yield* within("both stops", Effect.all([a.stop, b.stop], { concurrency: "unbounded" }))
        assert.deepStrictEqual([yield* upNodes(a), yield* upNodes(b), world.logs], [[], [], []])
      }))
  })

  describe(`senders that wait, over ${name}`, () => {
    const text = "x".repeat(64 * 1024)

    /** A node with a link that takes nothing any more, and a sender that waits for room on it. */
    const stuck = (world: World, monitorTimeout = 120_000) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, monitorTimeout)
        const inbox = yield* collector(b)
        yield* world.freeze
        const sending = yield* Effect.forkScoped(a.run(Effect.forever(Port.snd(inbox.port, text))))
        yield* until("the sender waits", () => hasWaiting(a, "b", 1))
        return { a, b, inbox, sending }
      })

    test("wait above 1 MiB that has not left, and send nothing when they are interrupted", (world) =>
      Effect.gen(function*() {
        const { a, inbox, sending } = yield* stuck(world)
        const before = (yield* peerOf(a, "b"))!
        assert.isAtLeast(before.buffered, 1024 * 1024)
        assert.isBelow(before.buffered, 1024 * 1024 + 2 * text.length + 1000)
        const waiting = yield* Effect.forkScoped(a.run(Port.snd(inbox.port, "never")))
        yield* until("two wait", () => hasWaiting(a, "b", 2))
        yield* Effect.andThen(Fiber.interrupt(waiting), Fiber.interrupt(sending))
        const after = yield* peerOf(a, "b")
        assert.deepStrictEqual([after?.waiting, after?.sent], [0, before.sent])
      }))

    test("go on behind large messages that leave at once", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 120_000)
        const large = new Uint8Array(1024 * 1024)
        const port = yield* b.run(Port.make({
          large: (reply) => Port.snd(reply, large),
          small: (reply) => Port.snd(reply)
        }))
        const ask = (tag: string, times: number) => a.run(Effect.repeat(Port.cal(port, tag), { times }))
        const all = Effect.all([ask("large", 50), ask("small", 500), ask("small", 500)], { concurrency: "unbounded" })
        yield* within("all are answered", all)
      }))

    test("do not wait in a finalizer, nor where nothing can be interrupted", (world) =>
      Effect.gen(function*() {
        const { a, inbox } = yield* stuck(world)
        const { sent } = (yield* peerOf(a, "b"))!
        const last = a.run(Port.snd(inbox.port, "last words"))
        yield* within("the finalizer", Effect.scoped(Effect.addFinalizer(() => last)))
        yield* within("the region", Effect.uninterruptible(last))
        const port = yield* a.run(Port.make({
          go: () => Effect.andThen(Effect.addFinalizer(() => last), Effect.never)
        }))
        yield* a.run(Port.snd(port, "go"))
        yield* a.run(Port.kil(port, "end"))
        yield* within("the end of the port", a.run(Port.exit(port)))
        const enough = sent + 3 * "last words".length
        yield* until("three messages more", () => Effect.map(peerOf(a, "b"), (peer) => (peer?.sent ?? 0) >= enough))
      }))

    test("hold up neither the end of their port nor other ports", (world) =>
      Effect.gen(function*() {
        const { a, inbox } = yield* stuck(world)
        const port = yield* a.run(Port.make({ go: () => Port.snd(inbox.port, "never") }))
        yield* a.run(Port.snd(port, "go"))
        yield* until("it waits", () => hasWaiting(a, "b", 2))
        const other = yield* collector(a)
        yield* a.run(Port.snd(other.port, "hello"))
        yield* other.has(1)
        yield* a.run(Port.kil(port, "end"))
        assert.deepStrictEqual(reasonOf(yield* within("the end", a.run(Port.exit(port)))), ["end"])
        assert.strictEqual((yield* peerOf(a, "b"))?.waiting, 1)
      }))

    test("are released when their node stops", (world) =>
      Effect.gen(function*() {
        const { a, inbox } = yield* stuck(world)
        const waiting = yield* Effect.forEach([1, 2, 3], (i) => Effect.forkScoped(a.run(Port.snd(inbox.port, i))))
        yield* until("they wait", () => hasWaiting(a, "b", 4))
        yield* within("the stop", a.stop)
        yield* within("the senders", Fiber.joinAll(waiting))
      }))

    test("are released when the other node is given up; it did not read for too long", (world) =>
      Effect.gen(function*() {
        const { a, inbox, sending } = yield* stuck(world, 500)
        const fired = yield* watch(a, inbox.port)
        const waiting = yield* Effect.forkScoped(a.run(Port.snd(inbox.port, "sent on")))
        yield* until("the monitor fires", () => fired.length > 0)
        yield* Effect.andThen(Fiber.interrupt(sending), within("the sender", Fiber.join(waiting)))
        assert.deepStrictEqual(fired.map((reason) => reason.slice(0, 2)), [["transport_error", "b"]])
        assert.include([silent, notReading], fired[0]![2])
      }))

    test("wait at 10,000 messages while connecting, and are released when there is nobody", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { connectInterval: "1 minute" })
        let nobody = (): void => {}
        const asked = Effect.callback<ReadonlyArray<string>>((resume) => {
          nobody = () => resume(Effect.succeed([]))
        })
        yield* a.run(Node.addressBook(() => asked))
        const fired = yield* watch(a, "b#p")
        const sending = yield* Effect.forkScoped(a.run(
          Effect.forEach(numbers(10_001), ([i]) => Port.snd("b#p", i), { discard: true })
        ))
        yield* until("the sender waits", () => hasWaiting(a, "b", 1))
        assert.strictEqual((yield* peerOf(a, "b"))?.queued, 10_000)
        nobody()
        yield* within("the sender", Fiber.join(sending))
        yield* until("the monitor fires", () => fired.length > 0)
        assert.deepStrictEqual(fired, [["transport_error", "b", "no known address"]])
      }))
  })

  describe(`one generation after the other, over ${name}`, () => {
    test("what was sent before a loss never arrives behind what was sent after it", (world) =>
      Effect.gen(function*() {
        const [a, b] = yield* pair(world, 120_000)
        const { port, record } = yield* recorder(b)
        const seen: Array<unknown> = []
        for (let life = 0; life < 20; life++) {
          yield* connect(a, b)
          const fired = yield* watch(a, port)
          for (let i = 0; i < 50; i++) yield* a.run(Port.snd(port, "n", `${life} ${i}`))
          // At every step of the way.
          for (let turn = 0; turn < life % 5; turn++) {
            yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
          }
          yield* world.cut
          yield* until("the monitor fires", () => fired.length > 0)
          yield* until("the other side sees it", () => isDown(b, "a"))
          seen.push(record.length)
        }
        const lives = record.map((text) => String(text).split(" ").map(Number))
        for (let life = 0; life < 20; life++) {
          const got = lives.filter(([of]) => of === life).map(([, i]) => i)
          assert.deepStrictEqual(got, got.map((_, i) => i), `life ${life}: from the first one lost on, none`)
        }
        assert.deepStrictEqual(lives.map(([life]) => life), lives.map(([life]) => life).toSorted((x, y) => x! - y!))
      }))
  })
}

describe("links that come and go", () => {
  it.live("leave nothing behind", () =>
    Effect.gen(function*() {
      const marks = sized([200, 1000], [300, 3000])
      const [[, early], [, late]] = (yield* Effect.promise(() => churn(marks))) as [Mark, Mark]
      // Timers that other tests of this process have left may end meanwhile.
      assert.deepStrictEqual({ ...late, heap: 0, timers: 0 }, { ...early, heap: 0, timers: 0 })
      assert.isAtMost(late.timers, early.timers)
      assert.deepStrictEqual([late.peers, late.listeners, late.handshakes], [0, 0, 0])
      assert.isBelow(late.heap - early.heap, 1024 * 1024)
    }))
})
