/**
 * The configuration on the command line, each test in a folder of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { groups } from "../src/internal/cli/config/chain.ts"
import { empHere } from "./empHere.ts"
import { makeFolder } from "./folders.ts"
import { withoutLife } from "./life.ts"
import { emp as executable, type Ended, start as startNode, startEmp } from "./processes.ts"

/** A home, with the configuration file in it, and `emp` for somebody who lives there. */
const makeHome = (text?: string) => {
  const home = makeFolder()
  const file = join(home, ".effect-mp.json")
  if (text !== undefined) fs.writeFileSync(file, text)
  const none = { EFFECT_MP_RC: undefined, EMP_SECRET: undefined, EMP_CERT: undefined }
  const start = (args: ReadonlyArray<string>, env: Record<string, string | undefined> = {}) =>
    startEmp(args, { HOME: home, ...none, ...env })
  /** Runs what is of the configuration alone in this process, which has a home of its own, and so names the file. */
  const ends = (args: ReadonlyArray<string>, env: Record<string, string> = {}): Promise<Ended> =>
    "EFFECT_MP_RC" in env || args.some((word) => ["run", "doctor", "--help"].includes(word))
      ? start(args, env).exits()
      : empHere(args, { EFFECT_MP_RC: file, EMP_SECRET: "", ...env })
  return {
    home,
    file,
    start,
    ends,
    /** Runs `emp`, and answers what it prints. Fails if it does. */
    emp: async (...args: ReadonlyArray<string>): Promise<string> => {
      const { code, stderr, stdout } = await ends(args)
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      return stdout
    },
    fails: async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await ends(args)
      assert.strictEqual(stdout, "")
      assert.match(stderr, /^emp: .+\n$/)
      return { code, message: stderr.slice(5, -1) }
    },
    text: () => fs.readFileSync(file, "utf8"),
    document: () => JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, unknown>,
    entries: () => fs.readdirSync(home).toSorted()
  }
}

describe("the configuration commands of emp", () => {
  it("chain in one call, as AEMP's do", async () => {
    const { document, emp, entries, file } = makeHome()
    assert.strictEqual(await emp("gensecret", "profile", "xyzzy", "binds", "4040,4041", "nodeid", "anon/"), "")
    const { secret, ...rest } = document()
    assert.match(String(secret), /^[\x21-\x7e]{64}$/)
    assert.deepStrictEqual(rest, { version: 1, profile: { xyzzy: { binds: ["4040", "4041"], nodeid: "anon/" } } })
    assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
    assert.deepStrictEqual(entries(), [".effect-mp.json"])
  })

  it("do the same one by one, and keep the last state as a backup", async () => {
    const single = makeHome()
    await single.emp("setsecret", "swordfish")
    await single.emp("profile", "xyzzy", "binds", "4040,4041")
    await single.emp("profile", "xyzzy", "parent", "base")
    await single.emp("profile", "base", "addseed", "10.0.0.1:4040")
    const before = single.text()
    await single.emp("profile", "xyzzy", "addservice", "[\"./a.js#b\", {\"c\": 1}]")
    const chained = makeHome()
    await chained.emp(
      ..."secret swordfish profile xyzzy setbinds 4040,4041 setparent base".split(" "),
      ..."profile base addseed 10.0.0.1:4040 profile xyzzy addservice".split(" "),
      "[\"./a.js#b\", {\"c\": 1}]"
    )
    assert.strictEqual(chained.text(), single.text())
    assert.strictEqual(fs.readFileSync(`${single.file}~`, "utf8"), before)
    assert.strictEqual(fs.statSync(`${single.file}~`).mode & 0o777, 0o600)
  })

  it("lose nothing when several run at once", async () => {
    const { document, entries, start } = makeHome("{}")
    const names = Array.from({ length: 8 }, (_, nth) => `p${nth}`)
    const ended = await Promise.all(
      names.map((name) => start(["profile", name, "nodeid", name, "addseed", "a:1"]).exits())
    )
    assert.deepStrictEqual(ended.map(({ code, stderr }) => [code, stderr]), names.map(() => [0, ""]))
    const expected = Object.fromEntries(names.map((name) => [name, { nodeid: name, seeds: ["a:1"] }]))
    assert.deepStrictEqual(document(), { version: 1, profile: expected })
    assert.deepStrictEqual(entries(), [".effect-mp.json", ".effect-mp.json~"])
  })

  it("use $EFFECT_MP_RC, if there is one", async () => {
    const { entries, home, ends } = makeHome()
    const file = join(home, "other.json")
    assert.strictEqual((await ends(["nodeid", "a"], { EFFECT_MP_RC: file })).code, 0)
    assert.deepStrictEqual(entries(), ["other.json"])
    assert.strictEqual((await ends(["nodeid", "a"], { EFFECT_MP_RC: "" })).code, 0)
    assert.deepStrictEqual(entries(), [".effect-mp.json", "other.json"])
  })

  it("keep what they do not know, and say that comments are gone", async () => {
    const before = "# mine\n{\"eval\": \"warn 1\", \"profile\": {\"a\": {\"x\": [1]}}}"
    const { document, file, ends } = makeHome(before)
    const { code, stderr } = await ends(["profile", "a", "nodeid", "b"])
    assert.strictEqual(stderr, `emp: the comments in ${file} are gone; ${file}~ has them\n`)
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(document(), { version: 1, eval: "warn 1", profile: { a: { x: [1], nodeid: "b" } } })
    assert.strictEqual(fs.readFileSync(`${file}~`, "utf8"), before)
  })

  it("say what had nothing to do", async () => {
    const { ends } = makeHome("{\"profile\": {\"seed\": {}}}")
    const { code, stderr } = await ends(["delseed", "a:1", "delprofile", "sed"])
    assert.strictEqual(stderr, "emp: seeds has no \"a:1\"\nemp: there is no profile \"sed\"; did you mean \"seed\"?\n")
    assert.strictEqual(code, 0)
  })
})

