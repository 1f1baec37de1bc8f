/**
 * `npm run docs`: the site of the documentation, built as everybody builds it, and looked at in a real browser.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import {
  appendFileSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import type { Browser, BrowserContext } from "playwright-core"
import { serve } from "../site/serve.ts"
import { faces } from "./pages.ts"
import { Process, root } from "./processes.ts"
import { isFull } from "./size.ts"
import { hasBrowser, launch, openPage, overflow } from "./web/browser.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-mp-site-"))
const out = `${folder}/out`
const widths = [1400, 360]

/** So many pages are looked at side by side. */
const tabs = 4

interface Looked {
  readonly url: string
  readonly links: ReadonlyArray<string>
  readonly faults: ReadonlyArray<string>
}

/** A tab of the browser, which looks at one page after the other. */
const openTab = async (context: BrowserContext, base: string) => {
  const tab = await context.newPage()
  let faults: Array<string> = []
  tab.on("pageerror", ({ message }) => faults.push(`thrown: ${message}`))
  tab.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text())
  })
  tab.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) faults.push(`asks ${request.url()}`)
  })
  // What is searched is half a megabyte, and looked at by itself.
  await tab.route("**/search.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }))
  return async (url: string): Promise<Looked> => {
    faults = []
    await tab.goto(url)
    await tab.locator("#tsd-nav-container a").first().waitFor({ state: "attached" })
    const { headings, ids, links } = await tab.evaluate(() => ({
      headings: document.querySelectorAll("h1").length,
      ids: Array.from(document.querySelectorAll("[id]"), ({ id }) => id),
      links: Array.from(document.links, ({ href }) => href)
    }))
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index)
    if (headings !== 1) faults.push(`${headings} headings of the first level`)
    if (twice.length > 0) faults.push(`there twice: ${twice.join()}`)
    for (const width of widths) {
      await tab.setViewportSize({ width, height: 900 })
      const wider = await overflow(tab)
      if (wider > 0) faults.push(`${wider} pixels wider than a window of ${width}`)
    }
    return { url, links, faults }
  }
}

/** What is wrong with a link, seen from the pages that there are. Nothing outside of this machine is asked. */
const wrongWith = (link: string, base: string, ids: ReadonlyMap<string, ReadonlySet<string>>): string | undefined => {
  if (!link.startsWith(base)) return /^https:\/\/[\w.-]+\.\w+(?:\/\S*)?$/.test(link) ? undefined : `leads to ${link}`
  const [page = "", anchor = ""] = link.slice(base.length).split("#")
  const there = ids.get(page === "" || page.endsWith("/") ? `${page}index.html` : page)
  if (there === undefined) return `leads to ${page}, which is not there`
  return anchor === "" || there.has(decodeURIComponent(anchor)) ? undefined : `leads to ${page}, which has no ${anchor}`
}

/** The pages that are looked at, of all there are: in the small size every fourth. Of the others links lead to what their text has. */
const isLookedAt = (nth: number): boolean => isFull || nth % 4 === 0

const idsIn = (text: string): ReadonlySet<string> =>
  new Set(Array.from(text.matchAll(/\sid="([^"]+)"/g), ([, id]) => id!))

/** All that is wrong with a site, each with its page. */
const faultsOf = async (browser: Browser, site: string): Promise<ReadonlyArray<string>> => {
  await using server = await serve(site, 0)
  const context = await browser.newContext()
  const pages = globSync("**/*.html", { cwd: site }).toSorted()
  const waiting = pages.filter((_, nth) => isLookedAt(nth))
  const looked: Array<Looked> = []
  const look = async (): Promise<void> => {
    const lookAt = await openTab(context, server.base)
    for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
      looked.push(await lookAt(server.base + page))
    }
  }
  await Promise.all(Array.from({ length: tabs }, look))
  await context.close()
  const pathOf = ({ url }: Looked): string => url.slice(server.base.length)
  const ids = new Map(pages.map((page) => [page, idsIn(readFileSync(`${site}/${page}`, "utf8"))]))
  return looked.flatMap((page) => {
    const wrong = new Set(
      page.links.map((link) => wrongWith(link, server.base, ids)).filter((fault) => fault !== undefined)
    )
    return [...page.faults, ...wrong].map((fault) => `${pathOf(page)}: ${fault}`)
  }).toSorted()
}

