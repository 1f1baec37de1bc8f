/** The front of `docs/guides/http.md`, as a process, asked by many while it stops and while others die. */
import { assert, describe, it } from "@effect/vitest"
import { Global, Node, Port, Transport } from "effect-mp"
import * as Effect from "effect/Effect"
import { HttpRouter } from "effect/http"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Agent, get, type IncomingHttpHeaders, request } from "node:http"
import { onTestFinished } from "vitest"
import { routes, Shop } from "../examples/guides/price-routes.ts"
import { group, Prices } from "../examples/guides/prices.ts"
import { makeLogs } from "./harness.ts"
import { eventually, freePort, type Process, start, startRun } from "./processes.ts"
import { makeTracer } from "./tracers.ts"

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Somebody who asks by connections that stay, as long as the server lets them. */
const makeClient = (port: string) => {
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  return (path: string, method: "GET" | "POST" = "GET"): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = request({ agent, host: "127.0.0.1", port, path, method }, (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk))
        response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      })
      asked.on("error", reject).end()
    })
}

const startShop = async (NOTICE = "2 seconds", program = "examples/guides/price-front.ts") => {
  const [address, port] = [`127.0.0.1:${await freePort()}`, String(await freePort())]
  const front = start([program], {
    EMP_NODEID: "front",
    EMP_SECRET: "swordfish",
    EMP_BINDS: address,
    PORT: port,
    NOTICE
  })
  const startPrices = async (nodeId: string): Promise<Process> => {
    const args = ["--node-id", nodeId, "--seed", address, "--service", "examples/guides/price-service.ts"]
    const node = startRun(args)
    await node.sees(/is ready/)
    return node
  }
  return { front, port, startPrices }
}

const whoAsks = [1, 2, 3, 4, 5, 6, 7, 8]

describe("the routes of the guide", () => {
  const node = Layer.provideMerge(
    Global.layer(),
    Node.layer({ nodeId: "here", secret: "swordfish", binds: ["memory:1"] })
  )
  const prices = Layer.effectDiscard(
    Port.make(Prices, { price: () => Effect.succeed(3), sell: () => Effect.succeed(1) }).pipe(
      Effect.tap(Global.register(group))
    )
  )

  it("have one trace from the request to the handler of the port", async () => {
    const { layer, spans } = makeTracer()
    const { dispose, handler } = HttpRouter.toWebHandler(
      routes.pipe(
        Layer.provideMerge(Shop.layer),
        Layer.provide(prices),
        Layer.provideMerge(node),
        Layer.provide(Transport.layerMemory),
        Layer.provideMerge(layer),
        Layer.provide(makeLogs().layer)
      ),
      { disableLogger: true }
    )
    onTestFinished(dispose)
    assert.strictEqual((await handler(new Request("http://here/prices/tea"))).status, 200)
    const [request, handling] = spans
    assert.deepStrictEqual(spans.map(({ name }) => name), ["GET", "handle price"])
    assert.strictEqual(Option.getOrUndefined(handling!.parent), request)
  })
})

