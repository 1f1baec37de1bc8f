/** Nodes on WebSockets: alone, beside TCP, behind proxies, and those of `emp`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import * as net from "node:net"
import { devNull } from "node:os"
import { Node, Port, Transport } from "../src/index.ts"
import { pem } from "./certificates.ts"
import { areLinked, begin, reasonOf, secret, testOver, until, within } from "./harness.ts"
import { meshTestOver } from "./meshWorld.ts"
import { startEmp } from "./processes.ts"
import { connectRaw } from "./rawPeer.ts"

const layer = Transport.layerWebSocket()
const both = Transport.any([Transport.layerTcp, layer])
const binds = ["ws://127.0.0.1:*/nodes"]

describe("nodes on WebSockets", () => {
  meshTestOver(layer)("find each other, call each other, and are told of ends", ({ start }) =>
    Effect.gen(function*() {
      const seed = yield* start("seed", { binds, global: true })
      const seeds = yield* seed.run(Node.addresses)
      assert.match(seeds[0] ?? "", /^ws:\/\/127\.0\.0\.1:\d+\/nodes$/)
      const a = yield* start("a", { binds, seeds })
      const b = yield* start("b", { binds: [], seeds })
      const echo = yield* a.run(Port.make({ echo: (text, reply) => Port.snd(reply, text) }))
      assert.strictEqual(yield* within("an answer", b.run(Port.cal(echo, "echo", "hello"))), "hello")
      const peer = (yield* b.run(Node.peers)).find(({ nodeId }) => nodeId === "a")
      assert.strictEqual(peer?.address, a.address)
      const ended = yield* begin(b.run(Port.exit(echo)))
      yield* a.stop
      const exit = yield* within("b is told", Fiber.join(ended))
      assert.strictEqual(reasonOf(exit)[0], "shutdown")
    }))

  meshTestOver(both)(
    "stand in one network with nodes on TCP, which are told addresses of TCP alone",
    ({ start }) =>
      Effect.gen(function*() {
        const seed = yield* start("seed", { binds: [...binds, "127.0.0.1:*"], global: true })
        const [web = "", tcp = ""] = yield* seed.run(Node.addresses)
        const near = yield* start("near", { binds, seeds: [web] })
        const far = yield* start("far", { binds: ["127.0.0.1:*"], seeds: [tcp] })
        yield* seed.has("'l", { seed: [tcp], near: [], far: [far.address] })
        yield* seed.has("'emp_l", { seed: [web], near: [near.address] })
        assert.isNumber((yield* within("an answer", far.run(Port.calMessage("near", "time"))))[0])
        const raw = yield* connectRaw(tcp, { nodeId: "raw" })
        raw.send(["", "g_find", "seed"], ["", "g_global"])
        const told = JSON.stringify(yield* raw.settle)
        assert.include(told, tcp)
        assert.notInclude(told, "ws:")
      })
  )

  testOver(layer)(
    "prove who they are by certificates, with TLS inside of the WebSocket",
    ({ book, start }) =>
      Effect.gen(function*() {
        const options = { secret: undefined, cert: pem("shared"), binds }
        const a = yield* start("a", options)
        const b = yield* start("b", options)
        yield* within("an answer", b.run(Port.calMessage("a", "time")))
        const [peer] = yield* b.run(Node.peers)
        assert.strictEqual(peer?.security?.tls?.version, "TLSv1.3")
        assert.deepStrictEqual(book.get("a"), [a.address])
      })
  )

  testOver(layer)(
    "advertise what others can dial, where a proxy stands before them",
    ({ start }) =>
      Effect.gen(function*() {
        const node = yield* start("a", { binds, advertise: ["wss://example.org/nodes"] })
        assert.deepStrictEqual(yield* node.run(Node.addresses), ["wss://example.org/nodes"])
      })
  )
})

