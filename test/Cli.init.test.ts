/**
 * `emp init`, as it is typed: what it writes, asks, and refuses. What becomes of its projects: `Cli.init.projects.test.ts`.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { formNames } from "../src/internal/cli/init/forms.ts"
import type { Outputs } from "../src/internal/cli/outputs.ts"
import { version } from "../src/internal/values/version.ts"
import { environmentOf, stagesOf, wordsOf } from "./deployed.ts"
import { unpack } from "./packed.ts"
import { root, start } from "./processes.ts"
import { Projects } from "./projects.ts"
import { itLong } from "./size.ts"

let projects: Projects
beforeAll(() => {
  projects = new Projects()
})
afterAll(() => projects.remove())

/** The files below a folder. */
const filesIn = (name: string): ReadonlyArray<string> =>
  readdirSync(projects.path(name), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(projects.path(name).length + 1))

type Versions = Readonly<Record<"dependencies" | "devDependencies" | "engines", Readonly<Record<string, string>>>>
const ours = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Versions

describe("what emp init writes", () => {
  it.each(formNames)("is all that belongs to a project: %s", async (form) => {
    const { code, stderr, stdout } = await projects.initQuickly(`My ${form}`, "--form", form, "--json")
    assert.deepStrictEqual([code, stderr], [0, ""])
    const written = JSON.parse(stdout) as Outputs["init"]
    const folder = projects.path(`My ${form}`)
    const dependency = `file:vendor/effect-mp-${version}.tgz`
    assert.deepInclude(written, { folder, name: `my-${form}`, form, dependency })
    assert.deepStrictEqual(written.next, [`cd 'My ${form}'`, "npm install", "npm test", "npm start"])
    assert.sameMembers([...filesIn(`My ${form}`)], [...written.files])
    const { dependencies: { "effect-mp": own, ...others }, devDependencies, engines } = projects.json<Versions>(
      `My ${form}/package.json`
    )
    assert.strictEqual(own, dependency)
    for (const [name, range] of Object.entries({ ...others, ...devDependencies })) {
      assert.strictEqual(range, ours.devDependencies[name], name)
    }
    assert.deepStrictEqual(engines, ours.engines)
    assert.deepStrictEqual(
      readFileSync(join(folder, `vendor/effect-mp-${version}.tgz`)),
      readFileSync(projects.tarball)
    )
    for (const file of written.files.filter((file) => !file.startsWith("vendor/"))) {
      assert.notMatch(projects.text(`My ${form}`, file), /\{\{|\}\}/, file)
    }
  })

  it("has a secret of its own, which is for nobody else", async () => {
    const secrets = await Promise.all(["a", "b"].map(async (name) => {
      await projects.initQuickly(name)
      assert.strictEqual(statSync(projects.path(name, "effect-mp.json")).mode & 0o777, 0o600)
      for (const file of [".gitignore", ".dockerignore"]) assert.match(projects.text(name, file), /^effect-mp\.json$/m)
      return projects.json<{ readonly secret: string }>(name, "effect-mp.json").secret
    }))
    for (const secret of secrets) assert.match(secret, /^[0-9a-f]{64}$/)
    assert.notStrictEqual(secrets[0], secrets[1])
  })

  itLong("is not installed by a Node that is too old for it, and npm says so", async () => {
    await projects.initQuickly("old")
    // There is one Node here: it is made too old.
    const manifest = projects.json<object>("old/package.json")
    writeFileSync(projects.path("old/package.json"), JSON.stringify({ ...manifest, engines: { node: ">=999" } }))
    const npm = spawnSync("npm", ["install", "--offline"], { cwd: projects.path("old"), encoding: "utf8" })
    assert.match(npm.stderr, /EBADENGINE[^]*>=999/)
    assert.notStrictEqual(npm.status, 0)
  })

  it.each([
    ["-dash", "cd ./-dash"],
    ["-", "cd ./-"],
    ["~root", "cd '~root'"],
    ["=ls", "cd '=ls'"],
    ["a~b=c-d", "cd a~b=c-d"],
    ["it's $(id)", "cd 'it'\\''s $(id)'"]
  ])("says how to go there: %s", async (folder, command) => {
    const { stderr, stdout } = await projects.initQuickly("--json", "--name", "x", "--", folder)
    assert.strictEqual(stderr, "")
    assert.strictEqual((JSON.parse(stdout) as Outputs["init"]).next[0], command)
  })

  it("is made for Docker: not for root, with a health check, and a command that the image has", async () => {
    for (const form of formNames) {
      await projects.initQuickly(`docker/${form}`, "--form", form)
      const stage = stagesOf(projects.text("docker", form, "Dockerfile")).at(-1)!
      assert.strictEqual(stage.find(({ name }) => name === "USER")!.text, "1000:1000")
      assert.deepStrictEqual(wordsOf(stage, "ENTRYPOINT"), ["tini", "--"])
      assert.strictEqual(wordsOf(stage, "HEALTHCHECK")[0], "wget")
      assert.include(environmentOf(stage)["PATH"], "node_modules/.bin")
      const there = filesIn(`docker/${form}`)
      // What npm writes when it installs.
      const copied = stage.filter(({ name }) => name === "COPY").flatMap(({ text }) => text.split(" ").slice(0, -1))
      for (const source of copied.filter((source) => source !== "package-lock.json")) {
        assert.isTrue(there.some((file) => file === source || file.startsWith(`${source}/`)), source)
      }
      const command = wordsOf(stage, "CMD")
      if (command[0] === "node") assert.include(there, command[1])
      else {
        const { profile } = projects.json<{ readonly profile: object }>("docker", form, "effect-mp.json")
        assert.deepStrictEqual(command.slice(0, 3), ["emp", "run", "profile"])
        assert.property(profile, command[3]!)
      }
    }
  })

  it("is where it was started, without a folder", async () => {
    mkdirSync(projects.path("here"))
    const args = [
      "-C",
      "here",
      process.execPath,
      join(root, "dist/emp.cjs"),
      "init",
      "--from-tarball",
      projects.tarball
    ]
    execFileSync("env", args, { cwd: projects.folder })
    assert.include(filesIn("here"), "package.json")
  })
})

