/**
 * Peers that have the secret and mean harm: what they send to a node port. All requests, with arguments of all kinds: wrong ones,
 * deep ones, large ones, requests within requests; and what is allowed but meant to wear the node out: monitors, spawns and kills
 * of all that they know or guess.
 */
import type { SeededRandom } from "../simulation/random.ts"

/** What an insider knows. */
export interface Known {
  readonly requests: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<string>
  /** Ports that it may kill. */
  readonly ports: ReadonlyArray<string>
  readonly functions: ReadonlyArray<string>
}

type Packet = ReadonlyArray<unknown>

const kinds = { nonsense: 60, within: 8, monitors: 4, spawns: 3, kills: 6, relays: 6, large: 2, names: 6 }

/** The next packets of an insider, to be sent at once. */
export const harm = (random: SeededRandom, known: Known, own: string): ReadonlyArray<Packet> => {
  const { functions, nodes, ports, requests } = known
  const node = random.pick(nodes)!
  switch (random.weighted(kinds)) {
    case "nonsense":
      return Array.from(
        { length: random.int(1, 20) },
        () => ["", random.pick(requests), ...someArguments(random, known)]
      )
    case "within":
      return [["", ...within(random, known, random.pick([3, 100, 10_000])!)]]
    case "monitors":
      return Array.from({ length: 500 }, (_, index) => [
        "",
        random.pick(["mon1", "mon1", "mon0"]),
        random.chance(0.5) ? nameOf(random.pick(ports)) : `guess${index}`
      ])
    case "spawns":
      return Array.from({ length: 100 }, (_, index) => [
        "",
        "AnyEvent::MP::_spawn",
        `${own}${random.int(0, 1e9)}${index}`,
        random.pick([...functions, "no::such", "__proto__"]),
        ...someArguments(random, known)
      ])
    case "kills":
      return Array.from({ length: 20 }, () => [
        "",
        random.pick(["kil0", "kil1"]),
        random.pick([nameOf(random.pick(ports)), "", "x", 1, null]),
        ...someArguments(random, known)
      ])
    case "relays":
      return Array.from({ length: 20 }, () => [
        "",
        "snd",
        random.pick([random.pick(ports), node, own, `${own}#x`, `nobody${random.int(0, 20)}#x`, "#", "", 7]),
        ...someArguments(random, known)
      ])
    case "large":
      return [[
        "",
        random.pick(requests),
        "x".repeat(random.pick([20_000, 1_000_000])!),
        ...someArguments(random, known)
      ]]
    case "names":
      return [
        someArguments(random, known),
        [random.pick(ports)],
        [nameOf(random.pick(ports)), anything(random, 0)],
        [],
        [""]
      ]
  }
}

/** Requests within requests: one that has another one carried out, and so on. */
const within = (random: SeededRandom, { nodes, requests }: Known, depth: number): ReadonlyArray<unknown> => {
  const node = random.pick(nodes)!
  const step = random.pick([
    ["snd", node],
    ["can", "time", node],
    ["time", node],
    ["eval", "1", node],
    ["emp_status", node],
    [random.pick(requests)!, node],
    ["snd", random.pick(nodes)!]
  ])!
  return [...Array.from({ length: depth }, () => step).flat(), "devnull"]
}

const someArguments = (random: SeededRandom, known: Known): ReadonlyArray<unknown> =>
  Array.from({ length: random.int(0, 5) }, () =>
    random.chance(0.4)
      ? random.pick([...known.nodes, ...known.requests, ...known.ports, "", "fam", "'l", "'g", "__proto__"])
      : anything(random, 0))

const anything = (random: SeededRandom, depth: number): unknown => {
  switch (random.int(depth > 3 ? 4 : 0, 12)) {
    case 0:
    case 1:
      return Array.from({ length: random.int(0, 5) }, () => anything(random, depth + 1))
    case 2:
      return Object.fromEntries(
        Array.from({ length: random.int(0, 5) }, (_, index) => [
          random.pick(["fam", "k", "__proto__", "constructor", "", `${index}`])!,
          anything(random, depth + 1)
        ])
      )
    case 3:
      return deep(random.pick([10, 100, 400])!)
    case 4:
      return random.pick([1e308, -1, 0.5, 2 ** 53, -0])
    case 5:
      return null
    case 6:
      return random.chance(0.5)
    case 7:
      return random.int(-10, 10)
    default:
      return random.pick(["", "x", "node#port", "#", "a#b#c", "\u0000", "é".repeat(300), "__proto__", "constructor"])
  }
}

const deep = (levels: number): unknown => {
  let value: unknown = 1
  for (let left = levels; left > 0; left--) value = [value]
  return value
}

const nameOf = (port: string | undefined): string => port?.slice(port.indexOf("#") + 1) ?? ""
