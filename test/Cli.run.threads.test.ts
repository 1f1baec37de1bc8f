/** `emp run --threads N`: several nodes in the threads of one process, which are looked after one by one, and end together. */
import { assert, describe, it } from "@effect/vitest"
import { devNull } from "node:os"
import { freePorts } from "./freePort.ts"
import { eventually, type Process, startEmp } from "./processes.ts"
import { talk } from "./watched.ts"

/** A process with nodes in threads, all of which are ready. */
const startThreads = async (count: number, ...args: ReadonlyArray<string>) => {
  const port = await freePorts(count)
  const seed = `127.0.0.1:${port}`
  const service = ["--service", "test/fixtures/threaded.ts"]
  const watchdog = startEmp(["run", "--node-id", "many", "--bind", seed, "--threads", `${count}`, ...service, ...args])
  await watchdog.sees(/^node many is ready/m)
  return { watchdog, port, seed }
}

/** The port of the service on a node. */
const serviceOn = async (seed: string, node: string): Promise<string> => {
  const { stdout } = await talk(seed, "groups", "threaded")
  return new RegExp(`${node}#\\S+`).exec(stdout)?.[0] ?? ""
}

const isReadyAgain = async (process: Process, node: string, times: number): Promise<void> =>
  void await process.sees(new RegExp(`(?:^node ${node} is ready[^]*?){${times}}`, "m"))

describe("emp run --threads", () => {
  it("runs that many nodes, each with the services in a thread, where others reach it by the network", async () => {
    const { port, seed, watchdog } = await startThreads(3)
    for (const [index, node] of ["many", "many/1", "many/2"].entries()) {
      // By its own port: what is asked is of no other node.
      const answer = await talk(`127.0.0.1:${port + index}`, "cal", await serviceOn(seed, node), "where")
      assert.match(answer.stdout, new RegExp(`^${node} is thread ${index === 0 ? 0 : "[12]"}\n`))
    }
    const { code, stderr } = await watchdog.end("SIGTERM")
    assert.strictEqual(code, 0)
    for (const node of ["many", "many/1", "many/2"]) {
      assert.match(stderr, new RegExp(`the service ends in order.*node=${node}(\\s|$)`, "m"))
      assert.include(stderr, `node ${node} has stopped`)
    }
  })

  it("starts a thread again that has crashed or hangs, while the other nodes go on", async () => {
    const { seed, watchdog } = await startThreads(3, "--hang-timeout", "8")
    const first = await serviceOn(seed, "many")
    await talk(seed, "snd", await serviceOn(seed, "many/1"), "crash")
    await isReadyAgain(watchdog, "many/1", 2)
    await talk(seed, "snd", await serviceOn(seed, "many/2"), "hang")
    await watchdog.sees(/node many\/2 hangs/)
    await isReadyAgain(watchdog, "many/2", 2)
    assert.strictEqual(await serviceOn(seed, "many"), first)
    assert.strictEqual((await talk(seed, "cal", await serviceOn(seed, "many/2"), "where")).code, 0)
  })

  it("restarts one of them as often as it is asked to, and stops one without the others", async () => {
    const { seed, watchdog } = await startThreads(2)
    for (let times = 2; times <= 5; times++) {
      const { code, stdout } = await talk(seed, "restart", "many/1")
      assert.strictEqual(code, 0, stdout)
      await isReadyAgain(watchdog, "many/1", times)
    }
    assert.strictEqual((await talk(seed, "stop", "many/1")).code, 0)
    const status = await talk(seed, "status")
    assert.match(status.stdout, /^many\s/m)
    assert.notMatch(status.stdout, /many\/1/)
    // What is meant to be away is not missed.
    assert.notInclude(status.stderr, "is not ready")
    assert.strictEqual((await talk(seed, "stop", "many")).code, 0)
    assert.strictEqual((await watchdog.exits()).code, 0)
  })

  it("has each of them read its configuration again with the first", async () => {
    const { seed, watchdog } = await startThreads(2)
    watchdog.child.kill("SIGHUP")
    await watchdog.sees(/the configuration was read again.*node=many\/1(\s|$)/m)
    await eventually("both answer", async () => (await talk(seed, "status")).code === 0)
  })

  it("ends with a service that cannot be kept alive in one of them, as with one in the main thread", async () => {
    const run = startEmp(
      [
        "run",
        "--node-id",
        "many",
        "--bind",
        "127.0.0.1:*",
        "--threads",
        "2",
        "--service",
        "test/fixtures/threaded.ts#inMainThread"
      ],
      { EFFECT_MP_RC: devNull }
    )
    const { code, stderr } = await run.exits()
    assert.strictEqual(code, 1)
    assert.include(stderr, "emp: service test/fixtures/threaded.ts#inMainThread: failed: Error: not in a thread")
  })

  it("refuses what leaves no addresses for so many", async () => {
    const run = startEmp(["run", "--node-id", "many", "--bind", "127.0.0.1:65535", "--threads", "2"])
    const { code, stderr } = await run.exits()
    assert.notStrictEqual(code, 0)
    assert.match(stderr, /binds: "127.0.0.1:65535" leaves no address for 2 threads/)
  })
})
