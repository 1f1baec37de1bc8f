import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as fs from "node:fs"
import { join } from "node:path"
import { modify } from "../../../../src/internal/cli/config/modify.ts"
import { read } from "../../../../src/internal/config/file.ts"
import { makeFolder } from "../../../folders.ts"

/** A file in a folder of its own, which is gone after the test. */
const makeFile = (text?: string | Uint8Array): string => {
  const file = join(makeFolder(), "rc.json")
  if (text !== undefined) fs.writeFileSync(file, text)
  return file
}
const text = (file: string): string => fs.readFileSync(file, "utf8")
const others = (file: string): ReadonlyArray<string> =>
  fs.readdirSync(join(file, "..")).filter((name) => name !== "rc.json").toSorted()

const run = <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>) =>
  Effect.runPromise(Effect.provide(effect, NodeServices.layer))
const problem = <A, E extends Error>(effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>) =>
  run(Effect.map(Effect.flip(effect), (error) => error.message))
const set = (values: JsonObject) => (document: JsonObject) => Result.succeed({ document: { ...document, ...values } })

describe("a configuration file", () => {
  it("that is not there, or empty, has nothing in it", async () => {
    assert.deepStrictEqual(await run(read(makeFile())), { document: {}, text: undefined, hasComments: false })
    assert.deepStrictEqual((await run(read(makeFile("\n")))).document, {})
  })

  it("of AEMP is read as it is", async () => {
    const aemp = `{
      # made by hand
      "version": 1,
      "secret": "s",
      "profile": { "seed": { "binds": ["*:4040",], "parent": "base", "services": [["Mod::func", 1], "Mod::"] }, },
    }`
    assert.deepStrictEqual((await run(read(makeFile(aemp)))).document, {
      version: 1,
      secret: "s",
      profile: { seed: { binds: ["*:4040"], parent: "base", services: [["Mod::func", 1], "Mod::"] } }
    })
  })

  const wrong: ReadonlyArray<[string, string | Uint8Array, RegExp]> = [
    ["is no JSON", "{\n  \"a\": 1\n  \"b\": 2\n}", /rc\.json:3:3: expected , or \}, found "\\""$/],
    ["ends too early", "{\"profile\": {", /rc\.json:1:14: expected a key in double quotes, found the end$/],
    ["is no object", "[]", /rc\.json: is no JSON object$/],
    ["is no text", new Uint8Array([0x22, 0xff, 0x22]), /rc\.json: is not UTF-8 text$/],
    ["is of another version", "{\"version\":2}", /rc\.json: has version 2; only version 1 is known$/],
    ["has profiles that are none", "{\"profile\":[]}", /rc\.json: "profile" is no JSON object$/],
    ["has a profile that is none", "{\"profile\":{\"a\":1}}", /rc\.json: profile "a" is no JSON object$/]
  ]
  it.each(wrong)("that %s is refused, and not overwritten", async (_, before, message) => {
    const file = makeFile(before)
    assert.match(await problem(read(file)), message)
    assert.match(await problem(modify(file, set({ nodeid: "a" }))), message)
    assert.deepStrictEqual(new Uint8Array(fs.readFileSync(file)), new Uint8Array(Buffer.from(before)))
    assert.deepStrictEqual(others(file), [])
  })

  it("that cannot be read is refused, and not overwritten", async () => {
    const file = makeFile()
    fs.mkdirSync(file)
    assert.match(await problem(read(file)), /rc\.json: cannot be read: /)
    assert.match(
      await problem(modify(file, set({ nodeid: "a" }))),
      /rc\.json: is no regular file, and is not replaced$/
    )
    assert.isTrue(fs.statSync(file).isDirectory())
    assert.deepStrictEqual(others(file), [])
  })

  it("cannot be made in a folder that is not there", async () => {
    const file = join(makeFolder(), "nowhere", "rc.json")
    assert.match(
      await problem(modify(file, set({}))),
      /nowhere.rc\.json: cannot be changed: the folder \S+nowhere is not there$/
    )
  })
})

