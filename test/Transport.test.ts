/** Connections: what makes a link, what ends one, and what never reaches a node. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import {
  collector,
  connect,
  follow,
  hasWaiting,
  isUp,
  peerOf,
  reasonOf,
  roundTrip,
  secret,
  type TestNode,
  testOver,
  until,
  watch,
  wires,
  within
} from "./harness.ts"
import { connectRaw, dialRaw, opening } from "./rawPeer.ts"

const test = testOver(Transport.layerTcp)

/** Everything that a program on the node could notice of another one. */
const noticed = (node: TestNode) =>
  Effect.gen(function*() {
    const events = yield* follow(node)
    const inbox = yield* collector(node)
    const nothing = Effect.gen(function*() {
      assert.deepStrictEqual(events, [])
      assert.deepStrictEqual(inbox.messages, [])
      assert.deepStrictEqual(yield* node.run(Node.upNodes), [])
      assert.deepStrictEqual(yield* node.run(Node.peers), [])
      // It still takes others.
      const good = yield* connectRaw(node.address, { nodeId: "good" })
      good.send([inbox.name, "alive"])
      yield* inbox.has(1)
      assert.deepStrictEqual([inbox.messages, events], [[["alive"]], [{ _tag: "Up", nodeId: "good" }]])
    })
    return { inbox, nothing }
  })

