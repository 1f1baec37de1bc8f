/** What a node tells operators of itself, whoever asks, however often, and with whatever arguments. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { NodeRouter } from "../../../src/internal/node/router.ts"
import { Status, statusRequest } from "../../../src/internal/node/status.ts"
import * as Node from "../../../src/Node.ts"
import * as Port from "../../../src/Port.ts"
import * as Supervisor from "../../../src/Supervisor.ts"
import * as Transport from "../../../src/Transport.ts"
import { connect, testOver, until } from "../../harness.ts"
import { connectRaw } from "../../rawPeer.ts"
import { quiet, sleep, test } from "../../supervised.ts"

const overTcp = testOver(Transport.layerTcp)
const decode = Schema.decodeUnknownSync(Status)

/** Asks the node that it runs on. */
const ask = Effect.gen(function*() {
  const [status] = yield* Port.calMessage(yield* Node.id, statusRequest)
  return decode(status)
})

describe("emp_status", () => {
  overTcp("tells of ports, links and what waits for them", (world) =>
    Effect.gen(function*() {
      const [node, other] = [yield* world.start("node"), yield* world.start("other")]
      yield* connect(node, other)
      yield* Effect.all([node.run(Port.make({})), node.run(Port.make({}))])
      const [answer] = yield* other.run(Port.calMessage("node", statusRequest))
      const status = decode(answer)
      assert.deepInclude(status, {
        nodeId: "node",
        pid: process.pid,
        addresses: [node.address],
        ports: 2,
        links: 1,
        queuedMessages: 0,
        supervisors: [],
        master: null,
        isGlobal: false,
        families: {}
      })
      const [peer] = status.peers
      assert.deepInclude(peer, { nodeId: "other", state: "up", ownKind: true, queued: 0 })
      assert.isTrue(peer !== undefined && peer.sent > 0 && peer.received > 0)
    }))

  overTcp(
    "tells of a node that is searched for, and of the messages that wait for it",
    (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("node", { connectInterval: "5 seconds" })
        yield* node.run(Node.addressBook(() => Effect.never))
        yield* node.run(Effect.all([Port.snd("lost", "a"), Port.snd("lost#port", "b")]))
        const status = yield* node.run(ask)
        assert.strictEqual(status.links, 0)
        assert.strictEqual(status.queuedMessages, 2)
        assert.deepStrictEqual(status.peers, [{
          nodeId: "lost",
          state: "connecting",
          address: null,
          ownKind: false,
          security: null,
          queued: 2,
          unsent: 0,
          roundTripMillis: null,
          received: 0,
          sent: 0,
          guestUntil: null
        }])
      })
  )

  overTcp("counts messages over links, by what has become of them", (world) =>
    Effect.gen(function*() {
      const [node, other] = [yield* world.start("node"), yield* world.start("other")]
      yield* connect(node, other)
      const port = yield* node.run(Port.make({ echo: (reply) => Port.snd(reply, "echo") }, { invalid: "refuse" }))
      yield* other.run(Effect.repeat(Port.cal(port, "echo"), { times: 6 }))
      yield* other.run(Effect.andThen(Port.snd(port, "unknown"), Port.snd("node#nobody", "lost")))
      yield* other.run(Port.cal(port, "echo"))
      const status = yield* node.run(ask)
      assert.deepStrictEqual(status.messages, { in: 10, out: 8, handled: 8, refused: 1, dropped: 1 })
      assert.deepInclude(status, {
        draining: false,
        openCalls: 1,
        restarts: 0,
        handshakesRefused: 0,
        databaseEntries: 0
      })
      assert.isAbove(status.cpuMillis ?? 0, 0)
    }))

  test("counts the restarts of supervised children", () =>
    Effect.gen(function*() {
      const supervisor = yield* Supervisor.make({
        children: [{ id: "child", start: Port.make({ die: () => Effect.die("OnPurpose") }) }]
      })
      assert.strictEqual((yield* ask).restarts, 0)
      const [child] = yield* supervisor.which
      yield* Port.snd(child?.port ?? "", "die")
      yield* sleep("1 second")
      assert.strictEqual((yield* ask).restarts, 1)
    }))

  overTcp(
    "takes any arguments, and answers those alone who name a port for the answer",
    (world) =>
      Effect.gen(function*() {
        const node = yield* world.start("node")
        const raw = yield* connectRaw(node.address)
        yield* until("the node sees us", () => node.router.isUp("raw"))
        for (const args of [[], [null], [5], [""], ["#"], [{}], [["raw#port"]], ["node#nobody"]]) {
          raw.send(["", statusRequest, ...args])
        }
        assert.deepStrictEqual(yield* raw.settle, [])
        raw.send(["", statusRequest, "raw#port", "first", 2])
        const [answer = []] = yield* raw.has(1)
        assert.deepStrictEqual(answer.slice(0, 3), ["port", "first", 2])
        assert.strictEqual(decode(answer[3]).nodeId, "node")
        assert.isFalse(world.logs.some((line) => line.startsWith("WARN")))
      })
  )

  test("costs the node a bounded share, however often it is asked", () =>
    Effect.gen(function*() {
      const router = yield* NodeRouter
      let reads = 0
      router.observed.network(() => {
        reads++
        return { master: null, isGlobal: false, families: {} }
      })
      yield* Effect.repeat(ask, { times: 999 })
      assert.strictEqual(reads, 1)
      yield* Port.make({})
      assert.strictEqual((yield* ask).ports, 1)
      yield* sleep("100 millis")
      assert.isAbove((yield* ask).ports, 1)
      assert.strictEqual(reads, 2)
    }))

  test("tells of a thousand tables and clusters at most, and names a hundred keys of each table", () =>
    Effect.gen(function*() {
      const { observed } = yield* NodeRouter
      const held = Array.from({ length: 5000 }, (_, n) => `key${n}`)
      const cluster = { runner: "a:1", voters: [], locks: null, effectVersion: "4", refusal: null }
      const entities = Object.fromEntries(held.map((key) => [key, 1]))
      const runners = held.map((runner) => ({ runner, isAlive: false }))
      const parts = { shards: { held: 1, total: 2 }, entities, singletons: held, runners }
      for (let n = 0; n < 1500; n++) {
        observed.locks(() => ({ name: `table${n}`, voters: [], held: n === 0 ? held : [], kept: undefined }))
        observed.cluster(() => ({
          ...cluster,
          ...n === 0 ? parts : { ...parts, entities: {}, singletons: [], runners: [] },
          name: `${n}`
        }))
      }
      const { clusters = [], locks = [] } = yield* ask
      assert.deepStrictEqual([locks.length, locks[0]?.held, locks[0]?.keys.length], [1000, 5000, 100])
      const [first] = clusters
      assert.deepStrictEqual([clusters.length, first?.runners], [1000, 5000])
      assert.lengthOf(first?.silentRunners ?? [], 1000)
      assert.lengthOf(Object.keys(first?.entities ?? {}), 1000)
    }))

  test("tells of a table once, however many owners of its keys it has", () =>
    Effect.gen(function*() {
      const { observed } = yield* NodeRouter
      const voters = [{ node: "a", standing: "votes" as const }]
      const table = { name: "table", voters, kept: { keys: 2, owners: 2, isVoting: true } }
      observed.locks(() => ({ ...table, held: ["x"] }))
      const remove = observed.locks(() => ({ ...table, held: ["y"] }))
      observed.locks(() => ({ ...table, voters: [{ node: "b", standing: "away" }], held: [], kept: undefined }))
      const [one, other] = (yield* ask).locks ?? []
      assert.deepStrictEqual(one, { name: "table", voters, held: 2, keys: ["x", "y"], kept: table.kept })
      assert.deepInclude(other, { name: "table", held: 0, kept: null })
      remove()
      yield* sleep("100 millis")
      assert.deepStrictEqual((yield* ask).locks?.[0]?.keys, ["x"])
    }))

  test("tells of a thousand families and nodes at most, and counts all links", () =>
    Effect.gen(function*() {
      const router = yield* NodeRouter
      const families = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`family${n}`, n]))
      router.observed.network(() => ({ master: "m", isGlobal: true, families }))
      for (let n = 0; n < 3000; n++) router.peer(`peer${n}`).state = "up"
      const status = yield* ask
      for (let n = 0; n < 3000; n++) router.peers.delete(`peer${n}`)
      assert.strictEqual(Object.keys(status.families).length, 1000)
      assert.strictEqual(status.peers.length, 1000)
      assert.strictEqual(status.links, 3000)
      yield* quiet
    }))
})
