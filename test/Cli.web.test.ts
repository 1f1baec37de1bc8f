/** `emp web` as it is typed, and what it shows of nodes that `emp run` runs. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as http from "node:http"
import { patienceMillis } from "./patience.ts"
import { emp, Process } from "./processes.ts"

const env = { EMP_SECRET: "swordfish", EFFECT_MP_RC: "/dev/null" }
const nodes: Array<Process> = []
let seed = ""

const begin = (...args: ReadonlyArray<string>): Process => {
  const started = new Process([emp, ...args], env)
  nodes.push(started)
  return started
}

const runNode = async (nodeId: string, ...more: ReadonlyArray<string>): Promise<readonly [Process, string]> => {
  const node = begin("run", "--no-watchdog", "--node-id", nodeId, "--bind", "127.0.0.1:*", ...more)
  const [, address = ""] = await node.sees(/listening on (\S+)/)
  return [node, address]
}

beforeAll(async () => {
  ;[, seed] = await runNode("seed")
})

afterAll(async () => {
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
})

/** The events, as far as they have come, to wait for some. */
const follow = (url: URL) => {
  const headers = { authorization: `Bearer ${url.searchParams.get("token") ?? ""}` }
  const heard = { text: "" }
  let look = (): void => {}
  const request = http.get(new URL("/api/events", url), { headers }, (response) => {
    response.on("data", (chunk: Buffer) => {
      heard.text += chunk.toString()
      look()
    })
  })
  request.on("error", () => {})
  const sees = async (pattern: RegExp): Promise<void> =>
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`${pattern} did not come: ${heard.text}`)), patienceMillis)
      look = () => {
        if (!pattern.test(heard.text)) return
        clearTimeout(deadline)
        resolve()
      }
      look()
    })
  return { sees, [Symbol.dispose]: () => void request.destroy() }
}

describe("emp web", () => {
  it("prints an address, where a node appears, is killed, and is another process when it is back", async () => {
    const web = begin("web", "--seed", seed, "--bind", "127.0.0.1:*")
    const [address] = await web.sees(/http:\/\/127\.0\.0\.1:\d+\/\?token=\S+/)
    using events = follow(new URL(address))
    await events.sees(/"id":"seed"/)
    const [worker] = await runNode("worker", "--seed", seed)
    await events.sees(/"kind":"up","node":"worker"/)
    worker.child.kill("SIGKILL")
    await events.sees(/"kind":"down","node":"worker"/)
    begin("run", "--no-watchdog", "--node-id", "worker", "--bind", "127.0.0.1:*", "--seed", seed)
    await events.sees(/"kind":"restart","node":"worker"/)
    assert.strictEqual((await web.end("SIGINT")).code, 0)
  })

  it("ends while somebody looks, in order", async () => {
    const web = begin("web", "--seed", seed, "--bind", "127.0.0.1:*", "--json")
    const [line] = await web.sees(/^\{.*\}$/m)
    const { allowsActions, nodeId, url } = JSON.parse(line)
    assert.deepStrictEqual([allowsActions, nodeId.startsWith("emp/")], [false, true])
    using events = follow(new URL(url))
    await events.sees(/"id":"seed"/)
    assert.strictEqual((await web.end("SIGTERM")).code, 0)
  })

  it.each([
    [["--token", "short"], /--token: 16 characters or more/],
    [["--bind", "0.0.0.0:*", "--no-token"], /--no-token/],
    [["--no-token", "--token", "0123456789abcdef"], /one of them/],
    [["--bind", "a:b:c"], /no HOST:PORT/]
  ])("refuses %j", async (args, problem) => {
    const { code, stderr, stdout } = await begin("web", "--seed", seed, ...args).exits()
    assert.match(stderr, problem)
    assert.strictEqual(stdout, "")
    assert.strictEqual(code, 2)
  })
})
