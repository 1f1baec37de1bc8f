/**
 * What a watchdog is beside its node: a small process with a name of its own, which a service manager hears of the node from.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawn, spawnSync } from "node:child_process"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { devNull } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { makeFolder } from "./folders.ts"
import { eventually, isAlive, Process, root, start, startEmp } from "./processes.ts"
import { gone, hang, nthWorker, startWatched } from "./watched.ts"

const titleOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()

const isInstalled = (command: string): boolean => spawnSync(command, ["--version"]).status === 0

describe("the watchdog of emp run", () => {
  it("takes less than 50 MB beside its node", async () => {
    const { watchdog } = await startWatched()
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${watchdog.pid}/status`, "utf8"))!
    assert.isBelow(Number(kilobytes), 50_000)
  })

  it("is told from its node by name, and from those of other nodes", async () => {
    const { watchdog, worker } = await startWatched()
    assert.deepStrictEqual([watchdog.pid, worker].map(titleOf), ["emp watchdog fragile", "emp run fragile"])
    const drawn = startEmp(["run", "--bind", "127.0.0.1:*", "--node-id", "some/"])
    const [, nodeId] = await drawn.sees(/node (some\/\S+) is ready/)
    const isKnown = () => titleOf(drawn.pid) === `emp watchdog ${nodeId}`
    await eventually("the watchdog has the whole name", isKnown)
    drawn.child.kill("SIGHUP")
    await drawn.sees(/was read again/)
    await eventually("it still has", isKnown)
  })

  it("lives within the command line where that was meant, and looks after the node as well", async () => {
    const service = ["--service", "test/fixtures/services.ts#fragile"]
    const args = ["run", "--watchdog", "--norc", "--bind", "127.0.0.1:*", "--node-id", "fragile", ...service]
    const within = start([join(root, "dist/main.js"), ...args], { EMP_SECRET: "swordfish" })
    const worker = await nthWorker(within, 0)
    process.kill(worker, "SIGKILL")
    const next = await nthWorker(within, 1)
    const { code, stdout } = await within.end("SIGTERM")
    assert.match(stdout, /the service has been stopped\n$/)
    assert.strictEqual(code, 0)
    await gone(next)
  })

  it("shows the help and the mistakes of the command line, and nothing of its own", async () => {
    const help = await startEmp(["run", "--help"]).exits()
    assert.match(help.stdout, /Run a node until it is interrupted/)
    assert.deepStrictEqual([help.code, help.stderr], [0, ""])
    const wrong = await startEmp(["run", "--nod-id", "x"]).exits()
    assert.match(wrong.stderr, /--nod-id[^]*emp run --help says more\n$/)
    assert.notInclude(wrong.stderr, "the node")
    assert.strictEqual(wrong.code, 2)
  })

  it("passes over what a service says to the parent of its process", async () => {
    const file = join(makeFolder(), "service.mjs")
    writeFileSync(
      file,
      `for (const said of ["beat", 42, null, [], { settings: 5 }, { EFFECT_MP_WATCHED: { new: true } }]) process.send(said)
       export { fragile as default } from ${JSON.stringify(join(root, "test/fixtures/services.ts"))}`
    )
    const { watchdog, worker } = await startWatched([], file)
    assert.isTrue(isAlive(worker))
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })
})

/** A `systemd-notify` that writes down what it is to say. */
const fakeNotify = () => {
  const bin = makeFolder()
  const socket = join(bin, "said")
  writeFileSync(join(bin, "systemd-notify"), `#!/bin/sh\nIFS="|"\nprintf '%s\\n' "$*" >> "$NOTIFY_SOCKET"\n`)
  chmodSync(join(bin, "systemd-notify"), 0o755)
  // The last one may not be written to its end.
  const said = () => existsSync(socket) ? readFileSync(socket, "utf8").split("\n").slice(0, -1) : []
  return { said, env: { NOTIFY_SOCKET: socket, PATH: `${bin}:${process.env["PATH"]}` } }
}

const life = "WATCHDOG=1"