describe("a configuration command", () => {
  it.each<[string, (path: string) => unknown]>([
    ["a pipe", (path) => assert.strictEqual(spawnSync("mkfifo", [path]).status, 0)],
    ["a link to a pipe", (path) => {
      assert.strictEqual(spawnSync("mkfifo", [`${path}.pipe`]).status, 0)
      fs.symlinkSync(`${path}.pipe`, path)
    }],
    ["a socket", (path) =>
      new Promise<void>((resolve) => {
        const server = net.createServer().listen(path, resolve)
        onTestFinished(() => void server.close())
      })],
    ["a folder", (path) => fs.mkdirSync(path)]
  ])("does not replace %s, and touches nothing", async (_, make) => {
    const { entries, fails, file } = makeHome()
    await make(file)
    const [before, stat] = [entries(), fs.lstatSync(file)]
    for (const args of [["nodeid", "x"], ["gensecret"], ["delprofile", "x"]]) {
      assert.deepStrictEqual(await fails(...args), {
        code: 1,
        message: `${file}: is no regular file, and is not replaced`
      })
    }
    const after = fs.lstatSync(file)
    assert.deepStrictEqual(entries(), before)
    assert.deepStrictEqual([after.ino, after.mode, after.mtimeMs], [stat.ino, stat.mode, stat.mtimeMs])
  })

  it("takes addresses of IPv6 as they are written everywhere", async () => {
    const { document, emp } = makeHome()
    await emp("binds", "[::1]:4040", "addbind", "[fe80::1]:4041,4042", "profile", "a", "seeds", "[::1]:4040,b:1")
    assert.deepStrictEqual(document(), {
      version: 1,
      binds: ["[::1]:4040", "[fe80::1]:4041", "4042"],
      profile: { a: { seeds: ["[::1]:4040", "b:1"] } }
    })
  })

  it("needs a home or a name for its file, and does not write into the present folder", async () => {
    const { emp, entries, home, ends } = makeHome()
    const run = (...args: ReadonlyArray<string>) =>
      startNode([executable, ...args], { HOME: "", EFFECT_MP_RC: undefined, EMP_SECRET: "" }, ["env", "-C", home])
        .exits()
    for (const args of [["gensecret"], ["showconfig"], ["run"]]) {
      const { code, stderr } = await run(...args)
      assert.match(stderr, /^emp: .*no home folder: set HOME, or name the file with EFFECT_MP_RC\n$/)
      assert.strictEqual(code, 1)
    }
    assert.deepStrictEqual(entries(), [])
    const { stderr } = await run("run", "--norc")
    assert.match(stderr, /^emp: node option secret: missing/)
    const file = join(home, "named.json")
    assert.strictEqual((await ends(["nodeid", "a"], { HOME: "", EFFECT_MP_RC: file })).code, 0)
    assert.deepStrictEqual(entries(), ["named.json"])
    await emp("nodeid", "a")
  })

  it("says it when a folder is not there", async () => {
    const { home, ends } = makeHome()
    const file = join(home, "nowhere", "rc.json")
    const { code, stderr } = await ends(["nodeid", "a"], { EFFECT_MP_RC: file })
    assert.strictEqual(stderr, `emp: ${file}: cannot be changed: the folder ${join(home, "nowhere")} is not there\n`)
    assert.strictEqual(code, 1)
  })
})

