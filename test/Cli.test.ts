import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import * as net from "node:net"
import { Node, Port, Transport } from "../src/index.ts"
import { version } from "../src/internal/version.ts"
import { emp, isAlive, startEmp, startNode } from "./processes.ts"

const median = (numbers: ReadonlyArray<number>): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!

const service = (name: string): ReadonlyArray<string> => ["run", "--bind", "127.0.0.1:*", "--service", name]

describe("emp", () => {
  it("shows its help in under half a second", () => {
    const time = (): number => {
      const began = performance.now()
      assert.strictEqual(spawnSync(process.execPath, [emp, "--help"]).status, 0)
      return performance.now() - began
    }
    // The best of several: what else the machine does is not to be measured.
    assert.isBelow(Math.min(...Array.from({ length: 10 }, time)), 500)
  })

  it("names its commands in --help and the package's version in --version", async () => {
    const help = await startEmp(["--help"]).ended
    assert.strictEqual(help.code, 0)
    for (const command of ["run", "demo", "errors"]) assert.include(help.stdout, command)
    assert.include((await startEmp(["--version"]).ended).stdout, version)
  })

  it("suggests a command for one that it does not know", async () => {
    const { code, stderr } = await startEmp(["rn"]).ended
    assert.strictEqual(code, 1)
    assert.match(stderr, /run/)
  })

  it("explains a tag, and lists all of them for one that it does not know", async () => {
    const known = await startEmp(["errors", "no_such_port"]).ended
    assert.strictEqual(known.code, 0)
    assert.match(known.stdout, /^no_such_port\n\nThe port/)
    const unknown = await startEmp(["errors", "nonsense"]).ended
    assert.strictEqual(unknown.code, 1)
    assert.match(unknown.stderr, /"nonsense".*no_such_port/)
  })
})

