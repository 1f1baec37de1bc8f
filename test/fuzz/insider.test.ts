import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Global, Node, Port, Transport } from "../../src/index.ts"
import { LogCatcher } from "../../src/internal/cli/run/logCatcher.ts"
import { drainRequests } from "../../src/internal/node/drain.ts"
import { serialization } from "../../src/internal/rpc/serialization.ts"
import * as Rpc from "../../src/Rpc.ts"
import { until } from "../harness.ts"
import { linkedTo, type MeshNode, meshTestOver } from "../meshWorld.ts"
import { connectRaw, ownKind, type RawPeer } from "../rawPeer.ts"
import { authClient, handlers, Journal, Users } from "../rpcService.ts"
import { SeededRandom } from "../simulation/random.ts"
import { sized } from "../size.ts"
import { harm, type Known } from "./insider.ts"

v8.setFlagsFromString("--expose-gc")
/** The garbage collector, whatever the process was started with. */
const collect = vm.runInNewContext("gc") as () => void

const rounds = sized(50, 1500)
/** What may be more in memory when an insider has gone: far less than it has sent. */
const heapMargin = 24 * 1024 * 1024
/** More lines than that nobody could read. */
const mostLines = 600
/** A node reads so many bytes at once at most. */
const chunk = 64 * 1024

const makeThere = Port.remote("insider::make")

/** Turns of the event loop, as long as the scope lasts. */
const countTurns = Effect.acquireRelease(
  Effect.sync(() => {
    const counter = { turns: 0, isOver: false }
    const next = (): void => {
      counter.turns++
      if (!counter.isOver) setImmediate(next)
    }
    setImmediate(next)
    return counter
  }),
  (counter) =>
    Effect.sync(() => {
      counter.isOver = true
    })
)

/** Ports that an insider may kill, and all that it is told. */
const victims = (node: MeshNode) =>
  Effect.all(Array.from({ length: 20 }, () => node.run(Port.make({ hello: () => {} }))))

/** Two nodes that talk all the time: calls of both kinds, a monitor on each side, a key of each. Answers how far they are. */
const healthy = Effect.fnUntraced(function*(a: MeshNode, b: MeshNode) {
  const state = { calls: 0, rpcs: 0, fired: 0, lost: 0 }
  let last = 0
  const server = yield* a.run(Port.make({
    next: (n: number, reply: string) => {
      if (n !== last + 1) return Effect.die(`${n} behind ${last}`)
      last = n
      return Port.snd(reply, n)
    }
  }))
  const client = yield* b.run(Port.make({}))
  const fired = () => {
    state.fired++
  }
  yield* b.run(Port.mon(server, fired))
  yield* a.run(Port.mon(client, fired))
  yield* a.run(Global.set("healthy", "a", 1))
  yield* b.run(Global.set("healthy", "b", 1))
  const lost = { up: () => {}, down: (id: string) => void (id === "a" || id === "b" ? state.lost++ : 0) }
  a.router.listeners.add(lost)
  b.router.listeners.add(lost)
  yield* Effect.forkScoped(b.run(Effect.forever(
    Effect.flatMap(
      Effect.sync(() => state.calls + 1),
      (n) =>
        Effect.andThen(
          Port.cal(server, "next", n),
          Effect.sync(() => {
            state.calls = n
          })
        )
    )
  )))
  const greet = yield* a.run(Effect.provide(Rpc.serve(Users), handlers(new Journal())))
  const users = yield* b.run(Effect.provide(Rpc.client(Users, greet), authClient))
  yield* Effect.forkScoped(
    Effect.forever(Effect.tap(users.greet({ name: "b" }), () => Effect.sync(() => state.rpcs++)))
  )
  return state
})

/** The log of a node, with as much in it as it keeps. */
const attachLog = ({ router }: MeshNode): void => {
  const catcher = new LogCatcher()
  catcher.attach(router)
  const text = "x".repeat(1000)
  for (let at = 0; at < 1000; at++) catcher.line({ at, level: "Info", text, cause: undefined, annotations: {} })
}