describe("a service manager", () => {
  it("hears when the node is ready, reads its configuration again, is started again, and stops", async () => {
    const { env, said } = fakeNotify()
    const { watchdog, worker } = await startWatched([], undefined, env)
    const hears = async (nth: number, pattern: RegExp) => {
      const important = () => said().filter((line) => line !== life)
      await eventually(`message ${nth}: ${pattern}`, () => important().length > nth)
      assert.match(important()[nth]!, pattern)
    }
    await hears(0, /^READY=1\|STATUS=node fragile is ready$/)
    assert.notInclude(readFileSync(`/proc/${worker}/environ`, "utf8"), "NOTIFY_SOCKET")
    watchdog.child.kill("SIGHUP")
    await hears(1, /^RELOADING=1\|MONOTONIC_USEC=\d+\|STATUS=reads its configuration$/)
    await hears(2, /^READY=1\|STATUS=/)
    process.kill(worker, "SIGKILL")
    await hears(3, /^STATUS=the node was killed by SIGKILL; it is started again in 100 ms$/)
    await hears(4, /^READY=1\|STATUS=node fragile is ready$/)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
    await hears(5, /^STOPPING=1\|STATUS=is stopping$/)
    assert.notInclude(said(), life)
  })

  it("hears as often as it wants that the node lives, and does not while the node hangs", async () => {
    const { env, said } = fakeNotify()
    const { address, watchdog } = await startWatched(["--hang-timeout", "8"], undefined, {
      ...env,
      WATCHDOG_USEC: "2000000"
    })
    const lives = () => said().filter((line) => line === life).length
    await eventually("the node is alive", () => lives() > 3)
    await hang(watchdog, address)
    const before = lives()
    await watchdog.sees(/the node hung, and was killed/)
    // Of 16 checks of the watchdog; what was said last before it hung may come late.
    assert.isBelow(lives() - before, 8)
    const after = lives()
    await eventually("the next node is alive", () => lives() > after + 3)
    assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
  })

  it("that cannot be told is a warning, once, and the node runs", async () => {
    const empty = makeFolder()
    const { watchdog } = await startWatched([], undefined, {
      NOTIFY_SOCKET: join(empty, "nobody"),
      WATCHDOG_USEC: "2000000",
      PATH: empty
    })
    await watchdog.sees(/the service manager hears nothing of this node: .*systemd-notify/)
    watchdog.child.kill("SIGHUP")
    await watchdog.sees(/read again/)
    const { code, stderr } = await watchdog.end("SIGTERM")
    assert.strictEqual(stderr.split("hears nothing").length, 2)
    assert.strictEqual(code, 0)
  })

  it.skipIf(!isInstalled("systemd-notify") || !isInstalled("perl")).each(["a socket", "an abstract socket"])(
    "is told by systemd's own command, over %s",
    async (kind) => {
      const place = kind === "a socket" ? join(makeFolder(), "notify") : `@${join(makeFolder(), "notify")}`
      const program = `$| = 1; my $place = $ARGV[0]; $place =~ s/^@/\\0/;
        my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $place) or die $!; print "listening\\n";
        while (defined $socket->recv(my $said, 4096)) { $said =~ s/\\n/|/g; print "$said\\n" }`
      const receiver = new Process([], {}, ["perl", "-MIO::Socket::UNIX", "-e", program, place])
      onTestFinished(() => receiver[Symbol.asyncDispose]())
      await receiver.sees(/listening/)
      const { watchdog } = await startWatched([], undefined, { NOTIFY_SOCKET: place })
      await receiver.sees(/^READY=1\|STATUS=node fragile is ready/m)
      assert.strictEqual((await watchdog.end("SIGTERM")).code, 0)
      await receiver.sees(/^STOPPING=1/m)
    }
  )
})

describe.skipIf(!isInstalled("script"))("a terminal that is gone", () => {
  /** Runs a command in a terminal of its own until its node has begun, and takes the terminal away. Answers the notes of the service. */
  const inTerminal = async (before: string, args: string) => {
    const notes = join(makeFolder(), "notes")
    const noted = (): string => existsSync(notes) ? readFileSync(notes, "utf8") : ""
    const node = `"${process.execPath}" dist/emp.cjs run --norc --bind 127.0.0.1:* --node-id t`
    const command = `${before} ${node} --service test/fixtures/noted.ts ${args}`
    const env = { ...process.env, NOTES: notes, EMP_SECRET: "swordfish", SHELL: "/bin/sh" }
    const terminal = spawn("script", ["--quiet", "--command", command, devNull], { cwd: root, env, stdio: "ignore" })
    onTestFinished(() => void terminal.kill("SIGKILL"))
    await eventually("the service has begun", () => noted().includes("begins"))
    const worker = Number(/process (\d+)/.exec(noted())![1])
    onTestFinished(() => {
      if (isAlive(worker)) process.kill(worker, "SIGKILL")
    })
    terminal.kill("SIGKILL")
    return { noted, worker }
  }

  it.each(["", "--no-watchdog", "--no-watchdog > /dev/null"])("ends the node, in order: emp run %s", async (args) => {
    const { noted, worker } = await inTerminal("", args)
    await gone(worker)
    assert.include(noted(), "ends")
  })

  it.each(["", "--no-watchdog"])("is nothing to a node that was started with nohup: emp run %s", async (args) => {
    const { noted, worker } = await inTerminal("nohup", `${args} > ${devNull} 2>&1`)
    // The next one is there, and has gone, when the first one has heard of its terminal.
    const { worker: other } = await inTerminal("", args)
    await gone(other)
    assert.isTrue(isAlive(worker))
    assert.notInclude(noted(), "ends")
  })
})
