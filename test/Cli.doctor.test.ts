/**
 * `emp doctor`, completions, and the walk-through of AnyEvent::MP's introduction, as they are typed.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { makeFolder } from "./folders.ts"
import { emp, freePort, root, start, startEmp, startNode } from "./processes.ts"

/** What it says. Where there is no terminal no line goes on in the next one. */
const doctor = async (args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}) => {
  const secret = { EMP_SECRET: "a secret of some length" }
  const ended = await startEmp(["doctor", "--bind", "127.0.0.1:*", ...args], { ...secret, ...env }).exits()
  if (!args.includes("--json")) {
    for (const line of ended.stdout.trimEnd().split("\n")) assert.match(line, /^(?:ok|WARNING|PROBLEM) |^ {9}→ /)
  }
  return ended
}

describe("emp doctor", () => {
  it("finds nothing to complain of in a node that can join", async () => {
    const { address } = await startNode("seed")
    const { code, stderr, stdout } = await doctor(
      ["--seed", address, "--service", "test/fixtures/services.ts#ending"],
      {
        EMP_SECRET: "swordfish"
      }
    )
    assert.strictEqual(code, 0, stderr + stdout)
    for (
      const line of [
        /^ok +Node\.js: /m,
        /^ok +seed 127\S+: node seed$/m,
        /^ok +bind 127\.0\.0\.1:\*: 127\.0\.0\.1:\d+$/m,
        /^ok +service \S+#ending: can be loaded$/m
      ]
    ) {
      assert.match(stdout, line)
    }
    assert.match(stdout, /^WARNING +secret: it has 9 characters\n +→ emp gensecret/m)
    assert.notInclude(stdout, "PROBLEM")
  })

  it("says what is wrong, and what to do", async () => {
    const { address } = await startNode("seed")
    const silent = net.createServer()
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void silent.close())
    const mute = `127.0.0.1:${(silent.address() as net.AddressInfo).port}`
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, Record<string, string | undefined>, RegExp]> = [
      [
        ["--seed", address],
        {},
        /PROBLEM +seed (\S+): (?!.*\1)(?:node "seed": )?\w.*\n +→ it has (?:refused us|another secret)/
      ],
      [
        ["--seed", "127.0.0.1:1"],
        {},
        /PROBLEM +seed 127\.0\.0\.1:1: (?!127|:).*Connection refused.*\n +→ is a node running there/
      ],
      [["--seed", "no..such:1"], {}, /PROBLEM +seed no\.\.such:1: .*cannot be resolved/],
      [
        ["--seed", mute],
        {},
        /PROBLEM +seed \S+: .*took too long.*\n +→ what listens there is no node, or one that hangs/
      ],
      [[], { EMP_SECRET: undefined }, /PROBLEM +secret: there is neither a secret nor a certificate/],
      [["--bind", "192.0.2.1:1"], {}, /PROBLEM +bind 192\.0\.2\.1:1: .*does not have the address/],
      [
        ["--advertise", "no..such:1"],
        {},
        /WARNING +advertised no\.\.such:1: no\.\.such cannot be resolved here\n +→ fine if those who are to dial it can/
      ],
      [
        ["--advertise", "localhost@vpn"],
        {},
        /WARNING +advertised localhost@vpn: .*, which leads others to themselves\n +→ advertise what others/
      ],
      [["--advertise", "fd00::5"], {}, /ok +advertised fd00::5: fd00::5$/m],
      [["--bind", address], {}, /WARNING +bind \S+: .*in use.*\n +→ fine if that is this very node/],
      [
        ["--service", "./gone.js"],
        {},
        /PROBLEM +service \.\/gone\.js: cannot be loaded: there is no file.*\n +→ the path/
      ],
      [
        ["--service", "test/fixtures/services.ts#nowhere"],
        {},
        /PROBLEM +service \S+#nowhere: the module has no export "nowhere".*\n +→ correct the module/
      ],
      [["--cert", "test/fixtures/certs/expired.pem"], {}, /PROBLEM +certificate: valid until 20/],
      [["--cert", "test/fixtures/certs/a.pem"], {}, /(?:ok|WARNING) +certificate: valid until 20/],
      [
        ["--cert", "test/fixtures/certs/a.pem", "--node-id-in-cert", "--node-id", "other"],
        {},
        /PROBLEM +certificate: it is for .*, and not for the node ID other\n +→ with node_id_in_cert/
      ],
      [
        ["--cert", "test/fixtures/certs/a.pem", "--auth-accept", "hmac_sha3_512"],
        {},
        /WARNING +certificate: auth_accept lets nodes in without TLS\n +→ delauth_accept demands TLS/
      ],
      [
        ["--cert", "test/fixtures/certs/a.pem", "--seed", address],
        {},
        /PROBLEM +seed \S+: .*demand.* TLS.*\n +→ it has no certificate, and we have one/
      ],
      [["--profile", "nowhere"], {}, /WARNING +profile nowhere: the file has none of that name\n/]
    ]
    await Promise.all(cases.map(async ([args, env, expected]) => {
      const { code, stdout } = await doctor(args, env)
      assert.match(stdout, expected)
      assert.strictEqual(code, stdout.includes("PROBLEM") ? 1 : 0, stdout)
    }))
  })

  it("looks into a certificate", async () => {
    const folder = makeFolder()
    const made = (name: string) => {
      const files = { key: join(folder, `${name}.key`), cert: join(folder, `${name}.crt`) }
      const command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days 10 -subj /CN=x"
      const { status } = spawnSync("openssl", [...command.split(" "), "-keyout", files.key, "-out", files.cert])
      assert.strictEqual(status, 0)
      return { key: readFileSync(files.key, "utf8"), cert: readFileSync(files.cert, "utf8") }
    }
    const [one, other] = [made("one"), made("other")]
    const file = join(folder, "node.pem")
    for (
      const [pem, expected] of [
        [one.key + one.cert, /WARNING +certificate: valid until \S+\n +→ get a new one in time/],
        [
          other.key + one.cert,
          /PROBLEM +certificate: the private key does not belong to the first certificate\n +→ a PEM/
        ],
        [one.cert, /PROBLEM +certificate: it holds no private key that can be read/],
        ["nothing", /PROBLEM +certificate: it holds no certificate that can be read/]
      ] as const
    ) {
      writeFileSync(file, pem)
      const { code, stdout } = await doctor(["--cert", file])
      assert.match(stdout, expected)
      assert.strictEqual(code, stdout.includes("PROBLEM") ? 1 : 0)
    }
  })

  it("ends, whatever the modules of services have begun", async () => {
    const folder = mkdtempSync(join(root, "test/fixtures/lasting-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, "service.ts")
    const source =
      "import * as Effect from \"effect/Effect\"\nsetInterval(() => {}, 1000)\nexport default Effect.void\n"
    writeFileSync(file, source)
    const { code, stdout } = await doctor(["--service", file])
    assert.include(stdout, "service.ts: can be loaded")
    assert.strictEqual(code, 0)
  })

  it("finds a parent that is not there", async () => {
    const file = join(makeFolder(), "rc.json")
    writeFileSync(file, JSON.stringify({ profile: { worker: { parent: "commn" }, common: {} } }), { mode: 0o600 })
    const { code, stdout } = await doctor(["profile", "worker"], { EFFECT_MP_RC: file })
    const found = "its parent \"commn\" does not exist; did you mean \"common\"?"
    assert.include(stdout, `WARNING  profile worker: ${found}\n         → emp profile worker parent NAME sets it`)
    assert.strictEqual(code, 0)
    const other = await doctor(["profile", "common"], { EFFECT_MP_RC: file })
    assert.notInclude(other.stdout, "its parent")
  })

  it("looks at the configuration file, and shows JSON", async () => {
    const file = join(makeFolder(), "rc.json")
    writeFileSync(file, "{ \"nodeid\": ")
    const broken = await doctor(["--json"], { EFFECT_MP_RC: file })
    assert.strictEqual(broken.code, 1)
    const [, unreadable, ...more] = JSON.parse(broken.stdout) as ReadonlyArray<{ verdict: string; found: string }>
    assert.strictEqual(unreadable?.verdict, "problem")
    assert.include(unreadable?.found, `${file}:1:`)
    assert.deepStrictEqual(more, [])
    const left = await doctor(["--norc"], { EFFECT_MP_RC: file })
    assert.include(left.stdout, `${file} does not count: norc`)
    assert.strictEqual(left.code, 0)
    writeFileSync(file, JSON.stringify({ secret: ["a new secret of some length", "the older one"] }))
    const rotating = await doctor([], { EFFECT_MP_RC: file, EMP_SECRET: undefined })
    assert.match(rotating.stdout, /^WARNING +secret: it has 13 characters/m)
    writeFileSync(file, JSON.stringify({ secret: ["a new secret of some length", "the older secret there was"] }))
    const rotated = await doctor([], { EFFECT_MP_RC: file, EMP_SECRET: undefined })
    assert.match(rotated.stdout, /^ok +secret: 27 characters; 1 older one is accepted$/m)
    writeFileSync(file, "{}")
    chmodSync(file, 0o644)
    const open = await doctor(["--json"], { EFFECT_MP_RC: file })
    const findings = JSON.parse(open.stdout) as ReadonlyArray<{ what: string; verdict: string; advice?: string }>
    assert.deepInclude(findings.find(({ what }) => what === "configuration file"), {
      verdict: "warning",
      advice: `chmod 600 ${file}`
    })
    assert.strictEqual(open.code, 0)
  })
})

