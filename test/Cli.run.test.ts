/**
 * `emp run` with its watchdog: real processes that are killed, hang, and come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeFolderInside } from "./folders.ts"
import { isAlive, startEmp } from "./processes.ts"
import { itLong } from "./size.ts"
import { gone, hang, nthWorker, ports, startWatched, talk } from "./watched.ts"

const stubborn = ["--service", "test/fixtures/services.ts#stubborn"]

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
  })

  itLong("starts it again when it ends with an exit code, after growing delays", async () => {
    const { watchdog } = await startWatched()
    for (let nth = 1; nth <= 2; nth++) {
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
    assert.deepStrictEqual(waits, ["100", "200"])
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it("kills it when it hangs, and starts it again", async () => {
    const { address, watchdog, worker } = await startWatched(["--hang-timeout", "8"])
    await hang(watchdog, address)
    await nthWorker(watchdog, 1)
    assert.match(watchdog.stderr, /the node hung, and was killed; it is started again/)
    await gone(worker)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it("restarts it when it is asked to from afar, in order", async () => {
    const { address, watchdog, worker } = await startWatched()
    const { code, stderr, stdout } = await talk(address, "restart", "fragile", "--no-wait")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "node fragile restarts\n")
    await nthWorker(watchdog, 1)
    assert.include(watchdog.stdout, "the service has been stopped")
    await gone(worker)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it("is needed for that", async () => {
    const alone = startEmp(["run", "--no-watchdog", "--bind", "127.0.0.1:*", "--node-id", "alone"])
    const [, address = ""] = await alone.sees(/is ready, listening on (\S+)/)
    const { code, stderr } = await talk(address, "restart", "alone")
    assert.strictEqual(code, 1)
    assert.include(stderr, "node alone has no watchdog that would start it again")
  })

  it("takes the node with it when it is killed itself", async () => {
    const { watchdog, worker } = await startWatched()
    await watchdog.end("SIGKILL")
    await gone(worker)
  })

  it("ends at once with a second signal, and so does the node", async () => {
    const { watchdog, worker } = await startWatched(stubborn)
    watchdog.child.kill("SIGINT")
    await watchdog.sees(/the service is asked to stop/)
    assert.strictEqual((await watchdog.end("SIGINT")).code, 130)
    await gone(worker)
  })

  it("ends at once with a second signal while the node hangs", async () => {
    const { address, watchdog, worker } = await startWatched()
    await hang(watchdog, address)
    watchdog.child.kill("SIGTERM")
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.isTrue(isAlive(worker))
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 130)
    await gone(worker)
  })

  it("waits no longer for a node that hangs and is to stop", async () => {
    const { address, watchdog, worker } = await startWatched(["--hang-timeout", "8"])
    await hang(watchdog, address)
    const { code, stderr } = await watchdog.end("SIGTERM")
    assert.match(stderr, /the node hung, and was killed/)
    assert.notInclude(stderr, "is started again")
    assert.strictEqual(code, 0)
    await gone(worker)
  })

  it("stops in order when a service manager or a terminal signals the node too", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { watchdog, worker } = await startWatched(["--service", "test/fixtures/services.ts#leisurely"])
      process.kill(worker, signal)
      const { code, stderr, stdout } = await watchdog.end(signal)
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /the service has taken its time\nthe service has been stopped\n$/)
    }
  })

  it("goes on when nobody reads any more what it prints and logs, and so does the node", async () => {
    const { address, watchdog, worker } = await startWatched()
    watchdog.child.stdout!.destroy()
    watchdog.child.stderr!.destroy()
    // Each is a warning in the log.
    const strangers = Array.from(
      { length: 3 },
      () => startEmp(["status", "--seed", address, "--timeout", "30"], { EMP_SECRET: "wrong" }).exits()
    )
    assert.deepStrictEqual((await Promise.all(strangers)).map(({ code }) => code), [1, 1, 1])
    for (let nth = 0; nth < 3; nth++) {
      const { code, stderr } = await talk(address, "cal", "fragile", "time")
      assert.strictEqual(code, 0, stderr)
    }
    assert.deepStrictEqual([watchdog.pid, worker].map(isAlive), [true, true])
  })

  it("does not blame the node when it stood still itself", async () => {
    const { watchdog } = await startWatched(["--hang-timeout", "5"])
    watchdog.child.kill("SIGSTOP")
    await new Promise((resolve) => setTimeout(resolve, 6000))
    watchdog.child.kill("SIGCONT")
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { code, stderr } = await watchdog.end("SIGTERM")
    assert.notInclude(stderr, "hung")
    assert.strictEqual(code, 0)
  })

  itLong("kills a node that is to restart and does not end", async () => {
    const { address, watchdog, worker } = await startWatched(["--hang-timeout", "2", ...stubborn])
    assert.strictEqual((await talk(address, "restart", "fragile", "--no-wait")).code, 0)
    await watchdog.sees(/the service is asked to stop/)
    await nthWorker(watchdog, 1)
    assert.match(
      watchdog.stderr,
      /was asked to restart, did not end in time, and was killed; it is started again in 100 ms/
    )
    await gone(worker)
  })

  it("refuses what it cannot do", async () => {
    for (
      const [args, text] of [
        [["--hang-timeout", "1"], /--hang-timeout: "1". Expected: 2 or more/],
        [["--watch", "--no-watchdog"], /--watch: without its watchdog nobody starts the node again/]
      ] as const
    ) {
      const { code, stderr } = await startEmp(["run", "--bind", "127.0.0.1:*", ...args]).exits()
      assert.match(stderr, text)
      assert.strictEqual(code, 2)
    }
  })

  it("passes on what is wrong from the start, and does not try again", async () => {
    for (
      const [args, code, text] of [
        [["--service", "test/fixtures/services.ts#failing"], 1, /the disk is full/],
        [["--monitor-timeout", "0"], 2, /is not a number of seconds above zero/],
        [["--bind", "192.0.2.1:1"], 1, /does not have the address/]
      ] as const
    ) {
      const ended = await startEmp(["run", "--bind", "127.0.0.1:*", ...args]).exits()
      assert.strictEqual(ended.code, code, ended.stderr)
      assert.match(ended.stderr, text)
      assert.notInclude(ended.stderr, "the node ended")
    }
  })

  it("restarts the node when the source of a service changes, with --watch", async () => {
    const folder = makeFolderInside()
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
    // A mistake, until it is corrected: then there is nothing to wait for any more.
    writeFileSync(file, source("\""))
    await watchdog.sees(/it is started again in 1600 ms/)
    await watchdog.sees(/it is started again in 3200 ms/)
    writeFileSync(file, source("three"))
    await watchdog.sees(/it says three[^]*is ready/)
    // It was not waited for any longer: delays begin anew.
    writeFileSync(file, source("\""))
    await watchdog.sees(/in 3200 ms[^]*it is started again in 100 ms/)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })
})
