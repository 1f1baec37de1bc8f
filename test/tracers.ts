/** Tracers whose spans tests look at. */
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"

/** A tracer that keeps its spans. */
export const makeTracer = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const named = (name: string) => spans.filter((span) => span.name === name)
  return { spans, named, layer: Layer.succeed(Tracer.Tracer, tracer) }
}
