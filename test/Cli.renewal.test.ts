/**
 * `emp run` takes new secrets and certificates while it runs: real processes with traffic between them, which lose no link.
 */
import { assert, describe, it } from "@effect/vitest"
import { copyFileSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { devNull } from "node:os"
import { join } from "node:path"
import type { Status } from "../src/internal/node/status.ts"
import { pem, pemFile } from "./certificates.ts"
import { makeFolder } from "./folders.ts"
import { emp, type Process, start } from "./processes.ts"
import { onlyFull } from "./size.ts"

type Environment = Record<string, string | undefined>
const bare: Environment = { EMP_SECRET: undefined, EFFECT_MP_RC: devNull }

/** A node that talks to all others all the time, and says which of them go down. */
const startNode = async (nodeId: string, args: ReadonlyArray<string>, env: Environment) => {
  const services = ["roaming", "witness"].flatMap((name) => ["--service", `test/fixtures/services.ts#${name}`])
  const command = [emp, "run", "--bind", "127.0.0.1:*", "--node-id", nodeId, ...services, ...args]
  const node = start(command, { ...bare, ...env })
  const [, address = ""] = await node.sees(/is ready, listening on (\S+)/)
  return { node, address }
}

const statusOf = async (nodeId: string, seed: string, args: ReadonlyArray<string>, env: Environment = {}) => {
  const ended = await start([emp, "status", nodeId, "--json", "--seed", seed, ...args], { ...bare, ...env }).exits()
  assert.strictEqual(ended.code, 0, ended.stderr)
  const status: Status = JSON.parse(ended.stdout)
  return status
}

/** Nobody has seen anybody go down who was no command. */
const lostNothing = (...nodes: ReadonlyArray<Process>): void => {
  for (const { stdout } of nodes) assert.notMatch(stdout, /sees (?!emp\/)\S+ go down/)
}

/** Waits until a node says something once more. */
const saysAgain = async (node: Process, text: string): Promise<void> => {
  const before = node.stderr.split(text).length
  await node.sees(new RegExp(`(?:${text}[^]*?){${before}}`))
}

const readAgain = "the certificate was read again from"

describe("a certificate that is given by its path", () => {
  it("is read again when its file is replaced, whatever way; what is wrong with one changes nothing", async () => {
    const folder = makeFolder()
    const link = join(folder, "node.pem")
    // As Kubernetes does it: a link to a link to a folder, which is replaced.
    for (const name of ["a", "c"]) copyFileSync(pemFile(name), join(folder, `${name}.pem`))
    symlinkSync("a.pem", link)
    const a = await startNode("a", ["--cert", link], {})
    const b = await startNode("b", ["--cert", pemFile("b"), "--seed", a.address], {})
    await b.node.sees(/sees 2/)
    const ofCommand = ["--cert", pemFile("b")]

    const replaced = saysAgain(a.node, readAgain)
    symlinkSync("c.pem", join(folder, "next"))
    renameSync(join(folder, "next"), link)
    await replaced
    const status = await statusOf("a", a.address, ofCommand)
    const subjects = new Map(status.peers.map(({ nodeId, security }) => [nodeId.split("/")[0], security?.sent.subject]))
    assert.deepStrictEqual(subjects, new Map([["b", "CN=a"], ["emp", "CN=c"]]))

    const shown = await start([emp, "status", "a", "--seed", a.address, ...ofCommand], bare).exits()
    assert.match(shown.stdout, /^ *LINK .* SECURITY$/m)
    assert.match(shown.stdout, /^b +up .* TLS 1\.3, CN=b$/m)

    const complained = saysAgain(a.node, "the certificate stays as it is")
    writeFileSync(join(folder, "c.pem"), pem("c").slice(0, 300))
    await complained
    const emptied = saysAgain(a.node, "the file is empty: the certificate stays as it is")
    writeFileSync(join(folder, "c.pem"), "")
    await emptied
    const missed = saysAgain(a.node, "there is no such file: the certificate stays as it is")
    rmSync(join(folder, "c.pem"))
    await missed
    assert.strictEqual((await statusOf("a", a.address, ofCommand)).nodeId, "a")

    const written = saysAgain(a.node, readAgain)
    writeFileSync(join(folder, "c.pem"), readFileSync(pemFile("a")))
    await written
    assert.strictEqual((await statusOf("a", a.address, ofCommand)).nodeId, "a")
    lostNothing(a.node, b.node)
    for (const { node } of [b, a]) assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })
})

describe("SIGHUP", () => {
  it("takes no certificate away, whatever becomes of the file that named it", async () => {
    const folder = makeFolder()
    const file = join(folder, "rc.json")
    const document = JSON.stringify({ cert: pemFile("a") })
    writeFileSync(file, document)
    // The secret is still there: whoever knows it would come in without TLS.
    const a = await startNode("a", ["--no-watchdog"], { EFFECT_MP_RC: file, EMP_SECRET: "swordfish" })
    const hangUp = async (text: string) => {
      const done = saysAgain(a.node, text)
      a.node.child.kill("SIGHUP")
      await done
    }
    for (const text of ["", "{}", "{\"cert\": null}"]) {
      writeFileSync(file, text)
      await hangUp("stays as it is: node option cert: the configuration has no certificate any more")
    }
    rmSync(file)
    await hangUp("stays as it is: node option cert: the configuration has no certificate any more")
    writeFileSync(file, document)
    await hangUp("the configuration was read again")
    const without = start([emp, "status", "--seed", a.address, "--timeout", "2"], { ...bare, EMP_SECRET: "swordfish" })
    assert.notStrictEqual((await without.exits()).code, 0)
    assert.strictEqual((await statusOf("a", a.address, ["--cert", pemFile("b")])).nodeId, "a")
  })

  for (const args of [[], ...onlyFull([["--no-watchdog"]])]) {
    it(`has a node read its secrets again, and loses no link: emp run ${args.join(" ")}`, async () => {
      const folder = makeFolder()
      const file = join(folder, "rc.json")
      const write = (secret: unknown) => writeFileSync(file, JSON.stringify({ secret }), { mode: 0o600 })
      const env = { EFFECT_MP_RC: file }
      const reloaded = "the configuration was read again"
      const reload = async ({ node }: { readonly node: Process }) => {
        const done = saysAgain(node, reloaded)
        node.child.kill("SIGHUP")
        await done
      }
      write("the old secret")
      const a = await startNode("a", args, env)
      const b = await startNode("b", [...args, "--seed", a.address], env)
      await b.node.sees(/sees 2/)

      write(["the new secret", "the old secret"])
      await reload(a)
      for (const secret of ["the old secret", "the new secret"]) {
        assert.strictEqual((await statusOf("a", a.address, [], { EMP_SECRET: secret })).nodeId, "a")
      }
      const shown = await start([emp, "status", "a", "--seed", a.address], { ...bare, EMP_SECRET: "the old secret" })
        .exits()
      assert.match(shown.stdout, /^emp\S+ +up .* clear, older secret$/m)
      await reload(b)

      const refused = saysAgain(a.node, "the configuration stays as it is")
      writeFileSync(file, "{ broken")
      a.node.child.kill("SIGHUP")
      await refused
      const missing = saysAgain(a.node, "the configuration stays as it is")
      write(null)
      a.node.child.kill("SIGHUP")
      await missing

      write("the new secret")
      await reload(a)
      await reload(b)
      const late = start([emp, "status", "--seed", a.address, "--timeout", "2"], {
        ...bare,
        EMP_SECRET: "the old secret"
      })
      assert.notStrictEqual((await late.exits()).code, 0)
      assert.strictEqual((await statusOf("b", a.address, [], { EMP_SECRET: "the new secret" })).nodeId, "b")
      lostNothing(a.node, b.node)
      for (const { node } of [b, a]) assert.strictEqual((await node.end("SIGTERM")).code, 0)
    })
  }
})