/** What can be wrong in the sources of a site, and the file that it is planted in. */
const wrongs = [
  ["nowhere.md", "docs/page.md", "[a page](nowhere.md)"],
  ["other.md#nowhere", "docs/page.md", "[a section](other.md#nowhere)"],
  ["nolanguage", "docs/page.md", "```nolanguage\n1\n```"],
  ["noSuchVerb", "src/Port.ts", "/** {@link noSuchVerb} */\nexport const two = 2"],
  ["noSuchTag", "src/Port.ts", "/** {@noSuchTag x} */\nexport const three = 3"]
] as const

/** The sources of a site that has all faces, two pages, and what is wrong. Answers where they are. */
const plantWrongs = (): string => {
  const small = `${folder}/small/`
  for (const name of ["src", "docs", "site"]) mkdirSync(small + name, { recursive: true })
  for (const name of ["tsconfig.json", ...globSync("site/*.*", { cwd: root })]) cpSync(root + name, small + name)
  for (const name of ["node_modules", "site/node_modules"]) symlinkSync(root + name, small + name)
  for (const face of faces) writeFileSync(`${small}src/${face}.ts`, "/** One. */\nexport const one = 1\n")
  for (const name of ["README.md", "docs/page.md", "docs/other.md"]) writeFileSync(small + name, `# ${name}\n`)
  for (const [, file, text] of wrongs) appendFileSync(small + file, `\n${text}\n`)
  return small
}

