/**
 * A node among Effect's metrics, for whoever reads those: `PrometheusMetrics`, `Otlp`, `Metric.snapshot`. Nothing is kept up to date for
 * them: they are read from what the node counts anyway, when somebody asks, and go with the node.
 *
 * @internal
 */
import { runtime } from "#platform"
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { bucketMillis, type Durations } from "../port/durations.ts"
import { version } from "../values/version.ts"
import { about, durations, families, type Family, type Labels, sampleOf } from "./metricFamilies.ts"
import { PortCensus } from "./portCensus.ts"
import type { Router } from "./router.ts"

/** One line of a graph: a metric with certain labels. */
interface Series {
  value: number
  readonly remove: () => void
}

/** What is done where others would be updated. */
const nothing = (): void => {}
const read = <S>(get: () => S) => ({ get, update: nothing, modify: nothing })

const histogramOf = (durations: Durations): Metric.HistogramState => {
  const { counts, longestMillis, shortestMillis, sumMillis } = durations
  durations.looked()
  let count = 0
  const buckets = counts.map((more, at): [number, number] => {
    count += more
    return [(bucketMillis[at] ?? Infinity) / 1000, count]
  })
  const min = count === 0 ? 0 : shortestMillis / 1000
  return { buckets, count, min, max: longestMillis / 1000, sum: sumMillis / 1000 }
}

export class NodeMetrics {
  private readonly router: Router
  private readonly context: Context.Context<never>
  private readonly census: PortCensus
  /** Those that are always there. */
  private readonly lasting: ReadonlyArray<Metric.Registration>
  private series = new Map<string, Series>()

  constructor(router: Router, context: Context.Context<never>) {
    this.router = router
    this.context = context
    this.census = new PortCensus(router)
    // It stands before all others, and so is read first: then they are read anew.
    const first = Metric.gauge(about.name, {
      description: about.description,
      attributes: { node: router.nodeId, version, runtime }
    })
    const get = (): Metric.GaugeState<number> => {
      this.readAll()
      return { value: 1 }
    }
    this.lasting = [
      Metric.registerUnsafe(first, context, read(get)),
      ...durations.map((family) => {
        const boundaries = bucketMillis.map((millis) => millis / 1000)
        const metric = Metric.histogram(family.name, { ...this.options(family, {}), boundaries })
        return Metric.registerUnsafe(metric, context, read(() => histogramOf(family.read(router))))
      })
    ]
    this.readAll()
  }

  /** The node is gone, and leaves nothing behind. */
  remove(): void {
    for (const { remove } of [...this.lasting, ...this.series.values()]) remove()
    this.series = new Map()
  }

  /**
   * A series that is new, as that of a port which has come to have a large mailbox, is there from the next reading on; one that is not
   * there any more is gone after this one.
   */
  private readAll(): void {
    const sample = sampleOf(this.router, this.census.latest())
    const before = this.series
    this.series = new Map()
    for (const family of families) {
      for (const [labels, value] of family.read(sample)) {
        const key = JSON.stringify([family.name, labels])
        const series = before.get(key) ?? this.register(family, labels)
        series.value = value
        before.delete(key)
        this.series.set(key, series)
      }
    }
    for (const { remove } of before.values()) remove()
  }

  private register(family: Family, labels: Labels): Series {
    const { context } = this
    const options = this.options(family, labels)
    const series = { value: 0, remove: nothing }
    const { remove } = family.type === "counter"
      ? Metric.registerUnsafe(
        Metric.counter(family.name, { ...options, incremental: true }),
        context,
        read(() => ({ count: series.value, incremental: true }))
      )
      : Metric.registerUnsafe(Metric.gauge(family.name, options), context, read(() => ({ value: series.value })))
    series.remove = remove
    return series
  }

  /** Exporters know the unit by an attribute; for Prometheus, whose names end with it, that is no label. */
  private options({ description, unit }: Pick<Family, "description" | "unit">, labels: Labels) {
    const attributes = { node: this.router.nodeId, ...labels, ...unit === undefined ? {} : { unit } }
    return { description, attributes }
  }
}
