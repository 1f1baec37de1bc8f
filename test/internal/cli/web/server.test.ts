/** The server of `emp web` over real sockets, on a node of a network in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as net from "node:net"
import * as Global from "../../../../src/Global.ts"
import type { Clusters } from "../../../../src/internal/cli/web/api.ts"
import { mostLooking } from "../../../../src/internal/cli/web/handlers.ts"
import { serve, type WebOptions } from "../../../../src/internal/cli/web/server.ts"
import { NodeRouter } from "../../../../src/internal/node/router.ts"
import * as Port from "../../../../src/Port.ts"
import * as Supervisor from "../../../../src/Supervisor.ts"
import * as Transport from "../../../../src/Transport.ts"
import { until } from "../../../harness.ts"
import { makeMeshWorld } from "../../../meshWorld.ts"
import { session } from "./session.ts"

const token = "0123456789abcdef"
const hostile = "<script>alert(1)</script>"

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

const open = (url: URL, { headers = {}, method = "GET" }: Asked) => http.request(url, { method, headers, agent: false })

const ask = (base: string, path: string, asked: Asked = {}): Effect.Effect<Answer> =>
  Effect.promise(() =>
    new Promise((resolve, reject) => {
      const request = open(new URL(path, base), asked).on("error", reject).on("response", (response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => (text += chunk.toString()))
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      })
      request.end(asked.body)
    })
  )

/** A stream of events that stays open until the scope closes: what has come of it so far. */
const follow = (base: string): Effect.Effect<{ text: string; status: number }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const got = { text: "", status: 0 }
    const request = open(new URL("/api/events", base), { headers: bearer }).on("error", () => {}).on(
      "response",
      (response) => {
        got.status = response.statusCode ?? 0
        response.on("data", (chunk: Buffer) => (got.text += chunk.toString())).on("error", () => {})
      }
    )
    request.end()
    yield* Effect.addFinalizer(() => Effect.sync(() => request.destroy()))
    yield* until("an answer", () => got.status !== 0)
    return got
  })

const bearer = { authorization: `Bearer ${token}` }
const json = { ...bearer, "content-type": "application/json" }

/** A network of two nodes, one of which has a hostile name, and a server of another one. */
const serving = (options: Partial<WebOptions> = {}) =>
  Effect.gen(function*() {
    const { start } = yield* makeMeshWorld
    const seed = yield* start("seed", { global: true })
    const other = yield* start(hostile, { seeds: [seed.address] })
    const web = yield* start("emp/web", { seeds: [seed.address], binds: [] })
    yield* other.run(Global.joined)
    yield* web.run(Global.joined)
    const all = { bind: "127.0.0.1:*", allowActions: false, token, noToken: false, ...options }
    const { url } = yield* web.run(serve(session, all))
    return { start, seed, other, web, url, base: new URL(url).origin }
  })

type Serving = Effect.Success<ReturnType<typeof serving>>

const test = (
  title: string,
  body: (serving: Serving) => Effect.Effect<unknown, unknown, Scope.Scope>,
  options: Partial<WebOptions> = {}
) =>
  it.live(
    title,
    () => Effect.scoped(Effect.flatMap(serving(options), body)).pipe(Effect.provide(Transport.layerMemory))
  )

