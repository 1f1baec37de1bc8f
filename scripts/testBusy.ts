/**
 * `npm run test:busy`: the tests, three times, beside four processes that do nothing but keep the machine busy. Ends with 1 if
 * one of the rounds is red. Arguments are vitest's: `npm run test:busy -- test/Port` for a quick look.
 */
import { type ChildProcess, spawn } from "node:child_process"

const rounds = 3
const busyLoops = 4

/** Never comes to rest, and never outlives this process: its channel closes then. */
const loop = `
  process.on("disconnect", () => process.exit())
  const spin = () => {
    for (let i = 0; i < 1e8; i++);
    setImmediate(spin)
  }
  spin()
`

const startLoop = () => spawn(process.execPath, ["-e", loop], { stdio: ["ignore", "ignore", "inherit", "ipc"] })

const loops = Array.from({ length: busyLoops }, startLoop)
let tests: ChildProcess | undefined
process.once("exit", () => {
  for (const one of loops) one.kill("SIGKILL")
  tests?.kill()
})

/** One run of the tests. Answers whether it is green. */
const runTests = (): Promise<boolean> =>
  new Promise((resolve, reject) => {
    tests = spawn("vitest", ["run", ...process.argv.slice(2)], { stdio: "inherit" })
    tests.once("error", reject)
    tests.once("close", (code) => resolve(code === 0))
  })

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1))

let isGreen = true
for (let round = 1; round <= rounds; round++) {
  const began = performance.now()
  const passed = await runTests()
  isGreen &&= passed
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(`round ${round} of ${rounds}: ${passed ? "green" : "RED"}, ${seconds} s beside ${busyLoops} busy loops`)
}
process.exit(isGreen ? 0 : 1)
