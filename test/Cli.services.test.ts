/**
 * The services of `emp run`: what becomes of those that fail, and of their node.
 */
import { assert, describe, it } from "@effect/vitest"
import { nthWorker, ports, startWatched, talk } from "./watched.ts"

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

  it("end their node when that does not help, and the watchdog starts another one", async () => {
    const { watchdog, worker } = await startWatched([], "test/fixtures/services.ts#wearingOut")
    const next = await nthWorker(watchdog, 4)
    assert.notStrictEqual(next, worker)
    for (let nth = 1; nth <= 3; nth++) assert.strictEqual(await nthWorker(watchdog, nth), worker)
    assert.match(watchdog.stderr, /^emp: service \S+#wearingOut: ended: worn out$/m)
    assert.match(watchdog.stderr, /the node ended with exit code 1; it is started again in 100 ms/)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  }, 40_000)
})