describe("emp web", () => {
  test("lets those in who open the address that it prints, and nobody else", ({ base, url }) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ask(base, "/")).status, 401)
      const entered = yield* ask(base, url)
      assert.strictEqual(entered.status, 200)
      const cookie = entered.headers["set-cookie"]?.[0]?.split(";")[0] ?? ""
      const page = yield* ask(base, "/", { headers: { cookie } })
      assert.strictEqual(page.status, 200)
      assert.match(page.headers["content-type"] ?? "", /^text\/html/)
      for (const path of ["/app.js", "/app.css", "/api/about"]) {
        assert.strictEqual((yield* ask(base, path, { headers: { cookie } })).status, 200, path)
        assert.strictEqual((yield* ask(base, path)).status, 401, path)
      }
    }))

  test("forbids browsers with every answer, of whatever kind, all but its own pages", ({ base, url }) =>
    Effect.gen(function*() {
      const asked: ReadonlyArray<readonly [string, Asked, number]> = [
        [url, {}, 200],
        ["/", { headers: bearer }, 200],
        ["/", {}, 401],
        ["/", { headers: { host: "evil.example" } }, 403],
        ["/api/about", { headers: bearer }, 200],
        ["/api/node", { headers: bearer }, 400],
        ["/api/node?id=nobody", { headers: bearer }, 404],
        ["/nothing", { headers: bearer }, 404],
        ["/api/act", { method: "POST", headers: json, body: "{" }, 400],
        ["/api/act", { method: "POST", headers: json, body: JSON.stringify({ action: "stop", node: "a" }) }, 403]
      ]
      for (const [path, how, status] of asked) {
        const answer = yield* ask(base, path, how)
        const what = `${how.method ?? "GET"} ${path}`
        assert.strictEqual(answer.status, status, what)
        assert.match(String(answer.headers["content-security-policy"]), /^default-src 'none'; script-src 'self';/, what)
        assert.deepInclude(answer.headers, {
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cache-control": "no-store"
        }, what)
      }
    }))

  test("refuses requests that are larger than any of ours", ({ base }) =>
    Effect.gen(function*() {
      const body = JSON.stringify({ action: "kil", port: "a#b", reason: "x".repeat(100_000) })
      assert.strictEqual((yield* ask(base, "/api/act", { method: "POST", headers: json, body })).status, 413)
      const headers = { ...bearer, "x-long": "x".repeat(20_000) }
      assert.strictEqual((yield* ask(base, "/api/about", { headers })).status, 431)
    }), { allowActions: true })

  test("streams the picture of the network: names are data, whatever they are", ({ base }) =>
    Effect.gen(function*() {
      const events = yield* follow(base)
      yield* until("both nodes", () =>
        events.text.includes("\"id\":\"seed\"") && events.text.includes(`"id":"${hostile}"`))
      assert.match(events.text, /^event: network\ndata: \{"full":true/)
      assert.include(events.text, "event: timeline\ndata: {\"full\":true,\"entries\":[]}")
    }))

  test("tells at once that a node is gone", ({ base, other }) =>
    Effect.gen(function*() {
      const events = yield* follow(base)
      yield* until("the node", () => events.text.includes(`"id":"${hostile}"`))
      yield* other.stop
      yield* until("its end", () => events.text.includes("\"kind\":\"down\""))
    }))

  test("has room for so many who look, and for another one when one of them has gone", ({ base }) =>
    Effect.gen(function*() {
      yield* Effect.scoped(
        Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: mostLooking }), () => follow(base), { concurrency: 8 })
          assert.strictEqual((yield* ask(base, "/api/events", { headers: bearer })).status, 503)
        })
      )
      yield* until("room", () => Effect.map(Effect.scoped(follow(base)), ({ status }) => status === 200))
    }))

  test("shows a node in detail, and says what an older one does not answer", ({ base }) =>
    Effect.gen(function*() {
      const { status, text } = yield* ask(base, `/api/node?id=${encodeURIComponent(hostile)}`, { headers: bearer })
      assert.strictEqual(status, 200)
      const details = JSON.parse(text)
      assert.strictEqual(details.status.nodeId, hostile)
      assert.deepStrictEqual(details.ports.rows.map(({ port }: { port: string }) => port), [hostile])
      assert.deepStrictEqual(details.log.lines, [])
      assert.match(details.log.problem, /does not know this/)
    }))

  test("shows ports and log lines of a node that answers them", ({ base, other }) =>
    Effect.gen(function*() {
      const row = {
        port: `${hostile}#a`,
        kind: "port",
        what: hostile,
        mailbox: 1,
        handled: 2,
        ageMillis: 3,
        oldestMillis: 5,
        monitors: 4
      }
      const line = [1, "WARN", hostile, { service: "a" }]
      const answers = { emp_ports: { nodeId: hostile, total: 1, ports: [row] }, emp_log_tail: [line] }
      for (const [name, answer] of Object.entries(answers)) {
        other.router.requests.add(name, (from, [_options, to]) => {
          if (typeof to === "string") other.router.relay(from, to, [answer])
        })
      }
      const { text } = yield* ask(base, `/api/node?id=${encodeURIComponent(hostile)}&sort=handled`, { headers: bearer })
      const { log, ports } = JSON.parse(text)
      assert.deepStrictEqual(ports, { total: 1, rows: [row], problem: null })
      assert.deepStrictEqual(log, {
        lines: [{ at: 1, level: "WARN", text: hostile, annotations: { service: "a" } }],
        problem: null
      })
    }))

  test("shows supervisors with what is below them, each once", ({ base, other }) =>
    Effect.gen(function*() {
      const leaf = { id: "leaf", start: Port.make({ hello: () => {} }) }
      const below = {
        id: "below",
        type: "supervisor",
        start: Supervisor.make({ name: "lower", children: [leaf] })
      } as const
      yield* other.run(Supervisor.make({ name: hostile, children: [below] }))
      const events = yield* follow(base)
      yield* until("the supervisors", () => events.text.includes("\"supervisors\":2"))
      const { text } = yield* ask(base, "/api/supervisors", { headers: bearer })
      const { nodes } = JSON.parse(text)
      const [{ trees: [tree, ...more] }] = nodes
      assert.deepStrictEqual([tree.name, tree.children[0].tree.children[0].id, more], [hostile, "leaf", []])
    }))

  test("shows tables of locks: who votes, and who holds how much", ({ base, other }) =>
    Effect.gen(function*() {
      const standing = "votes" as const
      const kept = { keys: 1, owners: 1, isVoting: true }
      const { observed } = yield* other.run(NodeRouter)
      observed.locks(() => ({ name: hostile, voters: [{ node: hostile, standing }], held: ["key"], kept }))
      yield* follow(base)
      const shown = Effect.map(
        ask(base, "/api/clusters", { headers: bearer }),
        ({ text }): typeof Clusters.Type => JSON.parse(text)
      )
      yield* until("the table", () => Effect.map(shown, ({ locks: [table] }) => table?.held === 1))
      const { clusters, locks: [table] } = yield* shown
      assert.deepStrictEqual(clusters, [])
      assert.deepInclude(table, { name: hostile, nodes: 1, withoutMajority: 0, holders: [{ node: hostile, held: 1 }] })
      assert.deepStrictEqual(table?.voters, [
        { node: hostile, state: "up", votesFor: 1, startsFor: 0, silentFor: [], keys: 1 }
      ])
    }))

  test("shows the supervisors that a child has made below it", ({ base, other }) =>
    Effect.gen(function*() {
      const service = Effect.gen(function*() {
        const port = yield* Port.make({ hello: () => {} })
        yield* Port.peval(port, Effect.asVoid(Supervisor.make({ name: "made", children: [] })))
        return port
      })
      yield* other.run(Supervisor.make({ name: "services", children: [{ id: "service", start: service }] }))
      const events = yield* follow(base)
      yield* until("the supervisors", () => events.text.includes("\"supervisors\":2"))
      const { nodes: [{ trees: [{ children: [child] }] }] } = JSON.parse(
        (yield* ask(base, "/api/supervisors", { headers: bearer })).text
      )
      assert.deepStrictEqual([child.tree.name, child.others], ["made", []])
    }))

  test("shows groups with their members, and families with their values", ({ base, other }) =>
    Effect.gen(function*() {
      const port = yield* other.run(Port.make({ hello: () => {} }))
      yield* other.run(Global.register(port, "workers"))
      yield* other.run(Global.set("settings", "limit", { max: 5 }))
      let text = ""
      yield* until("both families", () =>
        Effect.map(ask(base, "/api/families", { headers: bearer }), (answer) => {
          text = answer.text
          return text.includes("workers") && text.includes("settings")
        }))
      const { families } = JSON.parse(text)
      assert.deepStrictEqual(families, [
        { name: "settings", total: 1, isGroup: false, entries: [{ key: "limit", node: null, value: "{\"max\":5}" }] },
        { name: "workers", total: 1, isGroup: true, entries: [{ key: port, node: hostile, value: null }] }
      ])
      const one = yield* ask(base, "/api/family?name=settings", { headers: bearer })
      assert.deepStrictEqual(JSON.parse(one.text), families[0])
      assert.strictEqual((yield* ask(base, "/api/family?name=nothing", { headers: bearer })).status, 404)
    }))

  test("does nothing unless it was allowed to", ({ base, seed }) =>
    Effect.gen(function*() {
      const port = yield* seed.run(Port.make({ hello: () => {} }))
      const body = JSON.stringify({ action: "kil", port })
      assert.strictEqual((yield* ask(base, "/api/act", { method: "POST", headers: json, body })).status, 403)
      yield* seed.run(Port.calMessage(seed.id, "time"))
      assert.isDefined(seed.router.portNamed(port.slice("seed#".length)))
    }))

  test(
    "ends ports if it was allowed to, never for pages of others, and says who wanted it",
    ({ base, seed }) =>
      Effect.gen(function*() {
        const port = yield* seed.run(Port.make({ hello: () => {} }))
        const events = yield* follow(base)
        const body = JSON.stringify({ action: "kil", port, reason: "enough" })
        const foreign = { ...json, origin: "http://evil.example" }
        assert.strictEqual((yield* ask(base, "/api/act", { method: "POST", headers: foreign, body })).status, 403)
        const ended = yield* Effect.forkScoped(seed.run(Port.exit(port)), { startImmediately: true })
        assert.strictEqual((yield* ask(base, "/api/act", { method: "POST", headers: json, body })).status, 200)
        const exit = yield* Fiber.join(ended)
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "enough")
        yield* until("the timeline", () => events.text.includes(`asked for from 127.0.0.1: ${port} has ended: `))
      }),
    { allowActions: true }
  )

  test("says why a node does not do what it was asked for", ({ base, seed }) =>
    Effect.gen(function*() {
      seed.router.requests.add("emp_drain", (from, [to, ...rest]) => {
        if (typeof to === "string") seed.router.relay(from, to, [...rest, "drains already"])
      })
      seed.router.requests.add("emp_reload", (from, [to]) => {
        const wrong = { taken: [], needsRestart: [], wrong: "line 5" }
        if (typeof to === "string") seed.router.relay(from, to, [wrong])
      })
      const act = (action: object) =>
        ask(base, "/api/act", { method: "POST", headers: json, body: JSON.stringify(action) })
      const refused = [
        [{ action: "drain", node: "seed" }, /drains already/],
        [{ action: "stop", node: "seed" }, /does not know this/],
        [{ action: "reload", node: "seed" }, /the configuration stays as it is: line 5/],
        [{ action: "restart", node: "not a node" }, /no such node|no node ID/],
        [{ action: "kil", port: "seed" }, /cannot be killed/]
      ] as const
      for (const [action, why] of refused) {
        const { status, text } = yield* act(action)
        assert.strictEqual(status, 409)
        assert.match(JSON.parse(text).problem, why)
      }
    }), { allowActions: true })

  test("ends while somebody looks", ({ base }) =>
    Effect.gen(function*() {
      const events = yield* follow(base)
      yield* until("events", () => events.text !== "")
    }))
})

