/** A failover service with voters: where it runs when the network falls apart, when it stops, and what is known of that. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Global, Port, Supervisor } from "../src/index.ts"
import * as TestNetwork from "../src/TestNetwork.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs } from "./harness.ts"
import { seeds } from "./size.ts"

type Stage = TestNetwork.TestNetwork | Transport.MemoryNetwork | Transport.Transport | Scope.Scope

const test = (title: string, body: (logs: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, Stage>): void =>
  it.live(title, () => {
    const { layer, lines } = makeLogs()
    return Effect.suspend(() => body(lines)).pipe(
      Effect.scoped,
      Effect.provide(TestNetwork.layer),
      Effect.provide(layer)
    )
  })

const voters = ["a", "b", "c"]
const times = { lease: "6 seconds", grace: "2 seconds" } as const

/** A run of the service: when it began, and when nothing of it was left. */
interface Run {
  readonly node: string
  readonly token: number
  readonly from: number
  to: number | undefined
}

/** Nodes that may take part in a service, which notes when it runs where. */
const makeParty = (
  options: Partial<Supervisor.FailoverOptions> = {},
  stopping: (node: string) => Effect.Effect<unknown> = () => Effect.void
) => {
  const runs: Array<Run> = []
  const parts = new Map<string, Supervisor.Failover>()
  const nodes = new Map<string, TestNetwork.TestNode>()
  const now = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)
  const service = (node: string) =>
    Effect.gen(function*() {
      const run: Run = { node, token: (yield* Supervisor.FencingToken) ?? 0, from: yield* now, to: undefined }
      const over = Effect.map(now, (time) => void (run.to ??= time))
      yield* Effect.acquireRelease(
        Effect.sync(() => runs.push(run)),
        () => Effect.andThen(stopping(node), over)
      )
      return yield* Port.make({
        where: (reply) => Port.snd(reply, node),
        crash: () => Effect.fail("boom"),
        long: () => Effect.sleep("1 hour")
      })
    })
  const add = (nodeId: string) =>
    Effect.map(
      TestNetwork.start(nodeId, { monitorTimeout: "1 minute", connectInterval: "1 second" }),
      (node) => void nodes.set(nodeId, node)
    )
  const takePart = Effect.fnUntraced(function*(nodeId: string, own: Partial<Supervisor.FailoverOptions> = {}) {
    const all = { name: "greeter", nodes: ["a", "b", "c"], voters, ...times, ...options, ...own }
    parts.set(nodeId, yield* nodes.get(nodeId)!.run(Supervisor.failover(service(nodeId), all)))
  })
  const join = (nodeId: string) => Effect.andThen(add(nodeId), takePart(nodeId))
  const joinAll = Effect.forEach(["a", "b", "c"], join)
  /** What a process runs that dies is over with it, whatever happens behind the scenes. */
  const die = (nodeId: string, how: "kill" | "vanish") =>
    Effect.gen(function*() {
      const time = yield* now
      for (const run of runs) if (run.node === nodeId) run.to ??= time
      yield* nodes.get(nodeId)![how]
    })
  const running = () => runs.filter(({ to }) => to === undefined).map(({ node }) => node).toSorted().join()
  const runsOn = (where: string) =>
    Effect.andThen(TestNetwork.until(`it runs on ${where || "no node"}`, () => running() === where), now)
  /** Whether each run was over before the next one began. */
  const neverTwice = () =>
    runs.every(({ to, token }, at) => {
      const next = runs[at + 1]
      return next === undefined || to !== undefined && to <= next.from && token <= next.token
    })
  return { add, die, join, joinAll, nodes, now, parts, running, runs, runsOn, neverTwice, takePart }
}

type Party = ReturnType<typeof makeParty>

/** Voters that do not take part. */
const others = ["x", "y", "z"]

const addVoter = (id: string) =>
  Effect.flatMap(
    TestNetwork.start(id, { monitorTimeout: "1 minute" }),
    ({ run }) => run(Global.locks({ name: "failover greeter", voters: others, ...times }))
  )

const heal = Effect.flatMap(Transport.MemoryNetwork, (network) => network.heal({ from: "*", to: "*" }))

