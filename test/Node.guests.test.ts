/**
 * Guests: nodes that have come with a ticket, what they reach, and what they do not.
 */
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { NodeRouter } from "../src/internal/node/router.ts"
import { readStatus } from "../src/internal/node/status.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { pem } from "./certificates.ts"
import {
  areParted,
  begin,
  isUp,
  reasonOf,
  secret,
  type TestNode,
  testOver,
  transports,
  until,
  upNodes,
  watch,
  within,
  type World
} from "./harness.ts"

const Echo = Port.protocol({ echo: Port.message(Schema.String).replies(Schema.String) })

const openEcho = (node: TestNode, guests = true) =>
  node.run(Port.make(Echo, { echo: (text) => Effect.succeed(text) }, { guests }))

const host = (world: World, options: Node.Options = {}) => world.start("host", { guests: true, ...options })

const ticketOf = (node: TestNode, guest: string) =>
  Effect.orDie(node.run(Node.ticket({ node: guest, expires: "1 hour" })))

const enter = (world: World, ticket: string, options: Node.Options = {}) =>
  world.start("?", { nodeId: undefined, secret: undefined, binds: undefined, ticket, ...options })

const visit = (world: World, node: TestNode, guest = "guest/1") =>
  Effect.flatMap(ticketOf(node, guest), (ticket) => enter(world, ticket))

const echo = (guest: TestNode, port: string) => guest.run(Port.cal(port, "echo", "hello"))

for (const [name, transport] of transports) {
  const test = testOver(transport)
  describe(`guests over ${name}`, () => {
    test("call ports that are open to them, and are answered", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        assert.strictEqual(guest.id, "guest/1")
        assert.strictEqual(yield* echo(guest, yield* openEcho(node)), "hello")
      }))

    test("find no port that is not open, and cannot tell it from one that does not exist", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        const closed = yield* openEcho(node, false)
        const [hidden, absent] = [
          yield* Effect.flip(echo(guest, closed)),
          yield* Effect.flip(echo(guest, `${node.id}#nothing`))
        ]
        assert.deepStrictEqual(
          [hidden.reason[0], hidden.reason[1], hidden.reason[2]],
          ["no_such_port", absent.reason[1], closed]
        )
        assert.isTrue(yield* isUp(guest, node.id))
      }))

    test("are called, and answer", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        yield* echo(guest, yield* openEcho(node))
        const theirs = yield* openEcho(guest, false)
        assert.strictEqual(yield* node.run(Port.cal(theirs, "echo", "back")), "back")
      }))

    test("hear of the end of a port, and a node hears of the ends of theirs", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        const open = yield* openEcho(node)
        const theirs = yield* openEcho(guest)
        yield* echo(guest, open)
        const [ofOpen, ofTheirs] = [yield* watch(guest, open), yield* watch(node, theirs)]
        yield* echo(guest, open)
        yield* node.run(Port.kil(open, "enough"))
        yield* guest.run(Port.kil(theirs, "gone"))
        yield* until("both hear of it", () => ofOpen.length + ofTheirs.length === 2)
        assert.deepStrictEqual([ofOpen, ofTheirs], [[["enough"]], [["gone"]]])
      }))

    test("are in no list of nodes but that of links, and leave it", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        yield* echo(guest, yield* openEcho(node))
        assert.deepStrictEqual(yield* upNodes(node), [])
        const peers = yield* node.run(Node.peers)
        assert.deepStrictEqual(peers.map(({ guestUntil, nodeId }) => [nodeId, guestUntil! > 1e12]), [["guest/1", true]])
        yield* guest.stop
        yield* until("it is gone", () => Effect.map(node.run(Node.peers), (peers) => peers.length === 0))
      }))

    test("send streams of bytes where they are awaited of guests, and nowhere else", (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const guest = yield* visit(world, node)
        yield* echo(guest, yield* openEcho(node))
        const send = (guests: boolean) =>
          Effect.gen(function*() {
            const { id, stream } = yield* node.run(Port.bytes({ guests }))
            const coming = yield* begin(Effect.map(Stream.runCollect(stream), (chunks) => chunks.length))
            const sent = yield* Effect.exit(guest.run(Stream.run(Stream.make(new Uint8Array(1000)), Port.bytesTo(id))))
            return [Exit.isSuccess(sent), coming] as const
          })
        assert.isTrue((yield* Effect.scoped(send(true)))[0])
        assert.isFalse((yield* Effect.scoped(send(false)))[0])
      }))
  })
}

const [[, memory]] = transports
const test = testOver(memory)

