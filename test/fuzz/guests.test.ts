/**
 * Guests that mean harm: they send all that the protocol has, to a node that is open to guests, with a network behind it.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Global, Node, Port, Transport } from "../../src/index.ts"
import { LogCatcher } from "../../src/internal/cli/run/logCatcher.ts"
import { guestRequests } from "../../src/internal/node/guestGate.ts"
import { isCell } from "../../src/internal/port/cell.ts"
import { serialization } from "../../src/internal/rpc/serialization.ts"
import * as Rpc from "../../src/Rpc.ts"
import { begin, until } from "../harness.ts"
import { linkedTo, type MeshNode, meshTestOver } from "../meshWorld.ts"
import { connectRaw, type RawPeer } from "../rawPeer.ts"
import { handlers, Journal, Users } from "../rpcService.ts"
import { SeededRandom } from "../simulation/random.ts"
import { sized } from "../size.ts"
import { harm, type Known } from "./insider.ts"
import { dialRawGuest, enterRaw } from "./rawGuest.ts"

v8.setFlagsFromString("--expose-gc")
const collect = vm.runInNewContext("gc") as () => void

const rounds = sized(50, 2000)
const heapMargin = 24 * 1024 * 1024

/** Requests that `emp run` adds, and those of nodes whose rooms are not all here. */
const others = ["emp_stop", "emp_restart", "emp_reload", "emp_logs", "emp_log_tail", "emp_log_level", "no_such_request"]

const test = meshTestOver(Transport.layerTcp)

const ticketOf = (node: MeshNode, guest: string) =>
  Effect.orDie(node.run(Node.ticket({ node: guest, expires: "1 hour" })))

const makeThere = Port.remote("guests::make")

/** A node that is open to guests, another node behind it, and what on the first one is closed and is open. */
const network = Effect.fnUntraced(
  function*(start: Parameters<Parameters<typeof test>[1]>[0]["start"], limits: Node.GuestOptions = {}) {
    const seen: Array<unknown> = []
    const closedTo = (node: MeshNode) => node.run(Port.make((...message) => void seen.push([node.id, ...message])))
    const host = yield* start("host", {
      global: true,
      guests: { families: ["news"], messagesPerSecond: 1e6, bytesPerSecond: 1e9, ...limits }
    })
    const behind = yield* start("behind", { seeds: [host.address] })
    yield* linkedTo(behind, "host")
    yield* behind.has("'l", { host: [host.address], behind: [behind.address] })
    const closed = yield* Effect.all(Array.from({ length: 5 }, () => closedTo(host)))
    const far = yield* closedTo(behind)
    // How many messages have come there: they are not kept, since what the host holds is looked at.
    const heard = { messages: 0 }
    // Answers whoever it is told to, in whatever place, with what it is told: as a careless program does.
    const open = yield* host.run(Port.make((...message) => {
      heard.messages++
      const all = message.filter((to) => typeof to === "string" && to.includes("#"))
      return Effect.forEach(all, (to) => Port.snd(String(to), message[0], "answer"), { discard: true })
    }, { guests: true }))
    yield* host.run(Layer.build(Port.implement(makeThere, () => Effect.sync(() => (seen.push("spawned"), {})))))
    const server = yield* host.run(Effect.provide(Rpc.serve(Users, { name: "closed" }), handlers(new Journal())))
    yield* host.run(Global.reg(closed[0]!, "group"))
    yield* host.run(Global.reg(open, "group"))
    yield* host.run(Global.set("secret", "key", "value"))
    yield* host.run(Global.set("news", "key", "value"))
    // A call of the node that waits, of another node than the guest.
    const silent = yield* behind.run(Port.make({ ask: () => Effect.never }))
    const call = yield* begin(host.run(Effect.exit(Port.cal(silent, "ask"))))
    return { host, behind, closed, far, open, server, seen, heard, call }
  }
)

/** What must stay as it is, whatever a guest sends. */
const stateOf = ({ behind, host }: { readonly host: MeshNode; readonly behind: MeshNode }) =>
  Effect.gen(function*() {
    const { router } = host
    return {
      ports: Array.from(router.ports.keys()).toSorted(),
      peers: Array.from(router.peers.keys()).filter((id) => id !== "guest/1"),
      functions: Array.from(router.functions.names()).toSorted(),
      isDraining: router.isDraining,
      families: yield* Effect.forEach(["group", "secret", "news", "'g", "'l"], (family) => behind.family(family)),
      openCalls: router.counts.calls.open,
      links: yield* behind.run(Node.upNodes)
    }
  })