describe("a failover service with voters", () => {
  test("runs on the first node, as soon as the voters have been there for a lease", (logs) =>
    Effect.gen(function*() {
      const { joinAll, nodes, parts, running, runs, runsOn } = makeParty()
      yield* joinAll
      const from = yield* runsOn("a")
      assert.isTrue(from >= 6_000 && from < 8_000, `after ${from} ms`)
      assert.strictEqual(yield* nodes.get("c")!.run(Port.cal(parts.get("c")!.address, "where")), "a")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([running(), runs.length], ["a", 1])
      const waiting = logs.filter((line) => line.includes("waits for its lease"))
      assert.strictEqual(waiting.length, 1)
      assert.match(waiting[0]!, /on a, and waits for its lease: its voters a, b, c have just started, .* first 6s/)
    }))

  test("moves at once when its node stops in order, after the grace when it is killed, after the lease when it is silent", () =>
    Effect.gen(function*() {
      const { die, join, joinAll, neverTwice, nodes, now, runs, runsOn } = makeParty({ voters: others })
      yield* Effect.forEach(others, addVoter)
      yield* joinAll
      yield* runsOn("a")
      yield* nodes.get("a")!.stop
      const stopped = yield* now
      const onB = yield* runsOn("b")
      assert.isBelow(onB - stopped, 1_500)
      yield* TestClock.adjust("10 seconds")
      const killed = yield* now
      yield* die("b", "kill")
      const onC = yield* runsOn("c")
      assert.isTrue(onC - killed >= 1_900 && onC - killed < 3_500, `after ${onC - killed} ms`)
      yield* join("a")
      yield* TestClock.adjust("10 seconds")
      const silent = yield* now
      yield* die("c", "vanish")
      const onA = yield* runsOn("a")
      assert.isTrue(onA - silent >= 4_000 && onA - silent < 9_000, `after ${onA - silent} ms`)
      assert.isTrue(neverTwice())
      assert.strictEqual(runs.length, 4)
    }))

  test("stops in the smaller part of a split before it starts in the larger one, and stays there when the network is whole", (logs) =>
    Effect.gen(function*() {
      const { joinAll, neverTwice, now, runs, runsOn } = makeParty()
      yield* joinAll
      yield* runsOn("a")
      yield* TestNetwork.part(["a"], ["b", "c"])
      const parted = yield* now
      const stopped = yield* runsOn("")
      assert.isTrue(stopped - parted < 2_000, `after ${stopped - parted} ms`)
      const started = yield* runsOn("b")
      assert.isTrue(started - parted < 9_000, `after ${started - parted} ms`)
      yield* heal
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(runs.map(({ node, to }) => [node, to !== undefined]), [["a", true], ["b", false]])
      assert.isTrue(neverTwice())
      const runsOut = logs.filter((line) => line.includes("its lease could not be refreshed"))
      assert.match(
        runsOut.join("\n"),
        /^WARN a failover greeter: stops here, on a: its lease could not be refreshed at more than half of its voters a, b, c$/
      )
      assert.deepStrictEqual(logs.filter((line) => line.includes("ran on")), [])
    }))

  test("goes on where it is while a voter is away, and when the links of its node are reset", () =>
    Effect.gen(function*() {
      const { die, joinAll, join, neverTwice, runs, running, runsOn } = makeParty()
      const network = yield* Transport.MemoryNetwork
      yield* joinAll
      yield* runsOn("a")
      yield* die("c", "vanish")
      yield* TestClock.adjust("1 minute")
      for (let i = 0; i < 5; i++) {
        yield* network.reset({ from: "a", to: "*" })
        yield* TestClock.adjust("3 seconds")
      }
      yield* join("c")
      yield* TestClock.adjust("20 seconds")
      yield* die("b", "kill")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "a")
      assert.strictEqual(runs.length, 1)
      assert.isTrue(neverTwice())
    }))

  test("stops when a majority of the voters has gone, and starts again when there is one", () =>
    Effect.gen(function*() {
      const { die, joinAll, join, neverTwice, now, running, runs, runsOn } = makeParty()
      yield* joinAll
      yield* runsOn("a")
      yield* Effect.all([die("b", "kill"), die("c", "kill")])
      const gone = yield* now
      const stopped = yield* runsOn("")
      assert.isBelow(stopped - gone, 2_000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running(), "")
      yield* join("b")
      const back = yield* now
      const started = yield* runsOn("a")
      assert.isTrue(started - back >= 5_900 && started - back < 8_000, `after ${started - back} ms`)
      assert.isTrue(neverTwice())
      assert.isAbove(runs[1]!.token, runs[0]!.token)
    }))

  test("runs nowhere without a majority, and each node that it is to run on says so once", (logs) =>
    Effect.gen(function*() {
      const { join, parts, running, runsOn } = makeParty()
      yield* join("b")
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(running(), "")
      assert.strictEqual(yield* parts.get("b")!.where, undefined)
      const said = logs.filter((line) => line.includes("waits for its lease"))
      assert.strictEqual(said.length, 1)
      assert.match(said[0]!, /no majority of the voters a, b, c answers; out of reach: a, c/)
      yield* join("c")
      yield* runsOn("b")
    }))

  test("runs on another node than the first when that one reaches no majority of the voters", () =>
    Effect.gen(function*() {
      const { join, neverTwice, parts, running, runsOn } = makeParty({ voters: others, nodes: ["a", "b"] })
      yield* Effect.forEach(others, addVoter)
      yield* TestNetwork.part(["a"], ["x", "y"])
      yield* Effect.forEach(["a", "b"], join)
      yield* runsOn("b")
      assert.strictEqual(yield* parts.get("a")!.where, "b")
      yield* heal
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(running(), "b")
      yield* TestNetwork.part(["b"], ["x", "y"])
      yield* runsOn("a")
      assert.isTrue(neverTwice())
    }))

  test("does not start where other nodes are out of sight while its node has the lease", () =>
    Effect.gen(function*() {
      const { join, neverTwice, runs, running, runsOn } = makeParty({ voters: others, nodes: ["a", "b"] })
      yield* Effect.forEach(others, addVoter)
      yield* Effect.forEach(["a", "b"], join)
      yield* runsOn("a")
      yield* TestNetwork.part(["a"], ["b"])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(running(), "a")
      yield* heal
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(runs.length, 1)
      assert.isTrue(neverTwice())
    }))

  test("moves back to the preferred node, and never runs twice for that, however long it takes to stop", () =>
    Effect.gen(function*() {
      const slow = (node: string) => node === "a" ? Effect.sleep("40 seconds") : Effect.void
      const { join, neverTwice, now, parts, running, runs, runsOn } = makeParty(
        { prefer: "c", shutdown: "1 second" },
        slow
      )
      yield* Effect.forEach(["a", "b"], join)
      yield* runsOn("a")
      yield* join("c")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "a")
      yield* runsOn("c")
      assert.isTrue(neverTwice())
      assert.isBelow((yield* now) - (runs[0]?.to ?? 0), 2_000)
      assert.strictEqual(yield* parts.get("b")!.where, "c")
    }))

  test("is held until nothing of it is left when its part is stopped", () =>
    Effect.gen(function*() {
      const slow = (node: string) => node === "a" ? Effect.sleep("40 seconds") : Effect.void
      const { joinAll, neverTwice, parts, running, runsOn } = makeParty({ shutdown: "1 second" }, slow)
      yield* joinAll
      yield* runsOn("a")
      yield* parts.get("a")!.stop.pipe(TestNetwork.within("3 seconds"))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "a")
      yield* runsOn("b")
      assert.isTrue(neverTwice())
    }))

  const ways = [
    ["stops", ({ parts }: Party) => parts.get("a")!.stop.pipe(TestNetwork.within("3 seconds"))],
    ["stops without having stopped its part", () => Effect.void]
  ] as const
  for (const [how, before] of ways) {
    test(`is not started elsewhere before the grace is over when its node ${how}, and it takes longer than that`, () =>
      Effect.gen(function*() {
        const slow = (node: string) => node === "a" ? Effect.sleep("40 seconds") : Effect.void
        const party = makeParty({ shutdown: "1 second" }, slow)
        const { joinAll, neverTwice, nodes, now, running, runs, runsOn } = party
        yield* joinAll
        yield* runsOn("a")
        yield* before(party)
        yield* nodes.get("a")!.stop
        yield* TestClock.adjust("1800 millis")
        assert.strictEqual(running(), "a")
        // Its process has ended, some time after its node.
        const ended = runs[0]!.to = yield* now
        assert.isBelow((yield* runsOn("b")) - ended, 2_000)
        assert.isTrue(neverTwice())
      }))
  }

  test("is interrupted in the middle of a message when its lease runs out, whatever its time to stop", () =>
    Effect.gen(function*() {
      const { joinAll, neverTwice, nodes, now, parts, runsOn } = makeParty({ shutdown: "infinity" })
      yield* joinAll
      yield* runsOn("a")
      yield* nodes.get("a")!.run(Port.snd(yield* parts.get("a")!.port, "long"))
      yield* TestNetwork.part(["a"], ["b", "c"])
      const parted = yield* now
      const stopped = yield* runsOn("")
      assert.isBelow(stopped - parted, 2_000)
      yield* runsOn("b")
      assert.isTrue(neverTwice())
      yield* heal
    }))

  test("is interrupted in the middle of a message when its lease runs out while its part is being stopped", () =>
    Effect.gen(function*() {
      const { joinAll, neverTwice, nodes, now, parts, running, runsOn } = makeParty({ shutdown: "infinity" })
      yield* joinAll
      yield* runsOn("a")
      yield* nodes.get("a")!.run(Port.snd(yield* parts.get("a")!.port, "long"))
      yield* Effect.forkScoped(parts.get("a")!.stop)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "a")
      yield* TestNetwork.part(["a"], ["b", "c"])
      const parted = yield* now
      const stopped = yield* runsOn("")
      assert.isBelow(stopped - parted, 2_000)
      yield* runsOn("b")
      assert.isTrue(neverTwice())
      yield* heal
    }))

  test("says so when it ignores that it is interrupted, and starts on no node that sees it still run", (logs) =>
    Effect.gen(function*() {
      let stuckFor = 40_000
      const { joinAll, neverTwice, parts, running, runs, runsOn } = makeParty({}, () => Effect.sleep(stuckFor))
      yield* joinAll
      yield* runsOn("a")
      yield* TestNetwork.part(["a"], ["b", "c"])
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(running(), "a")
      stuckFor = 0
      const said = logs.filter((line) => line.startsWith("ERROR"))
      assert.match(said.join("\n"), /^ERROR a failover greeter: still runs here, on a, though its lease is over/)
      yield* heal
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "a")
      assert.strictEqual(yield* parts.get("c")!.where, undefined)
      yield* TestNetwork.until("it runs again", () => runs.length === 2)
      assert.isTrue(neverTwice())
    }))

  test("stays where the lease is when a node is met again on which it has not stopped in time", (logs) =>
    Effect.gen(function*() {
      let stuckFor = 40_000
      const { joinAll, running, runs, runsOn } = makeParty({}, () => Effect.sleep(stuckFor))
      yield* joinAll
      yield* runsOn("a")
      yield* TestNetwork.part(["a"], ["b", "c"])
      yield* runsOn("a,b")
      stuckFor = 0
      yield* heal
      yield* runsOn("b")
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([running(), runs.length], ["b", 2])
      assert.deepStrictEqual(logs.filter((line) => line.includes("ran on")), [])
    }))

  test("takes no part any more when it is stopped while it waits", () =>
    Effect.gen(function*() {
      const { join, parts, running, takePart } = makeParty()
      yield* join("a")
      yield* TestClock.adjust("10 seconds")
      yield* parts.get("a")!.stop.pipe(TestNetwork.within("3 seconds"))
      yield* Effect.forEach(["b", "c"], join)
      yield* TestNetwork.until("it runs on b", () => running() === "b")
      yield* takePart("a")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "b")
    }))

  test("is restarted where it is when it crashes, by the same lease", () =>
    Effect.gen(function*() {
      const { joinAll, neverTwice, nodes, parts, runs, runsOn } = makeParty({
        intensity: 3,
        schedule: Schedule.spaced("1 second")
      })
      yield* joinAll
      yield* runsOn("a")
      yield* nodes.get("b")!.run(Port.snd(yield* parts.get("b")!.port, "crash"))
      yield* TestNetwork.until("another run", () => runs.length === 2)
      assert.deepStrictEqual(runs.map(({ node }) => node), ["a", "a"])
      assert.strictEqual(runs[0]!.token, runs[1]!.token)
      assert.isTrue(neverTwice())
    }))

  test("moves when it cannot be kept alive, and the part that has given up rests", () =>
    Effect.gen(function*() {
      const { joinAll, neverTwice, nodes, parts, runs, runsOn, takePart, running } = makeParty({ intensity: 0 })
      yield* joinAll
      yield* runsOn("a")
      yield* nodes.get("b")!.run(Port.snd(yield* parts.get("b")!.port, "crash"))
      yield* runsOn("b")
      yield* takePart("a")
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(running(), "b")
      assert.strictEqual(runs.length, 2)
      assert.isTrue(neverTwice())
    }))

  test("is warned of by nodes that were given other voters", (logs) =>
    Effect.gen(function*() {
      const { add, takePart } = makeParty()
      yield* Effect.forEach(["a", "b"], add)
      yield* takePart("a")
      yield* takePart("b", { voters: ["b"] })
      yield* TestNetwork.settle
      const said = logs.filter((line) => line.includes("which have other voters"))
      assert.match(said.join("\n"), /on a and b at once, .*here a, b, c, for 6s and 2s; there b, for 6s and 2s/)
      assert.match(said.join("\n"), /on b and a at once/)
    }))

  for (
    const [what, options, field] of [
      ["an even number of voters", { voters: ["a", "b"] }, "voters"],
      ["no voters in a list", { voters: [] }, "voters"],
      ["a voter named twice", { voters: ["a", "a", "b"] }, "voters"],
      ["a voter that is no node ID", { voters: ["a#b"] }, "voters"],
      ["a lease that is no time", { lease: Number.NaN }, "lease"],
      ["a grace longer than the lease", { grace: "1 minute" }, "grace"],
      ["a lease without voters", { voters: undefined, grace: undefined }, "lease"],
      ["a grace without voters", { voters: undefined, lease: undefined }, "grace"],
      ["a name that no table may have", { name: "x".repeat(101) }, "name"]
    ] as const
  ) {
    test(`is refused with ${what}`, () =>
      Effect.gen(function*() {
        const { join } = makeParty(options)
        const error = yield* Effect.flip(join("a"))
        assert.strictEqual(error._tag === "InvalidSpec" && error.field, field)
      }))
  }
})