describe("a ticket", () => {
  const isRefused = (world: World, node: TestNode, ticket: string) =>
    Effect.gen(function*() {
      const guest = yield* enter(world, ticket)
      const before = world.logs.length
      const error = yield* Effect.flip(guest.dial(node.address))
      // Whoever finds it out first closes the connection: neither knows the other's key.
      assert.include(["handshake_closed", "auth_failed"], error.reason)
      yield* until("the host says why", () => world.logs.length > before)
      return world.logs.findLast((line) => line.includes("refused a connection")) ?? ""
    })

  const refusals: ReadonlyArray<readonly [string, (ticket: string) => string, RegExp]> = [
    ["whose end was changed", (ticket) => ticket.replace(/\.\d+\./, ".99999999999."), /no secret of this node/],
    [
      "whose node ID was changed",
      (ticket) => ticket.replace(/[^.]+$/, Buffer.from("guest/2").toString("base64url")),
      /no secret/
    ],
    ["whose key was changed", (ticket) => ticket.replace(/[0-9a-f]{128}/, "0".repeat(128)), /no secret/]
  ]
  for (const [what, change, why] of refusals) {
    test(`${what} lets nobody in`, (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const ticket = yield* ticketOf(node, "guest/1")
        assert.match(yield* isRefused(world, node, change(ticket)), why)
      }))
  }

  test("of another network lets nobody in", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const other = yield* world.start("other", { secret: "of another network" })
      assert.match(yield* isRefused(world, node, yield* ticketOf(other, "guest/1")), /no secret/)
    }))

  test("is good for nothing where no guests are taken", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a")
      const guest = yield* enter(world, yield* ticketOf(node, "guest/1"))
      const error = yield* Effect.flip(guest.dial(node.address))
      assert.strictEqual(error.reason, "no_common_auth")
    }))

  test("of an older secret is good as long as that is accepted", (world) =>
    Effect.gen(function*() {
      const old = yield* world.start("old", { secret: "older" })
      const node = yield* host(world, { secret: ["newer", "older"] })
      const guest = yield* enter(world, yield* ticketOf(old, "guest/1"))
      assert.strictEqual(yield* echo(guest, yield* openEcho(node)), "hello")
      const [peer] = yield* node.run(Node.peers)
      assert.strictEqual(peer?.security?.received.secret, 1)
    }))

  test("is made by no node without a secret", (world) =>
    Effect.gen(function*() {
      const node = yield* world.start("a", { secret: undefined, cert: pem("a") })
      const error = yield* Effect.flip(node.run(Node.ticket({ node: "guest/1", expires: "1 hour" })))
      assert.strictEqual(error._tag, "NoSecret")
    }))

  for (
    const [what, options] of [["no node ID", { node: "a#b", expires: "1 hour" }], ["the node itself", {
      node: "host",
      expires: "1 hour"
    }], ["no time", { node: "g", expires: 0 }]] as const
  ) {
    test(`is made for ${what} by nobody`, (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        assert.strictEqual((yield* Effect.flip(node.run(Node.ticket(options))))._tag, "InvalidOption")
      }))
  }

  test("that is new says until when, to those who look at the node", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const guest = yield* visit(world, node)
      yield* echo(guest, yield* openEcho(node))
      const seen = node.run(Effect.map(NodeRouter, readStatus))
      const [before, { guests }] = [yield* node.run(Node.peers), yield* seen]
      assert.strictEqual(guests, 1)
      const longer = yield* Effect.orDie(node.run(Node.ticket({ node: "guest/1", expires: "3 hours" })))
      yield* guest.run(Node.renew({ ticket: longer }))
      const isLater = (until: number | null | undefined) => (until ?? 0) > before[0]!.guestUntil! + 3600_000
      yield* until("it is known", () => Effect.map(node.run(Node.peers), ([peer]) => isLater(peer?.guestUntil)))
      assert.isTrue(isLater((yield* seen).peers[0]?.guestUntil))
    }))

  test("of another network replaces none", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const other = yield* world.start("other", { secret: "of another network" })
      const guest = yield* visit(world, node)
      yield* echo(guest, yield* openEcho(node))
      yield* guest.run(Node.renew({ ticket: yield* ticketOf(other, "guest/1") }))
      yield* until("the link ends", () => areParted(guest, node))
      assert.match(world.logs.join("\n"), /not_for_guests|guest asked/)
    }))
})

