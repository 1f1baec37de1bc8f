#!/usr/bin/env node
/**
 * The `emp` executable: checks that Node can run it, and that what it needs is installed, and hands over to `Cli`.
 */

/** What whoever installs this package brings along. A bundle has it inside, and never fails for want of it. */
const peers = ["effect", "@effect/platform-node"]

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

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || major === 22 && minor < 19) {
  refuse(`needs Node 22.19 or later; this is ${process.versions.node}`)
} else {
  try {
    const { main } = await import("./Cli.ts")
    main()
  } catch (error) {
    const isUnresolved = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"
    const missing = isUnresolved ? peers.filter((name) => !isInstalled(name)).join(" ") : ""
    if (missing === "") throw error
    refuse(`needs ${missing} beside effect-mp: npm install ${missing}`)
  }
}