describe("a page's way in", () => {
  testOver(
    Layer.effect(
      Transport.Transport,
      Effect.gen(function*() {
        const { dial } = yield* Effect.provide(Transport.Transport, Transport.layerWebSocketClient)
        return { ...yield* Transport.Transport, dial }
      })
    ).pipe(Layer.provide(layer))
  )("carries calls, large messages and ends", ({ start }) =>
    Effect.gen(function*() {
      const a = yield* start("a", { binds })
      const b = yield* start("b", { binds: [] })
      const size = yield* a.run(Port.make({ size: (bytes, reply) => Port.snd(reply, (bytes as Uint8Array).length) }))
      const length = 20 * 1024 * 1024
      assert.strictEqual(yield* within("an answer", b.run(Port.cal(size, "size", new Uint8Array(length)))), length)
      const ended = yield* begin(b.run(Port.exit(size)))
      yield* a.stop
      assert.strictEqual(reasonOf(yield* within("b is told", Fiber.join(ended)))[0], "shutdown")
    }))

  it.live("does not listen", () =>
    Effect.gen(function*() {
      const node = Node.layer({ secret, binds }).pipe(Layer.provide(Transport.layerWebSocketClient))
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(node)))
      assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", "this transport dials only")
    }))
})

/** What stands between two nodes: it passes bytes on, closes what is idle, and can be frozen. */
interface Proxy {
  readonly address: string
  /** Chunks that have passed, in the direction that had fewer. */
  readonly passed: () => number
  readonly closedIdle: () => number
  readonly freeze: () => void
}

const makeProxy = (target: string, idleMillis: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { pathname, port } = new URL(target)
    const sockets: Array<net.Socket> = []
    const passed = [0, 0]
    let closedIdle = 0
    const server = net.createServer((socket) => {
      const further = net.connect(Number(port), "127.0.0.1")
      for (const [direction, [from, to]] of [[socket, further], [further, socket]].entries()) {
        sockets.push(from!)
        from!.on("error", () => {}).on("close", () => to!.destroy())
        from!.on("data", (chunk) => {
          passed[direction]!++
          to!.write(chunk)
        })
        from!.setTimeout(idleMillis, () => {
          closedIdle++
          from!.destroy()
        })
      }
    })
    yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
    )
    return {
      address: `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}${pathname}`,
      passed: () => Math.min(...passed),
      closedIdle: () => closedIdle,
      freeze: () => sockets.forEach((socket) => socket.pause())
    }
  })

describe("behind a proxy", () => {
  testOver(layer)("a link on which nobody says anything is not idle", ({ book, start }) =>
    Effect.gen(function*() {
      const a = yield* start("a", { binds, monitorTimeout: "1 second" })
      const b = yield* start("b", { binds: [], monitorTimeout: "1 second" })
      const proxy = yield* makeProxy(a.address, 20_000)
      book.set("a", [proxy.address])
      yield* b.run(Port.calMessage("a", "time"))
      const before = proxy.passed()
      yield* until("signs of life pass in both directions", () => proxy.passed() > before + 10)
      assert.isTrue(yield* areLinked(a, b))
      assert.strictEqual(proxy.closedIdle(), 0)
    }))

  testOver(layer)(
    "a link that is closed for being idle ends at both ends",
    ({ book, start }) =>
      Effect.gen(function*() {
        // Their patience is far too large for this proxy.
        const a = yield* start("a", { binds })
        const b = yield* start("b", { binds: [] })
        const proxy = yield* makeProxy(a.address, 100)
        book.set("a", [proxy.address])
        yield* b.run(Port.calMessage("a", "time"))
        const exit = yield* within("b is told", b.run(Port.exit("a")))
        assert.strictEqual(reasonOf(exit)[0], "transport_error")
        assert.isAbove(proxy.closedIdle(), 0)
      })
  )

  testOver(layer)("a link on which nothing passes any more is lost at both ends, and holds up no node that stops", ({
    book,
    start
  }) =>
    Effect.gen(function*() {
      const a = yield* start("a", { binds, monitorTimeout: "1 second" })
      const b = yield* start("b", { binds: [], monitorTimeout: "1 second" })
      const proxy = yield* makeProxy(a.address, 60_000)
      book.set("a", [proxy.address])
      yield* b.run(Port.calMessage("a", "time"))
      const told = yield* begin(Effect.all([b.run(Port.exit("a")), a.run(Port.exit("b"))], { concurrency: 2 }))
      proxy.freeze()
      for (const exit of yield* within("both are told", Fiber.join(told))) {
        assert.strictEqual(reasonOf(exit)[0], "transport_error")
      }
      yield* within("they stop", Effect.all([a.stop, b.stop]))
    }))
})

