import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import { onTestFinished } from "vitest"
import { Node, Port, Transport } from "../src/index.ts"
import { linkErrorReasons } from "../src/internal/transport/linkError.ts"
import { version } from "../src/internal/values/version.ts"
import { withoutLife } from "./life.ts"
import { patienceMillis } from "./patience.ts"
import { eventually, freePort, isAlive, type Process, start, startEmp, startNode, startRun } from "./processes.ts"

describe("emp", () => {
  it("names its commands in --help, and without arguments", async () => {
    for (const args of [["--help"], []]) {
      const { code, stderr, stdout } = await startEmp(args).exits()
      for (const command of ["run", "demo", "errors"]) assert.match(stdout, new RegExp(`^ +${command} `, "m"))
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
    }
  })

  it("names the flags of a command in its --help", async () => {
    const { code, stdout } = await startEmp(["run", "--help"]).exits()
    for (const flag of ["node-id", "bind", "seed", "secret", "service"]) assert.include(stdout, `--${flag}`)
    assert.strictEqual(code, 0)
  })

  it("has help as a command too", async () => {
    const asked = await startEmp(["help", "run"]).exits()
    assert.strictEqual(asked.stdout, (await startEmp(["run", "--help"]).exits()).stdout)
    assert.strictEqual(asked.code, 0)
  })

  it("says its version", async () => {
    const { code, stdout } = await startEmp(["--version"]).exits()
    assert.strictEqual(stdout, `emp v${version}\n`)
    assert.strictEqual(code, 0)
  })

  it.each([
    ["a command", ["rn"], /^emp: unknown subcommand "rn" for "emp"; did you mean "run"\?\nUsage: /],
    [
      "a flag",
      ["run", "--bnd", "*"],
      /^emp: unrecognized flag: --bnd in command emp run; did you mean "--bind"\?\nUsage: /
    ]
  ])("suggests %s for one that it does not know", async (_, args, suggestion) => {
    const { code, stderr } = await startEmp(args).exits()
    assert.match(stderr, suggestion)
    assert.strictEqual(code, 2)
  })
})

describe("emp errors", () => {
  it("explains a tag", async () => {
    const { code, stdout } = await startEmp(["errors", "no_such_port"]).exits()
    assert.match(stdout, /^no_such_port\n\nThe port that was monitored[^]+\.\n$/)
    assert.notInclude(stdout, "#")
    assert.strictEqual(code, 0)
  })

  it("lists all tags", async () => {
    const { code, stdout } = await startEmp(["errors"]).exits()
    const tags = stdout.trimEnd().split("\n").map((line) => line.split(" ")[0])
    assert.includeMembers(tags, ["fail", "no_such_port", "ServiceError", "DemoFailed", ...linkErrorReasons])
    assert.strictEqual(code, 0)
  })

  it("names the tags that there are when it does not know one", async () => {
    const { code, stderr, stdout } = await startEmp(["errors", "nonsense"]).exits()
    assert.match(stderr, /^emp: .*"nonsense".*no_such_port.*\n$/)
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 1)
  })
})

const fixture = (name: string): ReadonlyArray<string> => ["--service", `test/fixtures/services.ts#${name}`]

