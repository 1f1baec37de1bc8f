import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { LinkError } from "../src/internal/transport/linkError.ts"
import type * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import {
  collector,
  connect,
  follow,
  isUp,
  roundTrip,
  type TestNode,
  testOver,
  transports,
  until,
  watch,
  within
} from "./harness.ts"
import { downs } from "./links.ts"
import { connectRaw, ownKind } from "./rawPeer.ts"

const limit = 100_000
const framings = ["cbor", "json"] as const

/** How many bytes a message to this port takes beside the text that it is. Text of 64 KiB and more has a longer header. */
const around = (framing: "cbor" | "json", port: string): number => {
  const name = port.slice(port.indexOf("#") + 1)
  // An array of two: in CBOR one byte, and one or five before each text of such a length.
  return framing === "cbor" ? 1 + 1 + name.length + 5 : `["${name}",""]`.length
}

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : "it was sent"

const assertTooLarge = (exit: Exit.Exit<unknown, unknown>, most: number): void => {
  const error = defectOf(exit)
  assert.instanceOf(error, Port.UnsendableMessage)
  assert.match(error.message, new RegExp(`has \\d+ (bytes|values), and the other node takes no more than ${most}$`))
}

const linked = (a: TestNode, b: TestNode) =>
  Effect.gen(function*() {
    yield* connect(a, b)
    const bystander = yield* b.run(Port.make({}))
    return yield* watch(a, bystander)
  })

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`a message that is larger than the other node takes, over ${name}`, () => {
    for (const framing of framings) {
      test(`is refused at the sender, to the byte, in ${framing}`, (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a", { framings: [framing] })
          const b = yield* world.start("b", { framings: [framing], maxMessageSize: limit })
          const lost = yield* linked(a, b)
          const inbox = yield* collector(b)
          const most = limit - around(framing, inbox.port)
          for (const more of [-3, -2, -1, 0, 1, 2, 3]) {
            const exit = yield* Effect.exit(a.run(Port.snd(inbox.port, "x".repeat(most + more))))
            if (more <= 0) assert.isTrue(Exit.isSuccess(exit), `${more}`)
            else assertTooLarge(exit, limit)
          }
          yield* roundTrip(a, b)
          yield* inbox.has(4)
          assert.deepStrictEqual(inbox.messages.map(([text]) => String(text).length - most), [-3, -2, -1, 0])
          assert.deepStrictEqual([lost, world.logs], [[], []])
        }))
    }

    test("is refused to senders that waited for the link, and the others' messages arrive", (world) =>
      Effect.gen(function*() {
        const b = yield* world.start("b", { maxMessageSize: limit })
        const a = yield* world.start("a")
        const inbox = yield* collector(b)
        const large = yield* Effect.forkChild(a.run(Port.snd(inbox.port, "x".repeat(limit))), {
          startImmediately: true
        })
        const fits = yield* Effect.forkChild(a.run(Port.snd(inbox.port, "y".repeat(limit - 1000))), {
          startImmediately: true
        })
        yield* a.run(Port.snd(inbox.port, "small"))
        assertTooLarge(yield* within("it is refused", Fiber.await(large)), limit)
        yield* Fiber.join(fits)
        yield* inbox.has(2)
        assert.sameMembers(inbox.messages.map(([text]) => String(text).length), [5, limit - 1000])
      }))

    test("of text that grows on its way is refused to senders that waited too: what is accepted before fits", (world) =>
      Effect.gen(function*() {
        // JSON has six bytes for each of these characters.
        const sizes = [1000, 5000, 5500, 6000, 20_000]
        const b = yield* world.start("b", { maxMessageSize: 32_768, framings: ["json"] })
        const inbox = yield* collector(b)
        for (const size of sizes) {
          const a = yield* world.start(`a${size}`, { framings: ["json"] })
          const exit = yield* Effect.exit(a.run(Port.snd(inbox.port, "\u0001".repeat(size))))
          yield* roundTrip(a, b)
          if (size < 5450) assert.isTrue(Exit.isSuccess(exit), `${size}`)
          else assertTooLarge(exit, 32_768)
        }
        yield* inbox.has(2)
      }))

    test("of a finalizer, which waits for nothing, ends the link that it waited for: both sides log why", (world) =>
      Effect.gen(function*() {
        const b = yield* world.start("b", { maxMessageSize: limit })
        const a = yield* world.start("a")
        const inbox = yield* collector(b)
        const lost = yield* watch(a, inbox.port)
        yield* Effect.uninterruptible(a.run(Port.snd(inbox.port, "x".repeat(limit))))
        yield* until("the monitor fires", () => lost.length > 0)
        assert.match(String(lost[0]![2]), /has 1000\d\d bytes, and the other node takes no more than 100000$/)
        const logged = (pattern: RegExp) => until(String(pattern), () => world.logs.some((line) => pattern.test(line)))
        yield* logged(/^WARN a lost the link to b: .*\(cannot send to b#/)
        yield* logged(/^WARN b lost the link to a: the other node ended this link \(unsendable: /)
      }))

    test("is no reply: the call fails with its size, and the port that replied lives", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { maxMessageSize: limit })
        const b = yield* world.start("b")
        const lost = yield* linked(a, b)
        const texts = Port.protocol({ text: Port.message(Schema.Number).replies(Schema.String) })
        const server = yield* b.run(Port.make(texts, { text: (size) => Effect.succeed("x".repeat(size)) }))
        const ended = yield* watch(b, server)
        const error = yield* Effect.flip(a.run(Port.cal(server, "text", 2 * limit)))
        assert.instanceOf(error, Port.Killed)
        assert.match(
          error.message,
          /cannot send to a#.*: the message has 2000\d\d bytes, and the other node takes no more/
        )
        assert.strictEqual((yield* a.run(Port.cal(server, "text", 10))).length, 10)
        assert.strictEqual((yield* b.run(Port.cal(server, "text", 2 * limit))).length, 2 * limit)
        assert.deepStrictEqual([lost, ended, world.logs], [[], [], []])
      }))

    test("of values without end is refused as the other node would", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b", { maxMessageSize: 2_000_000 })
        const lost = yield* linked(a, b)
        const inbox = yield* collector(b)
        const list = (length: number) => Array.from({ length }, () => 1)
        // A packet: the message, the port's name, the list.
        yield* a.run(Port.snd(inbox.port, list(999_997)))
        assertTooLarge(yield* Effect.exit(a.run(Port.snd(inbox.port, list(999_998)))), 1_000_000)
        yield* roundTrip(a, b)
        yield* inbox.has(1)
        assert.deepStrictEqual(lost, [])
      }))
  })

  describe(`what is said of an end, over ${name}`, () => {
    test("is shortened where it does not fit, and goes whole where it does", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { maxMessageSize: limit })
        const b = yield* world.start("b", { maxMessageSize: limit })
        const lost = yield* linked(a, b)
        const reasons: ReadonlyArray<
          readonly [readonly [string, ...ReadonlyArray<unknown>], (heard: ReadonlyArray<unknown>) => boolean]
        > = [
          [["big", "x".repeat(50_000)], ([, text]) => String(text).length === 50_000],
          [["big", "x".repeat(200_000), 3], ([tag, text, three]) =>
            tag === "big" && String(text).length < 300 && three === 3],
          [["big", { deep: "x".repeat(200_000) }], ([, text]) =>
            String(text).startsWith("{\"deep\":\"xxx")],
          [["many", ...Array.from({ length: 100_000 }, (_, n) => n)], (heard) => heard.length === 20]
        ]
        for (const [reason, isRight] of reasons) {
          // Killed here, monitored there; and the other way round: a `kil` that travels.
          for (const [killer, home] of [[b, b], [a, b]] as const) {
            const port = yield* home.run(Port.make({}))
            const heard = yield* watch(a, port)
            const told = yield* collector(a)
            yield* a.run(Port.mon(port, told.port, "gone"))
            yield* roundTrip(a, b)
            yield* killer.run(Port.kil(port, ...reason))
            yield* until("the monitor fires", () => heard.length > 0)
            assert.isTrue(isRight(heard[0]!), JSON.stringify(heard[0]).slice(0, 100))
            yield* told.has(1)
          }
        }
        assert.deepStrictEqual([lost, world.logs], [[], []])
      }))

    test("to a port elsewhere goes shortened, also where the link is still to be made", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b", { maxMessageSize: limit })
        const inbox = yield* collector(b)
        const port = yield* a.run(Port.make({}))
        yield* a.run(Port.mon(port, inbox.port, "gone"))
        yield* a.run(Port.kil(port, "big", "x".repeat(200_000)))
        yield* inbox.has(1)
        const [message] = inbox.messages
        assert.deepStrictEqual(message?.slice(0, 2), ["gone", "big"])
        assert.isBelow(String(message?.[2]).length, 300)
      }))

    test("may be nested as deep as a message, and goes as text where it is deeper", (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a")
        const b = yield* world.start("b")
        const lost = yield* linked(a, b)
        for (const depth of [509, 510, 511, 512, 513]) {
          let deep: unknown = "x"
          for (let n = 0; n < depth; n++) deep = [deep]
          const port = yield* b.run(Port.make({}))
          const heard = yield* watch(a, port)
          yield* roundTrip(a, b)
          yield* b.run(Port.kil(port, "deep", deep))
          yield* until("the monitor fires", () => heard.length > 0)
          assert.strictEqual(typeof heard[0]![1], depth < 512 ? "object" : "string", `${depth}`)
        }
        assert.deepStrictEqual(lost, [])
      }))
  })

  test(`a port whose name is larger than a message is none, over ${name}`, (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const b = yield* world.start("b", { maxMessageSize: limit })
      const port = `b#${"x".repeat(limit)}` as Port.PortId
      const before = yield* watch(a, port)
      yield* until("there is none", () => before.length > 0)
      const lost = yield* linked(a, b)
      const after = yield* watch(a, port)
      yield* until("there is none", () => after.length > 0)
      assert.deepStrictEqual([before, after].map(([reason]) => reason?.[0]), ["no_such_port", "no_such_port"])
      yield* a.run(Port.kil(port, "why"))
      yield* roundTrip(a, b)
      assert.deepStrictEqual(lost, [])
    }))
}