describe("the front of the guide", () => {
  it("answers from the first connection on that it takes, and takes none before the service is there", async () => {
    const { front, port, startPrices } = await startShop()
    await front.sees(/node front listens/)
    const early = await makeClient(port)("/prices/tea").catch((error: NodeJS.ErrnoException) => error.code)
    assert.strictEqual(early, "ECONNREFUSED")
    const insists = async (): Promise<Answer> => {
      for (;;) {
        const answer = await makeClient(port)("/prices/tea").catch((error: NodeJS.ErrnoException) => error)
        if ("status" in answer) return answer
        assert.strictEqual(answer.code, "ECONNREFUSED")
      }
    }
    const first = Promise.all(whoAsks.map(insists))
    await startPrices("one")
    for (const { status, text } of await first) assert.deepStrictEqual([status, text], [200, `{"price":3}`])
    const ask = makeClient(port)
    assert.deepInclude(await ask("/sales/tea", "POST"), { status: 200, text: `{"sold":1}` })
    assert.deepInclude(await ask("/readyz"), { status: 200 })
  })

  it("can be stopped while it waits for the service", async () => {
    const { front } = await startShop()
    await front.sees(/node front listens/)
    assert.strictEqual((await front.end("SIGTERM")).code, 0)
  })

  it("answers what it has in hand when it takes no more", async () => {
    const { front, port, startPrices } = await startShop("0 seconds")
    const prices = await startPrices("one")
    await front.sees(/Listening on/)
    prices.child.kill("SIGSTOP")
    const sale = makeClient(port)("/sales/tea", "POST")
    await makeClient(port)("/healthz")
    front.child.kill("SIGTERM")
    await eventually("it takes no connection", () =>
      makeClient(port)("/healthz").then(
        () => false,
        () => true
      ))
    prices.child.kill("SIGCONT")
    assert.deepInclude(await sale, { status: 200, text: `{"sold":1}` })
    assert.strictEqual((await front.exits()).code, 0)
  })

  it("loses no request of those who notice that it stops", async () => {
    const { front, port, startPrices } = await startShop()
    await startPrices("one")
    await front.sees(/Listening on/)
    let answered = 0
    const asks = async () => {
      const ask = makeClient(port)
      for (;;) {
        const { headers, status } = await ask("/prices/tea")
        assert.strictEqual(status, 200)
        answered++
        // A load balancer goes elsewhere then.
        if (headers.connection === "close") return
      }
    }
    const stops = async () => {
      await eventually("there is load", () => answered > 100)
      front.child.kill("SIGTERM")
      const ask = makeClient(port)
      await eventually("it is not ready", async () => (await ask("/readyz")).text === "draining\n")
    }
    await Promise.all([...whoAsks.map(asks), stops()])
    const { code, stdout } = await front.exits()
    assert.include(stdout, "node front has stopped")
    assert.strictEqual(code, 0)
  })

  it("answers every request while nodes are killed: by another one, or 503 until there is one", async () => {
    const { front, port, startPrices } = await startShop()
    const [one, two] = await Promise.all([startPrices("one"), startPrices("two")])
    await front.sees(/Listening on/)
    const over = new AbortController()
    const prices: Array<Answer> = []
    const sales: Array<Answer> = []
    const asks = async () => {
      const ask = makeClient(port)
      while (!over.signal.aborted) {
        prices.push(await ask("/prices/tea"))
        sales.push(await ask("/sales/tea", "POST"))
      }
    }
    const sees = (status: number, times: number) => {
      const before = prices.length
      const since = () => prices.slice(before).filter((answer) => answer.status === status)
      return eventually(`${times} times ${status}`, () => since().length >= times)
    }
    const kills = async () => {
      await sees(200, 100)
      await one.end("SIGKILL")
      await sees(200, 100)
      assert.isTrue(prices.every(({ status }) => status === 200), "the other one was asked")
      await two.end("SIGKILL")
      await sees(503, 10)
      await startPrices("three")
      await sees(200, 100)
    }
    await Promise.all([...whoAsks.map(asks), kills().finally(() => over.abort())])
    const late = [...prices, ...sales].filter(({ status }) => status === 503)
    assert.isTrue(late.every(({ headers }) => headers["retry-after"] === "1"))
    assert.includeMembers([200, 503], prices.map(({ status }) => status))
    // Of a sale that was under way nobody knows.
    assert.includeMembers([200, 502, 503], sales.map(({ status }) => status))
  })

  it("in the wrong order never answers those who come before it is ready", async () => {
    const { front, port, startPrices } = await startShop("0 seconds", "test/fixtures/earlyFront.ts")
    let early: unknown = "nothing"
    const ask = () =>
      get({ host: "127.0.0.1", port, path: "/prices/tea" }, ({ statusCode }) => (early = statusCode)).on(
        "error",
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ECONNREFUSED") setTimeout(ask, 20)
          else early = error.code
        }
      )
    ask()
    await front.sees(/node front listens/)
    await startPrices("one")
    await front.sees(/Listening on/)
    assert.strictEqual((await makeClient(port)("/prices/tea")).status, 200)
    assert.strictEqual(early, "nothing")
  })
})
