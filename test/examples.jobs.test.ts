/** The application of `examples/jobs/`: over the memory network with a clock that the test moves, and as processes. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Global, Transport } from "effect-mp"
import * as Rpc from "effect-mp/Rpc"
import * as TestNetwork from "effect-mp/TestNetwork"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { HttpApiTest } from "effect/http-api"
import * as Layer from "effect/Layer"
import type { OtlpTracer } from "effect/observability"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as TestConsole from "effect/testing/TestConsole"
import * as Tracer from "effect/Tracer"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"
import { onTestFinished } from "vitest"
import { jobs, WorkerGroup } from "../examples/jobs/http.ts"
import { group, JobsApi, Workers } from "../examples/jobs/jobs.ts"
import { worker } from "../examples/jobs/worker.ts"
import { makeLogs } from "./harness.ts"
import { eventually, freePort, type Process, start, startRun } from "./processes.ts"

const order = { id: "1", template: "welcome", name: "Ada" }

describe("the jobs example, in one process", () => {
  /** The application, as who asks the front sees it. Workers start on nodes of their own. */
  const startApplication = Effect.gen(function*() {
    const front = yield* TestNetwork.start("front", {
      services: Layer.provideMerge(jobs, Layer.provideMerge(WorkerGroup.layer, Global.layer()))
    })
    const { jobs: client } = yield* front.run(HttpApiTest.groups(JobsApi, ["jobs"]))
    const services = (server: typeof worker) => Layer.provideMerge(server, Global.layer({ seeds: [front.address] }))
    let workers = 0
    const startWorker = Effect.fnUntraced(function*(nodeId: string, server: typeof worker = worker) {
      const own = yield* TestNetwork.start(nodeId, { services: services(server) })
      yield* front.run(Global.awaitGroup(group, ++workers)).pipe(TestNetwork.within("10 seconds"))
      return own
    })
    return { ...client, startWorker }
  })

  interface Application extends Effect.Success<typeof startApplication> {
    /** Waits until so many letters have been begun, all in all. */
    readonly begun: (letters: number) => Effect.Effect<void, never, TestNetwork.TestNetwork>
    /** Waits until so many of them have been given up. */
    readonly givenUp: (letters: number) => Effect.Effect<void, never, TestNetwork.TestNetwork>
  }

  const test = (
    title: string,
    body: (
      application: Application
    ) => Effect.Effect<void, unknown, Scope.Scope | TestNetwork.TestNetwork | Transport.MemoryNetwork>
  ) =>
    it.effect(title, () => {
      const letters: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          if (span.name === "write") letters.push(span)
          return span
        }
      })
      const awaitLetters = (what: string, which: (letter: Tracer.NativeSpan) => boolean) => (count: number) =>
        TestNetwork.until(`${count} letters are ${what}`, () => letters.filter(which).length === count)
      const begun = awaitLetters("begun", () => true)
      const givenUp = awaitLetters(
        "given up",
        ({ status }) => status._tag === "Ended" && Exit.hasInterrupts(status.exit)
      )
      return Effect.flatMap(startApplication, (application) => body({ ...application, begun, givenUp })).pipe(
        Effect.scoped,
        Effect.provideService(Tracer.Tracer, tracer),
        Effect.provide([TestNetwork.layer, NodeHttpServer.layerHttpServices, makeLogs().layer])
      )
    })

  test("answers what a worker has written, and the errors of its domain", ({ begun, mail, render, startWorker }) =>
    Effect.gen(function*() {
      yield* startWorker("worker")
      const rendering = yield* Effect.forkChild(render({ payload: order }))
      yield* begun(1)
      yield* TestClock.adjust("20 millis")
      const { by, text } = yield* Fiber.join(rendering)
      assert.deepStrictEqual([text, by], ["Dear Ada, welcome!", "worker"])
      const error = yield* Effect.flip(mail({ payload: { ...order, template: "farewell" } }))
      assert.strictEqual(error._tag, "UnknownTemplate")
    }))

  test("has another worker repeat what may run twice, and nothing else", ({ begun, mail, render, startWorker }) =>
    Effect.gen(function*() {
      yield* startWorker("first")
      const rendering = yield* Effect.forkChild(render({ payload: order }))
      const mailing = yield* Effect.forkChild(Effect.flip(mail({ payload: order })))
      yield* begun(2)
      yield* startWorker("second")
      const network = yield* Transport.MemoryNetwork
      yield* network.reset({ from: "first", to: "front" })
      yield* begun(3)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* Fiber.join(rendering)).by, "second")
      assert.strictEqual((yield* Fiber.join(mailing))._tag, "Unsure")
      assert.deepStrictEqual(yield* TestConsole.logLines, [])
    }))

  test("lets a worker that is told to stop finish what it has", ({ begun, mail, startWorker }) =>
    Effect.gen(function*() {
      const { stop } = yield* startWorker("worker")
      const mailing = yield* Effect.forkChild(mail({ payload: order }))
      yield* begun(1)
      yield* stop
      assert.strictEqual((yield* Fiber.join(mailing)).by, "worker")
    }))

  test("has another worker try what one takes too long for", ({ begun, givenUp, render, startWorker }) =>
    Effect.gen(function*() {
      const never = Effect.withSpan(Effect.never, "write")
      const server = Rpc.serve(Workers).pipe(Effect.tap(Global.register(group)))
      const handlers = Workers.toLayer({ render: () => never, mail: () => never })
      yield* startWorker("stuck", Layer.effectDiscard(server).pipe(Layer.provide(handlers), Layer.orDie))
      const rendering = yield* Effect.forkChild(render({ payload: order }))
      yield* begun(1)
      yield* startWorker("worker")
      yield* TestClock.adjust("3 seconds")
      yield* begun(2)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* Fiber.join(rendering)).by, "worker")
      yield* givenUp(1)
    }))

  test("interrupts the worker of those who hang up", ({ begun, givenUp, mail, startWorker }) =>
    Effect.gen(function*() {
      yield* startWorker("worker")
      const mailing = yield* Effect.forkChild(mail({ payload: order }))
      yield* begun(1)
      yield* Fiber.interrupt(mailing)
      yield* givenUp(1)
    }))

  test("waits ten seconds for a worker, where it may", ({ mail, render }) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(mail({ payload: order })))._tag, "NoWorker")
      const rendering = yield* Effect.forkChild(Effect.flip(render({ payload: order })))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(rendering.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(rendering))._tag, "NoWorker")
    }))
})

