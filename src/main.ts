#!/usr/bin/env node
/**
 * The `emp` executable: checks that Node can run it, and that what it needs is installed, and hands over to `Cli`. For most commands
 * to what the build has made of that: a few files in the place of hundreds of modules, and the help as text, since both are what a
 * command's start is spent on.
 */
import { existsSync, readFileSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"

/** What whoever installs this package brings along. A bundle has it inside, and never fails for want of it. */
const peers = ["effect", "@effect/platform-node"]

/** What the build makes. Neither the sources have it nor a bundle that others make of `emp`. */
const built = new URL("./internal/cli/bundle/", import.meta.url)
const builtCli = new URL("Cli.js", built)

/** They load services, which have to find the very modules of `effect` and of this package that their node is made of. */
const loadServices = new Set(["run", "doctor"])

/** Whether what the build has made can do it. What a JSON list says is read later. */
const isServed = (words: ReadonlyArray<string>): boolean =>
  existsSync(builtCli) && !words.some((word) => loadServices.has(word) || word.startsWith("["))

const isInstalled = (name: string): boolean => {
  try {
    return import.meta.resolve(`${name}/package.json`) !== ""
  } catch {
    return false
  }
}

const refuse = (problem: string): void => {
  console.error(`emp ${problem}`)
  process.exitCode = 1
}

/** What the build knows to be the answer to these words, as a terminal shows it. */
const readAnswer = (words: ReadonlyArray<string>): string | undefined => {
  const place = new URL("answers.json", built)
  if (!words.some((word) => word.startsWith("--")) || !existsSync(place)) return undefined
  const answers: Readonly<Record<string, string>> = JSON.parse(readFileSync(place, "utf8"))
  const asked = words.join(" ")
  return Object.hasOwn(answers, asked) ? answers[asked] : undefined
}

/** That nobody reads any more is as good as success. */
const lost = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EPIPE") refuse(`cannot write to standard output: ${error.message}`)
}

/** As Effect's command line decides it. */
const hasColors = (): boolean => process.stdout.isTTY && !process.env["NO_COLOR"]

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const words = process.argv.slice(2)
if (major < 22 || major === 22 && minor < 19) {
  refuse(`needs Node 22.19 or later; this is ${process.versions.node}`)
} else {
  const answer = readAnswer(words)
  if (answer !== undefined) {
    process.stdout.on("error", lost).write(hasColors() ? answer : stripVTControlCharacters(answer))
  } else {
    try {
      const { main } = isServed(words) ? await import(builtCli.href) : await import("./Cli.ts")
      main()
    } catch (error) {
      const isUnresolved = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"
      const missing = isUnresolved ? peers.filter((name) => !isInstalled(name)).join(" ") : ""
      if (missing === "") throw error
      refuse(`needs ${missing} beside effect-mp: npm install ${missing}`)
    }
  }
}
