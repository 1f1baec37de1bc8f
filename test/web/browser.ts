/**
 * The browser of the tests: Debian's chromium, if it is there. What goes wrong in a page is kept: what its scripts throw, what the
 * security policy refuses, dialogs.
 */
import { existsSync } from "node:fs"
import { type Browser, type BrowserContextOptions, chromium, type LaunchOptions, type Page } from "playwright-core"
import { onTestFinished } from "vitest"
import { patienceMillis } from "../patience.ts"

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync)

/** Without one the tests are skipped, unless somebody says that it has to be there. */
export const hasBrowser = executablePath !== undefined || process.env["BROWSER_REQUIRED"] === "1"

if (!hasBrowser) console.warn("no chromium on this machine: the pages of emp web are not tried in a browser")

const switches = ["--no-sandbox", "--headless=new", "--disable-gpu"]

const launchWith = async (options: LaunchOptions): Promise<Browser> => {
  if (executablePath === undefined) throw new Error("BROWSER_REQUIRED=1, and there is no chromium: install it")
  return await chromium.launch({ executablePath, args: switches, ...options })
}

export const launch = (): Promise<Browser> => launchWith({})

/** A browser that holds back the timers of pages that nobody looks at, once a minute in the end as it does at people's, but from the first second on. */
export const launchAsAtPeoples = (): Promise<Browser> =>
  launchWith({
    args: [...switches, "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1"],
    ignoreDefaultArgs: [
      "--disable-background-timer-throttling",
      "--disable-backgrounding-occluded-windows",
      "--disable-renderer-backgrounding"
    ]
  })

/** Opens a page, and another one before it, so that nobody sees it: to Playwright's own pages it is always as if somebody did. */
export const openBehind = async (browser: Browser, url: string): Promise<void> => {
  const session = await browser.newBrowserCDPSession()
  await session.send("Target.createTarget", { url })
  await session.send("Target.createTarget", { url: "about:blank" })
  await session.detach()
}

export interface Watched {
  readonly page: Page
  /** What should not have happened in it. */
  readonly faults: Array<string>
}

/** A page of its own, closed with the test. */
export const openPage = async (browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> => {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(patienceMillis)
  const faults: Array<string> = []
  page.on("pageerror", (error) => faults.push(`thrown: ${error.message}`))
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text())
  })
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page, faults }
}

/** Waits until the window is called that: the last thing that happens when one goes to a page. */
export const titled = async (page: Page, title: string): Promise<void> => {
  await page.waitForFunction((wanted) => document.title === wanted, `${title} – emp web`)
}

/** What a page is too wide by. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
