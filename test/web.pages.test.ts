/**
 * The pages of `emp web` in a real browser, of a network that is made up: as large and as hostile as no real one of a test is.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Browser, Page } from "playwright-core"
import { onTestFinished } from "vitest"
import { webPages } from "../scripts/webPages.ts"
import { eventually } from "./processes.ts"
import { hasBrowser, launch, openPage, overflow, titled } from "./web/browser.ts"
import { type MadeUp, MadeUpServer, ordinaryNames } from "./web/madeUpServer.ts"

const pages = webPages()

const ordinary: MadeUp = { names: ordinaryNames(200), text: "jobs", ports: 1000, children: 20 }

const script = "<script>document.title = alert(1)</script>"
const image = `"><img src=x onerror=alert(1)>`
const hostile: MadeUp = {
  names: [
    ...ordinaryNames(5),
    script,
    image,
    "",
    "\u202Egnol si siht\u202C",
    "x".repeat(10_000),
    "👩‍🚀 ﷽ Zalgo\u0301\u0302\u0303",
    "half \uD83D of one",
    "a\nb\tc\0",
    "../../..",
    "%00%zz#?&",
    "__proto__"
  ],
  text: `${script}${image}\u202E${"y".repeat(3000)}`,
  ports: 20,
  children: 3
}

const shown = ["mesh", "supervisors", "cluster", "groups", "timeline", "charts"]
const nodeRoute = (name: string): string => `node/${encodeURIComponent(name.toWellFormed())}`

describe.skipIf(!hasBrowser)("the pages of emp web", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())

  const serve = async (network: MadeUp) => {
    const server = new MadeUpServer(pages, network)
    onTestFinished(() => server[Symbol.asyncDispose]())
    return { server, base: await server.listen() }
  }
  const settled = (page: Page) => page.locator("main .empty", { hasText: "Asking" }).waitFor({ state: "detached" })
  const visit = async (page: Page, base: string, route: string): Promise<void> => {
    await page.goto(`${base}/#/${route}`)
    await page.getByText("● live").waitFor()
    await settled(page)
  }

  it("are one script and one style sheet, and no larger than a picture", () => {
    assert.isBelow(pages.js.length, 70_000)
    assert.isBelow(pages.css.length, 20_000)
    assert.notMatch(pages.html, /\bstyle=|<script>|https?:\/\/(?!www\.w3\.org)/)
  })

  it("show names as text, whatever they are", async () => {
    const { base } = await serve(hostile)
    const { faults, page } = await openPage(browser)
    const routes = [...hostile.names.map(nodeRoute), nodeRoute(script).replace("node", "charts")]
    for (const route of [...shown, ...routes]) {
      await visit(page, base, route)
      for (const summary of await page.locator(".family > summary").all()) await summary.click()
      assert.strictEqual(await page.locator("script").count(), 1, route)
      assert.strictEqual(await page.locator("img").count(), 0, route)
      assert.notMatch(await page.locator("body").innerText(), /[\u202a-\u202e]/, route)
    }
    assert.deepStrictEqual(faults, [])
  })

  it("find the page of a node by its name, whatever that is", async () => {
    const { base } = await serve(hostile)
    const { faults, page } = await openPage(browser)
    await visit(page, base, "mesh")
    const rows = page.getByRole("region", { name: "Nodes", exact: true }).locator("tbody tr")
    for (let row = 0; row < hostile.names.length; row++) {
      await rows.nth(row).locator("a").first().click()
      await page.getByRole("heading", { name: "Ports" }).waitFor()
      await page.goBack()
      await rows.first().waitFor()
    }
    assert.deepStrictEqual(faults, [])
  })

  it("cut long texts, and show all of them when they are asked to", async () => {
    const { base } = await serve(hostile)
    const { faults, page } = await openPage(browser)
    await visit(page, base, nodeRoute("x".repeat(10_000)))
    const heading = page.getByRole("heading", { level: 1 })
    assert.isBelow((await heading.innerText()).length, 100)
    await heading.getByRole("button", { name: "Show the whole text" }).click()
    const dialog = page.getByRole("dialog")
    assert.include(await dialog.innerText(), "x".repeat(10_000))
    assert.isAtMost(await overflow(page), 0)
    await page.keyboard.press("Escape")
    await dialog.waitFor({ state: "detached" })
    assert.deepStrictEqual(faults, [])
  })

  it("show the first line of a stack trace in the log, and all of them when they are asked to", async () => {
    const { base } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    await visit(page, base, nodeRoute("worker-007"))
    const line = page.locator(".level-error", { hasText: "jobs: line 199" })
    assert.notInclude(await line.innerText(), "service.ts")
    await line.getByRole("button", { name: "Show the whole text" }).click()
    const text = await page.getByRole("dialog").locator("pre").innerText()
    assert.deepStrictEqual(text.split("\n"), ["jobs: line 199", "    at work (service.ts:199:7)"])
    assert.deepStrictEqual(faults, [])
  })

  it.each([["ordinary names", ordinary], ["hostile names", hostile]])(
    "need no scrolling to the side on a telephone: %s",
    async (_, network) => {
      const { base } = await serve(network)
      const { faults, page } = await openPage(browser, { viewport: { width: 360, height: 740 } })
      for (const route of [...shown, nodeRoute(network.names.at(-4)!), nodeRoute(network.names[9]!)]) {
        await visit(page, base, route)
        assert.isAtMost(await overflow(page), 0, route)
      }
      assert.deepStrictEqual(faults, [])
    }
  )

  it("keep few elements, however long a list is", async () => {
    const { base } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    for (const route of [...shown, nodeRoute("worker-007")]) {
      await visit(page, base, route)
      assert.isBelow(await page.locator("*").count(), 3000, route)
    }
    assert.deepStrictEqual(faults, [])
  })

  it("draw links without trouble for the node that one points at, when there are thousands", async () => {
    const { base } = await serve({ ...ordinary, isFull: true })
    const { faults, page } = await openPage(browser)
    await visit(page, base, "mesh")
    await page.getByText("19900 links: those without trouble are drawn for the node that you point at").waitFor()
    await page.locator(".mesh-node", { hasText: "●" }).first().hover()
    await page.locator(".mesh-caption").getByText("up").waitFor()
    await page.mouse.move(0, 0)
    await page.locator(".mesh > svg").press("ArrowRight")
    await page.locator(".mesh-caption").getByText("seed-1").waitFor()
    await page.locator(".mesh > svg").press("Enter")
    await page.getByRole("heading", { name: "Ports" }).waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("reach the last row of a long list by scrolling, and any row by a filter", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, nodeRoute("worker-007"))
    const ports = page.getByRole("region", { name: "Ports" })
    await page.getByRole("button", { name: "Port", exact: true }).click()
    await ports.evaluate((box) => box.scrollTo(0, box.scrollHeight))
    await ports.getByText("worker-007#prq").waitFor()
    await page.getByLabel("Filter: Ports").fill("#pa1")
    await page.getByText("1 of 1000").waitFor()
    await ports.getByText("worker-007#pa1").waitFor()
  })

  it("are used by the keyboard alone", async () => {
    const { base } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    await visit(page, base, "mesh")
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "")
    await page.keyboard.press("Tab")
    assert.strictEqual(await focused(), "Skip to the content")
    await page.keyboard.press("Enter")
    assert.strictEqual(await focused(), "Mesh")
    await page.keyboard.press("Shift+Tab")
    for (let steps = 0; steps < 9 && await focused() !== "Supervisors"; steps++) await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await page.getByRole("tree").waitFor()
    await titled(page, "Supervisors")
    assert.strictEqual(await focused(), "Supervisors")

    const role = () => page.evaluate(() => document.activeElement?.role)
    for (let steps = 0; steps < 9 && await role() !== "tree"; steps++) await page.keyboard.press("Tab")
    const current = (row: string) => page.locator(".is-current", { hasText: row }).waitFor()
    await page.keyboard.press("ArrowLeft")
    await page.locator("[aria-expanded=false]", { hasText: "seed-1" }).waitFor()
    await page.keyboard.press("ArrowDown")
    await current("▾seed-2")
    await page.keyboard.press("End")
    await current("top of worker-195/19")
    await page.keyboard.press("Home")
    await current("▸seed-1")
    await page.keyboard.press("Enter")
    await page.getByRole("heading", { name: "Ports" }).waitFor()
    await titled(page, "seed-1")
    assert.deepStrictEqual(faults, [])
  })

  it("show where the focus is", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "groups")
    for (let steps = 0; steps < 12; steps++) {
      await page.keyboard.press("Tab")
      const outline = await page.evaluate(() => {
        const element = document.activeElement
        return element === null || element === document.body ? "1px" : getComputedStyle(element).outlineWidth
      })
      assert.notStrictEqual(outline, "0px")
    }
  })

  it("read the values of a chart by arrow keys, and as a table", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "charts")
    const chart = page.locator(".chart").first()
    await chart.locator(".plot > svg").focus()
    await page.keyboard.press("Home")
    await chart.locator(".readout time", { hasText: /:/ }).waitFor()
    await chart.getByText("As a table").click()
    await chart.locator("tbody tr").nth(10).waitFor()
  })

  it("sort by a column, and say so", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "mesh")
    const nodes = page.getByRole("region", { name: "Nodes", exact: true })
    await nodes.getByRole("button", { name: "Round trip" }).click()
    await nodes.locator("th[aria-sort=descending]", { hasText: "Round trip" }).waitFor()
    assert.include(await nodes.locator("tbody tr").first().innerText(), "300 ms")
  })

  it("show of a cluster what nobody holds, who votes, and who has no majority", async () => {
    const { base } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    await visit(page, base, "cluster")
    await page.getByText("275 of 300 shards are held").waitFor()
    const [cluster, locks] = [
      page.locator("section", { hasText: "Cluster jobs" }),
      page.locator("section", { hasText: "Locks reports" })
    ]
    await cluster.locator("tbody tr", { hasText: "worker-001" }).getByText("takes part").waitFor()
    await cluster.locator("tbody tr", { hasText: "worker-004" }).getByText("has no majority").waitFor()
    await cluster.locator("tbody tr", { hasText: "worker-005" }).getByText("takes none").waitFor()
    for (const section of [cluster, locks]) {
      await section.getByRole("alert").getByText("No majority of the voters for worker-004").waitFor()
      const voter = (id: string) =>
        section.getByRole("list", { name: "Voters" }).getByRole("listitem").filter({ hasText: id })
      await voter("seed-1").getByText("votes", { exact: false }).waitFor()
      await voter("seed-4").getByText("does not answer").waitFor()
      await voter("seed-5").getByText("grants nothing yet").waitFor()
    }
    assert.deepStrictEqual(faults, [])
  })

  it("show of a node its parts of clusters, its locks, its guests, and what it lacks", async () => {
    const { base } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    await visit(page, base, nodeRoute("worker-004"))
    await page.getByText("Not ready: a majority of the voters").waitFor()
    const region = (name: string) => page.getByRole("region", { name, exact: true })
    await region("Clusters").getByText("0 of 300").waitFor()
    await region("Locks").getByText("0 of 5: ✕ no majority").first().waitFor()
    await region("Guests").getByText("jobs guest").waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("hide kinds of events that one does not want to see", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "timeline")
    await page.locator("tr[data-kind=down]").first().waitFor()
    await page.getByRole("checkbox", { name: "down" }).uncheck()
    await page.locator("tr[data-kind=down]").first().waitFor({ state: "detached" })
  })

  it("ask back before they do something, and tell what came of it", async () => {
    const { base, server } = await serve(ordinary)
    const { faults, page } = await openPage(browser)
    await visit(page, base, nodeRoute("worker-007"))
    await page.getByRole("button", { name: "Drain …" }).click()
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click()
    assert.deepStrictEqual(server.acted, [])
    await page.getByRole("button", { name: "Drain …" }).click()
    await page.getByRole("dialog").getByRole("button", { name: "Drain", exact: true }).click()
    await page.getByText("it drains").waitFor()
    assert.deepStrictEqual(server.acted, [{ action: "drain", node: "worker-007" }])
    assert.deepStrictEqual(faults, [])
  })

  it("say when the connection is lost, why, and come back by themselves", async () => {
    const { base, server } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "mesh")
    server.isWell = false
    server.cut()
    await page.getByText("lost: too many look at it already").waitFor()
    await page.getByText("197 of 200 nodes up").waitFor()
    server.isWell = true
    await page.getByText("● live").waitFor()
  })

  it("say what is wrong with a single answer, and keep what they know", async () => {
    const { base, server } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "supervisors")
    await page.getByRole("tree").waitFor()
    server.isWell = false
    await page.getByRole("alert").getByText("too many look at it already").waitFor()
    await page.getByRole("tree").waitFor()
  })

  it("ask for nothing while nobody can see them", async () => {
    const { base, server } = await serve(ordinary)
    const { page } = await openPage(browser)
    await visit(page, base, "charts")
    const hide = (isHidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true })
        document.dispatchEvent(new Event("visibilitychange"))
      }, isHidden)
    await hide(true)
    await page.getByText("‖ paused").waitFor()
    await eventually("nobody looks", () => server.lookers === 0)
    await hide(false)
    await page.getByText("● live").waitFor()
  })

  it("are light or dark as the system is, until somebody chooses", async () => {
    const { base } = await serve(ordinary)
    const { page } = await openPage(browser, { colorScheme: "dark" })
    await visit(page, base, "mesh")
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await back()
    await page.getByRole("button", { name: /^Colours: auto/ }).click()
    assert.notStrictEqual(await back(), dark)
    await page.reload()
    await page.getByRole("button", { name: /^Colours: light/ }).waitFor()
    assert.notStrictEqual(await back(), dark)
  })

  it.each(["light", "dark"] as const)(
    "can be read in the %s: contrasts are as the WCAG asks for",
    async (colorScheme) => {
      const { base } = await serve(ordinary)
      const { page } = await openPage(browser, { colorScheme })
      for (const route of [...shown, nodeRoute("worker-007")]) {
        await visit(page, base, route)
        assert.deepStrictEqual(await page.evaluate(faint), [], route)
      }
    }
  )
})

/** Texts of the page whose contrast with what is behind them is below 4.5 to 1. It runs in the browser. */
const faint = (): ReadonlyArray<string> => {
  const channels = (color: string): ReadonlyArray<number> => (color.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const behind = (element: Element | null): string => {
    if (element === null) return "rgb(255, 255, 255)"
    const color = getComputedStyle(element).backgroundColor
    return channels(color)[3] === 0 ? behind(element.parentElement) : color
  }
  const found = new Set<string>()
  for (const element of document.querySelectorAll("body *")) {
    const hasText = Array.from(element.childNodes).some((node) =>
      node.nodeType === 3 && node.textContent?.trim() !== ""
    )
    if (!hasText || element.closest("svg, noscript, .skip") !== null) continue
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))]
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (contrast < 4.5) found.add(`${element.className || element.tagName}: ${contrast.toFixed(2)}`)
  }
  return Array.from(found)
}
