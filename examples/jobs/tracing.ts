/** Where spans go: to the OpenTelemetry collector that a variable names, if there is one. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import { OtlpSerialization, OtlpTracer } from "effect/observability"
import * as Option from "effect/Option"

export const tracing = (serviceName: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(Effect.gen(function*() {
    const collector = yield* Config.option(Config.String("OTEL_EXPORTER_OTLP_ENDPOINT"))
    if (Option.isNone(collector)) return Layer.empty
    return OtlpTracer.layer({
      url: `${collector.value}/v1/traces`,
      resource: { serviceName },
      exportInterval: "1 second"
    })
      .pipe(Layer.provide([FetchHttpClient.layer, OtlpSerialization.layerJson]))
  }))