/** Faults one after the other, drawn by chance. */
const shake = Effect.fnUntraced(function*({ die, join }: ReturnType<typeof makeParty>, times: number) {
  const network = yield* Transport.MemoryNetwork
  const pick = (all: ReadonlyArray<string>) => Effect.map(Random.nextIntBetween(0, all.length), (at) => all[at] ?? "a")
  const down = new Set<string>()
  for (let i = 0; i < times; i++) {
    const node = yield* pick(voters)
    const fault = yield* pick(["part", "part", "one way", "heal", "heal", "reset", "kill", "vanish"])
    const far = yield* pick(voters.filter((other) => other !== node))
    if (fault === "part") yield* TestNetwork.part([node], voters.filter((other) => other !== node))
    else if (fault === "one way") yield* network.cut({ from: node, to: far })
    else if (fault === "heal") yield* heal
    else if (fault === "reset") yield* network.reset({ from: node, to: far })
    else if (down.size === 0) {
      down.add(node)
      yield* die(node, fault === "kill" ? "kill" : "vanish")
    }
    yield* TestClock.adjust(yield* Random.nextIntBetween(1, 6_000))
    for (const gone of down) {
      if (yield* Random.nextBoolean) {
        down.delete(gone)
        yield* join(gone)
      }
    }
  }
  yield* heal
  yield* Effect.forEach(down, join)
})

describe("whatever happens to nodes and links", () => {
  for (const seed of seeds(2, 200)) {
    test(`a service with voters never runs twice, and runs when all is well again: seed ${seed}`, () =>
      Effect.gen(function*() {
        const prefer = seed % 2 === 0 ? "b" : undefined
        // The clock stands still when the test is over.
        let pause = seed % 3 * 100
        const party = makeParty({ prefer, intensity: 1_000 }, () => Effect.sleep(pause))
        yield* party.joinAll
        yield* shake(party, 30)
        yield* TestNetwork.until("it runs", () => party.running() !== "")
        yield* TestClock.adjust("1 minute")
        pause = 0
        assert.isTrue(party.neverTwice(), JSON.stringify(party.runs))
        assert.match(party.running(), prefer === undefined ? /^[abc]$/ : /^b$/)
      }).pipe(Random.withSeed(seed)))
  }
})
