/** `emp` on a server of NATS: nodes that listen nowhere else, and commands that reach them there. */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { hasNats, ifNats } from "./natsServer.ts"
import { startNats } from "./natsWorld.ts"
import { freePort, startEmp } from "./processes.ts"

const run = (id: string, env: Record<string, string>, ...more: ReadonlyArray<string>) =>
  startEmp(["run", "--no-watchdog", "--node-id", id, "--bind", "nats:", ...more], env)

describe.skipIf(!hasNats)(ifNats("emp on NATS"), () => {
  it("runs nodes that find each other there, and its commands reach them", async () => {
    const nats = await startNats(`authorization { user: emp, password: swordfish }`)
    const env = { EMP_NATS: `nats://emp:swordfish@127.0.0.1:${nats.port}`, EMP_NATS_NETWORK: "cli" }
    const seed = run("seed", env, "--seed", "*")
    await seed.sees(/node seed is ready, listening on nats:seed/)
    const other = run("other", env, "--seed", "nats:seed")
    await other.sees(/node other is ready/)
    const { stdout } = await startEmp(["status", "--seed", "nats:seed"], env).exits()
    assert.match(stdout, /other/)
    const elsewhere = await startEmp(["status", "--timeout", "1", "--seed", "nats:seed"], {
      ...env,
      EMP_NATS_NETWORK: "another"
    }).exits()
    assert.match(elsewhere.stderr, /no seed has answered: nats:seed/)
    const findings = await startEmp(
      ["doctor", "--node-id", "third", "--bind", "nats:third", "--seed", "nats:seed"],
      env
    )
      .exits()
    assert.match(findings.stdout, /bind nats:third: nats:third/)
    assert.notMatch(findings.stdout + findings.stderr, /emp:swordfish/)
  })

  it("says what is wrong: the login, and a server that is not one, whose password it keeps for itself", async () => {
    const nats = await startNats(`authorization { user: emp, password: swordfish }`)
    const wrong = await run("a", { EMP_NATS: `nats://emp:wrong@127.0.0.1:${nats.port}` }).exits()
    assert.include(wrong.stderr, `nats://127.0.0.1:${nats.port}: cannot connect (Authorization Violation)`)
    const odd = await run("a", { EMP_NATS: "nats://emp:hidden@host:port" }).exits()
    assert.match(odd.stderr, /nats.* it is not a server: nats:\/\/host:4222/s)
    assert.notInclude(odd.stderr, "hidden")
  })

  it("waits for a server that is not there yet", async () => {
    const port = await freePort()
    const node = run("early", { EMP_NATS: `nats://127.0.0.1:${port}` }, "--seed", "*")
    await node.sees(/no connection to nats:\/\/127\.0\.0\.1:\d+ \(connection refused\): trying again/)
    await node.sees(/node early has started, .*no connection to/)
  })

  it("shows who logs in to a server to those alone who ask for secrets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, "rc")
    writeFileSync(file, JSON.stringify({ nats: ["nats://emp:swordfish@a:4222", "nats://b"] }))
    const show = (...flags: ReadonlyArray<string>) => startEmp(["showconfig", ...flags], { EFFECT_MP_RC: file }).exits()
    const { stdout } = await show()
    assert.include(stdout, "nats://********@a:4222")
    assert.notInclude(stdout, "swordfish")
  })
})
