/**
 * The commands that talk to a network, as they are typed, against nodes that `emp run` runs.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as TestConsole from "effect/testing/TestConsole"
import { spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { command } from "../src/Cli.ts"
import { version } from "../src/internal/values/version.ts"
import { empHere } from "./empHere.ts"
import { emp, type Ended, eventually, Process } from "./processes.ts"
import { conversation, opening, ownKind, type RawPeer } from "./rawPeer.ts"

const home = mkdtempSync(join(tmpdir(), "emp-talk-"))
const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: "/dev/null", HOME: home }
const nodes: Array<Process> = []
let seed = ""
let echo = ""

const begin = (args: ReadonlyArray<string>, more: Record<string, string> = {}): Process => {
  const started = new Process([emp, ...args], { ...env, ...more })
  nodes.push(started)
  return started
}

/** A command of one go. */
const run = (...args: ReadonlyArray<string>): Promise<Ended> => empHere([...args, "--seed", seed], env)

/** What a command prints that succeeds. */
const printed = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await run(...args)
  assert.strictEqual(code, 0, stderr)
  return stdout
}

/** What a command says that fails with this exit code. */
const refused = async (exitCode: number, ...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await run(...args)
  assert.strictEqual(code, exitCode, stdout + stderr)
  return stderr
}

/** A node of another make, which every command can have for its seed, with an answer for each request. */
const strangeSeed = async (
  nodeId: string,
  keys: string,
  answers: Record<string, (peer: RawPeer, ...args: ReadonlyArray<unknown>) => void> = {}
) => {
  const peers: Array<RawPeer> = []
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    const peer = conversation(socket, nodeId)
    let seen = 0
    peers.push(peer)
    peer.write(opening(nodeId, "swordfish", keys))
    socket.on("data", () => {
      for (const [port, name, ...args] of peer.packets.slice(seen)) {
        // What every command asks for.
        if (name === "g_db_keys") peer.send(["", "g_reply", args[1], [nodeId]])
        else if (name === "g_db_family") peer.send(["", "g_reply", args[1], { [nodeId]: [address] }])
        else if (port === "") answers[String(name)]?.(peer, ...args)
      }
      seen = peer.packets.length
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  return {
    address,
    run: (...args: ReadonlyArray<string>) => empHere([...args, "--seed", address], env),
    packets: () => peers.flatMap(({ packets }) => packets),
    [Symbol.dispose]: () => {
      server.close()
      for (const { socket } of peers) socket.destroy()
    }
  }
}

beforeAll(async () => {
  const first = begin(["run", "--no-watchdog", "--node-id", "seed", "--bind", "127.0.0.1:*", "--allow-eval"], {
    EMP_TRACE: "1"
  })
  seed = (await first.sees(/is ready, listening on (\S+)/))[1]!
  const service = ["--service", "test/fixtures/services.ts#lively"]
  const second = begin([
    "run",
    "--no-watchdog",
    "--node-id",
    "worker",
    "--bind",
    "127.0.0.1:*",
    "--seed",
    seed,
    ...service
  ])
  await second.sees(/is ready/)
  for (let n = 0; n < 50 && echo === ""; n++) {
    echo = (await run("find", "lively")).stdout.trim()
  }
})

afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]()
  rmSync(home, { recursive: true })
})

