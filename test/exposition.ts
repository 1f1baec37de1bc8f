/**
 * Reads what a node shows Prometheus, and holds each line against the exposition format: names, labels, escapes, values, and that all lines
 * of a metric stand together behind what is said of it.
 */
import { assert } from "@effect/vitest"

export interface Exposed {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>
  readonly samples: ReadonlyArray<Exposed>
}

const about = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/
const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy
const value = /^(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/

const unescape = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, escaped: string) => escaped === "n" ? "\n" : escaped)

const labelsOf = (text: string, line: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  let end = 0
  for (const [whole, name = "", escaped = ""] of text.matchAll(label)) {
    assert.isFalse(Object.hasOwn(labels, name), `twice the same label: ${line}`)
    labels[name] = unescape(escaped)
    end += whole.length
  }
  assert.strictEqual(end, text.length, `labels that cannot be read: ${line}`)
  return labels
}

/** The metric that a line is of: a histogram has lines of three kinds. */
const familyOf = (name: string, types: ReadonlyMap<string, string>): string =>
  types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, "")

export const readExposition = (text: string): Exposition => {
  assert.isTrue(text.endsWith("\n"))
  const types = new Map<string, string>()
  const samples: Array<Exposed> = []
  const seen = new Set<string>()
  let present = ""
  for (const line of text.slice(0, -1).split("\n")) {
    const [, what, of = "", said = ""] = about.exec(line) ?? []
    if (what !== undefined) {
      if (what === "TYPE") {
        assert.isFalse(types.has(of), `twice the same metric: ${line}`)
        assert.include(["counter", "gauge", "histogram"], said)
        types.set(of, said)
        present = of
      }
      continue
    }
    const [, name = "", labels = "", number = ""] = sample.exec(line) ?? []
    assert.match(number, value, `a line that is none: ${line}`)
    assert.strictEqual(familyOf(name, types), present, `a line among those of another metric: ${line}`)
    assert.isFalse(seen.has(`${name}{${labels}}`), `twice the same series: ${line}`)
    seen.add(`${name}{${labels}}`)
    samples.push({ name, labels: labelsOf(labels, line), value: Number(number.replace("Inf", "Infinity")) })
  }
  return { types, samples }
}

/** The sum of all series of a metric that have these labels. */
export const valueOf = (
  { samples }: Exposition,
  metric: string,
  labels: Readonly<Record<string, string>> = {}
): number => {
  const found = samples.filter(({ labels: all, name }) =>
    name === metric && Object.entries(labels).every(([key, value]) => all[key] === value)
  )
  assert.isAbove(found.length, 0, `there is no ${metric} ${JSON.stringify(labels)}`)
  return found.reduce((sum, { value }) => sum + value, 0)
}