describe("a connection that fails the handshake never reaches the node", () => {
  const hex = Buffer.from(secret).toString("hex")
  const lines = (...all: ReadonlyArray<string>) => all.map((line) => `${line}\n`).join("")
  const greeting = "aemp;1;raw;hmac_sha3_512;json"
  const cases: ReadonlyArray<[title: string, opening: string | Uint8Array, log: RegExp]> = [
    ["a wrong secret", opening("raw", "wrong"), /authentication failed/],
    ["an upper-case secret", lines(greeting, "n", `cleartext;${hex.toUpperCase()};json`), /authentication failed/],
    ["an empty secret", lines(greeting, "n", "cleartext;;json"), /authentication failed/],
    ["a method that was not offered", lines(greeting, "n", "tls_anon;;json"), /did not offer/],
    ["a framing that was not offered", lines(greeting, "n", `cleartext;${hex};storable`), /did not offer/],
    ["no common method", lines("aemp;1;raw;md6;json", "n"), /no authentication method/],
    ["no common framing", lines("aemp;1;raw;hmac_sha3_512;storable", "n"), /no framing/],
    ["another protocol", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /not speak the AEMP protocol/],
    ["a side protocol", lines("aemp-dataconn;1;raw;hmac_sha3_512;json", "n"), /not speak the AEMP protocol/],
    ["another version", lines("aemp;2;raw;hmac_sha3_512;json", "n"), /another version/],
    ["an empty node ID", lines("aemp;1;;hmac_sha3_512;json", "n"), /malformed greeting/],
    ["an empty nonce and a wrong secret", lines(greeting, "", "cleartext;00;json"), /authentication failed/],
    ["a binary greeting", Buffer.from("\x00\xff\x80\x1b[31m\x07\n\x00\n", "latin1"), /not speak the AEMP protocol/],
    ["an endless greeting", "aemp;1;raw;" + "x".repeat(5000), /more than 4096 bytes/],
    ["a line of 4097 bytes", lines("aemp;1;raw;hmac_sha3_512;json;x=".padEnd(4096, "x")), /more than 4096 bytes/],
    ["a nonce that does not end", lines(greeting) + "n".repeat(5000), /more than 4096 bytes/],
    ["an auth line that does not end", lines(greeting, "n") + "c".repeat(9000), /more than 4096 bytes/]
  ]
  for (const [title, bytes, log] of cases) {
    test(title, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("seed")
        const { inbox, nothing } = yield* noticed(node)
        const raw = yield* dialRaw(node.address, { opening: bytes })
        raw.send([inbox.name, "too early"], ["", "snd", inbox.port, "too early"])
        yield* raw.closed
        yield* until("the refusal is logged", () => world.logs.length > 0)
        assert.strictEqual(world.logs.length, 1)
        assert.match(world.logs[0]!, log)
        assert.match(world.logs[0]!, /^WARN seed refused a connection from 127\.0\.0\.1:\d+[ :]/)
        assert.match(world.logs[0]!, /^[\x20-\x7e]*$/, "nothing unprintable gets into the log")
        for (const hidden of [secret, hex]) assert.notInclude(world.logs[0]!, hidden)
        yield* nothing
      }))
  }

  test("empty nonces, as Perl allows them, are taken, and nobody is taken for another for that", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const nodeIds = ["raw", "other", "third"]
      const opening = (nodeId: string) => lines(`aemp;1;${nodeId};hmac_sha3_512;json`, "", `cleartext;${hex};json`)
      for (const nodeId of nodeIds) yield* connectRaw(node.address, { nodeId, opening: opening(nodeId) })
      yield* until("all are up", () => Effect.map(node.run(Node.upNodes), (up) => up.length === nodeIds.length))
      assert.deepStrictEqual(world.logs, [])
    }))

  test("lines of 4096 bytes are taken, with CR LF and a version of 1.0", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const long = "aemp;1.0;raw;hmac_sha3_512;json;x=".padEnd(4094, "x")
      const bytes = `${long}\r\n${"n".repeat(4095)}\ncleartext;${hex};json;ignored\r\n`
      const raw = yield* connectRaw(node.address, { opening: bytes })
      assert.deepStrictEqual(yield* raw.settle, [])
      assert.deepStrictEqual(yield* node.run(Node.upNodes), ["raw"])
    }))

  test("byte by byte is as good as at once", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* dialRaw(node.address, { opening: "" })
      for (const byte of Buffer.from(opening("raw"))) {
        raw.write(Buffer.of(byte))
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(yield* raw.settle, [])
    }))

  for (const [title, bytes] of [["says nothing", ""], ["stops in the middle", lines(greeting, "n")]] as const) {
    test(`a peer that ${title} is given up`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("seed", { monitorTimeout: "200 millis" })
        const { nothing } = yield* noticed(node)
        const raw = yield* dialRaw(node.address, { opening: bytes })
        yield* raw.closed
        yield* until("it is logged", () => world.logs.some((line) => line.includes("the handshake took too long")))
        yield* nothing
      }))
  }

  test("one that mirrors what it gets is refused", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const { nothing } = yield* noticed(node)
      const raw = yield* dialRaw(node.address, { opening: "aemp;1;raw;hmac_sha3_512;json\n" })
      yield* until("the greeting", () => raw.lines.length === 2 || raw.lines.length === 1)
      yield* until("the node's nonce", () => raw.lines.length === 2)
      raw.write(`${raw.lines[1]}\n`)
      yield* raw.closed
      yield* until("it is logged", () => world.logs.some((line) => line.includes("our own nonce")))
      yield* nothing
    }))

  test("the side that dialled learns that it was refused, not why", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const other = yield* world.start("other", { secret: "wrong" })
      const error = yield* Effect.flip(other.dial(node.address))
      assert.include(["handshake_closed", "auth_failed"], error.reason)
      assert.include(error.message, node.address)
      assert.deepStrictEqual(yield* node.run(Node.upNodes), [])
    }))
})

