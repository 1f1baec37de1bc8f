/** What a node that `emp run` runs shows by HTTP, and what it sends to a collector. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { rmSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import * as Global from "../src/Global.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { readExposition, valueOf } from "./exposition.ts"
import { makeFolder } from "./folders.ts"
import { eventually, freePort, type Process, startEmp, startRun } from "./processes.ts"

const secret = "swordfish"
const gated = "test/fixtures/gated.ts"

/** Where a node serves its metrics. */
const served = async (process: Process): Promise<string> =>
  (await process.sees(/metrics: (http:\/\/\S+)\/metrics/))[1] ?? ""

const get = async (url: string): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(url)
  return { status: response.status, text: await response.text() }
}

const scraped = async (base: string) => readExposition((await get(`${base}/metrics`)).text)

/** A server that is gone when the test is over, and its port. */
const listening = async (handle: http.RequestListener, port = 0): Promise<http.Server & { readonly port: number }> => {
  const server = http.createServer(handle)
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve))
  onTestFinished(() => void server.close().closeAllConnections())
  return Object.assign(server, { port: (server.address() as AddressInfo).port })
}

/** Runs a body on a node of a network. */
const within = <A, E>(seed: string, body: Effect.Effect<A, E, Node.Node | Global.Global>) => {
  const node = Layer.provideMerge(
    Global.layer({ seeds: [seed] }),
    Layer.provide(Node.layer({ nodeId: "tester/", secret, binds: [] }), Transport.layerTcp)
  )
  return Effect.runPromise(Effect.provide(body, node))
}

describe("emp run --metrics", () => {
  it("counts to the message what is sent to its node, and what of it is answered", async () => {
    const node = startRun([
      "--node-id",
      "counted",
      "--bind",
      "127.0.0.1:*",
      "--metrics",
      "*",
      "--service",
      `${gated}#echo`
    ])
    const base = (await served(node)).replace("*", "127.0.0.1")
    const [, port = ""] = await node.sees(/echo at (\S+)/)
    const [, seed = ""] = await node.sees(/listening on (\S+)/)
    const before = await scraped(base)
    const numbers = Array.from({ length: 500 }, (_, n) => n)
    await within(
      seed,
      Effect.andThen(
        Global.awaitNode("counted"),
        Effect.forEach(numbers, () => Effect.andThen(Port.snd(port, "item"), Port.cal(port, "echo")))
      )
    )
    const after = await scraped(base)
    const grown = (name: string): number => valueOf(after, name) - valueOf(before, name)
    assert.strictEqual(grown("effect_mp_messages_received_total"), 1000)
    assert.strictEqual(grown("effect_mp_messages_sent_total"), 500)
    assert.strictEqual(grown("effect_mp_messages_handled_total"), 1000)
    assert.strictEqual(grown("effect_mp_messages_dropped_total"), 0)
    assert.isAbove(grown("effect_mp_received_bytes_total"), 1000 * 10)
    assert.strictEqual(valueOf(after, "effect_mp_info", { node: "counted" }), 1)
    assert.strictEqual(after.types.get("effect_mp_handler_duration_seconds"), "histogram")
    await eventually("the tester is gone", async () => valueOf(await scraped(base), "effect_mp_links") === 0)
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })

  it("tells when the node is ready, and until then what it lacks", async () => {
    const gate = join(makeFolder(), "gate")
    const port = await freePort()
    const args = ["--node-id", "probed", "--seed", `127.0.0.1:${port}`]
    const node = startRun([...args, "--metrics", "127.0.0.1:*", "--service", gated], { GATE: gate })
    const base = await served(node)
    const says = (status: number, pattern: RegExp) =>
      eventually(`/readyz says ${status} ${pattern}`, async () => {
        const ready = await get(`${base}/readyz`)
        return ready.status === status && pattern.test(ready.text)
      })
    await says(503, /^not joined: .*\nservice \S+: has not started yet\n$/)
    assert.deepStrictEqual(await get(`${base}/healthz`), { status: 200, text: "ok\n" })
    startEmp(["run", "--no-watchdog", "--node-id", "seed", "--bind", `127.0.0.1:${port}`])
    await says(503, /^service \S+: has not started yet\n$/)
    writeFileSync(gate, "")
    await says(200, /^ready\n$/)
    assert.strictEqual(valueOf(await scraped(base), "effect_mp_ready"), 1)
    rmSync(gate)
    writeFileSync(`${gate}.fail`, "")
    await says(503, /^service \S+: has ended, and is started again\n$/)
    rmSync(`${gate}.fail`)
    writeFileSync(gate, "")
    await says(200, /^ready\n$/)
    assert.strictEqual(valueOf(await scraped(base), "effect_mp_restarts_total"), 1)
    assert.strictEqual((await get(`${base}/nothing`)).status, 404)
  })

  it("does not start on a port that somebody else has, and says so", async () => {
    const { port } = await listening(() => {})
    const { code, stderr } = await startRun(["--metrics", String(port)]).exits()
    assert.strictEqual(code, 1)
    assert.include(stderr, `metrics: ${port}: the port is in use`)
  })

  it("ends though somebody keeps a connection open", async () => {
    const node = startRun(["--metrics", "127.0.0.1:*"])
    const agent = new http.Agent({ keepAlive: true })
    const base = await served(node)
    await node.sees(/is ready/)
    await new Promise((resolve) =>
      http.get(`${base}/healthz`, { agent }, (response) => response.resume().on("end", resolve))
    )
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
    agent.destroy()
  })
})

describe("emp run --otlp", () => {
  it("sends traces, metrics and logs, with the ID of the node", async () => {
    const gate = join(makeFolder(), "gate")
    writeFileSync(gate, "")
    const bodies = new Map<string, ReadonlyArray<string>>()
    const collector = await listening((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (chunk: string) => void (body += chunk)).on("end", () => {
        const path = request.url ?? ""
        bodies.set(path, [...bodies.get(path) ?? [], body])
        response.setHeader("content-type", "application/json").end("{}")
      })
    })
    const often = {
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_BLRP_SCHEDULE_DELAY: "200",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test"
    }
    const url = `http://127.0.0.1:${collector.port}`
    const args = ["--node-id", "traced/", "--otlp", url, "--service", gated]
    const node = startRun(args, { GATE: gate, ...often })
    const [, nodeId = ""] = await node.sees(/node (\S+) is ready/)
    const hears = (path: string, text: string) =>
      eventually(`${path} has ${text}`, () => bodies.get(path)?.some((body) => body.includes(text)) === true)
    await hears("/v1/metrics", "\"effect_mp_ports\"")
    await hears("/v1/metrics", "\"effect_mp_handler_duration_seconds\"")
    await hears("/v1/traces", "\"work\"")
    // Once: a service that fails again and again ends its node.
    rmSync(gate)
    writeFileSync(`${gate}.fail`, "")
    await hears("/v1/logs", "OnPurpose")
    for (const path of ["/v1/metrics", "/v1/traces", "/v1/logs"]) {
      await hears(path, JSON.stringify({ key: "service.instance.id", value: { stringValue: nodeId } }))
      await hears(path, JSON.stringify({ key: "service.name", value: { stringValue: "effect-mp" } }))
      await hears(path, JSON.stringify({ key: "deployment.environment", value: { stringValue: "test" } }))
    }
    assert.strictEqual((await node.end("SIGTERM")).code, 0)
  })
})
