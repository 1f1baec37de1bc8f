#!/usr/bin/env node
/**
 * The `emp` executable: checks that Node can run it, and hands over to `Cli`.
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || major === 22 && minor < 19) {
  console.error(`emp needs Node 22.19 or later; this is ${process.versions.node}`)
  process.exitCode = 1
} else {
  const { main } = await import("./Cli.ts")
  main()
}
