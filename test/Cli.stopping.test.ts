/**
 * `emp drain`, `emp stop`, `emp restart`, and signals: real processes that stop in order while they are asked.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onTestFinished } from "vitest"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { startEmp, startNode } from "./processes.ts"
import { itLong } from "./size.ts"
import { gone, talk } from "./watched.ts"

const service = ["--service", "test/fixtures/draining.ts"]

/** Asks the members of the group without a pause, until it is over: whatever is not answered fails it. */
const load = (seed: string, members: number) => {
  const over = new AbortController()
  let answered = 0
  const ask = (slow: Global.Group, who: number) =>
    Effect.gen(function*() {
      for (let n = who; !over.signal.aborted; n += 10) {
        const twice = yield* slow.call((member) => Port.cal(member, "double", n, 5 + n % 50), { choose: "round-robin" })
        assert.strictEqual(twice, 2 * n)
        answered++
      }
    })
  let began = (): void => {}
  const hasBegun = new Promise<void>((resolve) => began = resolve)
  const program = Effect.gen(function*() {
    const slow = yield* Global.group("slow")
    yield* slow.awaitMembers(members)
    began()
    yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (who) => ask(slow, who), { concurrency: "unbounded" })
    return answered
  })
  const node = Layer.provideMerge(
    Global.layer({ seeds: [seed] }),
    Layer.provide(Node.layer({ nodeId: "client", secret: "swordfish", binds: [] }), Transport.layerTcp)
  )
  const done = Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(node)))
  onTestFinished(() => over.abort())
  return {
    begun: Promise.race([hasBegun, done]),
    /** Ends the load, and answers how much was answered: fails if anything was not. */
    end: async () => {
      over.abort()
      return await done
    },
    get answered() {
      return answered
    }
  }
}

const watched = async (nodeId: string, seed: string, services: ReadonlyArray<string> = service) => {
  const worker = startEmp(["run", "--bind", "127.0.0.1:*", "--node-id", nodeId, "--seed", seed, ...services])
  await worker.sees(/is ready/)
  return worker
}

describe("a node that is stopped in order", () => {
  it("by a signal answers what it was asked, and nobody's call fails", async () => {
    const { address } = await startNode("seed")
    const [one] = await Promise.all([
      startNode("one", ["--seed", address, ...service]),
      startNode("two", ["--seed", address, ...service])
    ])
    const calls = load(address, 2)
    await calls.begun
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { code } = await one.node.end("SIGTERM")
    assert.strictEqual(code, 0)
    assert.isAbove(await calls.end(), 0)
  })

  it("by emp restart is back before the next one is restarted, and nobody's call fails", async () => {
    const { address } = await startNode("seed")
    const names = ["one", "two", "three"]
    await Promise.all(names.map((name) => watched(name, address)))
    const calls = load(address, 3)
    await calls.begun
    // Three nodes after each other, each with two processes to start: that takes a busy machine a while.
    const { code, stderr, stdout } = await startEmp(["restart", ...names, "--seed", address]).exits()
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, names.map((name) => `node ${name} has restarted\n`).join(""))
    const before = calls.answered
    assert.isAbove(await calls.end(), before)
  })

  itLong("may take longer than an answer, one node after the other", async () => {
    const { address } = await startNode("seed")
    const slow = ["--service", "test/fixtures/services.ts#unhurried"]
    await Promise.all(["one", "two"].map((name) => watched(name, address, slow)))
    const { code, stderr, stdout } = await startEmp(["stop", "one", "two", "--seed", address]).exits()
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "node one has stopped\nnode two has stopped\n")
  })

  it("by emp stop is gone, and its watchdog with it", async () => {
    const { address } = await startNode("seed")
    const worker = await watched("worker", address)
    const { code, stderr, stdout } = await talk(address, "stop", "worker")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "node worker has stopped\n")
    assert.strictEqual((await worker.exits()).code, 0)
    await gone(worker.pid)
  })

  it("by emp drain runs on, and takes no more calls", async () => {
    const { address } = await startNode("seed")
    await startNode("worker", ["--seed", address, ...service])
    const port = (await talk(address, "find", "slow")).stdout.trim()
    const { code, stderr, stdout } = await talk(address, "drain", "worker")
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "node worker has drained\n")
    const again = await talk(address, "drain", "worker", "--json")
    assert.strictEqual(again.stderr, "")
    assert.deepInclude(JSON.parse(again.stdout), { node: "worker", state: "drained" })
    assert.strictEqual((await talk(address, "find", "slow")).code, 1)
    const late = await talk(address, "cal", port, "double", "21", "0")
    assert.strictEqual(late.code, 1)
    assert.include(late.stderr, "is about to stop, and takes no new calls")
    const status = JSON.parse((await talk(address, "status", "worker", "--json")).stdout)
    assert.include(status, { ready: false, draining: true, drained: true })
  })
})

describe("what cannot be done", () => {
  it("is said, with the node, and the others are left alone", async () => {
    const { address } = await startNode("seed")
    const another = await watched("another", address)
    const { code, stderr } = await talk(address, "restart", "seed", "another")
    assert.strictEqual(code, 1)
    assert.include(stderr, "node seed has no watchdog that would start it again")
    assert.include(stderr, "left alone: another")
    // Nor is anything begun where the last one does not exist.
    for (const verb of ["drain", "restart", "stop"]) {
      const misspelled = await talk(address, verb, "another", "anotehr")
      assert.strictEqual(misspelled.code, 1)
      assert.strictEqual(misspelled.stderr, "emp: left alone: another, anotehr\nemp: no such node: anotehr\n")
    }
    assert.notInclude(another.stderr, "asks this one")
  })
})
