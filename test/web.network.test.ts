/**
 * `emp web` as people use it: a network of real nodes, its pages in a real browser, and nodes that are killed while somebody looks.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { devNull } from "node:os"
import type { Browser, Page } from "playwright-core"
import { hostile } from "./fixtures/shop.ts"
import { emp, eventually, Process } from "./processes.ts"
import { hasBrowser, launch, openPage, overflow, titled, type Watched } from "./web/browser.ts"

const started: Array<Process> = []

const run = (...args: ReadonlyArray<string>): Process => {
  const process = new Process([emp, ...args], { EMP_SECRET: "swordfish", EFFECT_MP_RC: devNull })
  started.push(process)
  return process
}

const shop = ["--no-watchdog", "--service", "test/fixtures/shop.ts"]

const startNode = async (nodeId: string, ...args: ReadonlyArray<string>) => {
  const node = run("run", "--bind", "127.0.0.1:*", "--node-id", nodeId, ...args)
  const [, address = ""] = await node.sees(/is ready, listening on (\S+)/)
  return { node, address }
}

const titles = {
  mesh: "Mesh",
  "node/worker-1": "worker-1",
  supervisors: "Supervisors",
  groups: "Groups",
  timeline: "Timeline",
  charts: "Charts"
}

describe.skipIf(!hasBrowser)("emp web, in a browser", () => {
  let browser: Browser
  /** With the token; and of the one that may do something. */
  let address = ""
  let allowed = ""
  let seed = ""
  const workers = new Map<string, Process>()

  beforeAll(async () => {
    const [first, opened] = await Promise.all([startNode("seed", ...shop), launch()])
    browser = opened
    seed = first.address
    workers.set("seed", first.node)
    const web = run("web", "--seed", seed, "--bind", "127.0.0.1:0")
    const acting = run("web", "--seed", seed, "--bind", "127.0.0.1:0", "--allow-actions")
    await Promise.all([
      ...["worker-1", "worker-2"].map(async (id) =>
        workers.set(id, (await startNode(id, ...shop, "--seed", seed)).node)
      ),
      startNode("watched", "--seed", seed).then(({ node }) => workers.set("watched", node)),
      web.sees(/^http:\S+$/m).then(([url]) => address = url),
      acting.sees(/^http:\S+$/m).then(([url]) => allowed = url)
    ])
  })
  afterAll(async () => {
    await browser?.close()
    await Promise.all(started.map((process) => process[Symbol.asyncDispose]()))
  })

  const enter = async (url = address): Promise<Watched> => {
    const watched = await openPage(browser)
    await watched.page.goto(url)
    await watched.page.getByText("● live").waitFor()
    return watched
  }
  const goTo = (page: Page, route: string) => page.evaluate((hash) => void (location.hash = hash), `#/${route}`)
  const nodes = (page: Page) => page.getByRole("region", { name: "Nodes", exact: true })
  const rowOf = (page: Page, id: string, text: string) =>
    nodes(page).locator("tbody tr", { has: page.getByRole("link", { name: id, exact: true }) })
      .filter({ hasText: text })

  it("lets in who has the token, which then is in the address no more", async () => {
    const { page } = await enter()
    assert.notInclude(page.url(), "token")
    const { page: stranger } = await openPage(browser)
    const answer = await stranger.goto(new URL("/", address).href)
    assert.strictEqual(answer?.status(), 401)
  })

  it("shows all nodes, and who is linked to whom", async () => {
    const { faults, page } = await enter()
    for (const id of workers.keys()) await rowOf(page, id, "up").waitFor()
    const links = page.getByRole("region", { name: "Links" })
    await links.locator("tbody tr", { hasText: /seed.*worker-1/ }).waitFor()
    await links.locator("tbody tr", { hasText: /seed.*worker-2/ }).waitFor()
    assert.strictEqual(await page.locator(".mesh-node").count(), await nodes(page).locator("tbody tr").count())
    assert.deepStrictEqual(faults, [])
  })

  it("shows a node: what process it is, its ports and its links", async () => {
    const { faults, page } = await enter()
    await rowOf(page, "worker-1", "up").getByRole("link").click()
    await page.locator(".facts").getByText(String(workers.get("worker-1")!.pid)).waitFor()
    await page.getByRole("region", { name: "Ports" }).getByText("shop/payments").waitFor()
    await page.getByRole("region", { name: "Links" }).getByRole("link", { name: "seed" }).waitFor()
    await titled(page, "worker-1")
    assert.deepStrictEqual(faults, [])
  })

  it("shows what supervisors look after, and that it was started again", async () => {
    const { faults, page } = await enter()
    await goTo(page, "supervisors")
    const tree = page.getByRole("tree")
    await tree.getByRole("treeitem", { name: /payments.*running/ }).first().waitFor()
    await tree.getByRole("treeitem", { name: /mailer.*restart.*too heavy/ }).first().waitFor()
    await tree.getByText(hostile).first().waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("shows groups with their members, and the other families", async () => {
    const { faults, page } = await enter()
    await goTo(page, "groups")
    await page.locator("summary", { hasText: /^orders 3 members/ }).click()
    await page.getByRole("region", { name: "members of orders" }).getByRole("link", { name: "worker-2" }).waitFor()
    await page.locator("summary", { hasText: `${hostile} 3 members` }).waitFor()
    await page.locator("summary", { hasText: "prices" }).click()
    await page.getByText(`{"book":12,"pen":2}`).first().waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("shows the last lines of a node's log, and warnings alone to who wants them", async () => {
    const { faults, page } = await enter()
    await goTo(page, "node/worker-1")
    const lines = page.getByRole("region", { name: "Lines of the log" })
    await lines.locator(".level-info", { hasText: "mailer ended" }).first().waitFor()
    await page.getByRole("checkbox", { name: "Warnings and errors only" }).check()
    await lines.locator(".level-info").first().waitFor({ state: "detached" })
    await lines.locator(".level-warn", { hasText: /mailer is restarted: .*too heavy/ }).first().waitFor()
    await page.getByLabel("Filter: log").fill("no line has this")
    await page.getByText("Nothing here matches the filter.").waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("draws what was measured", async () => {
    const { faults, page } = await enter()
    await goTo(page, "charts")
    const path = page.locator(".chart", { hasText: "Memory" }).locator(".plot path")
    await page.waitForFunction(
      (line) => (line?.getAttribute("d")?.match(/L/g) ?? []).length > 1,
      await path.elementHandle()
    )
    assert.deepStrictEqual(faults, [])
  })

  it("fits on a telephone", async () => {
    const { faults, page } = await enter()
    await page.setViewportSize({ width: 360, height: 740 })
    for (const [route, title] of Object.entries(titles)) {
      await goTo(page, route)
      await titled(page, title)
      await page.locator(".scrolls:visible, .chart:visible, details:visible, .empty:visible").first().waitFor()
      assert.isAtMost(await overflow(page), 0, route)
    }
    assert.deepStrictEqual(faults, [])
  })

  it("shows a node that was killed, with when it was last seen, and that it came back as another process", async () => {
    const { faults, page } = await enter()
    await rowOf(page, "worker-2", "up").waitFor()
    workers.get("worker-2")!.child.kill("SIGKILL")
    await rowOf(page, "worker-2", "down").filter({ hasText: "ago" }).waitFor()
    await page.locator(".mesh-node.state-down", { hasText: "worker-2" }).waitFor()

    const { node } = await startNode("worker-2", ...shop, "--seed", seed)
    await rowOf(page, "worker-2", "up").waitFor()
    await goTo(page, "timeline")
    await page.locator("tr[data-kind=down]", { hasText: "worker-2" }).waitFor()
    await page.locator("tr[data-kind=restart]", { hasText: "worker-2" }).waitFor()
    await goTo(page, "node/worker-2")
    await page.locator(".facts").getByText(String(node.pid)).waitFor()
    assert.deepStrictEqual(faults, [])
  })

  it("does nothing to nodes, and offers nothing, unless it is allowed to", async () => {
    const { page } = await enter()
    await goTo(page, "node/worker-1")
    await page.getByRole("heading", { name: "Ports" }).waitFor()
    await page.getByText("nothing can be changed from here").waitFor()
    assert.strictEqual(await page.getByRole("button", { name: "Stop …" }).count(), 0)
  })

  describe("with actions", () => {
    /** Does it, and answers what is told of it. */
    const confirm = async (page: Page, label: string): Promise<string> => {
      await page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click()
      const told = page.locator(".told:not(:empty)").filter({ hasNotText: "Asking …" })
      await told.waitFor()
      return await told.innerText()
    }
    const askFor = async (page: Page, label: string): Promise<string> => {
      await page.getByRole("button", { name: `${label} …` }).click()
      return await confirm(page, label)
    }
    const happened = (page: Page, kind: string, text: string) =>
      page.locator(`tr[data-kind="${kind}"]`, { hasText: "watched" }).filter({ hasText: text }).first().waitFor()

    it("ends a port, which its supervisor starts again", async () => {
      const { faults, page } = await enter(allowed)
      await goTo(page, "node/worker-1")
      // Of one row alone: others come and go, and rows move.
      await page.getByLabel("Filter: Ports").fill("shop/payments")
      const row = page.getByRole("region", { name: "Ports" }).locator("tr", { hasText: "shop/payments" })
      const port = await row.locator("td").first().innerText()
      await page.getByText(/^1 of /).waitFor()
      await row.getByRole("button", { name: "End …" }).click()
      await page.getByRole("dialog").getByText("child shop/payments").waitFor()
      assert.strictEqual(await confirm(page, "End it"), `${port} has ended: killed`)
      await eventually("it is another port", async () => await row.locator("td").first().innerText() !== port)
      assert.deepStrictEqual(faults, [])
    })

    it("has a node read its configuration, restarts, drains and stops it, and tells what came of each", async () => {
      const { faults, page } = await enter(allowed)
      await goTo(page, "node/watched")
      assert.match(await askFor(page, "Reload"), /the configuration was read again; nothing has changed$/)
      assert.strictEqual(await askFor(page, "Restart"), "node watched restarts")
      await goTo(page, "timeline")
      await happened(page, "restart", "runs again")
      await goTo(page, "node/watched")
      assert.strictEqual(await askFor(page, "Drain"), "node watched drains")
      await page.locator(".facts").getByText("draining").waitFor()
      assert.strictEqual(await askFor(page, "Stop"), "node watched stops")
      await page.locator(".facts").getByText("has stopped in order").waitFor()
      assert.strictEqual(await page.getByRole("button", { name: "Stop …" }).count(), 0)
      await goTo(page, "timeline")
      await happened(page, "draining", "takes no new work")
      await happened(page, "action", "stop watched, asked for from 127.0.0.1: node watched stops")
      await happened(page, "down", "has stopped in order")
      await workers.get("watched")!.exits()
      assert.deepStrictEqual(faults, [])
    })
  })
})