describe("the introduction's walk-through", () => {
  it("works as it is told: a secret, a profile, a seed, two receivers and a sender", async () => {
    const env = { EFFECT_MP_RC: join(makeFolder(), "rc.json"), EMP_SECRET: undefined }
    const bind = `127.0.0.1:${await freePort()}`
    const type = (...args: ReadonlyArray<string>) => start([emp, ...args], env)
    for (
      const args of [
        ["gensecret"],
        ["profile", "seed", "binds", bind, "nodeid", "seed"],
        ["seeds", bind, "binds", "127.0.0.1:*"]
      ]
    ) assert.strictEqual((await type(...args).exits()).code, 0)
    const seed = type("run", "profile", "seed")
    await seed.sees(/node seed is ready, listening on 127/)
    const receivers = ["one", "two"].map((name) =>
      type("run", "nodeid", `${name}/`, "services", "examples/receiver.ts")
    )
    for (const receiver of receivers) await receiver.sees(/is ready/)
    const sender = type("run", "nodeid", "sender/", "services", "examples/sender.ts")
    for (const [at, receiver] of receivers.entries()) {
      await receiver.sees(new RegExp(`${["one", "two"][at]}/\\S+ got: \\d+`))
    }
    const { stdout } = await type("status").exits()
    for (const name of [/^seed /m, /^one\//m, /^two\//m, /^sender\//m]) assert.match(stdout, name)
    await receivers[1]!.end("SIGTERM")
    await sender.sees(/receiver two\/\S+ is gone/)
    for (const node of [sender, receivers[0]!, seed]) assert.strictEqual((await node.end("SIGINT")).code, 0)
  })
})
