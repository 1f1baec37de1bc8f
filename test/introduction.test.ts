/** What AnyEvent::MP's introduction has its readers type, and what it says will happen. Only `aemp` is `emp`, and modules are files. */
import { assert, describe } from "@effect/vitest"
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Host, onHosts } from "./chaos/namespaces.ts"
import { makeFolderInside } from "./folders.ts"
import { emp, type Ended, type Process, root, start } from "./processes.ts"
import { onlyFull } from "./size.ts"

/** A reader at a terminal of a host, with a home of its own, which is also where modules are looked for. */
const sitDown = (host: Host) => {
  const home = makeFolderInside()
  const env = { HOME: home, EFFECT_MP_RC: undefined, EMP_SECRET: undefined }
  const run = (args: ReadonlyArray<string>, more: Record<string, string> = {}): Process =>
    start(args, { ...env, ...more }, [...host.run, "env", `--chdir=${home}`])
  return {
    rc: join(home, ".effect-mp.json"),
    /** Starts a program, and does not wait for its end. */
    run,
    /** `emp`, word by word. */
    types: (line: string, more: Record<string, string> = {}) => run([emp, ...line.split(" ")], more),
    /** The same, to its end. */
    async done(line: string): Promise<Ended> {
      const ended = await run([emp, ...line.split(" ")]).exits()
      assert.strictEqual(ended.code, 0, `${line}: ${ended.stderr}`)
      return ended
    },
    writes: (file: string, text: string): void => {
      mkdirSync(join(home, file, ".."), { recursive: true })
      writeFileSync(join(home, file), text)
    }
  }
}

const readRc = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>

const example = (name: string): string => join(root, "examples", name)

/** The set-up that all of the introduction's later parts assume. */
const configured = async (host: Host) => {
  const reader = sitDown(host)
  await reader.done("gensecret")
  await reader.done("profile seed binds *:4040")
  await reader.done("seeds *:4040 nodeid anon/")
  return reader
}