describe("a parent that is not there", () => {
  const stored = JSON.stringify({
    secret: "swordfish",
    binds: ["127.0.0.1:*"],
    profile: { worker: { parent: "commn" }, common: { seeds: ["a:1"] }, other: { parent: "common" } }
  })
  const told = "profile worker: its parent \"commn\" does not exist; did you mean \"common\"?"

  it("is told by showconfig and by run", async () => {
    const { ends, start } = makeHome(stored)
    const shown = await ends(["showconfig", "worker"])
    assert.deepStrictEqual([shown.code, shown.stderr], [0, `emp: ${told}\n`])
    assert.match(shown.stdout, /^what profile worker comes to\n/)
    const node = start(["run", "--no-watchdog", "profile", "worker"])
    await node.sees(/is ready/)
    const { stderr } = await node.end("SIGTERM")
    assert.include(stderr.replaceAll("\\", ""), `message="${told}"`)
    assert.match(withoutLife(stderr), /^\S+ level=WARN /)
    const quiet = start(["run", "--no-watchdog", "--norc", "profile", "worker", "binds", "127.0.0.1:*"], {
      EMP_SECRET: "s"
    })
    await quiet.sees(/is ready/)
    assert.strictEqual(withoutLife((await quiet.end("SIGTERM")).stderr), "")
  })

  it("is told when it is taken away", async () => {
    const { document, ends } = makeHome(stored)
    const { code, stderr } = await ends(["delprofile", "common"])
    assert.strictEqual(stderr, "emp: profile other inherits nothing more from \"common\", which was its parent\n")
    assert.strictEqual(code, 0)
    assert.deepStrictEqual(document()["profile"], { worker: { parent: "commn" }, other: { parent: "common" } })
    const again = await ends(["delprofile", "other"])
    assert.strictEqual(again.stderr, "")
  })
})

describe("EMP_VERBOSE", () => {
  it.each(["abc", "10", "-1", "7x"])("cannot be %s", async (verbose) => {
    const { code, stderr, stdout } = await makeHome().ends(["showprofile"], { EMP_VERBOSE: verbose })
    assert.deepStrictEqual([code, stdout], [2, ""])
    assert.strictEqual(stderr, `emp: EMP_VERBOSE: "${verbose}" is no number from 0 to 9\n`)
  })

  it.each(["0", "9", ""])("can be %j", async (verbose) => {
    const { code, stderr } = await makeHome().ends(["showprofile"], { EMP_VERBOSE: verbose })
    assert.deepStrictEqual([code, stderr], [0, ""])
  })
})

