import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as net from "node:net"
import * as os from "node:os"
import system from "node:os"
import * as path from "node:path"
import { unixCarrier } from "../../../src/internal/transport/unix.ts"
import { formatUnix, longestPath, parseUnix, wrongUnix } from "../../../src/internal/transport/unixAddress.ts"
import { readLabel, schemeOf, splitAddresses } from "../../../src/internal/values/address.ts"
import { makeFolder } from "../../folders.ts"
import { eventually } from "../../processes.ts"

const { hostname } = system

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
      assert.strictEqual(yield* reasonOf(`${folder}/emp.sock`), "the socket is in use")
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

  it.live("of somebody who came meanwhile is not taken for the one that was left behind", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      yield* Effect.promise(() => leaveBehind(file))
      const late = yield* Effect.forkChild(reasonOf(file), { startImmediately: true })
      // It has found that nobody listens, and goes on in another turn. Many file systems give the next file the same number.
      fs.rmSync(file)
      const server = net.createServer((socket) => socket.end()).listen(file)
      assert.strictEqual(yield* Fiber.join(late), "the socket is in use")
      assert.isTrue(yield* isAnswered(`unix:${file}`))
      server.close()
    }))

  it.live("that may not be removed is said to be in the way, and stays where the node may no longer remove it", (context) => {
    if (process.getuid!() !== 0) return Effect.sync(() => context.skip("only root can be somebody else"))
    return Effect.gen(function*() {
      const folder = makeFolder()
      yield* Effect.promise(() => leaveBehind(`${folder}/left.sock`))
      fs.chmodSync(`${folder}/left.sock`, 0o777)
      fs.chmodSync(folder, 0o1777)
      const asOther = Effect.acquireRelease(
        Effect.sync(() => process.seteuid!(65534)),
        () => Effect.sync(() => process.seteuid!(0))
      )
      const scope = yield* Scope.make()
      yield* Scope.provide(listen(`${folder}/mine.sock`), scope)
      yield* Effect.scoped(Effect.andThen(
        asOther,
        Effect.gen(function*() {
          assert.strictEqual(
            yield* reasonOf(`${folder}/left.sock`),
            "what a killed process has left there cannot be removed: operation not permitted"
          )
          yield* Scope.close(scope, Exit.void)
        })
      ))
      assert.isFalse(yield* isAnswered(`unix:${folder}/mine.sock`))
      assert.include(fs.readdirSync(folder), "mine.sock")
      yield* listen(`${folder}/mine.sock`)
    })
  })

  it.effect("that somebody takes away comes back, but not in the place of a successor's", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      yield* Effect.scoped(Effect.gen(function*() {
        yield* listen(file)
        fs.rmSync(file)
        yield* TestClock.adjust("2 seconds")
        yield* Effect.promise(() => eventually("the file is there again", () => fs.existsSync(file)))
        assert.isTrue(yield* isAnswered(`unix:${file}`))
        assert.strictEqual(fs.lstatSync(file).mode & 0o777, 0o600)
        fs.rmSync(file)
        fs.writeFileSync(file, "somebody else's")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(fs.readFileSync(file, "utf8"), "somebody else's")
      }))
      assert.deepStrictEqual(fs.readdirSync(path.dirname(file)), ["emp.sock"])
    }))

  it.effect("has another address for others when the machine gets another name", () =>
    Effect.gen(function*() {
      const file = `${makeFolder()}/emp.sock`
      const moves = new Array<ReadonlyArray<string>>()
      yield* unixCarrier.listen(`unix:${file}`, (wire) => wire.destroy(), "node", (now) => void moves.push(now))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(moves, [])
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          system.hostname = () => "renamed"
          syncBuiltinESMExports()
        }),
        () =>
          Effect.sync(() => {
            system.hostname = hostname
            syncBuiltinESMExports()
          })
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(moves, [[`unix://renamed${file}`]])
      assert.isTrue(yield* isAnswered(`unix://renamed${file}`))
    }))

  it.live("of another machine cannot be listened on", () =>
    Effect.gen(function*() {
      const listening = Effect.scoped(unixCarrier.listen("unix://run/emp.sock", () => {}, "node"))
      const { detail, reason } = yield* Effect.flip(listening)
      assert.deepStrictEqual([reason, detail], ["listen_failed", "the socket is on another machine"])
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
      for (const host of [undefined, "box", "my box", "a/b", "50%", "a@b,c\n", "büro"]) {
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
    for (const address of ["unix:", "unix:/", "unix:/run/", "unix:%00a"]) {
      assert.strictEqual(wrongUnix(address), `${JSON.stringify(address)} is not of the form unix:/path`)
    }
    for (const address of ["unix:%", "unix:/tmp/100%.sock", "unix://50%/a"]) {
      const problem = `${JSON.stringify(address)} is not of the form unix:/path: a % is written %25`
      assert.strictEqual(wrongUnix(address), problem)
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

  it("in the folder of the longest path can be listened on, and a longer one is refused in words", async () => {
    const folder = makeFolder()
    const deep = (bytes: number): string => {
      const inner = `${folder}/${"d".repeat(bytes - folder.length - 1)}`
      fs.mkdirSync(inner)
      return `${inner}/a`
    }
    await Effect.runPromise(Effect.scoped(listen(deep(95))))
    assert.strictEqual(
      await Effect.runPromise(reasonOf(deep(96))),
      "the path of its folder has 96 bytes: 95 are the most where a socket is made"
    )
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
