/**
 * What becomes of pages that are nodes: they come and go, nobody looks at them, their tickets end, their server dies. In a real browser, with a server that
 * is a process of its own. Needs the build.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { bundled } from "./browserBundle.ts"
import { eventually, freePort, Process, start } from "./processes.ts"
import { hasBrowser, launchAsAtPeoples, openBehind, openPage } from "./web/browser.ts"

/** What a page was told, once it is a node. */
const told = (page: Page) => page.evaluate(() => globalThis.guest?.told ?? [])

const tells = (page: Page, ...wanted: ReadonlyArray<string>) =>
  eventually(`the page tells ${wanted.join(", ")}`, async () => (await told(page)).join() === wanted.join())

const nodeOf = (page: Page) => page.evaluate(() => guest.port.split("#")[0]!)

describe.skipIf(!hasBrowser)("pages that are nodes", () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-mp-"))
  const script = join(folder, "page.js")
  let browser: Browser
  let server: Process
  let base = ""

  const begin = (port: number): Process => new Process(["test/fixtures/pageServer.ts", String(port), script])

  beforeAll(async () => {
    writeFileSync(script, (await bundled("test/fixtures/guestPage.ts")).code)
    const port = await freePort()
    base = `http://localhost:${port}`
    server = begin(port)
    ;[browser] = await Promise.all([launchAsAtPeoples(), server.sees(/^open$/m)])
    // Much of what it is to live through passes while the others have their turn.
    await openBehind(browser, `${base}/?node=hidden`)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const open = (path = "") => openAt(base, path)

  const openAt = async (at: string, path: string) => {
    const opened = await openPage(browser)
    await opened.page.goto(`${at}/${path}`)
    return opened
  }

  it("carry what all nodes carry: bytes and bigints, large messages, many calls at once", async () => {
    const { faults, page } = await open()
    await tells(page, "met")
    const found = await page.evaluate(async () => {
      const value = {
        big: 2n ** 63n - 1n,
        bytes: Uint8Array.of(0, 127, 128, 255),
        text: "ü🚀",
        rest: [null, -0.5, true, {}]
      }
      const large = new Uint8Array(3_000_000).map((_, at) => at % 251)
      const back = await guest.call("echo", large) as Uint8Array
      const answers = await Promise.all(Array.from({ length: 1000 }, (_, nth) => guest.call("echo", nth)))
      return {
        echo: await guest.call("echo", value),
        isLargeWhole: back.length === large.length && back.every((byte, at) => byte === large[at]),
        areInOrder: answers.every((answer, nth) => answer === nth)
      }
    })
    assert.deepStrictEqual(found, {
      echo: { big: 2n ** 63n - 1n, bytes: Uint8Array.of(0, 127, 128, 255), text: "ü🚀", rest: [null, -0.5, true, {}] },
      isLargeWhole: true,
      areInOrder: true
    })
    assert.deepStrictEqual(faults, [])
  })

  it("are new nodes when they are loaded again, and gone when they are closed, which is known at once", async () => {
    const { faults, page } = await open()
    await tells(page, "met")
    const first = await nodeOf(page)
    await page.reload()
    await tells(page, "met")
    const second = await nodeOf(page)
    assert.notStrictEqual(second, first)
    await server.sees(new RegExp(`^gone ${first}: link_lost$`, "m"))
    await page.close()
    await server.sees(new RegExp(`^gone ${second}: link_lost$`, "m"))
    assert.deepStrictEqual(faults, [])
  })

  it("do not reach each other, nor have their host send there", async () => {
    const [one, other] = [await open(), await open()]
    await tells(one.page, "met")
    await tells(other.page, "met")
    const port = await other.page.evaluate(() => guest.port)
    const found = await one.page.evaluate(
      async (there) => [await guest.callAt(there, "ticks"), await guest.call("pass", there)],
      port
    )
    assert.deepStrictEqual(found, ["no_known_address", "invalid_message"])
    assert.deepStrictEqual(one.faults, [])
    assert.deepStrictEqual(other.faults, [])
  })

  it("leave when their ticket ends, as both ends say, and come back with a new one", async () => {
    const { faults, page } = await open("?millis=2000")
    await tells(page, "met", "lost ticket_expired")
    const node = await nodeOf(page)
    await server.sees(new RegExp(`^gone ${node}: ticket_expired$`, "m"))
    await page.evaluate(() => guest.renew())
    await tells(page, "met", "lost ticket_expired", "met")
    assert.deepStrictEqual(faults, [])
  })

  it("stay out without a ticket, and from where nobody is let in", async () => {
    const stranger = await open("?stranger")
    const elsewhere = await openAt(base.replace("localhost", "127.0.0.1"), "")
    await eventually(
      "both are turned away",
      () => elsewhere.faults.some((fault) => fault.includes("Unexpected response code: 403"))
    )
    await server.sees(/auth_failed/)
    assert.deepStrictEqual([await told(stranger.page), await told(elsewhere.page)], [[], []])
    assert.notMatch(server.stdout, /met guest\/stranger/)
  })

  it("keep their links while nobody looks at them, though their timers stand still", async () => {
    const [, ticks] = await server.sees(/^hidden is at (\d+),hidden$/m)
    assert.isBelow(Number(ticks), 20, "of 35")
    assert.notMatch(server.stdout, /gone hidden/)
    assert.strictEqual(server.stderr, "")
  })

  it("are told when their server is killed or stands still, and find it again", async () => {
    const port = await freePort()
    const first = begin(port)
    await first.sees(/^open$/m)
    const { faults, page } = await openAt(`http://localhost:${port}`, "")
    await tells(page, "met")
    await first.end("SIGKILL")
    await tells(page, "met", "lost link_lost")
    const second = start(["test/fixtures/pageServer.ts", String(port), script])
    await tells(page, "met", "lost link_lost", "met")
    second.child.kill("SIGSTOP")
    await tells(page, "met", "lost link_lost", "met", "lost peer_silent")
    second.child.kill("SIGCONT")
    await tells(page, "met", "lost link_lost", "met", "lost peer_silent", "met")
    assert.deepStrictEqual(faults.filter((fault) => !/^WebSocket connection to .* failed: /.test(fault)), [])
  })
})
