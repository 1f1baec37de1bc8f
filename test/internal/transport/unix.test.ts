import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { unixCarrier } from "../../../src/internal/transport/unix.ts"
import { formatUnix, longestPath, parseUnix, wrongUnix } from "../../../src/internal/transport/unixAddress.ts"
import { readLabel, schemeOf, splitAddresses } from "../../../src/internal/values/address.ts"
import { makeFolder } from "../../folders.ts"

const listen = (file: string) => unixCarrier.listen(`unix:${file}`, (wire) => wire.destroy(), "node")
const reasonOf = (file: string) => Effect.map(Effect.flip(Effect.scoped(listen(file))), ({ detail }) => detail)
const isAnswered = (address: string) => Effect.map(Effect.exit(unixCarrier.dial(address, "node")), Exit.isSuccess)

/** Listens in a process of its own, which is then killed: its file stays. */
const leaveBehind = (file: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const script = `require("node:net").createServer().listen(${JSON.stringify(file)}, () => console.log("listening"))`
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.once("data", () => child.kill("SIGKILL"))
    child.once("error", reject)
    child.once("exit", () => resolve())
  })

describe("the file of a Unix socket", () => {
  it.live("is its owner's alone, whatever the umask, and goes away with the node", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      const before = process.umask(0)
      const [address] = yield* Effect.scoped(Effect.tap(listen(file), () =>
        Effect.sync(() => {
          const found = fs.lstatSync(file)
          assert.isTrue(found.isSocket())
          assert.strictEqual(found.mode & 0o777, 0o600)
          assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ["emp.sock"])
        }))).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
      assert.strictEqual(address, `unix://${os.hostname()}${file}`)
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), [])
    }))

  it.live("that a killed process left behind is in nobody's way", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      yield* Effect.promise(() => leaveBehind(file))
      assert.isTrue(fs.lstatSync(file).isSocket())
      yield* listen(file)
      assert.isTrue(yield* isAnswered(`unix:${file}`))
    }))

  it.live("where somebody listens stays, and so does one that is no socket", () =>
    Effect.gen(function*() {
      const folder = makeFolder()
      yield* listen(`${folder}/emp.sock`)
      assert.strictEqual(yield* reasonOf(`${folder}/emp.sock`), "another process listens there")
      assert.isTrue(yield* isAnswered(`unix:${folder}/emp.sock`))
      for (const name of ["text", "folder"]) {
        if (name === "text") fs.writeFileSync(`${folder}/text`, "mine")
        else fs.mkdirSync(`${folder}/folder`)
        assert.strictEqual(yield* reasonOf(`${folder}/${name}`), "a file is there that is no socket")
      }
      assert.strictEqual(fs.readFileSync(`${folder}/text`, "utf8"), "mine")
      fs.symlinkSync(`${folder}/text`, `${folder}/link`)
      assert.strictEqual(yield* reasonOf(`${folder}/link`), "a file is there that is no socket")
      assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), ["emp.sock", "folder", "link", "text"])
    }))

  it.live("of a successor stays when the one before stops", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      const first = yield* Scope.make()
      yield* Scope.provide(listen(file), first)
      fs.rmSync(file)
      yield* listen(file)
      yield* Scope.close(first, Exit.void)
      assert.isTrue(yield* isAnswered(`unix:${file}`))
    }))

  it.live("is had by one of all those who want it at once", () =>
    Effect.gen(function*() {
      const folder = makeFolder()
      yield* Effect.promise(() => leaveBehind(`${folder}/emp.sock`))
      const all = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.exit(listen(`${folder}/emp.sock`)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter(Exit.isSuccess).length, 1)
      assert.isTrue(yield* isAnswered(`unix:${folder}/emp.sock`))
      assert.deepStrictEqual(fs.readdirSync(folder), ["emp.sock"])
    }))

  it.live("cannot be made where there is no folder, and where one may not write", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* reasonOf(`${makeFolder()}/none/emp.sock`), "no such file or directory")
      assert.strictEqual(yield* reasonOf("/proc/emp.sock"), "no such file or directory")
    }))

  it.live("is refused to other users", (context) => {
    if (process.getuid!() !== 0) return Effect.sync(() => context.skip("only root can be somebody else"))
    return Effect.gen(function*() {
      const folder = makeFolder()
      fs.chmodSync(folder, 0o755)
      yield* listen(`${folder}/emp.sock`)
      const script = `require("node:net").connect(${
        JSON.stringify(`${folder}/emp.sock`)
      }).on("error", (error) => console.log(error.code))`
      const found = execFileSync("setpriv", [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        process.execPath,
        "-e",
        script
      ], {
        encoding: "utf8"
      })
      assert.strictEqual(found, "EACCES\n")
    })
  })
})