for (const [name, transport] of wires) {
  const test = testOver(transport)

  describe(`one link for each pair of nodes, over ${name}`, () => {
    test("a node that dials itself is refused", (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("a")
        const error = yield* Effect.flip(node.dial(node.address))
        assert.strictEqual(error.reason, "self_connect")
        assert.deepStrictEqual([yield* node.run(Node.upNodes), world.logs], [[], []])
      }))

    test("a second process with the node ID of a first one is refused, and the first keeps its link", (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("a")
        const first = yield* world.start("b", { binds: [] })
        const second = yield* world.start("b", { binds: [] })
        yield* connect(first, node)
        const lost = yield* watch(node, "b")
        const inbox = yield* collector(first)
        const error = yield* Effect.flip(second.dial(node.address))
        assert.strictEqual(error.reason, "node_id_taken")
        yield* roundTrip(first, node)
        const said = (pattern: RegExp) => until(String(pattern), () => world.logs.some((line) => pattern.test(line)))
        yield* said(/^ERROR a two live nodes have the node ID b: at .*, and at .*, which is refused/)
        yield* said(/^ERROR b node a refused another live node with our ID, b/)
        yield* said(/^ERROR b .*another live node with our node ID/)
        yield* node.run(Port.snd(inbox.port, "still here"))
        yield* inbox.has(1)
        assert.deepStrictEqual(lost, [])
      }))

    test("both sides dial at once: one link stays, the same on both sides, and no message is lost", (world) =>
      Effect.gen(function*() {
        for (let round = 0; round < 50; round++) {
          yield* Effect.scoped(Effect.gen(function*() {
            const [a, b] = [yield* world.start("a"), yield* world.start("b")]
            const [atA, atB] = [yield* collector(a), yield* collector(b)]
            const lost = [yield* watch(a, atB.port), yield* watch(b, atA.port)]
            // Different turns of the event loop between the two, to cross at every step of the handshake.
            const late = Effect.repeat(
              Effect.callback<void>((resume) => {
                setImmediate(() => resume(Effect.void))
              }),
              { times: round % 10 }
            )
            yield* a.run(Port.snd(atB.port, 0))
            yield* late
            for (let i = 0; i < 3; i++) yield* b.run(Port.snd(atA.port, i))
            for (let i = 1; i < 3; i++) yield* a.run(Port.snd(atB.port, i))
            yield* Effect.andThen(atA.has(3), atB.has(3))
            yield* Effect.andThen(roundTrip(a, b), roundTrip(b, a))
            assert.deepStrictEqual([atA.messages, atB.messages, lost], [[[0], [1], [2]], [[0], [1], [2]], [[], []]])
            // A side that was dialled sees an address that nobody listens on.
            const dialled = [
              (yield* peerOf(a, "b"))?.address === b.address,
              (yield* peerOf(b, "a"))?.address === a.address
            ]
            assert.sameMembers(dialled, [true, false], "one side dialled, the other was dialled")
          }))
        }
        assert.deepStrictEqual(world.logs, [])
      }))
  })
}

test("text that is not UTF-8 costs its place in the message, with a word, and not the link", (world) =>
  Effect.gen(function*() {
    const node = yield* world.start("seed")
    const inbox = yield* collector(node)
    const raw = yield* connectRaw(node.address)
    raw.send([inbox.name, "before"])
    raw.write(Buffer.concat([Buffer.from(`["${inbox.name}","t`), Buffer.of(0xff), Buffer.from("\"]")]))
    raw.send([inbox.name, "behind"])
    yield* inbox.has(3)
    assert.deepStrictEqual(inbox.messages, [["before"], ["t\ufffd"], ["behind"]])
    assert.match(world.logs.join("\n"), /^WARN seed node raw sent text that is not UTF-8/)
  }))

