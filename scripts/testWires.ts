/**
 * `npm run test:wires`: the suites that see nodes from outside, over each wire in the place of TCP, one wire after the other. Ends with 1 if one of them
 * is red. Arguments are wires: `npm run test:wires -- unix` for one alone.
 */
import { spawn } from "node:child_process"

const wires = ["unix", "websocket", "threads", "nats"]

/** Of these files the tests whose titles name the wire. */
const suites = ["test/Transport", "test/Node", "test/Port", "test/Global", "test/Rpc"]

/** Answers whether all is green. */
const runTests = (wire: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const tests = spawn("vitest", ["run", ...suites, "-t", `over ${wire}\\b`], {
      stdio: "inherit",
      env: { ...process.env, TEST_WIRE: wire }
    })
    const end = (): void => void tests.kill()
    process.once("exit", end)
    tests.once("error", reject)
    tests.once("close", (code) => {
      process.off("exit", end)
      resolve(code === 0)
    })
  })

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1))

const asked = process.argv.slice(2)
const unknown = asked.find((wire) => !wires.includes(wire))
if (unknown !== undefined) {
  console.error(`${unknown} is none of ${wires.join(", ")}`)
  process.exit(2)
}
let isGreen = true
for (const wire of asked.length === 0 ? wires : asked) {
  const passed = await runTests(wire)
  isGreen &&= passed
  console.log(`over ${wire}: ${passed ? "green" : "RED"}`)
}
process.exit(isGreen ? 0 : 1)