describe("the site of the documentation", () => {
  let browser: Browser | undefined
  let isMissing = false

  beforeAll(async () => {
    const { code, stderr, stdout } = await new Process(["site/main.ts", "--out", out]).exits(400)
    // Without a network there is no TypeDoc, unless somebody has installed it before.
    isMissing = code === 2 && process.env["BROWSER_REQUIRED"] !== "1"
    if (!isMissing) assert.strictEqual(code, 0, stdout + stderr)
    if (hasBrowser && !isMissing) browser = await launch()
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const withBrowser = (name: string, test: (browser: Browser) => Promise<void>): void => {
    it(name, async ({ skip }) => {
      if (browser === undefined) return skip("there is no chromium, or no network to install TypeDoc from")
      await test(browser)
    })
  }

  it("is written in TypeScript that keeps to the project's types", async ({ skip }) => {
    if (isMissing) return skip("there is no network to install TypeDoc from")
    const { code, stdout } = await new Process(["site/node_modules/typescript/bin/tsc", "--noEmit", "-p", "site"]).ended
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 0)
  })

  it("has every page of the documentation, and every face", ({ skip }) => {
    if (isMissing) return skip("there is no network to install TypeDoc from")
    const pages = globSync(["docs/**/*.md", "examples/**/*.md", "CHANGELOG.md"], { cwd: root })
    const expected = [
      ...pages.map((page) =>
        page.replace(/^docs\//, "").replace(/(?:README)?\.md$/, (end) => end === ".md" ? "" : "index")
      ),
      ...faces.map((face) => `reference/${face}`),
      "index"
    ]
    const there = new Set(globSync("**/*.html", { cwd: out }))
    assert.deepStrictEqual(expected.filter((page) => !there.has(`${page}.html`)), [])
  })

  it("is not built with a link, a tag or a language that leads nowhere", async ({ skip }) => {
    if (isMissing) return skip("there is no network to install TypeDoc from")
    const small = plantWrongs()
    const { code, stderr, stdout } = await new Process([`${small}site/main.ts`, "--out", `${small}out`]).exits()
    const said = stripVTControlCharacters(stdout + stderr)
    assert.strictEqual(code, 1, said)
    const lines = said.split("\n").filter((line) => /\[(?:warning|error)\]/.test(line))
    for (const [planted] of wrongs) assert.isTrue(lines.some((line) => line.includes(planted)), said)
    assert.deepStrictEqual(lines.filter((line) => !wrongs.some(([planted]) => line.includes(planted))), [])
  })

  withBrowser(
    isFull
      ? "is whole on every page, in wide windows and in narrow ones"
      : "is whole on a part of its pages, in all windows",
    async (browser) => {
      assert.deepStrictEqual(await faultsOf(browser, out), [])
    }
  )

  withBrowser("would show what is wrong with a page", async (browser) => {
    const planted = `${folder}/planted`
    cpSync(out, planted, { recursive: true, filter: (name) => !name.endsWith(".html") })
    const content = readFileSync(`${out}/guarantee.html`, "utf8")
    const wrong =
      `<h1>again</h1><p id="once"></p><p id="once"></p><a href="nowhere.html">x</a><a href="#nowhere">x</a>` +
      `<a href="http://plain.example/">x</a><div style="width: 2000px">x</div><script>console.error("planted")</script>`
    writeFileSync(`${planted}/index.html`, content.replace("<footer>", `${wrong}<footer>`))
    const faults = await faultsOf(browser, planted)
    for (
      const fault of [
        "2 headings",
        "there twice: once",
        "nowhere.html, which",
        "no nowhere",
        "plain.example",
        "wider",
        "planted"
      ]
    ) {
      assert.isTrue(faults.some((found) => found.includes(fault)), `${fault} is not in ${faults.join("\n")}`)
    }
  })

  withBrowser(
    "is found by its words: exports, sections of pages, and what a search might take for commands",
    async (browser) => {
      await using server = await serve(out, 0)
      const { faults, page } = await openPage(browser)
      await page.goto(server.base)
      /** Each search numbers its results anew. */
      const number = () => page.evaluate(() => document.querySelector("#tsd-search-results li")?.id ?? "")
      const found = async (words: string): Promise<ReadonlyArray<string>> => {
        const before = await number()
        await page.locator("#tsd-search-input").fill(words)
        await page.waitForFunction((before) => {
          const id = document.querySelector("#tsd-search-results li")?.id
          return id !== undefined && id !== before
        }, before)
        return await page.locator("#tsd-search-results a").evaluateAll((links) =>
          links.map((link) => link.getAttribute("href") ?? "")
        )
      }
      await page.keyboard.press("/")
      const expected: ReadonlyArray<readonly [words: string, path: string]> = [
        ["monitorTimeout", "reference/Node.html#Options.monitorTimeout"],
        ["Supervisor.layer", "reference/Supervisor.html#layer"],
        ["kill -9", "reference/Port.html#Killed"],
        ["handshake_timeout", "errors.html#handshake_timeout"],
        ["exit codes", "operating-reference.html#exit-codes"],
        ["127.0.0.1:4040", "operating-reference.html#addresses"]
      ]
      for (const [words, path] of expected) {
        const paths = (await found(words)).map((href) => new URL(href, server.base).href.slice(server.base.length))
        assert.include(paths, path, words)
      }
      for (const words of ["a:b", "~", "^2", "+x", "-x", "[", "*", "\\", "<script>"]) {
        await found(`handshake_timeout ${words}`)
      }
      await found("handshake_timeout")
      await page.locator("#tsd-search-results a").first().click()
      await page.waitForURL(/errors\.html#handshake_timeout$/)
      assert.deepStrictEqual(faults, [])
    }
  )

  withBrowser("has a navigation that opens in a narrow window, and leads on", async (browser) => {
    await using server = await serve(out, 0)
    const { faults, page } = await openPage(browser, { viewport: { width: 360, height: 780 } })
    await page.goto(server.base)
    const link = page.locator("#tsd-nav-container").locator("a", { hasText: "3. Failure" })
    await link.waitFor({ state: "attached" })
    assert.isFalse(await link.isVisible())
    await page.locator("#tsd-toolbar-menu-trigger").click()
    await link.click()
    await page.waitForURL(/introduction\/3-failure\.html$/)
    await page.locator("footer").getByRole("link", { name: "4. Services" }).click()
    await page.waitForURL(/introduction\/4-services\.html$/)
    assert.deepStrictEqual(faults, [])
  })
})