describe("a change of a configuration file", () => {
  it("makes one that only its owner can read", async () => {
    const file = makeFile()
    await run(modify(file, set({ nodeid: "a" })))
    assert.strictEqual(text(file), "{\n  \"version\": 1,\n  \"nodeid\": \"a\"\n}\n")
    assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
    assert.deepStrictEqual(others(file), [])
  })

  it("keeps what was there before beside it, and everything that nobody knows in it", async () => {
    const before = "{\"secret\": \"s\", # mine\n\"eval\": {\"a\": [1]}}"
    const file = makeFile(before)
    fs.chmodSync(file, 0o644)
    const { lostComments } = await run(modify(file, set({ nodeid: "a" })))
    assert.isTrue(lostComments)
    assert.deepStrictEqual(JSON.parse(text(file)), { version: 1, secret: "s", eval: { a: [1] }, nodeid: "a" })
    assert.strictEqual(text(`${file}~`), before)
    assert.deepStrictEqual([file, `${file}~`].map((path) => fs.statSync(path).mode & 0o777), [0o600, 0o600])
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })

  it("that changes nothing leaves file and backup alone", async () => {
    const file = makeFile("{ \"nodeid\": \"a\" } # mine")
    const { lostComments } = await run(modify(file, set({ nodeid: "a" })))
    assert.isFalse(lostComments)
    assert.strictEqual(text(file), "{ \"nodeid\": \"a\" } # mine")
    assert.deepStrictEqual(others(file), [])
  })

  it("that fails leaves file and backup alone", async () => {
    const file = makeFile("{}")
    const exit = await run(Effect.exit(modify(file, () => Result.fail(new Error("no")))))
    assert.isTrue(Exit.isFailure(exit))
    assert.strictEqual(text(file), "{}")
    assert.deepStrictEqual(others(file), [])
  })

  it("makes the file that a link leads to", async () => {
    const folder = makeFolder()
    fs.symlinkSync("later.json", join(folder, "link.json"))
    await run(modify(join(folder, "link.json"), set({ nodeid: "a" })))
    assert.isTrue(fs.lstatSync(join(folder, "link.json")).isSymbolicLink())
    assert.isTrue(fs.lstatSync(join(folder, "later.json")).isFile())
  })

  it("goes through a link to the file", async () => {
    const file = makeFile("{}")
    const link = join(makeFolder(), "link.json")
    fs.symlinkSync(file, link)
    await run(modify(link, set({ nodeid: "a" })))
    assert.isTrue(fs.lstatSync(link).isSymbolicLink())
    assert.include(text(file), "\"nodeid\"")
  })

  it("is made in spite of what a killed process left behind", async () => {
    const file = makeFile("{}")
    fs.writeFileSync(`${file}.new`, "{ half")
    fs.writeFileSync(`${file}.lock-1`, "")
    fs.utimesSync(`${file}.lock-1`, 0, 0)
    await run(modify(file, set({ nodeid: "a" })))
    assert.deepStrictEqual(JSON.parse(text(file)), { version: 1, nodeid: "a" })
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })

  it("loses nothing among many", async () => {
    const file = makeFile("{}")
    const add = (name: string) => modify(file, set({ [name]: true }))
    const names = Array.from({ length: 20 }, (_, nth) => `key${nth}`)
    await run(Effect.forEach(names, add, { concurrency: "unbounded" }))
    assert.sameMembers(Object.keys(JSON.parse(text(file))), ["version", ...names])
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })
})

/** A lock of another process, made so long ago. */
const lockedSince = (file: string, millis: number): string => {
  const lock = `${file}.lock-other`
  fs.writeFileSync(lock, "")
  const made = new Date(Date.now() - millis)
  fs.utimesSync(lock, made, made)
  return lock
}