describe("emp run", () => {
  it.each<[string, ReadonlyArray<string>, RegExp]>([
    ["an unknown module", service("./nowhere.ts"), /service \.\/nowhere\.ts: cannot be loaded: there is no file/],
    ["an unknown package", service("no-such-package"), /service no-such-package: cannot be loaded/],
    [
      "a module that throws",
      service("test/fixtures/throws.ts"),
      /fixtures\/throws\.ts: cannot be loaded: .*broken at load/
    ],
    ["a missing export", service("test/fixtures/services.ts#gone"), /no export "gone".*failing/],
    ["an export of the wrong kind", service("test/fixtures/services.ts#nothing"), /neither a Layer nor an Effect/],
    ["an effect that fails", service("test/fixtures/services.ts#failing"), /#failing: failed: .*the disk is full/],
    ["a layer that fails", service("test/fixtures/services.ts#failingLayer"), /#failingLayer: failed: .*no such table/],
    ["an effect that dies", service("test/fixtures/services.ts#dying"), /#dying: failed: .*x is not a function/],
    ["a function that throws", service("test/fixtures/services.ts#throwing"), /#throwing: failed: .*cannot even begin/],
    ["a malformed bind", ["run", "--bind", "127.0.0.1:99999"], /127\.0\.0\.1:99999/],
    ["a malformed seed", ["run", "--bind", "127.0.0.1:*", "--seed", "127.0.0.1"], /seeds.*127\.0\.0\.1/],
    ["a malformed node ID", ["run", "--node-id", "a#b", "--bind", "127.0.0.1:*"], /nodeId.*a#b/]
  ])("ends with 1 and names %s", async (_, args, message) => {
    const { code, stderr } = await startEmp(args).ended
    assert.match(stderr, message)
    assert.strictEqual(code, 1)
  })

  it("ends with 1 when there is no secret", async () => {
    const { code, stderr } = await startEmp(["run"], { EMP_SECRET: undefined }).ended
    assert.match(stderr, /secret/)
    assert.strictEqual(code, 1)
  })

  it("ends with 1 and names an address that is in use", async () => {
    const server = net.createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
    const { code, stderr } = await startEmp(["run", "--bind", address]).ended
    server.close()
    assert.include(stderr, address)
    assert.match(stderr, /in use/)
    assert.strictEqual(code, 1)
  })

  it.each(["SIGINT", "SIGTERM"] as const)("ends with 0 on %s", async (signal) => {
    const { node } = await startNode("stopping")
    await using _ = node
    assert.strictEqual((await node.end(signal)).code, 0)
  })

  it("refuses a second process with the same node ID, and keeps the first", async () => {
    const { address, node: seed } = await startNode("twin/seed")
    await using _seed = seed
    const { node: first } = await startNode("twin", ["--seed", address])
    await using _first = first
    await using second = startEmp(["run", "--node-id", "twin", "--bind", "127.0.0.1:*", "--seed", address])
    await seed.sees(/a node with this node ID is connected already/)
    assert.isTrue(isAlive(first.pid))
    assert.notInclude(second.stdout, "is ready")
  })

  it("goes on trying with a wrong secret, and both sides say what they know", async () => {
    const { address, node: seed } = await startNode("strict")
    await using _seed = seed
    await using stranger = startEmp(["run", "--node-id", "stranger", "--bind", "127.0.0.1:*", "--seed", address], {
      EMP_SECRET: "wrong"
    })
    await seed.sees(/authentication failed/)
    await stranger.sees(/cannot reach seed/)
    assert.isTrue(isAlive(stranger.pid))
  })

  it("fires monitors in under 100 ms when its process is killed with SIGKILL", async () => {
    const delays: Array<number> = []
    for (let round = 0; round < 5; round++) {
      const { address, node } = await startNode("mortal", ["--service", "examples/receiver.ts"])
      await using _ = node
      const watcher = Node.layer({ nodeId: `watcher${round}`, secret: "swordfish", binds: [] })
      const watch = Effect.gen(function*() {
        yield* Node.addressBook(() => Effect.succeed([address]))
        const told = yield* Effect.forkChild(Port.exit("mortal"), { startImmediately: true })
        // An answer shows that the link stands.
        yield* Port.calMessage("mortal", "time").pipe(Effect.timeout("5 seconds"))
        const killed = performance.now()
        process.kill(node.pid, "SIGKILL")
        yield* Fiber.join(told)
        return performance.now() - killed
      })
      delays.push(
        await Effect.runPromise(
          watch.pipe(Effect.scoped, Effect.provide(watcher.pipe(Layer.provide(Transport.layerTcp))))
        )
      )
    }
    assert.isBelow(median(delays), 100)
  })
})

describe("emp demo", () => {
  const pids = (output: string): ReadonlyArray<number> =>
    Array.from(output.matchAll(/as process (\d+)/g), ([, pid]) => Number(pid))

  it("plays all steps within 15 s and leaves no process behind", async () => {
    const began = performance.now()
    await using demo = startEmp(["demo"])
    const { code, stdout } = await demo.ended
    assert.strictEqual(code, 0, stdout)
    assert.isBelow(performance.now() - began, 15_000)
    assert.match(stdout, /the receiver dies without a word/)
    assert.match(stdout, /the seed was told \d+ ms after the kill -9, the sender after \d+ ms/)
    assert.strictEqual(pids(stdout).length, 3)
    assert.deepStrictEqual(pids(stdout).filter(isAlive), [])
  })

  it("takes its processes with it when it is interrupted", async () => {
    await using demo = startEmp(["demo"])
    await demo.sees(/hello sender \(1\)/)
    await demo.end("SIGINT")
    assert.deepStrictEqual(pids(demo.stdout).filter(isAlive), [])
  })

  it("ends with 1 and names the step that did not happen", async () => {
    await using demo = startEmp(["demo"])
    const [, seed] = await demo.sees(/demo\/seed runs as process (\d+)/)
    process.kill(Number(seed), "SIGKILL")
    const { code, stderr } = await demo.ended
    assert.strictEqual(code, 1)
    assert.match(stderr, /the demo failed: .* did not happen \(node demo\/seed ended/)
    assert.deepStrictEqual(pids(demo.stdout).filter(isAlive), [])
  })
})