describe("what ends a link, and leaves the node alone", () => {
  const bad: ReadonlyArray<[title: string, bytes: string | Uint8Array, text: RegExp]> = [
    ["garbage", "\x00\x01\x02", /JSON that is not an array/],
    ["broken JSON", "[\"p\", nonsense]", /JSON/],
    ["an object", "{\"a\":1}", /not an array/],
    ["a number", "5", /not an array/],
    ["a string", "\"x\"", /not an array/],
    ["endless nesting", "[".repeat(600), /nested deeper/],
    ["a port name that is an array", "[[\"p\"],\"x\"]", /port name is \["p"\]/],
    ["a port name that is false", "[false]", /port name is false/]
  ]
  for (const [title, bytes, text] of bad) {
    test(title, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("seed")
        const inbox = yield* collector(node)
        const raw = yield* connectRaw(node.address)
        const lost = yield* watch(node, "raw#p")
        raw.send([inbox.name, "before"])
        yield* inbox.has(1)
        raw.write(bytes)
        raw.send([inbox.name, "behind"])
        yield* raw.closed
        yield* until("the monitor fires", () => lost.length > 0)
        assert.deepStrictEqual(lost.map((reason) => reason.slice(0, 2)), [["transport_error", "raw"]])
        assert.match(lost[0]![2] as string, text)
        assert.deepStrictEqual(inbox.messages, [["before"]])
        const again = yield* connectRaw(node.address)
        assert.deepStrictEqual(yield* again.settle, [])
        const [line = "", ...more] = world.logs.filter((line) => line.startsWith("WARN seed lost the link to raw"))
        assert.match(line, text)
        assert.deepStrictEqual(more, [])
      }))
  }

  test("a message over the limit, from a node of another kind, which does not know of it", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed", { maxMessageSize: 100_000 })
      const raw = yield* connectRaw(node.address)
      const lost = yield* watch(node, "raw#p")
      raw.send(["nobody", "x".repeat(99_000)])
      assert.deepStrictEqual((yield* raw.settle).length, 1)
      raw.send(["nobody", "x".repeat(100_001)])
      yield* raw.closed
      yield* until("the monitor fires", () => lost.length > 0)
      assert.deepStrictEqual(lost, [["transport_error", "raw", "more than 100000 bytes"]])
      // Nobody says goodbye to other kinds.
      assert.deepStrictEqual(raw.packets.filter(([, request]) => request !== "mon1"), [])
    }))

  for (const framing of ["json", "cbor"]) {
    test(`many small messages that come together are none over the limit, in ${framing}`, (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("seed", { maxMessageSize: 32_768, framings: [framing] })
        const sender = yield* world.start("sender", { framings: [framing] })
        const inbox = yield* collector(node)
        const lost = yield* watch(sender, inbox.port)
        yield* connect(sender, node)
        for (let i = 0; i < 20_000; i++) yield* sender.run(Port.snd(inbox.port, i, "some text"))
        yield* until("all arrive, or the link ends", () => inbox.messages.length === 20_000 || lost.length > 0)
        assert.deepStrictEqual([lost, inbox.messages.length], [[], 20_000])
      }))
  }
})