describe("why a link was lost is known on both sides", () => {
  const test = testOver(transports[1][1])
  const started = (world: Parameters<Parameters<typeof test>[1]>[0], options: Node.Options = {}) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed", { maxMessageSize: limit, ...options })
      const raw = yield* connectRaw(node.address, { keys: ownKind(300_000) })
      yield* until("the link stands", () => isUp(node, "raw"))
      return { node, raw, events: yield* follow(node) }
    })

  for (
    const [what, packet, reason, detail] of [
      ["a message over the limit", ["nobody", "x".repeat(2 * limit)], "packet_too_large", /^more than 100000 bytes$/],
      ["what is no message", [{ not: "a name" }], "bad_packet", /^its port name is/]
    ] as const
  ) {
    test(`the sender of ${what} is told, behind all that was sent before, and then not heard any more`, (world) =>
      Effect.gen(function*() {
        const { events, node, raw } = yield* started(world)
        const inbox = yield* collector(node)
        yield* node.run(Port.snd("raw#p" as Port.PortId, "before"))
        raw.send(packet, [inbox.name, "too late"])
        yield* raw.closed
        const [before, end, ...more] = raw.packets.filter((packet) => packet.length > 0)
        assert.deepStrictEqual([before, end?.slice(0, 3), more], [["p", "before"], ["", "emp_end", reason], []])
        assert.match(String(end?.[3]), detail)
        yield* until("it is down", () => downs(events).length > 0)
        assert.deepStrictEqual(inbox.messages, [])
      }))
  }

  test("a node that is told says so: in the reason of its monitors, its events and its log", (world) =>
    Effect.gen(function*() {
      const { events, node, raw } = yield* started(world)
      const lost = yield* watch(node, "raw#p")
      raw.send(["", "emp_end", "packet_too_large", "more than 7 bytes\u001b[31m"])
      yield* until("the monitor fires", () => lost.length > 0)
      const why = "the other node ended this link: packet_too_large: more than 7 bytes\\x1b[31m"
      assert.deepStrictEqual(lost, [["transport_error", "raw", why]])
      assert.deepStrictEqual(downs(events).map((event) => event.reason), [why])
      assert.deepStrictEqual(
        world.logs.filter((line) => line.startsWith("WARN")),
        ["WARN seed lost the link to raw: the other node ended this link (packet_too_large: more than 7 bytes\\x1b[31m)"]
      )
    }))

  test("a node of another kind cannot say so", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      raw.send(["", "emp_end", "packet_too_large", "no"])
      yield* raw.settle
      assert.isTrue(yield* isUp(node, "raw"))
    }))
})

it("tells the tag of the other side's error with its text", () => {
  const error = new LinkError({ reason: "ended_by_peer", peer: "b", detail: "bad_packet: none" })
  assert.strictEqual(error.message, "b: the other node ended this link (bad_packet: none)")
})
