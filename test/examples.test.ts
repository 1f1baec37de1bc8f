import { assert, describe, it } from "@effect/vitest"
import { eventually, type Process, start, startNode } from "./processes.ts"
import { onlyFull } from "./size.ts"

describe("the examples", () => {
  it("simple.ts gets its message and sees the port end", async () => {
    const { code, stderr, stdout } = await start(["examples/simple.ts"]).exits()
    assert.strictEqual(stdout, "got message: 123\nthe port ended: Success\n", stderr)
    assert.strictEqual(code, 0)
  })

  it("sender.ts reaches every receiver.ts, again and again, and notices when one of them is gone", async () => {
    const receiver = ["--service", "examples/receiver.ts"]
    const { address, node: seed } = await startNode("seed")
    const [{ node: first }, { node: second }, { node: sender }] = await Promise.all([
      startNode("receiver1", ["--seed", address, ...receiver]),
      startNode("receiver2", ["--seed", address, ...receiver]),
      startNode("anon/", ["--seed", address, "--service", "examples/sender.ts"])
    ])
    await first.sees(/^receiver1 got: \d{10}$/m)
    await second.sees(/^receiver2 got: \d{10}$/m)
    await second.end("SIGKILL")
    await sender.sees(/^receiver receiver2#\S+ is gone$/m)
    const before = first.stdout.length
    await first.sees(new RegExp(`^[^]{${before},}receiver1 got: `))
    assert.notInclude(sender.stdout, "receiver1#")
    assert.notInclude(seed.stdout, "got:")
  })

  it("failover.ts answers again from another node when its node was killed under load", async () => {
    const service = ["--service", "examples/failover.ts"]
    const { address, node: seed } = await startNode("seed")
    const nodes = new Map<string, Process>()
    for (const id of ["a", "b", "c"]) {
      nodes.set(id, (await startNode(id, ["--seed", address, ...service])).node)
    }
    const { node: caller } = await startNode("anon/", ["--seed", address, "--service", "examples/failover.ts#caller"])
    await caller.sees(/^a answers$/m)
    for (const [from, to] of [["a", "b"], ["b", "c"]] as const) {
      await nodes.get(from)!.end("SIGKILL")
      await caller.sees(new RegExp(`^${to} answers, \\d+ ms after ${from} did$`, "m"))
    }
    await seed.end("SIGTERM")
  })

  for (
    const [what, server, client] of [
      ["chat-server.ts and chat-client.ts", "chat-server.ts", "chat-client.ts"],
      ...onlyFull([["chat-bridge.ts", "chat-bridge.ts#server", "chat-bridge.ts#client"] as const])
    ] as const
  ) {
    it(`${what} relay what is said, tell who comes and goes, and find each other again`, async () => {
      const service = ["--service", `examples/${server}`]
      const { address, node: seed } = await startNode("seed", service)
      const join = (nick: string) => startNode(nick, ["--seed", address, "--service", `examples/${client}`])
      const { node: alice } = await join("alice")
      await alice.sees(/^alice \(joins\)$/m)
      const { node: bob } = await join("bob")
      await alice.sees(/^bob \(joins\)$/m)
      bob.child.stdin!.write("hello\n")
      await alice.sees(/^bob: hello$/m)
      alice.child.stdin!.write("hello, bob\nhow are you?\n")
      await bob.sees(/^alice: hello, bob\nalice: how are you\?$/m)
      const { node: carol } = await join("carol")
      await bob.sees(/^carol \(joins\)$/m)
      await carol.end("SIGKILL")
      await bob.sees(/^carol \(quits, transport_error carol .+\)$/m)
      await bob.end("SIGTERM")
      await alice.sees(/^bob \(quits, .*\)$/m)
      await seed.sees(/^relaying: alice: how are you\?$/m)
      await seed.end("SIGKILL")
      await alice.sees(/^disconnected transport_error seed .+$/m)
      const { node: again } = await startNode("seed", ["--bind", address, ...service])
      await alice.sees(/^disconnected [^]*^alice \(joins\)$/m)
      alice.child.stdin!.write("here I am\n")
      await again.sees(/^relaying: alice: here I am$/m)
    })
  }

  it("chat-server.ts comes back when it crashes, and its clients join it again", async () => {
    const { address } = await startNode("seed", ["--service", "examples/chat-server.ts"])
    const join = (nick: string) => startNode(nick, ["--seed", address, "--service", "examples/chat-client.ts"])
    const { node: alice } = await join("alice")
    await alice.sees(/^alice \(joins\)$/m)
    const { node: bob } = await join("bob")
    await alice.sees(/^bob \(joins\)$/m)
    bob.child.stdin!.write("/crash\n")
    // Whoever comes first sees the other one join; each of them is told of itself in any case.
    for (const [node, nick] of [[alice, "alice"], [bob, "bob"]] as const) {
      await node.sees(new RegExp(`^${nick} .joins.$[^]*^disconnected die .*$[^]*^${nick} .joins.$`, "m"))
    }
    bob.child.stdin!.write("still there?\n")
    await alice.sees(/^bob: still there\?$/m)
  })

  it("job-pool.ts does or drops every job, those too that a worker has in hand when it is killed", async () => {
    const service = "examples/job-pool.ts"
    const { address, node: pool } = await startNode("pool", ["--service", service])
    const startWorker = async (nodeId: string) =>
      (await startNode(nodeId, ["--seed", address, "--service", `${service}#worker`])).node
    const one = await startWorker("one")
    await startWorker("two")
    const jobs: Array<string> = []
    const ask = (...more: ReadonlyArray<string>) => {
      jobs.push(...more)
      pool.child.stdin!.write(`${more.join("\n")}\n`)
    }
    /** By job, where it has been so far, or what has become of it. */
    const latest = () =>
      new Map(Array.from(pool.stdout.matchAll(/^(\w+): (.+)$/gm), ([, job = "", what = ""]) => [job, what]))
    const whichAre = (what: RegExp) => jobs.filter((job) => what.test(latest().get(job) ?? ""))

    // Somebody who just presses Enter asks for nothing.
    pool.child.stdin!.write("\n")
    ask("poison", ...Array.from({ length: 10 }, (_, n) => `early${n}`))
    await pool.sees(/^\w+: to one$/m)
    // It answers no more, so in the end it has all that may be under way.
    one.child.kill("SIGSTOP")
    ask(...Array.from({ length: 30 }, (_, n) => `late${n}`))
    await eventually("it has four jobs in hand", () => whichAre(/^to one$/).length === 4)
    const inHand = whichAre(/^to one$/)
    await one.end("SIGKILL")

    const isOver = /^(done|dropped), /
    await eventually("all jobs are over", () => whichAre(isOver).length === jobs.length)
    for (const job of inHand) assert.match(pool.stdout, new RegExp(`^${job}: to one$[^]*^${job}: to two$`, "m"))
    assert.isAbove(whichAre(/^done, /).length, jobs.length / 2)
    assert.match(latest().get("poison") ?? "", /^dropped, .+/)
    assert.lengthOf(pool.stdout.match(/^\w+: (done|dropped), /gm) ?? [], jobs.length)
  })
})
