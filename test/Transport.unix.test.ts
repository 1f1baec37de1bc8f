/** Nodes on Unix sockets, alone and beside TCP. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { hostname } from "node:os"
import { Global, Node, Port, Transport } from "../src/index.ts"
import { makeFolder } from "./folders.ts"
import { begin, reasonOf, within } from "./harness.ts"
import { meshTestOver } from "./meshWorld.ts"
import { startEmp } from "./processes.ts"
import { connectRaw } from "./rawPeer.ts"

const both = Transport.any([Transport.layerTcp, Transport.layerUnix])

describe("nodes on Unix sockets", () => {
  meshTestOver(Transport.layerUnix)(
    "find each other, call each other, and are told of ends",
    ({ start }) =>
      Effect.gen(function*() {
        const folder = makeFolder()
        const on = (name: string) => ({ binds: [`unix:${folder}/${name}`] })
        yield* start("seed", { ...on("seed"), global: true })
        const a = yield* start("a", { ...on("a"), seeds: [`unix:${folder}/seed`] })
        const b = yield* start("b", { ...on("b"), seeds: [`unix:${folder}/seed`] })
        const echo = yield* a.run(Port.make({ echo: (text, reply) => Port.snd(reply, text) }))
        assert.strictEqual(yield* within("an answer", b.run(Port.cal(echo, "echo", "hello"))), "hello")
        const peer = (yield* b.run(Node.peers)).find(({ nodeId }) => nodeId === "a")
        assert.strictEqual(peer?.address, `unix://${hostname()}${folder}/a`)
        const ended = yield* begin(b.run(Port.exit(echo)))
        yield* a.stop
        const exit = yield* within("b is told", Fiber.join(ended))
        assert.strictEqual(reasonOf(exit)[0], "shutdown")
      })
  )

  meshTestOver(both)(
    "stand in one network with nodes on TCP, which are told addresses of TCP alone",
    ({ start }) =>
      Effect.gen(function*() {
        const folder = makeFolder()
        const seed = yield* start("seed", { binds: [`unix:${folder}/seed`, "127.0.0.1:*"], global: true })
        const [socket = "", tcp = ""] = yield* seed.run(Node.addresses)
        assert.strictEqual(socket, `unix://${hostname()}${folder}/seed`)
        const local = yield* start("local", { binds: [`unix:${folder}/local`], seeds: [`unix:${folder}/seed`] })
        const far = yield* start("far", { binds: ["127.0.0.1:*"], seeds: [tcp] })
        yield* seed.has("'l", { seed: [tcp], local: [], far: [far.address] })
        yield* seed.has("'emp_l", { seed: [socket], local: [local.address] })
        const answer = yield* within("an answer", far.run(Port.calMessage("local", "time")))
        assert.isNumber(answer[0])
        const raw = yield* connectRaw(tcp, { nodeId: "raw" })
        raw.send(["", "g_find", "seed"], ["", "g_global"])
        const told = JSON.stringify(yield* raw.settle)
        assert.include(told, tcp)
        assert.notInclude(told, "unix")
      })
  )
})

describe("a node", () => {
  const refused = (options: Node.Options, transport: Layer.Layer<Transport.Transport>) =>
    Effect.map(
      Effect.exit(Effect.scoped(Layer.build(Layer.provide(Node.layer({ secret: "x", ...options }), transport)))),
      (exit) => Exit.isFailure(exit) ? String(exit.cause) : "it started"
    )

  it.live("refuses addresses that its transport does not know, or that are wrong in themselves", () =>
    Effect.gen(function*() {
      const cases = [
        [Transport.layerTcp, "unix:/a", `"unix:/a" is not of the form host:port`],
        [Transport.layerUnix, "127.0.0.1:*", `"127.0.0.1:*" is not of the form unix:...`],
        [both, "pigeon:coop", `"pigeon:coop" is not of the form host:port or unix:...`],
        [both, "unix:/%", `"unix:/%" is not of the form unix:/path`]
      ] as const
      for (const [transport, bind, problem] of cases) {
        assert.include(yield* refused({ binds: [bind] }, transport), `binds: ${problem}`)
        assert.include(yield* refused({ binds: [], advertise: [bind] }, transport), `advertise: ${problem}`)
      }
    }))

  it.live("listens nowhere by itself where its transport has nothing that means everywhere", () =>
    Effect.gen(function*() {
      const node = Node.layer({ secret: "x" }).pipe(Layer.provide(Transport.layerUnix))
      assert.deepStrictEqual(yield* Effect.provide(Node.addresses, node), [])
    }))

  it.live("has the very network that others have, though it has another transport beside it", () =>
    Effect.gen(function*() {
      const network = Transport.layerMemory
      const node = (nodeId: string, transport: Layer.Layer<Transport.Transport>) =>
        Layer.provide(
          Layer.provideMerge(
            Global.layer({ seeds: ["a:1"] }),
            Node.layer({ nodeId, secret: "x", binds: [`${nodeId}:1`] })
          ),
          transport
        )
      // Both are built with one network: layers are built once.
      const joined = Layer.effectDiscard(Global.joined)
      const all = Layer.mergeAll(
        Layer.provide(joined, node("a", network)),
        Layer.provide(joined, node("b", Transport.any([network, Transport.layerUnix])))
      )
      yield* within("both have joined", Effect.scoped(Layer.build(all)))
    }))
})

it("emp runs nodes on Unix sockets, and commands reach them there", async () => {
  const folder = makeFolder()
  const socket = `unix:${folder}/emp.sock`
  const rc = { EFFECT_MP_RC: `${folder}/effect-mp.json`, EMP_SECRET: undefined }
  const { code, stderr } = await startEmp(["gensecret", "binds", socket, "nodeid", "local"], rc).exits()
  assert.strictEqual(code, 0, stderr)
  const node = startEmp(["run", "--no-watchdog"], rc)
  await node.sees(new RegExp(`^node local is ready, listening on unix://${hostname()}${folder}/emp.sock$`, "m"))
  // Who has the same configuration needs no seed.
  for (const seed of [["--seed", socket], []]) {
    const status = await startEmp(["status", ...seed], rc).exits()
    assert.include(status.stdout, "local", status.stderr)
    assert.strictEqual(status.code, 0)
  }
  const doctor = await startEmp(["doctor"], rc).exits()
  // That may be this very node, which runs already.
  const found = doctor.stdout.replaceAll(/\s+/g, " ")
  assert.match(found, /WARNING bind unix:.*the socket is in use\) → fine if that is this very node/)
  assert.strictEqual(doctor.code, 0, doctor.stdout)
  const stopped = await startEmp(["stop", "local"], rc).exits()
  assert.strictEqual(stopped.code, 0, stopped.stderr)
  await node.exits()
})