describe("emp run, wrongly configured", () => {
  it.each<[string, ReadonlyArray<string>, RegExp]>([
    [
      "a module that is not there",
      ["--service", "./nowhere.ts"],
      /service \.\/nowhere\.ts: cannot be .*no file \S+nowhere/
    ],
    [
      "a package that is not there",
      ["--service", "no-such-package"],
      /service no-such-package: cannot be loaded: .*find/
    ],
    [
      "a module that throws",
      ["--service", "test/fixtures/throws.ts"],
      /fixtures\/throws\.ts: cannot be .*broken at load/
    ],
    ["a missing export", fixture("gone"), /no export "gone".*failing/],
    ["a missing default export", ["--service", "test/fixtures/services.ts"], /services\.ts: .* no export "default"/],
    ["an export of the wrong kind", fixture("nothing"), /#nothing: the export is neither a Layer nor an Effect/],
    ["an Effect that fails", fixture("failing"), /#failing: failed: Error: the disk is full/],
    ["a Layer that fails", fixture("failingLayer"), /#failingLayer: failed: Error: no such table/],
    ["an error without a message", fixture("failingWordlessly"), /#failingWordlessly: failed: NoSuchTable/],
    ["a failure with nothing at all", fixture("failingWithNothing"), /#failingWithNothing: failed: undefined/],
    ["a failure that JSON cannot hold", fixture("failingWithBigInt"), /#failingWithBigInt: failed: \S+/],
    ["an Effect that dies", fixture("dying"), /#dying: failed: TypeError: x is not a function/],
    ["a function that throws", fixture("throwing"), /#throwing: failed: Error: cannot even begin/],
    [
      "a service that takes no arguments",
      ["--service", "[\"test/fixtures/services.ts#ending\", 1]"],
      /#ending: the export is no function, and takes no arguments/
    ],
    [
      "a certificate without a key",
      ["--cert", "package.json"],
      /node option cert: it holds no certificate/
    ]
  ])("ends with 1 and names %s", async (_, args, message) => {
    const { code, stderr } = await startRun(args).exits()
    assert.match(stderr, message)
    assert.match(stderr, /^emp: .+\n$/m)
    assert.strictEqual(code, 1)
  })

  it.each<[string, ReadonlyArray<string>, RegExp]>([
    ["a malformed bind", ["--bind", "127.0.0.1:99999"], /binds: "127\.0\.0\.1:99999" is not/],
    ["a malformed seed", ["--seed", "127.0.0.1:4040,nonsense"], /seeds: "nonsense" is not/],
    ["a seed without a port", ["--seed", "127.0.0.1:*"], /seeds: "127\.0\.0\.1:\*" is not/],
    ["a malformed node ID", ["--node-id", "a#b"], /nodeid: "a#b" is not/],
    ["a time that is none", ["--monitor-timeout", "0"], /monitor_timeout: "0" is not a number of seconds above zero/],
    ["an unknown key", ["nodid", "a"], /there is no key "nodid"; did you mean "nodeid"\?/]
  ])("ends with 2 and names %s", async (_, args, message) => {
    const { code, stderr } = await startRun(args).exits()
    assert.match(stderr, message)
    assert.match(stderr, /^emp: .+\n$/m)
    assert.strictEqual(code, 2)
  })

  it.each<[string, Record<string, string | undefined>]>([
    ["no secret", { EMP_SECRET: undefined }],
    ["an empty secret", { EMP_SECRET: "" }]
  ])("ends with 1 when there is %s", async (_, env) => {
    const { code, stderr } = await startRun([], env).exits()
    assert.match(stderr, /^emp: node option secret: missing/)
    assert.strictEqual(code, 1)
  })

  it("ends with 1 and names a certificate that cannot be read", async () => {
    const { code, stderr } = await startRun(["--cert", "test/fixtures/certs/none.pem"]).exits()
    assert.match(stderr, /^emp: \S+none\.pem: cert: there is no such file$/m)
    assert.strictEqual(code, 1)
  })

  it("ends with 1 and names an address that is in use", async () => {
    const server = net.createServer().listen(0, "127.0.0.1")
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once("listening", resolve))
    const address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
    const { code, stderr, stdout } = await startEmp(["run", "--bind", address]).exits()
    assert.match(withoutLife(stderr), new RegExp(`^emp: ${address}: .*in use`))
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 1)
  })
})

/** Watches the node behind an address from a node of this process, which is told of its end after `act`. */
const toldAfter = (address: string, nodeId: string, act: () => void) => {
  // A node that is silent is not what this is about.
  const options = { secret: "swordfish", binds: [], monitorTimeout: "5 minutes" } as const
  const watcher = Layer.provide(Node.layer(options), Transport.layerTcp)
  const watch = Effect.gen(function*() {
    yield* Node.addressBook(() => Effect.succeed([address]))
    const isUp = yield* Deferred.make<void>()
    const isDown = yield* Node.events.pipe(
      Stream.tap((event) => event._tag === "Up" ? Deferred.succeed(isUp, undefined) : Effect.void),
      Stream.takeUntil((event) => event._tag === "Down"),
      Stream.runDrain,
      Effect.forkChild({ startImmediately: true })
    )
    const ended = yield* Effect.forkChild(Port.exit(nodeId), { startImmediately: true })
    yield* Deferred.await(isUp)
    act()
    yield* Fiber.join(ended)
    yield* Fiber.join(isDown)
  })
  return Effect.runPromise(watch.pipe(Effect.timeout(patienceMillis), Effect.scoped, Effect.provide(watcher)))
}

describe("emp run", () => {
  it("says on standard output that it is ready and where it listens, and nothing else", async () => {
    const { node } = await startNode("quiet", ["--bind", "127.0.0.1:*"])
    const { stderr, stdout } = await node.end("SIGTERM")
    assert.match(stdout, /^node quiet is ready, listening on 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+\n$/)
    assert.strictEqual(withoutLife(stderr), "")
  })

  it("takes a certificate in the place of a secret", async () => {
    const cert = ["--cert", "test/fixtures/certs/shared.pem"]
    const none = { EMP_SECRET: undefined }
    const seed = startRun(["--node-id", "seed", ...cert], none)
    const [, address = ""] = await seed.sees(/is ready, listening on (\S+)/)
    await startRun(["--node-id", "other", "--seed", address, ...cert], none).sees(/node other is ready/)
  })

  it("takes its secret from a flag too", async () => {
    const { address } = await startNode("secretive")
    const node = startRun(["--node-id", "open", "--seed", address, "--secret", "swordfish"], { EMP_SECRET: undefined })
    await node.sees(/node open is ready/)
  })

  it.each(["SIGINT", "SIGTERM"] as const)("ends with 0 on %s, and other nodes are told", async (signal) => {
    const { address, node } = await startNode("stopping")
    await toldAfter(address, "stopping", () => process.kill(node.pid, signal))
    assert.strictEqual((await node.exits()).code, 0)
  })

  it("ends with 0 on SIGTERM while it waits for its seed", async () => {
    const node = startRun(["--seed", `127.0.0.1:${await freePort()}`])
    await node.sees(/cannot reach seed/)
    const { code, stdout } = await node.end("SIGTERM")
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 0)
  })

  it("is ready when its seed is there, however late", async () => {
    const address = `127.0.0.1:${await freePort()}`
    const node = startRun(["--node-id", "early", "--seed", address])
    await node.sees(/cannot reach seed/)
    startEmp(["run", "--node-id", "late", "--bind", address])
    await node.sees(/node early is ready/)
  })

  it("fires monitors when it is killed with SIGKILL", async () => {
    const { address, node } = await startNode("mortal")
    await toldAfter(address, "mortal", () => process.kill(node.pid, "SIGKILL"))
  })

  it("goes on trying with a wrong secret, says so once, and the seed says why", async () => {
    const { address, node: seed } = await startNode("strict")
    const stranger = startRun(["--node-id", "stranger", "--seed", address], { EMP_SECRET: "wrong" })
    // Whoever is quicker to notice closes the connection.
    await seed.sees(/((authentication failed: do both nodes have the same|a wrong) secret[^]*){2}/)
    const { code, stderr, stdout } = await stranger.end("SIGTERM")
    assert.match(withoutLife(stderr), /^(.*cannot reach seed .*secret.*\n){1,2}$/)
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 0)
  })

  it("is refused while another process has its node ID, and let in when that is gone", async () => {
    const { address, node: seed } = await startNode("twin/seed", ["--service", "examples/sender.ts"])
    const { node: first } = await startNode("twin", ["--seed", address, "--service", "examples/receiver.ts"])
    await first.sees(/twin got/)
    const second = startRun(["--node-id", "twin", "--seed", address])
    await seed.sees(/two live nodes have the node ID twin/)
    await second.sees(/another live node with our node ID/)
    const before = first.stdout.length
    await first.sees(new RegExp(`^[^]{${before},}twin got`))
    assert.strictEqual(second.stdout, "")
    assert.notInclude(seed.stdout, "gone")
    await first.end("SIGKILL")
    await second.sees(/node twin is ready/)
  })
})

describe("a service of emp run", () => {
  it("may be made by a function, and end before the node does", async () => {
    const { address, node } = await startNode("lasting", [...fixture("made"), ...fixture("ending")])
    assert.match(node.stdout, /^the service was made by a function\nthe service is done\nnode lasting is ready/)
    await startNode("other", ["--seed", address])
    assert.isTrue(isAlive(node.pid))
  })

  it("ends the node when it fails later", async () => {
    const { address, node } = await startNode("failing", fixture("failingLater"))
    await startNode("other", ["--seed", address, "--service", "examples/receiver.ts"])
    const { code, stderr } = await node.exits()
    assert.match(stderr, /^emp: service \S+#failingLater: failed: Error: enough of it\n$/m)
    assert.strictEqual(code, 1)
  })

  it("can send to others while its node stops", async () => {
    const { address, node: receiver } = await startNode("host", ["--service", "examples/receiver.ts"])
    const { node } = await startNode("polite", ["--seed", address, ...fixture("polite")])
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
    await receiver.sees(/host got: goodbye/)
  })

  it("that does not end is left behind at the second signal", async () => {
    const { node } = await startNode("held", fixture("stubborn"))
    process.kill(node.pid, "SIGTERM")
    await node.sees(/is asked to stop/)
    assert.strictEqual((await node.end("SIGTERM")).code, 130)
  })
})

describe("emp demo", () => {
  interface DemoProcess {
    readonly name: string
    readonly pid: number
    readonly address: string
  }
  /** What the timeline says of its processes. They end with the test at the latest. */
  const processesOf = (demo: Process): ReadonlyArray<DemoProcess> => {
    const found = Array.from(
      demo.stdout.matchAll(/node demo\/(\w+) runs as process (\d+) on (\S+)$/gm),
      ([, name = "", pid, address = ""]) => ({ name, pid: Number(pid), address })
    )
    onTestFinished(() => found.filter(({ pid }) => isAlive(pid)).forEach(({ pid }) => process.kill(pid, "SIGKILL")))
    return found
  }
  const left = (demo: Process): ReadonlyArray<DemoProcess> => processesOf(demo).filter(({ pid }) => isAlive(pid))

  it("plays all steps, from the sources too, and leaves no process behind", async () => {
    const demo = start(["src/main.ts", "demo"])
    const { code, stderr, stdout } = await demo.exits()
    assert.strictEqual(code, 0, stdout + stderr)
    assert.deepStrictEqual(processesOf(demo).map(({ name }) => name), ["seed", "receiver", "sender"])
    assert.deepStrictEqual(left(demo), [])
    const steps = [
      /kill -9 \d+: the receiver dies without a word/,
      /seed +is told that node demo\/receiver is down/,
      /sender +its supervisor started the greeter demo\/seed#/,
      /sender +"hello sender \(\d+\), says the greeter on demo\/seed"/,
      /the seed was told \d+ ms after the kill -9, the sender after \d+ ms/,
      /the next answer came \d+ ms after the kill/
    ]
    for (const step of steps) assert.match(stdout, step)
    // The steps but the second and third, which may change places, come in this order.
    const places = steps.map((step) => step.exec(stdout)!.index)
    assert.deepStrictEqual(places.toSorted((a, b) => a - b).toSpliced(1, 2), places.toSpliced(1, 2))
  })

  it("tells greetings from before the kill, which it reads late, from those after it", async () => {
    const demo = start(["src/main.ts", "demo"])
    await demo.sees(/hello sender \(1\)/)
    demo.child.kill("SIGSTOP")
    await new Promise((resolve) => setTimeout(resolve, 3000))
    demo.child.kill("SIGCONT")
    const { code, stdout } = await demo.exits()
    assert.match(stdout, /the next answer came \d+ ms after the kill/)
    assert.match(stdout, /says the greeter on demo\/seed/)
    assert.strictEqual(code, 0)
  })

  it("takes its processes with it when it is interrupted", async () => {
    const demo = startEmp(["demo"])
    await demo.sees(/hello sender \(1\)/)
    const { code } = await demo.end("SIGINT")
    assert.strictEqual(processesOf(demo).length, 3)
    assert.deepStrictEqual(left(demo), [])
    assert.strictEqual(code, 130)
  })

  it("takes its processes with it when nobody reads what it shows, and that is no failure", async () => {
    const demo = startEmp(["demo"])
    await demo.sees(/hello sender \(1\)/)
    demo.child.stdout!.destroy()
    const { code, stderr } = await demo.exits()
    assert.deepStrictEqual(left(demo), [])
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
  })

  it("takes its processes with it when it is killed", async () => {
    const demo = startEmp(["demo"])
    await demo.sees(/hello sender \(1\)/)
    const nodes = processesOf(demo)
    assert.strictEqual(nodes.length, 3)
    await demo.end("SIGKILL")
    // Nobody may be there to reap them; that they listen no more shows their end.
    for (const { address } of nodes) await refuses(address)
  })

  it("ends with 1 at once when a node dies that should not", async () => {
    const demo = startEmp(["demo"])
    const [, seed] = await demo.sees(/demo\/seed runs as process (\d+)/)
    process.kill(Number(seed), "SIGKILL")
    const { code, stderr } = await demo.exits()
    assert.match(stderr, /^emp: the demo failed: .+ did not happen \(node demo\/seed ended: without a word\)\n$/)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(left(demo), [])
  })

  it("ends with 1 and names the step that a blocked node keeps from happening", async () => {
    const demo = startEmp(["demo"])
    const [, seed] = await demo.sees(/demo\/seed runs as process (\d+)/)
    process.kill(Number(seed), "SIGSTOP")
    const { code, stderr } = await demo.exits()
    assert.match(stderr, /^emp: the demo failed: .+ did not happen \(waited 40 seconds for it\)\n$/)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(left(demo), [])
  })
})

/** Waits until nothing listens on an address any more. */
const refuses = async (address: string): Promise<void> => {
  const [host, port] = address.split(":")
  const isRefused = () =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect({ host: host!, port: Number(port) })
      socket.once("connect", () => {
        socket.destroy()
        resolve(false)
      })
      socket.once("error", () => resolve(true))
    })
  await eventually(`nothing listens on ${address}`, isRefused)
}
