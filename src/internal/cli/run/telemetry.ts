/**
 * What `emp run` lets others see of its node: an HTTP server with its metrics and its state, and traces, metrics and logs for a collector.
 * Loaded only where somebody asks for it.
 *
 * @internal
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as http from "node:http"
import * as Node from "../../../Node.ts"
import { probes } from "../../node/probes.ts"
import { errorText } from "../../transport/socketWire.ts"
import { formatAddress, parseAddress } from "../../values/address.ts"
import { version } from "../../values/version.ts"

/** What was new at the last reading is there from this one on: so two readings show all. */
const metrics = HttpRouter.use((router) =>
  router.add(
    "GET",
    "/metrics",
    Effect.map(Effect.andThen(Metric.snapshot, PrometheusMetrics.format()), (text) =>
      HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }))
  )
)

/** Answers by what answers requests of the Web, without what else Node's server of Effect brings along: it is for pages that are read. */
const answerBy =
  (handler: (request: Request) => Promise<Response>): http.RequestListener =>
  async ({ method = "GET", url }, response) => {
    try {
      const target = URL.parse(url ?? "/", "http://localhost")
      if (target === null) return void response.writeHead(400).end()
      const answer = await handler(new Request(target, { method }))
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
    } catch {
      response.destroy()
    }
  }

const openServer = (
  bind: string,
  listener: http.RequestListener
): Effect.Effect<http.Server, Node.InvalidOption> =>
  Effect.callback((resume) => {
    const { host, port } = parseAddress(bind, loopback) ?? { host: loopback, port: 0 }
    const server = http.createServer({ requestTimeout: requestMillis, headersTimeout: requestMillis }, listener)
    server.maxConnections = mostConnections
    server.timeout = requestMillis
    const refuse = (error: Error): void => {
      resume(Effect.fail(new Node.InvalidOption({ option: "metrics", problem: `${bind}: ${errorText(error)}` })))
    }
    server.once("error", refuse).listen({ port, ...host === "*" ? {} : { host } }, () => resume(Effect.succeed(server)))
  })

const loopback = "127.0.0.1"

/** Whoever can connect may ask. So many connections cost the node nothing of what its links need, and who is slow has so long. */
const mostConnections = 100
const requestMillis = 10_000

/**
 * Serves `/metrics`, `/healthz` and `/readyz` as long as the scope is open. A port alone is one of the loopback interface. Answers where.
 */
export const serveTelemetry = (bind: string, lacks: Effect.Effect<ReadonlyArray<string>>) =>
  Effect.gen(function*() {
    const routes = Layer.mergeAll(metrics, probes(lacks))
    const { dispose, handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    const server = yield* Effect.acquireRelease(
      openServer(bind, answerBy(handler)),
      // Who keeps a connection open must not keep the process from ending.
      (server) => Effect.sync(() => void server.close().closeAllConnections())
    )
    const address = server.address()
    const port = typeof address === "object" ? address?.port ?? 0 : 0
    return formatAddress({ host: parseAddress(bind, loopback)?.host ?? loopback, port })
  })

/** What OpenTelemetry's own variables leave open. */
const defaults = {
  OTEL_SERVICE_NAME: "effect-mp",
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp"
}

/** Of an address that a message names, what a collector may know this node by. */
const withoutQuery = (message: string): string => message.replaceAll(/\?[^\s)]*/g, "")

/** The exporters keep to themselves that a collector does not take what they send. It is said once, until the collector takes it again. */
const warning = (url: string) => {
  // What else it has may be what lets this node in.
  const { origin, pathname } = new URL(url)
  let isKnown = false
  const taken = Effect.sync(() => {
    isKnown = false
  })
  const refused = ({ message }: { readonly message: string }) =>
    Effect.suspend(() => {
      if (isKnown) return Effect.void
      isKnown = true
      return Effect.logWarning(
        `otlp: the collector at ${origin}${pathname} does not take what happens here: ${withoutQuery(message)}`
      )
    })
  const client = Effect.map(
    HttpClient.HttpClient,
    (client) => client.pipe(HttpClient.filterStatusOk, HttpClient.tap(() => taken), HttpClient.tapError(refused))
  )
  return Layer.provide(Layer.effect(HttpClient.HttpClient, client), FetchHttpClient.layer)
}

/** Sends what happens to a collector at this address. The variables of OpenTelemetry say more: headers, intervals, what is not sent. */
export const sendTelemetry = (url: string, nodeId: string) => {
  const given = ConfigProvider.fromEnv({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: url } })
  const provider = Effect.map(ConfigProvider.ConfigProvider, (present) =>
    given.pipe(
      ConfigProvider.orElse(present),
      ConfigProvider.orElse(ConfigProvider.fromEnv({ env: defaults }))
    ))
  return Otlp.layerFromConfig({
    resource: { serviceVersion: version, attributes: { "service.instance.id": nodeId } }
  }).pipe(
    Layer.provide([warning(url), OtlpSerialization.layerJson]),
    Layer.provide(Layer.effect(ConfigProvider.ConfigProvider, provider))
  )
}
