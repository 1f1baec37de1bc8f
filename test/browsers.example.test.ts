/** The example of pages that are nodes, built and started as its table says. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { cpSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import type { Browser } from "playwright-core"
import { onTestFinished } from "vitest"
import { makeFolderInside } from "./folders.ts"
import { eventually, freePort, root, start } from "./processes.ts"
import { hasBrowser, launch, openPage } from "./web/browser.ts"

const enter = async (browser: Browser, base: string, name: string) => {
  const opened = await openPage(browser)
  const { page } = opened
  await page.goto(base)
  await page.getByLabel("Your name").fill(name)
  await page.getByRole("button", { name: "Enter" }).click()
  await page.getByText("In the room").waitFor()
  return opened
}

describe.skipIf(!hasBrowser)("the room of pages", () => {
  it("shows to all who is there and what they say, finds its host again, and makes no code of text", async () => {
    const folder = makeFolderInside()
    cpSync(join(root, "examples/page"), folder, { recursive: true, filter: (name) => !name.endsWith("out") })
    const [command = ""] = /npx esbuild examples[^`]*/.exec(readFileSync(join(root, "examples/README.md"), "utf8")) ??
      []
    const args = command.replaceAll("examples/page", relative(root, folder)).split(" ").slice(2)
    execFileSync("node_modules/.bin/esbuild", [...args, "--log-level=warning"], { cwd: root })
    const port = await freePort()
    const serve = async () => {
      const server = start([join(folder, "server.ts")], { EMP_SECRET: "swordfish", PORT: String(port) })
      const [, base = ""] = await server.sees(/^Listening on (\S+)$/m)
      return { server, base }
    }
    const { base, server } = await serve()
    const browser = await launch()
    onTestFinished(() => browser.close())

    const ada = await enter(browser, base, "ada")
    const bob = await enter(browser, base, "bob")
    await ada.page.getByText("Here: ada, bob").waitFor()
    await bob.page.getByLabel("Say").fill("<b>hello</b>")
    await bob.page.keyboard.press("Enter")
    await ada.page.getByText("bob: <b>hello</b>").waitFor()
    // Whoever has a session is in again at once, as another node.
    await bob.page.reload()
    await bob.page.getByText("Here: ada, bob").waitFor()
    await ada.page.getByText("bob has left").waitFor()
    await bob.page.close()
    await eventually("ada sees who is left", async () => await ada.page.locator("#present").innerText() === "Here: ada")
    assert.deepStrictEqual(await ada.page.locator("#lines li").allInnerTexts(), [
      "ada is here",
      "bob is here",
      "bob: <b>hello</b>",
      "bob has left",
      "bob is here",
      "bob has left"
    ])

    // What Playwright evaluates itself may do so; what it leaves to the page may not.
    const refused = await ada.page.evaluate(() =>
      new Promise((resolve) =>
        setTimeout(() => {
          try {
            resolve(new Function("return 'ran'")())
          } catch (error) {
            resolve(error instanceof EvalError ? "refused" : String(error))
          }
        })
      )
    )
    assert.strictEqual(refused, "refused")
    assert.deepStrictEqual([ada.faults.filter((fault) => !fault.includes("unsafe-eval")), bob.faults], [[], []])
    assert.strictEqual(server.stderr, "")

    await server.end("SIGKILL")
    await ada.page.getByText("Looking for the room").waitFor()
    await serve()
    await ada.page.getByText("In the room").waitFor()
  })
})