/** Whatever the node sends elsewhere: to the other node, which would be asked, told or reached. */
const sentTo = (node: MeshNode, other: string) => {
  const link = node.router.linkTo(other)
  return [link?.messagesSent, link?.requestsSent]
}

const attachLog = ({ router }: MeshNode): void => {
  const catcher = new LogCatcher()
  catcher.attach(router)
}

describe("a guest that means harm", () => {
  test("changes nothing, reaches nothing that is closed, and no other node hears of it", (world) =>
    Effect.gen(function*() {
      const all = yield* network(world.start)
      const { call, closed, far, heard, host, open, seen, server } = all
      attachLog(host)
      const ticket = yield* ticketOf(host, "guest/1")
      const random = new SeededRandom("guests")
      const requests = [...host.router.requests.names(), ...host.router.guests.requests.names(), ...others, ...others]
      assert.includeMembers(requests, guestRequests as Array<string>)
      const replies = () =>
        Array.from(host.router.ports.keys()).filter((id) => host.router.ports.get(id)?._tag === "ReplyPort")
      const known: Known = {
        requests,
        nodes: ["host", "behind", "guest/1", "nobody"],
        ports: [...closed, ...replies(), far, open, server, "guest/1#x"],
        busy: closed[1]!,
        servers: [server],
        format: (yield* serialization).contentType,
        functions: [makeThere.name]
      }
      const before = yield* stateOf(all)
      yield* until("nothing is on its way", () => host.router.linkTo("behind")!.buffered === 0)
      const sent = sentTo(host, "behind")
      let peer: RawPeer | undefined
      let entries = 0
      let heap = 0
      for (let round = 0; round < rounds; round++) {
        if (peer === undefined || peer.isClosed()) {
          peer = yield* enterRaw(host.address, ticket)
          entries++
        }
        if (round === Math.round(rounds / 3)) {
          collect()
          heap = process.memoryUsage().heapUsed
        }
        // To an open port with IDs of what is closed, wherever they stand.
        const name = open.slice("host#".length)
        const port = random.pick(known.ports)!
        const named = [
          [name, "x", port],
          [name, port, "x"],
          [name, "emp_drain", random.pick(known.nodes)!],
          [name, { [port]: 1 }, [port]],
          [name, "x", "guest/1#ear"]
        ]
        const packets = random.chance(0.3) ? named : harm(random, known, "guest/1")
        const { counts } = host.router
        const handled = counts.handled + counts.dropped.no_port + counts.refused
        peer.write(packets.map((packet) => JSON.stringify(packet)).join(""))
        const ended = peer
        peer.send(["", "time", "guest/1#fence", round])
        yield* until(
          `round ${round} is over`,
          () => ended.isClosed() || ended.packets.some((packet) => packet[0] === "fence" && packet[1] === round)
        )
        assert.isAtLeast(counts.handled + counts.dropped.no_port + counts.refused, handled)
        assert.isFalse(peer.packets.some((packet) => JSON.stringify(packet).includes("\"secret\"")))
        peer.packets.length = 0
      }
      assert.deepStrictEqual(seen, [])
      assert.deepStrictEqual(sentTo(host, "behind"), sent)
      assert.deepStrictEqual(yield* stateOf(all), before)
      assert.isUndefined(call.pollUnsafe())
      assert.isAbove(heard.messages, 0)
      assert.isAbove(entries, 3)
      peer?.socket.destroy()
      yield* until("it is gone", () => host.router.guests.count === 0)
      collect()
      assert.isBelow(process.memoryUsage().heapUsed - heap, heapMargin)
      assert.isBelow(world.warnings().length, 600)
    }))

  test("sees of the database what is open, and of groups the ports that are", (world) =>
    Effect.gen(function*() {
      const { closed, host, open } = yield* network(world.start)
      const peer = yield* enterRaw(host.address, yield* ticketOf(host, "guest/1"))
      const ask = (family: string) =>
        Effect.gen(function*() {
          peer.packets.length = 0
          peer.send(["", "g_db_family", family, "q"], ["", "g_mon1", family])
          yield* until("both answers", () => peer.packets.length >= 2)
          return peer.packets.map((packet) => packet[3])
        })
      assert.deepStrictEqual(yield* ask("news"), [{ key: "value" }, { key: "value" }])
      assert.deepStrictEqual(yield* ask("group"), [{ [open]: null }, { [open]: null }])
      assert.deepStrictEqual(yield* ask("secret"), [{}, null])
      assert.deepStrictEqual(yield* ask("'l"), [{}, null])
      assert.deepStrictEqual(yield* ask("'g"), [{}, null])
      peer.packets.length = 0
      yield* host.run(Global.del("group", closed[0]!))
      yield* host.run(Global.set("news", "key", "other"))
      yield* until("it hears of news", () => peer.packets.length > 0)
      assert.deepStrictEqual(peer.packets, [["", "g_chg2", "news", { key: "other" }, []]])
    }))

  test("is nobody else: not another guest, nor a node, nor by what another one has sent", (world) =>
    Effect.gen(function*() {
      const { host } = yield* network(world.start)
      const [one, other] = [yield* ticketOf(host, "guest/1"), yield* ticketOf(host, "guest/2")]
      const first = yield* enterRaw(host.address, one)
      for (
        const [ticket, lies] of [
          [other, { nodeId: "guest/1" }],
          [one, { nodeId: "guest/2" }],
          [one, { asMember: true }],
          [one, { nodeId: "behind" }],
          [one, { nodeId: "behind", asMember: true }],
          [other, { authLine: first.authLine }]
        ] as const
      ) {
        const liar = yield* dialRawGuest(host.address, ticket, lies)
        yield* liar.closed
      }
      assert.strictEqual(host.router.guests.count, 1)
      assert.isFalse(first.isClosed())
      assert.deepStrictEqual(yield* host.run(Node.upNodes), ["behind"])
    }))

  test("is not seen by nodes of another kind", (world) =>
    Effect.gen(function*() {
      const { host, open } = yield* network(world.start)
      const perl = yield* connectRaw(host.address, { nodeId: "perl" })
      yield* perl.settle
      const guest = yield* enterRaw(host.address, yield* ticketOf(host, "guest/1"))
      guest.send([open.slice("host#".length), "x", "perl#ear"], ["", "snd", "perl#ear", "hello"])
      yield* guest.closed
      const heard = yield* perl.settle
      assert.deepStrictEqual(heard, [])
    }))

  test("answers no call with the ID of what is closed", (world) =>
    Effect.gen(function*() {
      const { closed: [closed = ""], far, host, open } = yield* network(world.start)
      const guest = yield* enterRaw(host.address, yield* ticketOf(host, "guest/1"))
      yield* until("it is there", () => host.router.linkTo("guest/1") !== undefined)
      const answeredWith = (answer: unknown) =>
        Effect.gen(function*() {
          const call = yield* begin(Effect.exit(host.run(Port.cal("guest/1#x", "ask"))))
          yield* until("it is asked", () => guest.packets.some(([name]) => name === "x"))
          const reply = String(guest.packets.find(([name]) => name === "x")?.at(-1))
          guest.packets.length = 0
          guest.send([reply.slice("host#".length), answer])
          return (yield* Fiber.join(call))._tag
        })
      for (const named of [closed, far, { port: far }, "behind", "host"]) {
        assert.strictEqual(yield* answeredWith(named), "Failure", JSON.stringify(named))
      }
      for (const named of [open, "guest/1#x", "hello"]) {
        assert.strictEqual(yield* answeredWith(named), "Success", named)
      }
    }))

  test("is one of as many as there may be, though they authenticate in one moment", (world) =>
    Effect.gen(function*() {
      const { host } = yield* network(world.start, { links: 2 })
      const all = yield* Deferred.make<void>()
      const guests = Array.from({ length: 6 }, (_, nth) => `guest/${nth}`)
      const fibers = yield* Effect.forEach(guests, (guest) =>
        Effect.flatMap(ticketOf(host, guest), (ticket) =>
          begin(dialRawGuest(host.address, ticket, { when: Deferred.await(all) }))))
      yield* until("all are in their handshakes", () =>
        host.router.network.handshaking === guests.length)
      yield* Deferred.succeed(all, undefined)
      const peers = yield* Effect.forEach(fibers, Fiber.join)
      yield* until("it is known of each", () =>
        peers.every((peer) => peer.isClosed() || peer.lines.length === 3))
      assert.strictEqual(peers.filter((peer) => !peer.isClosed()).length, 2)
      assert.strictEqual(host.router.guests.count, 2)
    }))

  test("has no more signs of life sent to it than others, whatever it asks for", (world) =>
    Effect.gen(function*() {
      const { host } = yield* network(world.start)
      yield* Effect.flatMap(
        ticketOf(host, "guest/1"),
        (ticket) => dialRawGuest(host.address, ticket, { timeoutMillis: 1 })
      )
      yield* until("it is there", () => host.router.linkTo("guest/1") !== undefined)
      assert.strictEqual(host.router.linkTo("guest/1")?.peerTimeoutMillis, 6000)
    }))

  test("does not fill the mailbox of a busy port, whatever it writes", (world) =>
    Effect.gen(function*() {
      const { host } = yield* network(world.start, { mailbox: 5 })
      const busy = yield* host.run(Port.make(() => Effect.never, { guests: true }))
      const name = busy.slice("host#".length)
      const guest = yield* enterRaw(host.address, yield* ticketOf(host, "guest/1"))
      const packets = [
        [name, "x"],
        [name, "emp_aside", {}, "", "x"],
        [name, "emp_aside", {}, "nothing", "x"],
        ["", "emp_aside", {}, name, "emp_aside", {}, "", "x"]
      ]
      for (let nth = 0; nth < 40; nth++) guest.send(packets[nth % packets.length]!)
      const cell = host.router.portNamed(name)
      yield* until("it has enough", () => cell !== undefined && isCell(cell) && cell.mailbox >= 4)
      // What the other one is answered has come behind all of that.
      const other = yield* enterRaw(host.address, yield* ticketOf(host, "guest/2"))
      other.send(["", "time", "guest/2#fence"])
      yield* other.has(1)
      assert.isTrue(cell !== undefined && isCell(cell) && cell.mailbox <= 5)
    }))

  test("and does not read what it is sent is not answered any more", (world) =>
    Effect.gen(function*() {
      const { host } = yield* network(world.start)
      yield* host.run(Global.set("news", "large", "x".repeat(300_000)))
      const peer = yield* enterRaw(host.address, yield* ticketOf(host, "guest/1"))
      peer.socket.pause()
      const questions = Array.from({ length: 300 }, (_, n) => ["", "g_db_family", "news", `q${n}`])
      peer.write(questions.map((packet) => JSON.stringify(packet)).join(""))
      yield* until("it is there", () => host.router.linkTo("guest/1") !== undefined)
      const link = host.router.linkTo("guest/1")!
      let most = 0
      yield* until("it is full", () => {
        most = Math.max(most, link.buffered)
        return !link.hasRoom
      })
      for (let turn = 0; turn < 50; turn++) {
        yield* Effect.sleep("2 millis")
        most = Math.max(most, link.buffered)
      }
      assert.isBelow(most, 4 * 1024 * 1024)
    }))

  const tooMany: ReadonlyArray<
    readonly [string, Node.GuestOptions, (open: string, nth: number) => ReadonlyArray<unknown>]
  > = [
    ["monitors", { monitors: 3 }, (open) => ["", "mon1", open]],
    ["families", { subscriptions: 3 }, (_, nth) => ["", "g_mon1", `family${nth}`]],
    ["messages that wait", { waitingBytes: 3000, messagesPerSecond: 1 }, (open) => [open, "x"]],
    ["bytes in one message", { maxMessageSize: 32_768 }, (open) => [open, "x".repeat(33_000)]]
  ]
  for (const [what, limits, packet] of tooMany) {
    test(`and has more ${what} than it may loses its link, and nobody else does`, (world) =>
      Effect.gen(function*() {
        const { host } = yield* network(world.start, limits)
        const opens = yield* Effect.all(
          Array.from({ length: 10 }, () => host.run(Port.make(() => {}, { guests: true })))
        )
        const names = opens.map((open) => open.slice("host#".length))
        const [peer, other] = [
          yield* enterRaw(host.address, yield* ticketOf(host, "guest/1")),
          yield* enterRaw(host.address, yield* ticketOf(host, "guest/2"))
        ]
        for (let nth = 0; nth < 50; nth++) peer.send(packet(names[nth % 10]!, nth))
        yield* peer.closed
        assert.isFalse(other.isClosed())
        assert.deepStrictEqual(yield* host.run(Node.upNodes), ["behind"])
      }))
  }
})
