/**
 * The last ten minutes in numbers: of the network and of each node, for charts.
 *
 * @internal
 */
import type { History, NodeSummary, Picture } from "./api.ts"

/** So many points are kept, of one second each. */
const most = 600

const names = [
  "up",
  "messagesPerSecond",
  "bytesPerSecond",
  "cpuPercent",
  "loopDelayMillis",
  "memory",
  "ports",
  "queuedMessages",
  "restarts"
] as const
type Name = typeof names[number]
type Point = Readonly<Record<Name, number | null>>

const isKnown = (value: number | null): value is number => value !== null

const sum = (...values: ReadonlyArray<number | null>): number | null =>
  values.some(isKnown) ? values.filter(isKnown).reduce((total, value) => total + value, 0) : null

const largest = (values: ReadonlyArray<number | null>): number | null =>
  values.filter(isKnown).reduce<number | null>((most, value) => Math.max(most ?? value, value), null)

const pointOf = (node: NodeSummary): Point =>
  node.state === "up"
    ? {
      up: 1,
      messagesPerSecond: sum(node.messagesInPerSecond, node.messagesOutPerSecond),
      bytesPerSecond: sum(node.bytesInPerSecond, node.bytesOutPerSecond),
      cpuPercent: node.cpuPercent,
      loopDelayMillis: node.loopDelayMaxMillis,
      memory: node.memory,
      ports: node.ports,
      queuedMessages: node.queuedMessages,
      restarts: node.restarts
    }
    : { ...nothing, up: 0 }

const nothing = Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>

/** What goes out of one node goes into another: of the network it counts once. */
const pointOfAll = (nodes: ReadonlyArray<NodeSummary>): Point => {
  const up = nodes.filter(({ state }) => state === "up")
  return {
    up: up.length,
    messagesPerSecond: sum(...up.map((node) => node.messagesOutPerSecond)),
    bytesPerSecond: sum(...up.map((node) => node.bytesOutPerSecond)),
    cpuPercent: sum(...up.map((node) => node.cpuPercent)),
    loopDelayMillis: largest(up.map((node) => node.loopDelayMaxMillis)),
    memory: sum(...up.map((node) => node.memory)),
    ports: sum(...up.map((node) => node.ports)),
    queuedMessages: sum(...up.map((node) => node.queuedMessages)),
    restarts: sum(...up.map((node) => node.restarts))
  }
}

/** So many decimal digits a number has that is kept. */
const digits = 7

/** Points in a ring, since there are many nodes: numbers side by side, and NaN for what is not known. */
class Ring {
  private readonly at = new Float64Array(most)
  private readonly values = new Float32Array(most * names.length)
  private count = 0

  push(at: number, point: Point): void {
    const place = this.count++ % most
    this.at[place] = at
    for (const [index, name] of names.entries()) this.values[place * names.length + index] = point[name] ?? NaN
  }

  get lastAt(): number {
    return this.count === 0 ? 0 : this.at[(this.count - 1) % most] ?? 0
  }

  /** In their order, those since a time. */
  read(node: string | null, since: number): History {
    const kept = Math.min(this.count, most)
    const places = Array.from({ length: kept }, (_, n) => (this.count - kept + n) % most)
      .filter((place) => (this.at[place] ?? 0) >= since)
    const series = (name: Name) => {
      const index = names.indexOf(name)
      return places.map((place) => {
        const value = this.values[place * names.length + index] ?? NaN
        return Number.isNaN(value) ? null : Number(value.toPrecision(digits))
      })
    }
    const all = Object.fromEntries(names.map((name) => [name, series(name)])) as Record<Name, Array<number | null>>
    return { node, at: places.map((place) => this.at[place] ?? 0), ...all }
  }
}

export class Histories {
  private readonly all = new Ring()
  private readonly ofNodes = new Map<string, Ring>()

  push({ at, nodes }: Picture): void {
    this.all.push(at, pointOfAll(Array.from(nodes.values())))
    for (const node of nodes.values()) {
      const ring = this.ofNodes.get(node.id) ?? new Ring()
      this.ofNodes.set(node.id, ring)
      ring.push(at, pointOf(node))
    }
    for (const id of this.ofNodes.keys()) if (!nodes.has(id)) this.ofNodes.delete(id)
  }

  /** Of the network, or of one node. */
  read(node: string | undefined): History {
    const since = this.all.lastAt - most * 1000
    const ring = node === undefined ? this.all : this.ofNodes.get(node) ?? new Ring()
    return ring.read(node ?? null, since)
  }
}