describe("a wrong configuration command", () => {
  it.each<[string, ReadonlyArray<string>, RegExp]>([
    [
      "an unknown command",
      ["nodeid", "a", "bnids", "1"],
      /^"bnids" is no command that can follow here; did you mean "binds"\?$/
    ],
    ["a missing argument", ["gensecret", "binds"], /^binds: its list is missing, as in: emp binds 4040/],
    [
      "a wrong value",
      ["nodeid", "a", "monitor_timeout", "soon"],
      /^monitor_timeout: "soon" is not a number of seconds above zero$/
    ],
    [
      "malformed JSON",
      ["nodeid", "a", "binds", "[1,"],
      /^binds: .* must be JSON: line 1, column 4: expected a value, found the end$/
    ],
    [
      "parents in a circle",
      ["profile", "a", "parent", "b", "profile", "b", "parent", "a"],
      /^parent: the parents lead in a circle: a, b, a$/
    ],
    [
      "a profile without a command",
      ["nodeid", "a", "profile", "b"],
      /^profile: what to do with the profile is missing/
    ],
    ["a profile that is not there", ["nodeid", "a", "showprofile", "b"], /\.effect-mp\.json has no profile "b"$/]
  ])("that has %s ends with 2, and changes nothing", async (_, args, problem) => {
    const { entries, fails, text } = makeHome("{ }")
    const { code, message } = await fails(...args)
    assert.match(message, problem)
    assert.strictEqual(code, 2)
    assert.strictEqual(text(), "{ }")
    assert.deepStrictEqual(entries(), [".effect-mp.json"])
  })

  it("that is a secret is not repeated", async () => {
    const { fails } = makeHome()
    for (const secret of ["swordfish\u0100", "[swordfish", "{swordfish"]) {
      const { code, message } = await fails("secret", secret)
      assert.match(message, /^secret: /)
      assert.notInclude(message, "swordfish")
      assert.strictEqual(code, 2)
    }
  })

  it("that is empty is missing, also among seeds, where it is a variable that was not set", async () => {
    const { emp, entries, fails } = makeHome()
    for (const key of ["nodeid", "seeds"]) {
      const { code, message } = await fails(key, "")
      assert.match(message, new RegExp(`^${key}: its \\w+ is missing, as in: emp ${key} `))
      assert.strictEqual(code, 2)
    }
    const run = await fails("run", "--secret", "x", "--seed", "")
    assert.match(run.message, /^seeds: "" is not an address/)
    assert.deepStrictEqual(entries(), [])
    await emp("seeds", "[]", "binds", "")
    assert.strictEqual(
      await emp("showprofile", "--json"),
      "{\n  \"version\": 1,\n  \"seeds\": [],\n  \"binds\": []\n}\n"
    )
  })

  it("that cannot be meant is taken, with a warning", async () => {
    const { document, ends } = makeHome("{\"sercet\": \"x\"}")
    const { code, stderr } = await ends(["connect_interval", "0.0001"])
    assert.match(stderr, /^emp: connect_interval: 0.0001 seconds are so short a time .*\n$/)
    assert.strictEqual(code, 0)
    assert.strictEqual(document()["connect_interval"], 0.0001)
    const shown = await ends(["showconfig"])
    assert.match(shown.stderr, /^emp: .*: there is no key "sercet", it means nothing; did you mean "secret"\?$/m)
    assert.match(shown.stderr, /^emp: connect_interval: /m)
    const run = await ends([
      "run",
      "--secret",
      "x",
      "--bind",
      "127.0.0.1:*",
      "--connect-interval",
      "2",
      "--service",
      "./no.js"
    ])
    assert.strictEqual(run.stderr.match(/level=WARN .*did you mean \\"secret\\"/g)?.length, 1)
    assert.notInclude(run.stderr, "connect_interval")
    const doctor = await ends(["doctor", "--secret", "x", "--bind", "127.0.0.1:*"])
    assert.match(doctor.stdout, /^WARNING +configuration: .*"sercet"/m)
  })

  it("at the start gets a suggestion too", async () => {
    const { code, stderr } = await makeHome().ends(["gensecrt"])
    assert.match(stderr, /unknown subcommand "gensecrt" for "emp"; did you mean "gensecret"\?\n/)
    assert.strictEqual(code, 2)
  })

  it("ends with 1 for a malformed file, names line and column, and leaves it alone", async () => {
    const before = "{\n  \"nodeid\": \"a\"\n  \"binds\": []\n}"
    const { entries, fails, file, text } = makeHome(before)
    for (const args of [["nodeid", "b"], ["gensecret"], ["showconfig"], ["run"]]) {
      assert.deepStrictEqual(await fails(...args), {
        code: 1,
        message: `${file}:3:3: expected , or }, found "\\""`
      })
    }
    assert.strictEqual(text(), before)
    assert.deepStrictEqual(entries(), [".effect-mp.json"])
  })

  it("ends with 1 for a certificate that is none", async () => {
    const { entries, fails } = makeHome()
    assert.strictEqual((await fails("cert", "no/such.pem")).message, "no/such.pem: cert: there is no such file")
    const { code, message } = await fails("cert", "package.json")
    assert.match(message, /^package\.json: cert: it holds no certificate/)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(entries(), [])
  })
})