describe("the lock", () => {
  it.each(["past", "future"])("that is from the %s counts no more, and goes", async (time) => {
    const file = makeFile("{}")
    lockedSince(file, time === "past" ? 11_000 : -3_600_000)
    const names = Array.from({ length: 20 }, (_, nth) => `key${nth}`)
    await run(Effect.forEach(names, (name) => modify(file, set({ [name]: 1 })), { concurrency: "unbounded" }))
    assert.sameMembers(Object.keys(JSON.parse(text(file))), ["version", ...names])
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })

  it("is waited for until it is old", async () => {
    const file = makeFile("{}")
    lockedSince(file, 9000)
    await run(modify(file, set({ nodeid: "a" })))
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })

  it.effect("is not waited for without end", () =>
    Effect.gen(function*() {
      const file = makeFile("{}")
      lockedSince(file, 0)
      const fiber = yield* Effect.forkChild(Effect.flip(modify(file, set({ nodeid: "a" }))))
      // Files take real time between the sleeps of the clock.
      while (fiber.pollUnsafe() === undefined) {
        yield* TestClock.adjust("500 millis")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      assert.match((yield* Fiber.join(fiber)).message, /is being changed by others for more than 30 s$/)
      assert.strictEqual(text(file), "{}")
      assert.deepStrictEqual(others(file), ["rc.json.lock-other"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it("is given up when who waits for it is interrupted", async () => {
    const file = makeFile("{}")
    lockedSince(file, 0)
    const exit = await run(Effect.exit(Effect.timeout(modify(file, set({ nodeid: "a" })), "100 millis")))
    assert.isTrue(Exit.isFailure(exit))
    assert.deepStrictEqual(others(file), ["rc.json.lock-other"])
  })
})

/** The files of this machine, until something that changes them is done for the nth time: from then on, `fault` is in its place. */
const faulty = (
  limit: number,
  fault: (step: string) => Effect.Effect<never, PlatformError.PlatformError>,
  spared = ""
) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (files) => {
      let done = 0
      const step = <A, R>(name: string, effect: Effect.Effect<A, PlatformError.PlatformError, R>) =>
        Effect.suspend(() => name === spared || done++ < limit ? effect : fault(name))
      return FileSystem.FileSystem.of({
        ...files,
        open: (path, options) => step("open", files.open(path, options)),
        rename: (from, to) => step("rename", files.rename(from, to)),
        remove: (path, options) => step("remove", files.remove(path, options))
      })
    })
  ).pipe(Layer.provideMerge(NodeServices.layer))

const modifyWith = (file: string, key: string, layer: ReturnType<typeof faulty>) =>
  Effect.runPromise(Effect.exit(Effect.provide(modify(file, set({ [key]: true })), layer)))

describe("a change of a configuration file that does not come to its end", () => {
  const steps = Array.from({ length: 12 }, (_, nth) => nth)

  it.each(steps)("since its process was killed after %i steps keeps nobody from another one", async (limit) => {
    const file = makeFile("{ \"nodeid\": \"a\" }")
    await modifyWith(file, "killed", faulty(limit, () => Effect.die("killed")))
    const killed = JSON.parse(text(file)) as JsonObject
    for (const name of others(file)) fs.utimesSync(`${join(file, "..")}/${name}`, 0, 0)
    await run(modify(file, set({ next: true })))
    assert.deepStrictEqual(JSON.parse(text(file)), { ...killed, version: 1, nodeid: "a", next: true })
    assert.deepStrictEqual(others(file), ["rc.json~"])
  })

  it.each(steps)("since the disk is full after %i steps leaves all as it was", async (limit) => {
    const file = makeFile("{ \"nodeid\": \"a\" }")
    const full = (method: string) =>
      Effect.fail(
        PlatformError.systemError({
          _tag: "Unknown",
          module: "FileSystem",
          method,
          description: "no space left on device"
        })
      )
    const exit = await modifyWith(file, "lost", faulty(limit, full, "remove"))
    if (Exit.isSuccess(exit)) return
    assert.include(String(exit.cause), "no space left on device")
    assert.strictEqual(text(file), "{ \"nodeid\": \"a\" }")
    assert.deepStrictEqual(others(file).filter((name) => name !== "rc.json~"), [])
    await run(modify(file, set({ next: true })))
    assert.deepStrictEqual(JSON.parse(text(file)), { version: 1, nodeid: "a", next: true })
  })
})