describe("the address", () => {
  const failing = (title: string, options: Partial<WebOptions>, problem: RegExp) =>
    it.live(title, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.scoped(serving(options)))
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", problem)
      }).pipe(Effect.provide(Transport.layerMemory)))

  failing("has no token on loopback alone", { bind: "0.0.0.0:*", token: undefined, noToken: true }, /--no-token/)
  failing("has a token that is not guessed soon", { token: "short" }, /--token: 16 characters/)
  failing("is one", { bind: "nonsense:port" }, /no HOST:PORT/)

  it.live("is refused if it is taken; the default makes way for that", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.acquireRelease(
        Effect.promise(() =>
          new Promise<net.Server>((resolve) => {
            const server = net.createServer().listen(0, "127.0.0.1", () => resolve(server))
          })
        ),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = taken.address() as net.AddressInfo
      const exit = yield* Effect.exit(Effect.scoped(serving({ bind: `127.0.0.1:${port}` })))
      assert.match(
        Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
        /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/
      )
      const [one, other] = [yield* serving({ bind: undefined }), yield* serving({ bind: undefined })]
      assert.notStrictEqual(one.base, other.base)
    }).pipe(Effect.scoped, Effect.provide(Transport.layerMemory)))

  test("has no token when everybody on this machine may look", ({ base, url }) =>
    Effect.gen(function*() {
      assert.strictEqual(url, `${base}/`)
      assert.strictEqual((yield* ask(base, "/api/about")).status, 200)
    }), { token: undefined, noToken: true })

  test("has a token of its own every time", ({ url }) => Effect.sync(() => assert.match(url, /\?token=[\w-]{32}$/)), {
    token: undefined
  })
})