describe("emp snd and emp cal", () => {
  it("tell a port that refuses a message from one that ends of it", async () => {
    const service = ["--service", "test/fixtures/services.ts#strict"]
    await using node = begin([
      "run",
      "--no-watchdog",
      "--node-id",
      "strict",
      "--bind",
      "127.0.0.1:*",
      "--seed",
      seed,
      ...service
    ])
    await node.sees(/is ready/)
    const port = (await printed("find", "strict")).trim()
    assert.match(
      await refused(1, "cal", port, "double", "two"),
      /^emp: strict#\S+ refused the message: invalid_message: /
    )
    assert.strictEqual(await printed("cal", port, "\"double\"", "21", "--json-args"), "42\n")
  })

  it("call a port, and show the reply", async () => {
    assert.strictEqual(
      await printed("cal", echo, "echo", "hello", "[1, {\"a\": null}]", "\"quoted\""),
      "echoed hello [1,{\"a\":null}] quoted\n"
    )
    assert.strictEqual(await printed("cal", echo, "echo", "5", "--json"), "[\"echoed\",\"5\"]\n")
    assert.match(await printed("cal", "seed", "time"), /^\d+\.?\d*\n$/)
  })

  it("take all arguments for JSON when they are told so", async () => {
    assert.strictEqual(
      await printed("cal", echo, "\"echo\"", "5", "true", "null", "--json-args", "--json"),
      "[\"echoed\",5,true,null]\n"
    )
    assert.include(await refused(2, "snd", echo, "say", "5", "--json-args"), "say is no JSON: line 1, column 1")
  })

  it("have not done their work when they are interrupted before", async () => {
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      const call = begin(["cal", echo, "silent", "--seed", seed, "--timeout", "20"], { EMP_TRACE: "1" })
      await call.sees(/SND \S+ <- \["\w*","silent"/)
      assert.strictEqual((await call.end(signal)).code, code)
    }
  })

  it("say so when what they print is lost", async () => {
    const full = openSync("/dev/full", "w")
    const command = spawn(process.execPath, [emp, "cal", "seed", "time", "--seed", seed], {
      env: { ...process.env, ...env },
      stdio: ["ignore", full, "pipe"]
    })
    let stderr = ""
    command.stderr!.on("data", (chunk) => stderr += String(chunk))
    const code = await new Promise((resolve) => command.on("close", resolve))
    closeSync(full)
    assert.strictEqual(code, 1)
    assert.match(stderr, /^emp: standard output: .*no space left/i)
  })

  it("have brought the message to its node when they end", async () => {
    await printed("snd", echo, "say", "brought")
    await nodes[1]!.sees(/brought/)
  })

  it("say what is wrong: no such port, no such node, no port at all, no JSON, no answer", async () => {
    assert.include(await refused(1, "snd", "worker#nobody", "hi"), "no such port: worker#nobody")
    assert.include(await refused(1, "cal", "worker#nobody", "hi"), "no such port: worker#nobody")
    assert.include(await refused(1, "snd", "nowhere#port", "hi"), "no such node: nowhere")
    assert.include(await refused(2, "cal", "#", "hi"), "neither a port ID nor a node ID")
    assert.include(
      await refused(2, "cal", echo, "[1 2]"),
      "[1 2] is no JSON, though it begins like it: line 1, column 4: expected , or ], found \"2\""
    )
    assert.include(await refused(2, "snd", echo, "{\"a\":"), "column 6: expected a value, found the end")
    assert.include(
      await refused(3, "cal", echo, "silent", "--timeout", "5"),
      `${echo} has not answered (after 5 s)`
    )
    assert.include(await refused(2, "snd"), "port")
  })
})