describe("a peer that has the secret and means harm", () => {
  for (const keys of ["", ownKind(60_000)]) {
    const kind = keys === "" ? "of another kind" : "of our kind"
    meshTestOver(Transport.layerTcp)(
      `${kind}: the node lives, and those who talk to it notice nothing`,
      (world) =>
        Effect.gen(function*() {
          const a = yield* world.start("a", { global: true })
          const b = yield* world.start("b", { seeds: [a.address] })
          yield* linkedTo(b, "a")
          yield* a.run(Layer.build(
            Port.implement(
              makeThere,
              () => Effect.succeed({ end: () => Effect.flatMap(Port.Self, (self) => Port.kil(self)) })
            )
          ))
          const ports = yield* victims(a)
          const busy = yield* a.run(Port.make({ hello: () => Effect.never }))
          yield* a.run(Port.snd(busy, "hello"))
          const victim = yield* a.run(Effect.provide(Rpc.serve(Users, { name: "users" }), handlers(new Journal())))
          const state = yield* healthy(a, b)
          attachLog(a)
          const known: Known = {
            // Whoever has the secret may have a node drain.
            requests: Array.from(a.router.requests.names()).filter((name) => name !== drainRequests.drain),
            nodes: ["a", "b", "mallory", "nobody"],
            ports,
            busy,
            servers: [victim],
            format: (yield* serialization).contentType,
            functions: [makeThere.name]
          }
          assert.include(known.requests, "snd")
          assert.include(known.requests, "g_upd")
          assert.include(known.requests, "emp_log_tail")
          const counter = yield* countTurns
          const random = new SeededRandom(`insider ${kind}`)
          const attack = Effect.fnUntraced(function*(rounds: number) {
            const scope = yield* Scope.fork(yield* Effect.scope)
            let peer: RawPeer | undefined
            for (let round = 0; round < rounds; round++) {
              if (peer === undefined || peer.isClosed()) {
                peer = yield* Scope.provide(connectRaw(a.address, { nodeId: `mallory`, keys }), scope)
              }
              const text = harm(random, known, "mallory").map((packet) => JSON.stringify(packet)).join("")
              const { calls, rpcs } = state
              const { turns } = counter
              peer.write(text)
              yield* until(`the others go on in round ${round}`, () => state.calls > calls && state.rpcs > rpcs)
              yield* until(
                `the event loop turns in round ${round}`,
                () => counter.turns - turns > Math.min(20, text.length / chunk)
              )
              peer.packets.length = 0
            }
            yield* Scope.close(scope, yield* Effect.exit(Effect.void))
            yield* until("the insider is gone", () => !a.router.isUp("mallory") && !a.router.peers.has("nobody"))
          })
          /** Ports that were spawned are the node's: it ends them. */
          const tidy = Effect.gen(function*() {
            for (const id of a.router.ports.keys()) if (id.startsWith("a#mallory")) yield* a.run(Port.kil(id, "tidy"))
            yield* until(
              "they have ended",
              () => !Array.from(a.router.ports.keys()).some((id) => id.startsWith("a#mallory"))
            )
            collect()
            return process.memoryUsage().heapUsed
          })
          yield* attack(Math.round(rounds / 3))
          const before = yield* tidy
          yield* attack(rounds)
          const after = yield* tidy
          assert.deepStrictEqual({ fired: state.fired, lost: state.lost }, { fired: 0, lost: 0 })
          assert.isAbove(state.calls, rounds)
          assert.isBelow(after - before, heapMargin)
          assert.isBelow(world.warnings().length, mostLines)
          // A search for nodes that the insider has made up may be under way still.
          yield* until(
            "nobody else is known",
            () => Array.from(a.router.peers.keys()).every((id) => id === "b" || id.startsWith("nobody"))
          )
          yield* a.has("healthy", { a: 1, b: 1 })
          assert.strictEqual(yield* a.run(Node.id), "a")
        })
    )
  }

  meshTestOver(Transport.layerTcp)(
    "cannot hold up the event loop with requests within requests, 100,000 deep",
    (world) =>
      Effect.gen(function*() {
        const a = yield* world.start("a", { global: true })
        const b = yield* world.start("b", { seeds: [a.address] })
        yield* linkedTo(b, "a")
        const state = yield* healthy(a, b)
        const peer = yield* connectRaw(a.address, { nodeId: "mallory" })
        for (const step of [["snd", "a"], ["time", "a"], ["can", "time", "a"], ["snd", "b"], ["eval", "1", "a"]]) {
          const { calls } = state
          peer.send(["", ...Array.from({ length: 100_000 }, () => step).flat(), "devnull"])
          yield* until("the others go on", () => state.calls > calls + 10)
        }
        assert.deepStrictEqual({ fired: state.fired, lost: state.lost }, { fired: 0, lost: 0 })
        assert.isBelow(world.warnings().length, mostLines)
      })
  )
})