describe("what a link cannot carry", () => {
  test("is refused at the sender, with the path: bytes and odd numbers for a peer that knows only JSON", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the link stands", () => isUp(node, "raw"))
      for (
        const [value, what] of [[2n ** 64n, "a bigint of more than 64 bits"], [new Uint8Array(1), "bytes"], [
          Number.NaN,
          "the number NaN"
        ]]
      ) {
        const exit = yield* Effect.exit(node.run(Port.snd("raw#p", "tag", { deep: [value] })))
        assert.isTrue(Exit.isFailure(exit))
        const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
        assert.strictEqual(reason?._tag, "Die")
        const error = (reason as { readonly defect: unknown }).defect
        assert.instanceOf(error, Port.UnsendableMessage)
        assert.strictEqual(error.path, "[1].deep[0]")
        assert.include(error.message, `cannot send to raw#p: message[1].deep[0] is ${String(what)}`)
      }
      yield* node.run(Port.snd("raw#p", "fine"))
      assert.deepStrictEqual(yield* raw.settle, [["p", "fine"]])
    }))

  test("bytes for a link that is still being made wait for it, and are refused by one that turns out to speak JSON", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a")
      const b = yield* world.start("b", { framings: ["json"] })
      const inbox = yield* collector(b)
      const lost = yield* watch(a, inbox.port)
      const refused = yield* Effect.exit(a.run(Port.snd(inbox.port, new Uint8Array(1))))
      assert.include(String(Exit.isFailure(refused) && refused.cause), "message[0] is bytes")
      yield* a.run(Port.snd(inbox.port, "later"))
      yield* inbox.has(1)
      assert.deepStrictEqual([inbox.messages, lost], [[["later"]], []])
    }))

  test("a sender in the queue whose message is refused does not hold up those behind it", (world) =>
    Effect.gen(function*() {
      const a = yield* world.start("a", { connectInterval: "1 minute" })
      const b = yield* world.start("b", { framings: ["json"] })
      const inbox = yield* collector(b)
      let release = (): void => {}
      yield* a.run(Node.addressBook(() =>
        Effect.callback((resume) => {
          release = () => resume(Effect.succeed([b.address]))
        })
      ))
      for (let i = 0; i < 10_000; i++) yield* a.run(Port.snd(inbox.port, i))
      const send = (part: unknown) =>
        Effect.forkScoped(Effect.exit(a.run(Port.snd(inbox.port, part))), { startImmediately: true })
      const refused = [yield* send(new Uint8Array(1)), yield* send(Number.NaN)]
      const sent = [yield* send("behind"), yield* send("last")]
      release()
      yield* inbox.has(10_002)
      for (const fiber of refused) assert.isTrue(Exit.isFailure(yield* within("a refusal", Fiber.join(fiber))))
      for (const fiber of sent) assert.isTrue(Exit.isSuccess(yield* within("a send", Fiber.join(fiber))))
      assert.deepStrictEqual(inbox.messages.slice(-2), [["behind"], ["last"]])
    }))

  test("of integers that are too long for numbers, where names are expected, hurts nobody", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the link stands", () => isUp(node, "raw"))
      const long = "12345678901234567890"
      const handled = yield* node.run(Port.make({ [long]: (reply: string) => Port.snd(reply, "handled") }))
      const other = yield* node.run(Port.make({}))
      const [port, lost] = [handled, other].map((id) => id.slice(id.indexOf("#") + 1))
      raw.write(`["",${long}][${long},"x"]["","mon1","${lost}"]["${lost}",${long}]["","snd",${long},"x"]`)
      raw.write(`["","AnyEvent::MP::_spawn",${long},${long}]["","mon1",${long}]["${port}",${long},"raw#r"]`)
      assert.sameDeepMembers([...yield* raw.has(3)], [
        ["", "kil0", lost, "unhandled_message", `no callback found for message '${long}'`],
        ["", "kil0", long, "no_such_port", "cannot monitor nonexistent port", `seed#${long}`],
        ["r", "handled"]
      ])
    }))

  test("of an integer loses no digit, whatever the framing", (world) =>
    Effect.gen(function*() {
      const integers = [2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 2n ** 53n + 1n, 2n ** 64n - 1n, -(2n ** 63n)]
      const a = yield* world.start("a")
      for (const framing of ["cbor", "json"]) {
        const b = yield* world.start(framing, { framings: [framing] })
        const inbox = yield* collector(b)
        yield* a.run(Port.snd(inbox.port, { integers }))
        yield* inbox.has(1)
        assert.deepStrictEqual(inbox.messages, [[{ integers }]])
      }
    }))

  for (const [name, transport] of wires) {
    testOver(transport)(`a function kills the port that sends it, over ${name}`, (world) =>
      Effect.gen(function*() {
        const [a, b] = [yield* world.start("a"), yield* world.start("b")]
        const inbox = yield* collector(b)
        const port = yield* a.run(Port.make({ go: () => Port.snd(inbox.port, "tag", () => 1) }))
        yield* a.run(Port.snd(port, "go"))
        const reason = reasonOf(yield* within("the end of the port", a.run(Port.exit(port))))
        assert.strictEqual(reason[0], "die")
        assert.include(String(reason[1]), "message[1] is a function")
        yield* a.run(Port.snd(inbox.port, "fine"))
        yield* inbox.has(1)
        assert.deepStrictEqual(inbox.messages, [["fine"]])
      }))
  }
})