describe("emp mon", () => {
  it("waits for the end of a port, and shows its reason", async () => {
    const watcher = begin(["mon", echo, "--json", "--seed", seed], { EMP_TRACE: "1" })
    await watcher.sees(/^SND worker <- \["","mon1"/m)
    // The supervisor brings the port back.
    await printed("snd", echo, "crash")
    const { code, stdout } = await watcher.exits()
    assert.deepStrictEqual(JSON.parse(stdout), { port: echo, reason: ["fail", "boom", "boom"] })
    assert.strictEqual(code, 0)
    assert.include(await refused(1, "mon", echo), `no such port: ${echo}`)
    echo = (await printed("find", "lively")).trim()
  })
})

describe("emp find and emp db", () => {
  it("show the members of a group", async () => {
    assert.match(echo, /^worker#\S+$/)
    assert.deepStrictEqual(JSON.parse(await printed("find", "lively", "--json")), [echo])
    assert.include(await refused(1, "find", "nobody"), "nobody is in the group nobody")
  })

  it("read, set and delete keys", async () => {
    assert.strictEqual(await printed("db", "get", "settings"), "limit {\"max\":5}\n")
    assert.strictEqual(await printed("db", "get", "settings", "limit", "--json"), "{\"max\":5}\n")
    await printed("db", "set", "settings", "mode", "fast")
    assert.deepStrictEqual(JSON.parse(await printed("db", "get", "settings", "--json")), {
      limit: { max: 5 },
      mode: "fast"
    })
    await printed("db", "del", "settings", "mode")
    assert.include(await refused(1, "db", "get", "settings", "mode"), "family settings has no key \"mode\"")
    await printed("db", "set", "settings", "on", "[1]", "--node", "worker")
    assert.strictEqual(await printed("db", "get", "settings", "on"), "[1]\n")
    assert.include(
      await refused(1, "db", "del", "settings", "on", "limit"),
      "node seed has not set \"on\", \"limit\" in settings: name the node that has, with --node"
    )
    await printed("db", "del", "settings", "on", "--node", "worker")
    assert.strictEqual(await printed("db", "get", "settings"), "limit {\"max\":5}\n")
    for (const words of [["set", "'l", "k", "v"], ["get", "it's"], ["mon", "5"], ["del", "", "k"]]) {
      assert.include(await refused(2, "db", ...words), "is no family: its name begins with a letter")
    }
    assert.include(await refused(2, "find", "it's"), "\"it's\" is no family")
    assert.include(await refused(2, "db", "set", "settings", "k", "{"), "is no JSON")
    assert.include(await refused(1, "db", "set", "settings", "k", "v", "--node", "nowhere"), "no such node: nowhere")
  })

  it("follow a family", async () => {
    const follower = begin(["db", "mon", "tunes", "--seed", seed], { EMP_TRACE: "1" })
    await follower.sees(/^RCV seed -> \["","g_chg1","tunes"/m)
    await printed("db", "set", "tunes", "a", "[1]")
    await follower.sees(/^\+ a \[1\]$/m)
    await printed("db", "set", "tunes", "a", "[2]")
    await follower.sees(/^~ a \[2\]$/m)
    assert.strictEqual((await begin(["db", "del", "tunes", "a", "--seed", seed]).exits()).code, 0)
    await follower.sees(/^- a$/m)
    assert.strictEqual((await follower.end("SIGINT")).code, 0)
  })

  it("end in peace when nobody reads any more", async () => {
    const follower = begin(["db", "mon", "tunes", "--seed", seed])
    await printed("db", "set", "tunes", "heard", "[1]")
    await follower.sees(/^\+ heard/m)
    follower.child.stdout!.destroy()
    await printed("db", "set", "tunes", "unheard", "[1]")
    const { code, stderr } = await follower.exits()
    assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
  })
})

describe("emp status, top, trace, tree", () => {
  it("show the nodes in 80 columns", async () => {
    const text = await printed("status")
    const lines = text.trimEnd().split("\n")
    assert.match(lines[0]!, /^NODE +UP +LINKS +PORTS +QUEUE +MEMORY +ENTRIES$/)
    assert.match(lines[1]!, /^seed +\S+/)
    assert.match(lines[2]!, /^worker +.* -$/)
    for (const line of lines) assert.isAtMost(line.length, 80)
    const all = JSON.parse(await printed("status", "--json")) as Array<{ nodeId: string; ports: number }>
    assert.deepStrictEqual(all.map(({ nodeId }) => nodeId), ["seed", "worker"])
    assert.isAbove(all[1]!.ports, 2)
  })

  it("show one node with its links and families", async () => {
    const text = await printed("status", "seed")
    assert.match(text, /^node seed, pid \d+, effect-mp \S+ on node \S+, up \d+/)
    assert.match(text, /^worker +up +/m)
    assert.match(text, /^settings +1$/m)
    for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
    assert.include(await refused(1, "status", "nowhere"), "no such node: nowhere")
  })

  it("ask nodes of other kinds for nothing that they do not know", async () => {
    const answer = (peer: RawPeer, [to, ...rest]: ReadonlyArray<unknown>, ...results: ReadonlyArray<unknown>): void =>
      peer.send([String(to).split("#")[1], ...rest, ...results])
    using perl = await strangeSeed("perl", ";provider=AE-2.01", {
      eval: (peer, code, ...prefix) =>
        answer(peer, prefix, "", ...code === "AnyEvent::MP::Kernel::up_nodes" ? ["perl", "emp/command"] : [2, "x"]),
      "AnyEvent::MP::LogCatcher::connect": (peer, version, port, level) =>
        answer(peer, [port], 1795205555.5, "main", "6", `${String(version)} ${String(level)}`)
    })
    const set = await perl.run("db", "set", "a", "b", "c")
    assert.deepStrictEqual([set.code, (await perl.run("db", "del", "a", "b")).code], [1, 1])
    assert.include(
      set.stderr,
      "node perl, the seed that has answered, is of another kind: its entries are set by its own"
    )
    const row = /^NODE +KIND +ROUND TRIP +ADDRESSES\nperl +AnyEvent::MP \(AE-2\.01\) +\S+ ms +127\.0\.0\.1:\d+\n$/
    assert.match((await perl.run("status")).stdout, row)
    assert.match((await perl.run("status", "perl")).stdout, row)
    assert.match((await perl.run("top", "--rounds", "1")).stdout, /^1 nodes/)
    assert.strictEqual((await perl.run("trace")).stdout, "perl\n")
    assert.strictEqual((await perl.run("groups")).stdout, "there are no groups\n")
    assert.include((await perl.run("ps")).stdout, "node perl is of another kind")
    assert.include((await perl.run("tap", "perl#a")).stderr, "node perl is of another kind")
    assert.strictEqual((await perl.run("eval", "perl", "1+1,\"x\"")).stdout, "2 x\n")
    assert.match((await perl.run("ping", "perl", "-c", "2")).stdout, /^2 round trips/m)
    await using follower = begin(["logs", "perl", "--level", "warn", "--seed", perl.address])
    await follower.sees(/^2026-11-20T20:12:35\.500Z NOTE {2}perl: 0 5$/m)
    assert.isFalse(perl.packets().some((packet) => String(packet[1]).startsWith("emp_")))
  })

  it("show of a node that does not say what it is linked to what others say of it", async () => {
    using secure = await strangeSeed("secure", "")
    const link = net.connect(Number(seed.split(":")[1]), "127.0.0.1")
    try {
      const peer = conversation(link, "secure")
      peer.write(opening("secure", "swordfish"))
      peer.send(["", "g_slave", { "'l": { secure: [secure.address] } }])
      await eventually("the seed knows it", () => peer.packets.length > 0)
      const traced = await printed("trace", "seed", "--timeout", "12", "--json")
      assert.deepStrictEqual(JSON.parse(traced), { seed: ["secure", "worker"], worker: ["seed"], secure: ["seed"] })
    } finally {
      link.destroy()
    }
  })

  it("believe no node that speaks for another, or that answers nonsense", async () => {
    const honest = JSON.parse(await printed("status", "seed", "--json")) as Record<string, unknown>
    for (const answer of [honest, { ...honest, nodeId: "liar", uptime: "long" }, "fine", null]) {
      using liar = await strangeSeed("liar", ownKind(30_000), {
        emp_status: (peer, to) => peer.send([String(to).split("#")[1], answer])
      })
      const { code, stderr } = await liar.run("status", "liar")
      assert.include(stderr, "node liar gave an answer that makes no sense")
      assert.strictEqual(code, 1)
      assert.strictEqual((await liar.run("trace")).stdout, "liar\n   does not answer\n")
    }
  })

  it("leave out the nodes of commands, and tell which nodes cannot be asked", async () => {
    const rc = join(home, "mute.json")
    writeFileSync(rc, JSON.stringify({ nodeid: "mute", binds: [] }))
    await using mute = begin(["run", "--no-watchdog", "--seed", seed], { EFFECT_MP_RC: rc })
    await using frozen = begin(["run", "--no-watchdog", "--node-id", "frozen", "--bind", "127.0.0.1:*", "--seed", seed])
    await mute.sees(/is ready/)
    await frozen.sees(/is ready/)
    await using follower = begin(["db", "mon", "settings", "--seed", seed])
    await follower.sees(/^\+ limit/m)
    frozen.child.kill("SIGSTOP")
    const [all, one, watched, traced, links] = await Promise.all([
      run("status", "--timeout", "12"),
      refused(3, "status", "frozen", "--timeout", "12"),
      printed("top", "--rounds", "2", "--timeout", "15"),
      refused(1, "tree", "mute"),
      run("trace", "seed", "--timeout", "12")
    ])
    // What is shown is not all that there is.
    for (const { code, stderr } of [all, links]) {
      assert.deepStrictEqual([code, stderr], [1, "emp: node frozen does not answer\n"])
    }
    assert.match(all.stdout, /^frozen +does not answer\nmute +listens nowhere\nseed +\d.*\nworker +\d.*\n$/m)
    assert.match(one, /node frozen cannot be reached(?:: | \(after 12 s\))/)
    assert.include(await refused(3, "ping", "frozen", "--timeout", "12"), "node frozen cannot be reached: ")
    assert.strictEqual(watched.match(/^4 nodes/gm)?.length, 2)
    assert.include(traced, "node mute listens nowhere")
    assert.include(
      links.stdout,
      "seed\n├─ frozen\n├─ mute\n└─ worker\nfrozen\n   does not answer\nmute\n   listens nowhere\n"
    )
  })

  it("draw the nodes again and again", async () => {
    const text = await printed("top", "--rounds", "2")
    assert.strictEqual(text.match(/^2 nodes, \S+ \S+ between them$/gm)?.length, 2)
    for (const line of text.split("\n")) assert.isAtMost(line.length, 80)
  })

  it("walk the links", async () => {
    assert.strictEqual(await printed("trace", "worker"), "worker\n└─ seed\nseed\n└─ worker\n")
    assert.deepStrictEqual(JSON.parse(await printed("trace", "--json")), { seed: ["worker"], worker: ["seed"] })
    assert.strictEqual(await printed("trace", "--dot"), "graph network {\n  \"seed\" -- \"worker\"\n}\n")
    assert.include(await refused(1, "trace", "nowhere"), "no such node: nowhere")
    assert.include(await refused(2, "trace", "--json", "--dot"), "--dot and --json: one of them")
  })

  it("show the supervisors of a node", async () => {
    const text = await printed("tree", "worker")
    assert.match(text, /^services \(one_for_one\) worker#\S+\n└─ \S+#lively worker#/m)
    assert.match(
      text,
      /^ {3}└─ app \(one_for_one\) worker#\S+\n {6}├─ echo worker#\S+, up .*, 1 restart, last end: fail: boom\n {6}└─ pool: pool \(dynamic\) worker#/m
    )
    const roots = JSON.parse(await printed("tree", "worker", "--json")) as Array<
      { name: string; children: Array<{ made: Array<{ name: string; children: Array<unknown> }> }> }
    >
    const made = roots.flatMap(({ children }) => children.flatMap(({ made }) => made))
    assert.deepStrictEqual(made.map(({ children, name }) => `${name} ${children.length}`), ["app 2"])
    const untimed = (text: string): string => text.replaceAll(/up [^,\n]*/g, "up")
    assert.strictEqual(untimed(await printed("tree")), untimed(text))
    assert.strictEqual(await printed("tree", "seed"), "node seed has no supervisors\n")
  })
})

describe("emp ping", () => {
  it("sums up when it is interrupted", async () => {
    await using ping = begin(["ping", "worker", "-c", "100000", "--seed", seed])
    await ping.sees(/^worker: .*\nworker: .* ms$/m)
    const { code, stdout } = await ping.end("SIGINT")
    assert.match(stdout, /^\d+ round trips: min \S+ ms, median \S+ ms, max \S+ ms\n$/m)
    assert.strictEqual(code, 130)
  })

  it("goes on when an answer does not come, and says how many there were", async () => {
    let asked = 0
    using odd = await strangeSeed("odd", ownKind(30_000), {
      // It hears nothing more then.
      time: (peer) => {
        if (++asked === 3) peer.socket.pause()
      }
    })
    const { code, stderr, stdout } = await odd.run("ping", "odd", "-c", "5", "--timeout", "5", "--json")
    const found = JSON.parse(stdout) as { readonly count: number; readonly lost: number }
    assert.strictEqual(found.count + found.lost, 5, stderr)
    assert.isAbove(found.count, 0)
    assert.isAbove(found.lost, 0)
    assert.strictEqual(code, 1)
  })
})

describe("emp ping, bench, eval, logs", () => {
  it("measure round trips", async () => {
    const text = await printed("ping", "worker", "-c", "3")
    assert.match(text, /^(?:worker: \S+ ms\n){3}3 round trips: min \S+ ms, median \S+ ms, max \S+ ms\n$/)
    const found = JSON.parse(await printed("ping", "worker", "-c", "2", "--json")) as { count: number; median: number }
    assert.isTrue(found.count === 2 && found.median > 0)
    assert.include(await refused(2, "ping", "worker", "-c", "0"), "--count: \"0\". Expected: 1 or more")
    const rates = JSON.parse(await printed("bench", "worker", "--json")) as {
      roundTrips: number
      concurrentRoundTrips: number
    }
    assert.isTrue(rates.roundTrips > 0 && rates.concurrentRoundTrips > 0)
  })

  it("run code where that is allowed", async () => {
    assert.strictEqual(await printed("eval", "seed", "6 * 7"), "42\n")
    assert.strictEqual(
      await printed("eval", "seed", "const x = await 5; return [node.nodeId, x]", "--json"),
      "[[\"seed\",5]]\n"
    )
    assert.strictEqual(await printed("eval", "seed", "for (const n of [1]) globalThis.made = n"), "null\n")
    assert.strictEqual(await printed("eval", "seed", "made"), "1\n")
    assert.strictEqual(
      await printed("eval", "seed", "({ run: () => 1, big: 2n })"),
      "{ run: [Function: run], big: 2n }\n"
    )
    assert.include(await refused(1, "eval", "seed", "throw new RangeError('mine')"), "RangeError: mine")
    assert.include(await refused(1, "eval", "seed", "nonsense +"), "SyntaxError")
    assert.include(await refused(1, "eval", "seed", "noSuchThing"), "ReferenceError: noSuchThing is not defined")
    assert.include(await refused(1, "eval", "worker", "1"), "this node does not run code that it is sent")
  })

  it("follow the log lines of all nodes, from a level on", async () => {
    const follower = begin(["logs", "--level", "warn", "--seed", seed], { EMP_TRACE: "1" })
    await follower.sees(/^RCV worker -> \["\w+",true\]$/m)
    await printed("snd", echo, "say", "look here")
    await follower.sees(/^\S+Z WARN +worker: look here$/m)
    await printed("snd", echo, "say", "\u001b]0;a title\u0007")
    await follower.sees(/^\S+Z WARN +worker: \\x1b\]0;a title\\x07$/m)
    assert.strictEqual((await follower.end("SIGINT")).code, 0)
    assert.include(
      await refused(2, "logs", "--level", "loud"),
      "\"loud\" is none of trace, debug, info, warn, error, fatal"
    )
  })
})

describe("AnyEvent::MP's log catcher", () => {
  it("gets log lines in its own form", async () => {
    const [host = "", port] = seed.split(":")
    const socket = net.connect(Number(port), host)
    const perl = conversation(socket, "perl")
    perl.write(opening("perl", "swordfish"))
    perl.send(["", "AnyEvent::MP::LogCatcher::connect", 0, "perl#log", 5])
    const before = Math.floor(Date.now() / 1000)
    await printed("eval", "seed", "1")
    const line = () => perl.packets.find(([name]) => name === "log")
    await eventually("a line", () => line() !== undefined)
    socket.destroy()
    const [, time, context, level, text] = line() ?? []
    assert.isTrue(Number(time) >= before && Number(time) <= Date.now() / 1000)
    assert.deepStrictEqual([context, level], ["effect-mp", 5])
    assert.match(String(text), /^node emp\/\S+ runs code here/)
  })
})

describe("emp shell", () => {
  it("does line by line what the commands do, and goes on after a mistake", async () => {
    const shell = begin(["shell", "--seed", seed])
    shell.child.stdin!.end(
      [
        "=",
        "=wor",
        "ping",
        "get settings limit",
        `cal ${echo} echo [1, 2] "a b"`,
        "snd",
        "=nowhere",
        "1 + 1",
        "=se",
        "1 + 1",
        "quit"
      ].join("\n") + "\n"
    )
    const { code, stderr, stdout } = await shell.exits()
    assert.strictEqual(code, 1, stderr)
    for (
      const part of [/^\S*\* seed$/m, /^ {2}worker$/m, /5 round trips/, /\{"max":5\}/, /echoed \[1,2\] a b/, /^\S*2$/m]
    ) assert.match(stdout.replaceAll(/^(?:seed|worker)> /gm, ""), part)
    for (const part of ["usage: snd [flags] <port>", "no such node: nowhere", "this node does not run code"]) {
      assert.include(stderr, part)
    }
    assert.include(readFileSync(join(home, ".effect-mp-history"), "utf8"), "get settings limit\n")
  })
})

describe("a command of the network", () => {
  it("needs somebody to connect to, a secret, and an answer in time", async () => {
    const bare = (...args: ReadonlyArray<string>) => empHere(["status", ...args], env)
    const nobody = await bare()
    assert.strictEqual(nobody.code, 2)
    assert.include(nobody.stderr, "give --seed HOST:PORT, or configure seeds")
    const open = await empHere(["status", "--seed", seed], { ...env, EMP_SECRET: "" })
    assert.strictEqual(open.code, 2)
    assert.include(open.stderr, "set EMP_SECRET")
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const late = await bare("--seed", `127.0.0.1:${(server.address() as net.AddressInfo).port}`, "--timeout", "0.5")
    server.close()
    assert.strictEqual(late.code, 3)
    assert.include(late.stderr, "no seed has answered")
    for (const none of ["0", "-1"]) {
      const { code, stderr } = await bare("--seed", seed, "--timeout", none)
      assert.strictEqual(code, 2)
      assert.include(stderr, "Expected: more than 0 seconds")
    }
    // No test would wait so long for an answer that nobody gives.
    const wrong = await empHere(["status", "--seed", seed, "--timeout", "600"], { ...env, EMP_SECRET: "other" })
    assert.strictEqual(wrong.code, 1)
    assert.match(wrong.stderr, /^emp: .*authentication failed: do both nodes have the same secret\?$/m)
    const strict = await bare("--seed", seed, "--timeout", "600", "--cert", "test/fixtures/certs/a.pem")
    assert.strictEqual(strict.code, 1)
    // Its error, and no warning before it.
    assert.match(strict.stderr, /^emp: .*we have a certificate and demand TLS.*\n$/)
  })

  it.each([
    "snd",
    "cal",
    "mon",
    "find",
    "db",
    "db get",
    "db set",
    "db del",
    "db mon",
    "drain",
    "stop",
    "restart",
    "eval",
    "shell",
    "status",
    "top",
    "trace",
    "tree",
    "ps",
    "kil",
    "groups",
    "tap",
    "ping",
    "bench",
    "logs"
  ])("explains itself: emp %s --help", async (name) => {
    // Nothing of it is up to the process.
    const help = Effect.gen(function*() {
      yield* Command.runWith(command, { version })([...name.split(" "), "--help"])
      return (yield* TestConsole.logLines).join("\n")
    })
    const formatter = CliOutput.layer(CliOutput.defaultFormatter({ colors: false }))
    const text = await Effect.runPromise(Effect.provide(help, [TestConsole.layer, formatter, NodeServices.layer]))
    assert.include(text, `emp ${name}`)
    assert.match(text, new RegExp(`EXAMPLES[^]*emp ${name}`))
    if (name !== "db") assert.include(text, "--timeout")
  })

  it("is shown message by message with EMP_TRACE=1", () => {
    assert.match(nodes[0]!.stderr, /^RCV worker -> \["","g_slave".*$/m)
    assert.match(nodes[0]!.stderr, /^SND worker <- \[".*$/m)
    assert.notMatch(nodes[1]!.stderr, /^(?:RCV|SND) /m)
  })

  it("shows the messages of a command, and the answers, in the same way", async () => {
    const { code, stderr } = await begin(["cal", "seed", "time", "--seed", seed], { EMP_TRACE: "1" }).exits()
    assert.strictEqual(code, 0)
    const [, node = "", reply = ""] = /^SND seed <- \["","time","(emp\/\S+)#(\S+)"\]$/m.exec(stderr) ?? []
    assert.match(stderr, new RegExp(`^RCV seed -> \\["${reply}",\\d+`, "m"))
    await nodes[0]!.sees(new RegExp(`^SND ${node} <- \\["${reply}",\\d+`, "m"))
    for (const line of (stderr + nodes[0]!.stderr).split("\n").filter((line) => /^(?:RCV|SND)/.test(line))) {
      assert.match(line, /^(?:RCV [^\s#]+ ->|SND [^\s#]+ <-) \[".*/)
    }
  })

  it("logs as much as EMP_VERBOSE says", async () => {
    for (const [verbose, expected] of [["5", false], ["8", true]] as const) {
      const node = begin(
        [
          "run",
          "--no-watchdog",
          "--node-id",
          `v${verbose}`,
          "--bind",
          "127.0.0.1:*",
          "--seed",
          seed,
          "--service",
          "test/fixtures/services.ts#lively"
        ],
        {
          EMP_VERBOSE: verbose
        }
      )
      await node.sees(/is ready/)
      const { stderr } = await node.end("SIGTERM")
      assert.strictEqual(/level=DEBUG/i.test(stderr), expected, stderr)
    }
  })
})