describe("a guest", () => {
  const invalid: ReadonlyArray<readonly [string, Node.Options]> = [
    ["secret", { secret }],
    ["binds", { binds: ["memory:1"] }],
    ["advertise", { advertise: ["a:1"] }],
    ["guests", { guests: true }],
    ["nodeId", { nodeId: "another" }],
    ["cert", { cert: "x" }],
    ["authAccept", { authAccept: ["tls_anon"] }],
    ["ticket", { ticket: "no ticket" }]
  ]
  for (const [option, options] of invalid) {
    test(`does not have the option ${option}`, (world) =>
      Effect.gen(function*() {
        const node = yield* host(world)
        const error = yield* Effect.flip(enter(world, yield* ticketOf(node, "guest/1"), options))
        assert.strictEqual(error._tag === "InvalidOption" && error.option, option)
      }))
  }

  test("does not take the place of a node of the network", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const member = yield* world.start("member")
      yield* member.run(Port.snd(node.id, "devnull"))
      yield* until("the member is up", () => isUp(node, "member"))
      const guest = yield* enter(world, yield* ticketOf(node, "member"))
      assert.strictEqual((yield* Effect.flip(guest.dial(node.address))).reason, "handshake_closed")
      assert.isTrue(yield* isUp(node, "member"))
    }))

  test("makes way for a node of the network with its ID", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const guest = yield* visit(world, node, "member")
      yield* echo(guest, yield* openEcho(node))
      const member = yield* world.start("member")
      yield* member.run(Port.snd(node.id, "devnull"))
      yield* until("the member is up", () => isUp(node, "member"))
      assert.deepStrictEqual((yield* node.run(Node.peers)).map(({ guestUntil }) => guestUntil), [undefined])
    }))

  test("that comes a second time while it is there is refused, and nobody is alarmed", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const ticket = yield* ticketOf(node, "guest/1")
      const [first, second] = [yield* enter(world, ticket), yield* enter(world, ticket)]
      yield* echo(first, yield* openEcho(node))
      assert.strictEqual((yield* Effect.flip(second.dial(node.address))).reason, "node_id_taken")
      assert.isTrue(yield* isUp(first, node.id))
      assert.deepStrictEqual(world.logs.filter((line) => line.startsWith(`ERROR ${node.id}`)), [])
    }))

  for (const limits of [{ links: 1 }, { linksPerAddress: 1 }]) {
    test(`is one of as many as there may be: ${JSON.stringify(limits)}`, (world) =>
      Effect.gen(function*() {
        const node = yield* host(world, { guests: limits })
        const open = yield* openEcho(node)
        const first = yield* visit(world, node)
        assert.strictEqual(yield* echo(first, open), "hello")
        const second = yield* visit(world, node, "guest/2")
        assert.include(["handshake_closed", "auth_failed"], (yield* Effect.flip(second.dial(node.address))).reason)
        yield* first.stop
        yield* until("there is room", () => Effect.map(node.run(Node.peers), (peers) => peers.length === 0))
        assert.strictEqual(yield* echo(second, open), "hello")
      }))
  }

  testOver(Transport.layerWebSocket())(
    "is one of as many from one address over WebSockets too",
    (world) =>
      Effect.gen(function*() {
        const node = yield* host(world, { binds: ["ws://127.0.0.1:0/"], guests: { linksPerAddress: 1 } })
        const open = yield* openEcho(node)
        const first = yield* visit(world, node)
        assert.strictEqual(yield* echo(first, open), "hello")
        const second = yield* visit(world, node, "guest/2")
        assert.include(["handshake_closed", "auth_failed"], (yield* Effect.flip(second.dial(node.address))).reason)
      })
  )

  test("comes to no node that has a certificate alone: that needs a secret to take guests", (world) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(host(world, { secret: undefined, cert: pem("a") }))
      assert.strictEqual(error._tag === "InvalidOption" && error.option, "guests")
    }))

  test("comes to a node with a certificate by its ticket alone", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world, { cert: pem("a"), nodeIdInCert: true })
      const guest = yield* visit(world, node)
      assert.strictEqual(yield* echo(guest, yield* openEcho(node)), "hello")
      const [peer] = yield* node.run(Node.peers)
      assert.strictEqual(peer?.security?.received.method, "hmac_sha3_512")
    }))

  test("that calls too fast waits, and loses nothing", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world, { guests: { messagesPerSecond: 200 } })
      const guest = yield* visit(world, node)
      const seen: Array<number> = []
      const all = yield* Deferred.make<void>()
      const open = yield* node.run(Port.make({
        count: (n: number) => {
          seen.push(n)
          return n === 239 ? Deferred.succeed(all, undefined) : Effect.void
        }
      }, { guests: true }))
      yield* guest.run(Effect.forEach(Array.from({ length: 240 }, (_, n) => n), (n) => Port.snd(open, "count", n)))
      yield* within("all come", Deferred.await(all))
      assert.deepStrictEqual(seen, Array.from({ length: 240 }, (_, n) => n))
    }))

  test("that sends more than may wait loses its link", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world, { guests: { messagesPerSecond: 10, waitingBytes: 10_000 } })
      const guest = yield* visit(world, node)
      const open = yield* openEcho(node)
      yield* guest.run(
        Effect.forEach(Array.from({ length: 1000 }), () => Port.snd(String(open), "echo", "x", `${guest.id}#x`))
      )
      yield* until("the link ends", () => areParted(guest, node))
      yield* until("it is logged", () => world.logs.some((line) => /guest guest\/1.*more than guests may/.test(line)))
    }))

  test("has its own node refuse what would cost it the link: to kill and to spawn elsewhere", (world) =>
    Effect.gen(function*() {
      const node = yield* host(world)
      const guest = yield* visit(world, node)
      const open = yield* openEcho(node)
      yield* guest.run(Port.kil(open, "die"))
      const spawned = yield* guest.run(Port.spawn(node.id, Port.remote("guests::make")))
      const [reason] = reasonOf(yield* guest.run(Port.exit(spawned)))
      assert.strictEqual(reason, "no_such_port")
      assert.strictEqual(yield* echo(guest, open), "hello")
    }))
})