describe("the jobs example, as processes", () => {
  /** Takes the place of an OpenTelemetry collector: keeps the spans of a trace, as `service name < name of the parent`. */
  const startCollector = async (traceId: string) => {
    const names = new Map<string, string>()
    const parents = new Map<string, string | undefined>()
    const server = createServer(async (request, response) => {
      const { resourceSpans } = await json(request) as OtlpTracer.TraceData
      for (const { resource, scopeSpans } of resourceSpans) {
        const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue
        for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
          if (span.traceId !== traceId) continue
          names.set(span.spanId, `${service} ${span.name}`)
          parents.set(span.spanId, span.parentSpanId)
        }
      }
      response.end("{}")
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const spans = () =>
      Array.from(names, ([id, name]) => `${name} < ${names.get(parents.get(id) ?? "") ?? parents.get(id)}`)
    return { url: `http://127.0.0.1:${port}`, spans }
  }

  const startApplication = async (env: Record<string, string> = {}) => {
    const [address, port] = [`127.0.0.1:${await freePort()}`, String(await freePort())]
    const variables = { EMP_NODEID: "front", EMP_SECRET: "swordfish", EMP_BINDS: address, PORT: port }
    const front = start(["examples/jobs/front.ts"], { ...env, ...variables })
    await front.sees(/Listening on/)
    const startWorker = async (nodeId: string): Promise<Process> => {
      const own = startRun(["--node-id", nodeId, "--seed", address, "--service", "examples/jobs/worker.ts"], env)
      await own.sees(/is ready/)
      return own
    }
    const post = async (job: "render" | "mail", body: object, headers: Record<string, string> = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}/${job}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body)
      })
      return { status: response.status, answer: await response.json() as Record<string, unknown> }
    }
    return { post, startWorker }
  }

  it("has one trace from the request to the worker", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const { spans, url } = await startCollector(traceId)
    const { post, startWorker } = await startApplication({ OTEL_EXPORTER_OTLP_ENDPOINT: url })
    await startWorker("worker")
    await post("render", order, { traceparent: `00-${traceId}-b7ad6b7169203331-01` })
    await eventually("all spans have come", () => spans().length === 4)
    assert.sameMembers(spans(), [
      "front POST < b7ad6b7169203331",
      "front render < front POST",
      "worker render < front render",
      "worker write < worker render"
    ])
  })

  it("answers every request while workers are stopped, killed and frozen, and mails no letter twice", async () => {
    const { post, startWorker } = await startApplication()
    const workers = await Promise.all(["one", "two"].map(startWorker))
    const over = new AbortController()
    const rendered: Array<{ readonly who: number; readonly by: unknown }> = []
    const mailed = new Map<string, number>()
    const renders = async (who: number) => {
      while (!over.signal.aborted) {
        const { answer, status } = await post("render", order)
        assert.strictEqual(status, 200)
        rendered.push({ who, by: answer["by"] })
      }
    }
    const mails = async () => {
      while (!over.signal.aborted) {
        const id = `${mailed.size}`
        mailed.set(id, 0)
        mailed.set(id, (await post("mail", { ...order, id })).status)
      }
    }
    const everybody = [1, 2, 3, 4, 5, 6, 7, 8]
    const load = everybody.flatMap((who) => [renders(who), mails()])
    /** What has been answered from now on comes to this. */
    const since = async (what: string, holds: (answers: typeof rendered) => boolean) => {
      const before = rendered.length
      await eventually(what, () => holds(rendered.slice(before)))
    }
    const answers = (by: string) => since(`${by} answers`, (answers) => answers.some((answer) => answer.by === by))
    const faults = async () => {
      await Promise.all([answers("one"), answers("two")])
      await workers[0]!.end("SIGTERM")
      await answers("two")
      workers.push(await startWorker("one"))
      await answers("one")
      await workers[2]!.end("SIGKILL")
      await answers("two")
      workers.push(await startWorker("one"))
      await answers("one")
      workers[1]!.child.kill("SIGSTOP")
      await since(
        "everybody is answered",
        (answers) => everybody.every((who) => answers.filter((answer) => answer.who === who).length > 1)
      )
      workers[1]!.child.kill("SIGCONT")
      await answers("two")
      await workers[1]!.end("SIGKILL")
      await answers("one")
    }
    await Promise.all([...load, faults().finally(() => over.abort())])

    const lines = () =>
      workers.flatMap(({ stdout }) => Array.from(stdout.matchAll(/^mailed (\d+)$/gm), ([, id]) => id!))
    const done = Array.from(mailed).flatMap(([id, status]) => status === 200 ? [id] : [])
    await eventually("the workers have said what they mailed", () => done.every((id) => lines().includes(id)))
    assert.strictEqual(new Set(lines()).size, lines().length)
    assert.includeMembers([200, 502], Array.from(new Set(mailed.values())))
  })
})