describe("dialling a Unix socket", () => {
  it.live("of another machine fails, though the path is there", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      yield* listen(file)
      assert.isTrue(yield* isAnswered(`unix://${os.hostname()}${file}`))
      const error = yield* Effect.flip(unixCarrier.dial(`unix://elsewhere${file}`, "node"))
      assert.deepStrictEqual([error.reason, error.detail], ["connect_failed", "the socket is on another machine"])
    }))

  it.live("says whether there is none, or nobody listens", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      const detailOf = Effect.map(Effect.flip(unixCarrier.dial(`unix:${file}`, "node")), ({ detail }) => detail)
      assert.strictEqual(yield* detailOf, "there is no such socket")
      yield* Effect.promise(() => leaveBehind(file))
      assert.strictEqual(yield* detailOf, "Connection refused")
    }))
})

describe("an address of a Unix socket", () => {
  const Part = Schema.Literals([
    "/",
    "a",
    ".",
    "..",
    "é",
    "%",
    "@",
    "vpn",
    ",",
    " ",
    "\n",
    "run",
    "emp.sock",
    ":",
    "4040"
  ])

  it.effect.prop("names a path, whatever is in it", [
    Schema.Array(Part).check(Schema.isMinLength(1), Schema.isMaxLength(8))
  ], ([parts]) =>
    Effect.sync(() => {
      const file = path.resolve("/", parts.join("") + "s")
      for (const host of [undefined, "box"]) {
        const address = formatUnix({ host, path: file })
        assert.deepStrictEqual(parseUnix(address), { host, path: file })
        assert.strictEqual(schemeOf(address), "unix", address)
        assert.deepStrictEqual(readLabel(address).address, address)
        assert.deepStrictEqual(splitAddresses([address, `${address}@vpn`]), [address, `${address}@vpn`])
      }
    }))

  it("may be written in several ways", () => {
    assert.deepStrictEqual(parseUnix("unix:/run/a.sock"), { host: undefined, path: "/run/a.sock" })
    assert.deepStrictEqual(parseUnix("unix:///run/a.sock"), { host: undefined, path: "/run/a.sock" })
    assert.deepStrictEqual(parseUnix("unix:a.sock"), { host: undefined, path: path.resolve("a.sock") })
  })

  it("is refused in words where it is none", () => {
    for (const address of ["unix:", "unix:/", "unix:/run/", "unix:%", "unix:%00a"]) {
      assert.strictEqual(wrongUnix(address), `${JSON.stringify(address)} is not of the form unix:/path`)
    }
    const long = `unix:/${"a".repeat(longestPath)}`
    assert.strictEqual(wrongUnix(long), `the path of ${JSON.stringify(long)} has 108 bytes: 107 are the most`)
    assert.isUndefined(wrongUnix(`unix:/${"a".repeat(longestPath - 1)}`))
  })

  it("of the longest path can be listened on", async () => {
    const folder = makeFolder()
    const file = `${folder}/${"a".repeat(longestPath - folder.length - 1)}`
    await Effect.runPromise(Effect.scoped(listen(file)))
  })
})

// A server that Node itself made is what a wire of ours may meet as well.
it.live("a wire to a server that is no node is a wire", () =>
  Effect.gen(function*() {
    const file = `${makeFolder()}/plain.sock`
    const server = net.createServer((socket) => socket.end("hello"))
    yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(file, resolve)))
    const wire = yield* unixCarrier.dial(`unix:${file}`, "node")
    const told = yield* Effect.callback<string>((resume) => {
      let text = ""
      wire.start({
        data: (chunk) => void (text += String.fromCharCode(...chunk)),
        drained: () => {},
        closed: () => resume(Effect.succeed(text))
      })
    })
    assert.strictEqual(told, "hello")
    server.close()
  }))