describe("the introduction", () => {
  onHosts(
    "makes a secret, which no one else can read, sets another one, and makes a certificate",
    { lan: ["ruth"] },
    async ({ ruth }) => {
      const reader = sitDown(ruth)
      await reader.done("gensecret")
      assert.isAtLeast(String(readRc(reader.rc)["secret"]).length, 40)
      assert.strictEqual(statSync(reader.rc).mode & 0o077, 0)
      await reader.done("setsecret mellon")
      assert.strictEqual(readRc(reader.rc)["secret"], "mellon")
      await reader.done("gencert")
      assert.match(String(readRc(reader.rc)["cert"]), /-----BEGIN CERTIFICATE-----/)
    }
  )

  onHosts(
    "has a receiver that binds *:4040, and a sender with the seed *:4040",
    { lan: ["ruth"] },
    async ({ ruth }) => {
      const reader = sitDown(ruth)
      const program = join(root, "test/fixtures/introduction.ts")
      const receiver = reader.run([program, "receiver"])
      reader.run([program, "sender"])
      await receiver.sees(/^eg_receiver got: \d{10}$/m)
      assert.strictEqual(receiver.stderr, "")
    }
  )

  onHosts("says the same by the arguments of configure", { lan: ["ruth"] }, async ({ ruth }) => {
    const reader = sitDown(ruth)
    await reader.done("gensecret")
    const receiver = reader.types(`run nodeid eg_receiver binds ["*:4040"] services ${example("receiver.ts")}`)
    await receiver.sees(new RegExp(`^node eg_receiver is ready, listening on ${ruth.addresses.lan}:4040$`, "m"))
    reader.types(`run nodeid eg_sender seeds ["*:4040"] services ${example("sender.ts")}`)
    await receiver.sees(/^eg_receiver got: \d{10}$/m)
  })

  onHosts(
    "splits configuration and code: a seed by its profile, and nodes that all use it",
    { lan: ["ruth"] },
    async ({ ruth }) => {
      const reader = await configured(ruth)
      const seed = reader.types("run profile seed")
      await seed.sees(new RegExp(`^node anon/\\S+ is ready, listening on ${ruth.addresses.lan}:4040$`, "m"))
      const receivers = [1, 2].map(() => reader.types(`run services ${example("receiver.ts")}`))
      const sender = reader.types(`run services ${example("sender.ts")}`)
      for (const receiver of receivers) await receiver.sees(/^anon\/\S+ got: \d{10}$/m)
      assert.strictEqual(new Set(receivers.map(({ stdout }) => /^anon\/\S+/m.exec(stdout)?.[0])).size, 2)
      for (const node of [seed, sender, ...receivers]) assert.notMatch(node.stderr, /WARN|ERROR/)
    }
  )

  onHosts(
    "lets the file be copied to another system, whose seed is the first one's address",
    { lan: ["ruth", "doom"] },
    async ({ doom, ruth }) => {
      const first = await configured(ruth)
      const second = sitDown(doom)
      writeFileSync(second.rc, readFileSync(first.rc))
      await second.done(`seeds ${ruth.addresses.lan}:4040`)
      await first.types("run profile seed").sees(/is ready/)
      const receiver = second.types(`run services ${example("receiver.ts")}`)
      first.types(`run services ${example("sender.ts")}`)
      await receiver.sees(/^anon\/\S+ got: \d{10}$/m)
    }
  )

  for (
    const [what, server, client] of [
      ...onlyFull([["", "chat-server.ts", "chat-client.ts"] as const]),
      [" with bridge heads", "chat-bridge.ts#server", "chat-bridge.ts#client"]
    ] as const
  ) {
    onHosts(
      `chats${what}: clients first, then a server, then the seed; any of them may go and come`,
      { lan: ["ruth"] },
      async ({ ruth }) => {
        const reader = await configured(ruth)
        const join = (nick: string) => reader.types(`run services [["${example(client)}","${nick}"]]`)
        const serve = () => reader.types(`run services ${example(server)}`)
        const nick1 = join("nick1")
        const nick2 = join("nick2")
        const first = serve()
        const seed = reader.types("run profile seed")
        await Promise.all([nick1.sees(/^nick1 \(joins\)$/m), nick2.sees(/^nick2 \(joins\)$/m)])
        nick1.child.stdin!.write("hi\n")
        await nick2.sees(/^nick1: hi$/m)
        await first.end("SIGTERM")
        await Promise.all([nick1.sees(/^disconnected /m), nick2.sees(/^disconnected /m)])
        const second = serve()
        await second.sees(/^relaying: nick1 \(joins\)$/m)
        await second.sees(/^relaying: nick2 \(joins\)$/m)
        await nick2.end("SIGTERM")
        await nick1.sees(/^nick2 \(quits, .*\)$/m)
        // The chat needs the seed for those who are new.
        await seed.end("SIGTERM")
        nick1.child.stdin!.write("anybody?\n")
        await nick1.sees(/^nick1: anybody\?$/m)
      }
    )
  }

  onHosts("runs services by the profile of a node, and by that of the host", { lan: ["ruth"] }, async ({ ruth }) => {
    const reader = await configured(ruth)
    await reader.types("run profile seed").sees(/is ready/)
    for (const name of ["mymod/service.ts", "BK/Backend/IRC.ts"]) {
      reader.writes(name, `import * as Console from "effect/Console"\nexport default Console.log("${name} runs")\n`)
    }
    await reader.done("profile mysrvnode services mymod/service.ts")
    await reader.types("run profile mysrvnode").sees(/^mymod\/service\.ts runs$/m)
    await reader.done("profile ruth addservice BK/Backend/IRC.ts")
    await reader.types("run").sees(/^BK\/Backend\/IRC\.ts runs$/m)
  })

  onHosts("shoots trouble: a level for the log, and a trace of messages", { lan: ["ruth"] }, async ({ ruth }) => {
    const reader = await configured(ruth)
    await reader.types("run profile seed nodeid seed").sees(/is ready/)
    const quiet = reader.types("run", { EMP_VERBOSE: "5" })
    const verbose = reader.types("run", { EMP_VERBOSE: "9", EMP_TRACE: "1" })
    await verbose.sees(/^SND anon\/\S+ <- \["","g_slave"\]$/m)
    await verbose.sees(/^RCV anon\/\S+ -> \["","g_global"\]$/m)
    await verbose.sees(/level=INFO .*seed \*:4040 at \S+ is reached: it is node anon/)
    await quiet.sees(/is ready/)
    assert.strictEqual(quiet.stderr, "")
  })
})