describe("certificates", () => {
  it("are made, and taken from files", async () => {
    const { document, emp } = makeHome()
    await emp("gencert", "profile", "file", "cert", "test/fixtures/certs/shared.pem")
    const { cert, profile } = document() as { cert: string; profile: { file: { cert: string } } }
    const certificate = new X509Certificate(cert)
    assert.isTrue(certificate.verify(certificate.publicKey))
    assert.isAbove(Date.parse(certificate.validTo), Date.now() + 9 * 365 * 86_400_000)
    assert.match(cert, /-----BEGIN PRIVATE KEY-----/)
    assert.strictEqual(profile.file.cert, fs.readFileSync("test/fixtures/certs/shared.pem", "utf8"))
  })

  it("that were made connect nodes", async () => {
    const { emp, start } = makeHome()
    await emp("gencert", "binds", "127.0.0.1:*")
    const seed = start(["run", "--node-id", "seed"])
    const [, address = ""] = await seed.sees(/node seed is ready, listening on (\S+)/)
    await start(["run", "--node-id", "other", "--seed", address]).sees(/node other is ready/)
  })

  it.each([
    ["fails", "echo out of luck >&2; exit 3", /openssl ended with 3: out of luck$/],
    ["makes something else", "echo hello", /openssl made something that is of no use: .*no certificate/]
  ])("are not stored when openssl %s", async (_, script, problem) => {
    const { emp, home, start, text } = makeHome()
    await emp("nodeid", "a")
    const before = text()
    fs.writeFileSync(join(home, "openssl"), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const { code, stderr } = await start(["nodeid", "b", "gencert"], { PATH: home }).exits()
    assert.match(stderr.trimEnd(), /^emp: gencert: /)
    assert.match(stderr.trimEnd(), problem)
    assert.strictEqual(code, 1)
    assert.strictEqual(text(), before)
  })

  it("need openssl, and say so", async () => {
    const { entries, start } = makeHome()
    const { code, stderr } = await start(["gencert"], { PATH: "/nonexistent" }).exits()
    assert.match(stderr, /^emp: gencert: there is no openssl command .* use cert FILE\n$/)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(entries(), [])
  })
})

describe("showprofile and showconfig", () => {
  const pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
  const stored = JSON.stringify({
    version: 1,
    secret: "swordfish",
    profile: { seed: { cert: pem, binds: ["*:4040"], parent: "base" }, base: { seeds: ["a:1", "b:2"], cert: "x.pem" } }
  })

  it("show the file and its profiles", async () => {
    const { emp, file } = makeHome(stored)
    const seed = "profile seed\n  cert    ********\n  binds   *:4040\n  parent  base\n"
    const base = "profile base\n  seeds  a:1,b:2\n  cert   x.pem\n"
    assert.strictEqual(await emp("showprofile"), `${file}\n  secret  ********\n${seed}${base}`)
    assert.strictEqual(await emp("showprofile", "base"), base)
    assert.strictEqual(await emp("profile", "seed", "showprofile"), seed)
  })

  it("show what a node would run with, and where it comes from", async () => {
    const { ends } = makeHome(stored)
    const { stderr, stdout } = await ends(["showconfig", "seed", "nodeid", "n"], { EMP_SECRET: "other" })
    assert.strictEqual(stderr, "")
    const [title, ...rows] = stdout.trimEnd().split("\n")
    assert.strictEqual(title, "what profile seed comes to")
    assert.deepStrictEqual(rows.map((row) => row.trim().split(/  +/)).slice(0, 6), [
      ["nodeid", "arguments", "n"],
      ["secret", "$EMP_SECRET", "********"],
      ["cert", "profile seed", "********"],
      ["binds", "profile seed", "*:4040"],
      ["seeds", "profile base", "a:1,b:2"],
      ["services", "default", "(none)"]
    ])
    assert.isTrue(rows.every((row) => row.length <= 80))
  })

  it("show JSON, and secrets to those who ask for them", async () => {
    const { emp } = makeHome(stored)
    assert.deepStrictEqual(JSON.parse(await emp("showprofile", "--json", "--show-secrets")), JSON.parse(stored))
    const masked = JSON.parse(stored) as { secret: string; profile: { seed: { cert: string } } }
    masked.secret = masked.profile.seed.cert = "********"
    assert.deepStrictEqual(JSON.parse(await emp("showprofile", "--json")), masked)
    await emp("profile", "seed", "secret", "[\"new\", \"old\"]")
    const several = await emp("profile", "seed", "showconfig")
    assert.match(several, /^ +secret +profile seed +\*{8},\*{8}$/m)
    await emp("profile", "seed", "delsecret")
    const config = JSON.parse(await emp("profile", "seed", "showconfig", "--json", "--show-secrets"))
    assert.deepStrictEqual(config.secret, { value: "swordfish", from: "file" })
    assert.deepStrictEqual(config.cert, { value: pem, from: "profile seed" })
    assert.deepStrictEqual(config.nodeid, { value: "seed/", from: "default" })
    assert.notMatch(await emp("showconfig", "seed", "--json"), /swordfish|BEGIN/)
  })

  it("show what the commands before them have made", async () => {
    const { document, emp } = makeHome("{}")
    assert.strictEqual(await emp("profile", "a", "binds", "1", "showprofile"), "profile a\n  binds  1\n")
    assert.deepStrictEqual(document(), { version: 1, profile: { a: { binds: ["1"] } } })
  })

  it("change nothing, and make no file", async () => {
    const { emp, entries, file } = makeHome()
    assert.strictEqual(await emp("showprofile"), `${file}\n  (nothing)\n`)
    await emp("showconfig")
    assert.deepStrictEqual(entries(), [])
  })
})

describe("the help of a configuration command", () => {
  const words = groups.flatMap((group) => group.words)

  it("is in the list of emp --help, which fits into 80 columns", async () => {
    const { stdout } = await makeHome().ends(["--help"])
    const list = stdout.slice(stdout.indexOf("Configuration:"))
    for (const { isUnlisted = false, name } of words) {
      assert.strictEqual(new RegExp(`^ +${name} `, "m").test(list), !isUnlisted, name)
    }
    for (const line of list.split("\n")) assert.isAtMost(line.length, 80)
  })

  it("has an example", async () => {
    const help = (args: ReadonlyArray<string>) => makeHome().ends([...args, "--help"])
    for (
      const [args, example] of [
        [["binds"], "emp binds 4040,127.0.0.1:4041"],
        [["setbinds"], "emp binds 4040,127.0.0.1:4041"],
        [["gensecret", "profile", "x"], "emp gensecret"],
        [["delmonitor_timeout"], "emp delmonitor_timeout"],
        [["profile"], "emp profile seed nodeid seed binds '*:4040'"]
      ] as const
    ) {
      const { code, stderr, stdout } = await help(args)
      assert.include(stdout, example)
      assert.deepStrictEqual([code, stderr], [0, ""])
    }
  })
})

describe("emp run", () => {
  const stored = JSON.stringify({
    secret: "swordfish",
    binds: ["127.0.0.1:*"],
    profile: {
      [os.hostname()]: { nodeid: "local" },
      seed: { nodeid: "seed", parent: "talk" },
      talk: { services: [["test/fixtures/services.ts#told", "bob", { times: 3 }]] }
    }
  })

  it.each<[string, ReadonlyArray<string>, Record<string, string>, RegExp]>([
    ["the profile of the host", [], {}, /^node local is ready, listening on 127\.0\.0\.1:\d+\n/],
    [
      "a profile, its parent, and services with arguments",
      ["profile", "seed"],
      {},
      /^the service was told bob 3 times\nnode seed is ready/
    ],
    ["a profile as its first word", ["seed", "nodeid", "x"], {}, /\nnode seed is ready/],
    [
      "a profile by a flag, and other flags",
      ["--profile", "seed", "--node-id", "flagged"],
      {},
      /\nnode flagged is ready/
    ],
    ["words instead of the file", ["seed", "nodeid", "forced", "force", "1"], {}, /\nnode forced is ready/],
    [
      "no file at all",
      ["--norc", "binds", "127.0.0.1:*", "nodeid", "bare"],
      { EMP_SECRET: "s" },
      /^node bare is ready/
    ],
    ["the name of a profile for a node", ["talk"], {}, /\nnode talk\/[0-9A-Za-z]{10} is ready/]
  ])("takes %s", async (_, args, env, ready) => {
    const node = makeHome(stored).start(["run", ...args], env)
    await node.sees(/is ready/)
    const { code, stderr, stdout } = await node.end("SIGTERM")
    assert.match(stdout, ready)
    assert.deepStrictEqual([code, withoutLife(stderr)], [0, ""])
  })

  it("connects nodes that share a configuration", async () => {
    const { start } = makeHome(stored)
    const [, address = ""] = await start(["run", "seed"]).sees(/node seed is ready, listening on (\S+)/)
    await start(["run", "profile", "other", "seeds", address]).sees(/node other\/\w+ is ready/)
  })

  it("says where a wrong value stands, and ends with 1", async () => {
    const { fails, file } = makeHome("{\"profile\": {\"seed\": {\"binds\": [\"x:y\"]}}}")
    const { code, message } = await fails("run", "seed")
    assert.include(message, `${file}, profile seed: binds: "x:y" is not an address`)
    assert.strictEqual(code, 1)
  })

  it("says so when there is no such profile", async () => {
    const node = makeHome(stored).start(["run", "profile", "sed"])
    await node.sees(/node sed\/\w+ is ready/)
    assert.match((await node.end("SIGTERM")).stderr, /level=WARN .*has no profile .*sed.*did you mean .*seed/)
  })
})