describe("a peer that does not read", () => {
  const text = "x".repeat(16 * 1024)

  test("makes snd wait, within bounds; once it reads, all arrives in order", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the link stands", () => isUp(node, "raw"))
      raw.socket.pause()
      const total = 4000
      let sent = 0
      const sending = yield* Effect.forkScoped(node.run(Effect.gen(function*() {
        for (; sent < total; sent++) yield* Port.snd("raw#p", sent, text)
      })))
      // It waits when nothing has moved for a while of turns of the event loop.
      const buffered = node.run(Effect.map(Node.peers, ([peer]) => peer?.buffered ?? 0))
      let seen = -1
      yield* until("the sender waits", () =>
        Effect.gen(function*() {
          const still = sent === seen && sent > 0
          seen = sent
          yield* Effect.sleep("50 millis")
          return still && sent === seen
        }))
      assert.isBelow(sent, total)
      assert.isUndefined(sending.pollUnsafe())
      assert.isBelow(yield* buffered, 1024 * 1024 + 4 * text.length, "about 1 MiB waits in the process")
      // Others are not held up, nor is what the node port has to say.
      const inbox = yield* collector(node)
      raw.send([inbox.name, "still taken"])
      yield* inbox.has(1)
      raw.socket.resume()
      yield* raw.has(total)
      yield* within("the sender", Fiber.join(sending))
      assert.deepStrictEqual(raw.packets.map((packet) => packet[1]), Array.from({ length: total }, (_, i) => i))
    }))

  test("a snd that waits ends when the link does, or when it is interrupted", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("seed")
      const raw = yield* connectRaw(node.address)
      yield* until("the link stands", () => isUp(node, "raw"))
      raw.socket.pause()
      const send = node.run(Effect.forever(Port.snd("raw#p", text)))
      const interrupted = yield* Effect.forkScoped(send)
      yield* until("no room", () => hasWaiting(node, "raw", 1))
      yield* within("the interruption", Fiber.interrupt(interrupted))
      const waiting = yield* Effect.forkScoped(node.run(Port.snd("raw#p", text)))
      yield* until("it waits", () => hasWaiting(node, "raw", 1))
      assert.isUndefined(waiting.pollUnsafe())
      raw.socket.destroy()
      yield* within("the send", Fiber.join(waiting))
    }))

  for (const [name, transport] of wires) {
    testOver(transport)(
      `messages that wait for a link are bounded the same way, over ${name}`,
      (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a", { connectInterval: "1 minute" })
          const b = yield* world.start("b")
          const inbox = yield* collector(b)
          let release = (): void => {}
          const scope = yield* Scope.make()
          yield* a.run(Node.addressBook(() =>
            Effect.callback((resume) => {
              release = () => resume(Effect.succeed([b.address]))
            })
          )).pipe(Scope.provide(scope))
          const total = 15_000
          const sending = yield* Effect.forkScoped(a.run(Effect.gen(function*() {
            for (let i = 0; i < total; i++) yield* Port.snd(inbox.port, i)
          })))
          const queued = Effect.map(peerOf(a, "b"), (peer) => peer?.queued)
          yield* until("the queue is full", () => Effect.map(queued, (count) => count === 10_000))
          yield* roundTripTo(a)
          assert.strictEqual(yield* queued, 10_000)
          release()
          yield* within("the sender", Fiber.join(sending))
          yield* inbox.has(total)
          assert.deepStrictEqual(inbox.messages.map(([i]) => i), Array.from({ length: total }, (_, i) => i))
        })
    )
  }
})

/** A message to a port of the node itself, and back: turns of the run queue and of the event loop. */
const roundTripTo = (node: TestNode): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function*() {
    const inbox = yield* collector(node)
    for (let i = 1; i <= 20; i++) {
      yield* node.run(Port.snd(inbox.port, i))
      yield* inbox.has(i)
    }
  })