describe("emp init refuses", () => {
  const refused = async (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
    const { code, stderr, stdout } = await projects.init(args, env)
    assert.strictEqual(stdout, "")
    assert.match(stderr, /^emp: /)
    return { code, said: stderr }
  }

  it("to write over what is there, and writes nothing then", async () => {
    mkdirSync(projects.path("there/src"), { recursive: true })
    writeFileSync(projects.path("there/src/protocol.ts"), "mine")
    const { code, said } = await refused(["there", "--from-tarball", projects.tarball])
    assert.include(said, `${projects.path("there/src/protocol.ts")} is there already: nothing was written`)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(filesIn("there"), ["src/protocol.ts"])
    assert.strictEqual(projects.text("there/src/protocol.ts"), "mine")
  })

  it("to follow a link that leads nowhere, and takes back what it has written", async () => {
    mkdirSync(projects.path("linked"))
    symlinkSync(projects.path("nowhere"), projects.path("linked/package.json"))
    const { code, said } = await refused(["linked", "--from-tarball", projects.tarball])
    assert.include(said, `${projects.path("linked/package.json")} is there already: nothing was written`)
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(filesIn("linked"), ["package.json"])
    assert.deepStrictEqual(readdirSync(projects.path("linked")), ["package.json"])
  })

  it.each(["/proc/x", "/proc/x/y/z", "plain.txt/x", "plain.txt"])(
    "a folder that cannot be made: %s",
    async (folder) => {
      writeFileSync(projects.path("plain.txt"), "a file")
      const { code, said } = await refused([folder, "--name", "x", "--from-tarball", projects.tarball])
      assert.include(said, `: name a folder that is empty or not there yet, and that you may write to; not ${folder}`)
      assert.strictEqual(code, 1)
    }
  )

  it("a folder that may not be written to", async () => {
    mkdirSync(projects.path("closed"))
    chmodSync(projects.path("closed"), 0o555)
    chmodSync(projects.folder, 0o755)
    // Root may write anywhere.
    const asNobody = process.getuid?.() === 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups".split(" ") : []
    const { code, stderr } = await projects.init(["closed", "--from-tarball", projects.tarball], {}, asNobody)
    assert.match(
      stderr,
      /^emp: .*: name a folder that is empty or not there yet, and that you may write to; not closed/
    )
    assert.strictEqual(code, 1)
    assert.deepStrictEqual(filesIn("closed"), [])
  })

  it("to leave half a project where something goes wrong, and says what", async () => {
    // No file of more than 32 KiB, as on a disk that is full.
    const small = ["sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]
    const { code, stderr } = await projects.init(["half/way", "--from-tarball", projects.tarball], {}, small)
    assert.match(stderr, /^emp: EFBIG: file too large, /)
    assert.strictEqual(code, 1)
    assert.notInclude(readdirSync(projects.folder), "half")
  })

  it.each([
    ["No Name", /^emp: "No Name" is no name for npm, which wants a small letter/],
    ["http", /^emp: "http" is the name of a module of Node/],
    ["effect", /^emp: "effect" is the name of a package that the project depends on/],
    [".hidden", /no name for npm/],
    ["", /no name for npm/]
  ])("a name that npm does not take: %s", async (name, said) => {
    const answer = await refused(["named", "--name", name])
    assert.match(answer.said, said)
    assert.strictEqual(answer.code, 2)
  })

  it("a folder that suggests no name, and says how to give one", async () => {
    const { code, said } = await refused(["日本"])
    assert.match(said, /; --name gives the project another name than its folder has/)
    assert.strictEqual(code, 2)
    assert.strictEqual((await projects.initQuickly("日本", "--name", "@my/nodes")).code, 0)
    assert.deepInclude(projects.json<object>("日本/package.json"), { name: "@my/nodes" })
  })

  it("a form that there is not", async () => {
    const { code, said } = await refused(["formless", "--form", "large"])
    assert.match(said, /minimal/)
    assert.strictEqual(code, 2)
  })

  it("a tarball that is none", async () => {
    writeFileSync(projects.path("text.tgz"), "a text")
    writeFileSync(projects.path("zipped.tgz"), gzipSync("a text, zipped"))
    mkdirSync(projects.path("package"))
    writeFileSync(projects.path("package/package.json"), JSON.stringify({ name: "other", version: "1.0.0" }))
    execFileSync("tar", ["-czf", "other.tgz", "package"], { cwd: projects.folder })
    for (
      const [file, expected] of [
        ["text.tgz", /is no package as npm packs it/],
        ["zipped.tgz", /is no package as npm packs it/],
        ["other.tgz", /other\.tgz is the package "other", and not effect-mp/],
        ["gone.tgz", /cannot read the tarball: .*gone\.tgz/]
      ] as const
    ) {
      const { code, said } = await refused(["tarless", "--from-tarball", file])
      assert.match(said, expected)
      assert.strictEqual(code, 1)
    }
    assert.notInclude(readdirSync(projects.folder), "tarless")
  })

  it("to go on without npm, where it has to pack its own package", async () => {
    mkdirSync(projects.path("empty"), { recursive: true })
    const { code, said } = await refused(["npmless"], { PATH: projects.path("empty") })
    assert.match(said, /there is no npm on the PATH, .* name a tarball with --from-tarball/)
    assert.strictEqual(code, 1)
  })
})

describe("an emp that npm has installed", () => {
  /** Unpacked as npm does it, with what npm notes of where it is from. */
  const installed = (name: string, resolved: string): string => {
    const modules = projects.path(name, "node_modules")
    const place = unpack(projects.tarball, modules)
    const noted = { packages: { "node_modules/effect-mp": { version, resolved } } }
    writeFileSync(join(modules, ".package-lock.json"), JSON.stringify(noted))
    return join(place, "dist/emp.cjs")
  }

  it("from a registry takes what the registry has", async () => {
    const emp = installed("registry", `https://registry.npmjs.org/effect-mp/-/effect-mp-${version}.tgz`)
    const { code, stdout } = await start([emp, "init", projects.path("from-registry")]).exits()
    assert.strictEqual(code, 0)
    assert.include(stdout, `effect-mp: ${version} or later, from the registry\n`)
    const { dependencies } = projects.json<Versions>("from-registry/package.json")
    assert.strictEqual(dependencies["effect-mp"], `^${version}`)
    assert.notInclude(filesIn("from-registry").join(), "vendor")
    assert.notInclude(projects.text("from-registry/Dockerfile"), "vendor")
  })

  it("from a tarball packs itself", async () => {
    const emp = installed("tarball", "file:../effect-mp.tgz")
    const { code, stderr } = await start([emp, "init", projects.path("from-file")]).exits()
    assert.strictEqual(code, 0, stderr)
    const { dependencies } = projects.json<Versions>("from-file/package.json")
    assert.strictEqual(dependencies["effect-mp"], `file:vendor/effect-mp-${version}.tgz`)
  })
})

describe("emp init at a terminal", () => {
  /** A terminal of its own. */
  const typed = (...args: ReadonlyArray<string>) => {
    const command = "exec script --quiet --return --command \"$*\" /dev/null"
    const words = [join(root, "dist/emp.cjs"), "init", ...args, "--from-tarball", projects.tarball]
    return start(words, {}, ["env", "-C", projects.folder, "sh", "-c", command, "sh"])
  }

  it("asks for name and form, with defaults", async () => {
    const terminal = typed("asked")
    await terminal.sees(/Its name/)
    terminal.child.stdin!.write("\r")
    await terminal.sees(/What is it to be\?/)
    terminal.child.stdin!.write("\x1b[B\r")
    const { code, stdout } = await terminal.exits()
    assert.strictEqual(code, 0, stdout)
    assert.deepInclude(projects.json<object>("asked/package.json"), { name: "asked" })
    assert.include(filesIn("asked"), "src/main.ts")
  })

  it("asks for nothing that flags say, and for nothing at all with --yes", async () => {
    const said = typed("said", "--name", "said", "--form", "workers")
    assert.strictEqual((await said.exits()).code, 0)
    assert.strictEqual((await typed("agreed", "--yes").exits()).code, 0)
    assert.deepInclude(projects.json<object>("agreed/package.json"), { name: "agreed" })
  })

  it.each([["Its name", /Its name/, ""], ["its form", /What is it to be/, "\r"]])(
    "writes nothing when it is interrupted at the question for %s",
    async (_, question, before) => {
      const terminal = typed("interrupted")
      await terminal.sees(/Its name/)
      terminal.child.stdin!.write(before)
      await terminal.sees(question)
      terminal.child.stdin!.write("\x03")
      assert.strictEqual((await terminal.exits()).code, 130)
      assert.notInclude(readdirSync(projects.folder), "interrupted")
    }
  )
})