it.live("a node at a path of an HTTP server goes, and the server stays", () =>
  Effect.gen(function*() {
    const server = createServer((_request, response) => response.end("hello"))
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => void server.close())
    )
    const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`
    const transport = Transport.layerWebSocket({ server })
    yield* Effect.scoped(Effect.gen(function*() {
      const a = yield* Layer.build(Layer.provide(Node.layer({ nodeId: "a", secret, binds: ["ws:/nodes"] }), transport))
      const b = yield* Layer.build(Layer.provide(Node.layer({ nodeId: "b", secret, binds: [] }), layer))
      const addresses = yield* Effect.provide(Node.addresses, a)
      yield* Effect.provide(Node.addressBook(() => Effect.succeed(addresses)), b)
      assert.isNumber((yield* within("an answer", Effect.provide(Port.calMessage("a", "time"), b)))[0])
      assert.strictEqual(yield* Effect.promise(async () => await (await fetch(url)).text()), "hello")
    }))
    assert.strictEqual(yield* Effect.promise(async () => await (await fetch(url)).text()), "hello")
  }))

describe("emp", () => {
  const env = { EMP_SECRET: secret, EFFECT_MP_RC: devNull }
  const run = (...args: ReadonlyArray<string>) => startEmp(["run", "--no-watchdog", ...args], env)

  it("runs nodes on WebSockets, and commands reach them there", async () => {
    const node = run("--bind", "ws://127.0.0.1:*/nodes", "--node-id", "web")
    const [, address = ""] = await node.sees(/ready, listening on (ws:\/\/127\.0\.0\.1:\d+\/nodes)$/m)
    const status = await startEmp(["status", "--seed", address], env).exits()
    assert.include(status.stdout, "web", status.stderr)
    assert.strictEqual(status.code, 0)
    const wrong = await startEmp(["status", "--seed", address.replace("/nodes", ""), "--timeout", "2"], env).exits()
    assert.include(wrong.stderr, "no WebSocket is there: 404 Not Found")
    await startEmp(["stop", "web", "--seed", address], env).exits()
    await node.exits()
  })

  it("runs nodes whose death is told at once", async () => {
    const node = run("--bind", "ws://127.0.0.1:*", "--node-id", "mortal")
    const [, address = ""] = await node.sees(/ready, listening on (ws:\S+)$/m)
    const watcher = Layer.provide(Node.layer({ nodeId: "watcher", secret, binds: [] }), layer)
    const exit = await Effect.runPromise(
      Effect.gen(function*() {
        yield* Node.addressBook(() => Effect.succeed([address]))
        yield* Port.calMessage("mortal", "time")
        node.child.kill("SIGKILL")
        return yield* within("the monitor fires", Port.exit("mortal"))
      }).pipe(Effect.scoped, Effect.provide(watcher))
    )
    assert.strictEqual(reasonOf(exit)[0], "transport_error")
  })

  it.each([
    ["wss://127.0.0.1:8080", "wss is for dialling"],
    ["ws:/nodes", "there is no server for a path alone"]
  ])("says what is wrong with a bind of %s", async (bind, problem) => {
    const { code, stderr } = await run("--bind", bind).exits()
    assert.include(stderr, problem)
    assert.notStrictEqual(code, 0)
  })
})
