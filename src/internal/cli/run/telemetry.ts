/**
 * What `emp run` lets others see of its node: an HTTP server with its metrics and its state, and traces, metrics and logs for a collector.
 * Loaded only where somebody asks for it.
 *
 * @internal
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { createServer } from "node:http"
import * as Node from "../../../Node.ts"
import { probes } from "../../node/probes.ts"
import { errorText } from "../../transport/tcpWire.ts"
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

const whyNot = (cause: unknown): string => cause instanceof Error ? errorText(cause) : String(cause)

/**
 * Serves `/metrics`, `/healthz` and `/readyz` as long as the scope is open. A port alone is one of the loopback interface. Answers where.
 */
export const serveTelemetry = (bind: string, lacks: Effect.Effect<ReadonlyArray<string>>) =>
  Effect.gen(function*() {
    const { host, port } = parseAddress(bind, "127.0.0.1") ?? { host: "127.0.0.1", port: 0 }
    const server = createServer()
    const listening = NodeHttpServer.layer(() => server, { port, ...host === "*" ? {} : { host } })
    const routes = HttpRouter.serve(Layer.mergeAll(metrics, probes(lacks)), {
      disableLogger: true,
      disableListenLog: true
    })
    const context = yield* Layer.build(Layer.provideMerge(routes, listening)).pipe(
      Effect.catchTag("ServeError", ({ cause }) =>
        Effect.fail(
          new Node.InvalidOption({ option: "metrics", problem: `${bind}: ${whyNot(cause)}` })
        ))
    )
    // Who keeps a connection open must not keep the process from ending.
    yield* Effect.addFinalizer(() => Effect.sync(() => void server.close().closeAllConnections()))
    const { address } = Context.get(context, HttpServer.HttpServer)
    return address._tag === "UnixPathAddress" ? bind : formatAddress({ host, port: address.port })
  })

/** What OpenTelemetry's own variables leave open. */
const defaults = {
  OTEL_SERVICE_NAME: "effect-mp",
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp"
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
    Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]),
    Layer.provide(Layer.effect(ConfigProvider.ConfigProvider, provider))
  )
}
