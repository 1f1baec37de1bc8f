/**
 * `emp run` with its watchdog: real processes that are killed, hang, and come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { isAlive, type Process, root, startEmp } from "./processes.ts"

/** A node under its watchdog, and the process that the node is in. */
const startWatched = async (args: ReadonlyArray<string> = [], service = "test/fixtures/services.ts#fragile") => {
  const watchdog = startEmp(["run", "--bind", "127.0.0.1:*", "--node-id", "fragile", "--service", service, ...args])
  const worker = await nthWorker(watchdog, 0)
  const [, address = ""] = await watchdog.sees(/is ready, listening on (\S+)/)
  return { watchdog, worker, address }
}

/** The process that the nth node runs in. */
const nthWorker = async (watchdog: Process, nth: number): Promise<number> => {
  const [all] = await watchdog.sees(new RegExp(`(?:runs in process \\d+[^]*?){${nth + 1}}`), 15)
  const pid = Number(Array.from(all.matchAll(/runs in process (\d+)/g)).at(nth)?.[1])
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL")
  })
  return pid
}

const gone = async (pid: number, seconds = 5): Promise<void> => {
  const end = performance.now() + seconds * 1000
  while (isAlive(pid)) {
    assert.isBelow(performance.now(), end, `process ${pid} is still there`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const talk = async (address: string, ...args: ReadonlyArray<string>) =>
  await startEmp([...args, "--seed", address]).exits(15)

const ports = async (address: string) => (await talk(address, "find", "fragile")).stdout.trim()

describe("the watchdog of emp run", () => {
  it("starts the node again when its process was killed", async () => {
    const { watchdog, worker } = await startWatched()
    assert.notStrictEqual(worker, watchdog.pid)
    process.kill(worker, "SIGKILL")
    const next = await nthWorker(watchdog, 1)
    assert.notStrictEqual(next, worker)
    assert.match(watchdog.stderr, /the node was killed by SIGKILL; it is started again in 100 ms/)
    const { code, stdout } = await watchdog.end("SIGTERM")
    assert.strictEqual(code, 0)
    assert.match(stdout, /the service has been stopped\n$/)
    await gone(next)
  }, 30_000)

  it("starts it again when it ends with an exit code, after growing delays", async () => {
    const { watchdog } = await startWatched()
    for (let nth = 1; nth <= 3; nth++) {
      // A node that ends within its first seconds is not started again.
      await new Promise((resolve) => setTimeout(resolve, nth === 1 ? 3500 : 0))
      const readies = new RegExp(`(?:is ready, listening on (\\S+)[^]*?){${nth}}`)
      const address = Array.from((await watchdog.sees(readies))[0].matchAll(/listening on (\S+)/g)).at(-1)![1]!
      await talk(address, "snd", await ports(address), "exit")
      await nthWorker(watchdog, nth)
    }
    const waits = Array.from(
      watchdog.stderr.matchAll(/ended with exit code 7; it is started again in (\d+) ms/g),
      ([, wait]) => wait
    )
    assert.deepStrictEqual(waits, ["100", "200", "400"])
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 60_000)

  it("kills it when it hangs, and starts it again", async () => {
    const { address, watchdog, worker } = await startWatched(["--hang-timeout", "2"])
    const hung = talk(address, "snd", await ports(address), "hang", "--timeout", "1")
    await nthWorker(watchdog, 1)
    assert.match(watchdog.stderr, /the node hung, and was killed; it is started again/)
    await gone(worker)
    await hung
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 40_000)

  it("restarts it when it is asked to from afar, in order", async () => {
    const { address, watchdog, worker } = await startWatched()
    const { code, stderr, stdout } = await talk(address, "restart", "fragile")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "node fragile restarts\n")
    await nthWorker(watchdog, 1)
    assert.include(watchdog.stdout, "the service has been stopped")
    await gone(worker)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 30_000)

  it("is needed for that", async () => {
    const alone = startEmp(["run", "--no-watchdog", "--bind", "127.0.0.1:*", "--node-id", "alone"])
    const [, address = ""] = await alone.sees(/is ready, listening on (\S+)/)
    const { code, stderr } = await talk(address, "restart", "alone")
    assert.strictEqual(code, 1)
    assert.include(stderr, "node alone has no watchdog that would start it again")
  }, 30_000)

  it("takes the node with it when it is killed itself", async () => {
    const { watchdog, worker } = await startWatched()
    await watchdog.end("SIGKILL")
    await gone(worker)
  }, 30_000)

  it("ends at once with a second signal, and so does the node", async () => {
    const { watchdog, worker } = await startWatched(["--service", "test/fixtures/services.ts#stubborn"])
    watchdog.child.kill("SIGINT")
    await watchdog.sees(/the service is asked to stop/)
    assert.strictEqual((await watchdog.end("SIGINT")).code, 130)
    await gone(worker)
  }, 30_000)

  it("passes on what is wrong from the start, and does not try again", async () => {
    for (
      const [args, code, text] of [
        [["--service", "test/fixtures/services.ts#failing"], 1, /the disk is full/],
        [["--monitor-timeout", "0"], 2, /is not a number of seconds above zero/],
        [["--bind", "192.0.2.1:1"], 1, /does not have the address/]
      ] as const
    ) {
      const ended = await startEmp(["run", "--bind", "127.0.0.1:*", ...args]).exits(15)
      assert.strictEqual(ended.code, code, ended.stderr)
      assert.match(ended.stderr, text)
      assert.notInclude(ended.stderr, "the node ended")
    }
  }, 40_000)

  it("restarts the node when the source of a service changes, with --watch", async () => {
    const folder = mkdtempSync(join(root, "test/fixtures/watched-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, "service.ts")
    const source = (word: string) =>
      `import * as Console from "effect/Console"\nexport default Console.log("it says ${word}")\n`
    writeFileSync(file, source("one"))
    copyFileSync(file, join(folder, "other.ts"))
    const watchdog = startEmp(["run", "--watch", "--bind", "127.0.0.1:*", "--node-id", "watched", "--service", file])
    await watchdog.sees(/it says one[^]*is ready/)
    writeFileSync(file, source("two"))
    await watchdog.sees(/it says two[^]*is ready/)
    assert.match(watchdog.stderr, /the node is to run with the changed service\.ts; it is started again/)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 30_000)
})

describe("the services of emp run", () => {
  it("are started again when they fail, and the node lives on", async () => {
    const { address, watchdog, worker } = await startWatched()
    const before = await ports(address)
    await talk(address, "snd", before, "fail")
    await watchdog.sees(/(?:runs in process \d+[^]*?){2}/)
    assert.strictEqual(await nthWorker(watchdog, 1), worker)
    const after = await ports(address)
    assert.notStrictEqual(after, before)
    assert.match(
      (await talk(address, "tree", "fragile")).stdout,
      /^services \(one_for_one\)[^]*#fragile \S+, up .*, 1 restart/
    )
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 40_000)
})
