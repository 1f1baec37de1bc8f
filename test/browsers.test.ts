/**
 * Pages that are nodes: what they are sent, and whether that runs, in a browser and where there is nothing of Node's. Needs the build.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { Browser } from "playwright-core"
import { Global, Port, Transport } from "../src/index.ts"
import { builtByVite, bundled, bytesInGzip } from "./browserBundle.ts"
import { makeFolder } from "./folders.ts"
import { begin, reasonOf, secret, within } from "./harness.ts"
import { makeMeshWorld } from "./meshWorld.ts"
import { hasBrowser, launch, openPage } from "./web/browser.ts"

const fixture = "test/fixtures/page.ts"

let code = ""
let sources: ReadonlyArray<string> = []
beforeAll(async () => {
  ;({ code, sources } = await bundled(fixture))
})

const page = `<!doctype html><meta charset="utf-8"><title>page</title><script type="module" src="page.js"></script>`

/** A server of pages, and of WebSockets for nodes. */
const serving = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((request, response) => {
      const isPage = request.url === "/"
      response.setHeader("content-type", isPage ? "text/html" : "text/javascript").end(isPage ? page : code)
    })
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve))
    return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }),
  ({ server }) => Effect.sync(() => server.close().closeAllConnections())
)

/** Opens a page that is told these globals. Answers how it is closed. */
type Open = (
  base: string,
  globals: { readonly seed: string; readonly secret: string; readonly tell: (what: string) => void }
) => Promise<() => Promise<unknown>>

/** What a page and another node have with each other, from its beginning to its end. */
const lives = (open: Open) =>
  Effect.gen(function*() {
    const { base, server } = yield* serving
    const world = yield* makeMeshWorld.pipe(Effect.provide(Transport.layerWebSocket({ server, origins: [base] })))
    const seed = yield* world.start("seed", { binds: ["ws:/nodes"], global: true })
    const counter = yield* seed.run(Port.make({
      count: (text: string, number: bigint, bytes: Uint8Array, reply: string) =>
        Port.snd(reply, `${text} ${number} ${bytes.length} ${bytes.at(-1)}`)
    }))
    yield* seed.run(Global.register(counter, "counters"))

    const told = yield* Queue.unbounded<string>()
    const tell = (what: string) => void Queue.offerUnsafe(told, what)
    const close = yield* Effect.promise(() => open(base, { seed: seed.address, secret, tell }))
    yield* Effect.addFinalizer(() => Effect.promise(close))
    assert.strictEqual(yield* within("it finds a port", Queue.take(told)), `found ${counter}`)
    assert.strictEqual(yield* within("it is answered", Queue.take(told)), `answer ü🚀 ${2n ** 60n} 5000 7`)

    const [own = ""] = yield* within("it is found", seed.run(Global.awaitGroup("pages", 1)))
    assert.match(own, /^page\/\w{10}#/)
    const sent = ["ü🚀", 2n ** 60n, Uint8Array.of(1, 2), -0.5, null]
    assert.deepStrictEqual(yield* within("it answers", seed.run(Port.cal(own, "twice", sent))), [sent, sent])

    yield* seed.run(Port.kil(counter, "enough"))
    const lost = yield* within("it is told of an end", Queue.take(told))
    assert.match(lost, /^lost .*"Killed".*"enough"/)

    const ended = yield* begin(seed.run(Port.exit(own)))
    yield* Effect.promise(close)
    const exit = yield* within("its end is noticed", Fiber.join(ended))
    assert.strictEqual(reasonOf(exit)[0], "transport_error")
  }).pipe(Effect.scoped)

/** What pages have, others beside them have too, and the language does not have of itself. */
const globals = [
  ["WebSocket", "MessageChannel", "TextEncoder", "TextDecoder", "URL", "AbortController", "crypto", "performance"],
  ["console", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "queueMicrotask", "btoa", "atob"],
  ["structuredClone"],
  // What a WebSocket makes is of this world, not of the one within.
  ["ArrayBuffer", "Uint8Array"]
].flat()

/** A thread in which there is a world with these, and nothing of Node's. */
const worldWithin = `
  import { readFileSync } from "node:fs"
  import { createContext, runInContext } from "node:vm"
  import { parentPort, workerData } from "node:worker_threads"
  const tell = (what) => parentPort.postMessage(what)
  const given = Object.fromEntries(${JSON.stringify(globals)}.map((name) => [name, globalThis[name]]))
  runInContext(readFileSync(new URL("page.js", import.meta.url), "utf8"), createContext({ ...given, ...workerData, tell }))
`

const inThread: Open = async (_base, { tell, ...workerData }) => {
  const folder = makeFolder()
  writeFileSync(join(folder, "page.js"), code)
  writeFileSync(join(folder, "main.mjs"), worldWithin)
  const worker = new Worker(join(folder, "main.mjs"), { workerData })
  worker.on("message", tell)
  worker.on("error", (error) => tell(`thrown: ${String(error)}`))
  return () => worker.terminate()
}

const inBrowser = (browser: () => Browser): Open => async (base, { tell, ...globals }) => {
  const { faults, page } = await openPage(browser())
  await page.exposeFunction("tell", tell)
  await page.addInitScript((given) => void Object.assign(globalThis, given), globals)
  await page.goto(base)
  assert.deepStrictEqual(faults, [])
  return () => page.close()
}

describe("a page that is a node", () => {
  it("is sent no more than it needs", () => {
    assert.isBelow(bytesInGzip(code), 104_800)
    const needless = [
      /sockets|tcp|tls|threads|unix|memory|framed|json|transport\/data|config|probes|Supervisor/,
      /node\/(?:guests|guestGate|guestIntake|metric|portWalk|dataConnections)/,
      /effect\/dist\/(?:http|net|cli|Schedule\.js)/
    ]
    assert.deepStrictEqual(sources.filter((file) => needless.some((of) => of.test(file))), [])
  })

  it("is built by Vite as well, without a word of warning", async () => {
    const built = await builtByVite(fixture)
    assert.deepStrictEqual(built.warnings, [])
    assert.isBelow(bytesInGzip(built.code), 98_600)
  })

  it.live("runs where there is nothing of Node's", () => lives(inThread))
})

describe.skipIf(!hasBrowser)("a page in a browser", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())

  it.live("is a node among nodes", () => lives(inBrowser(() => browser)))
})
