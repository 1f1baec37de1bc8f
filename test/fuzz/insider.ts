/**
 * Peers that have the secret and mean harm: what they send to a node port. All requests, with arguments of all kinds: wrong ones,
 * deep ones, large ones, requests within requests; and what is allowed but meant to wear the node out: monitors, spawns and kills
 * of all that they know or guess.
 */
import type { SeededRandom } from "../simulation/random.ts"

/** What an insider knows. */
export interface Known {
  /** A port that never comes to an end with what it has in hand: what piles up piles up there. */
  readonly busy: string
  /** Ports that are rpc servers. */
  readonly servers: ReadonlyArray<string>
  /** What servers and clients call the way in which their calls are encoded. */
  readonly format: string
  readonly requests: ReadonlyArray<string>
  readonly nodes: ReadonlyArray<string>
  /** Ports that it may kill. */
  readonly ports: ReadonlyArray<string>
  readonly functions: ReadonlyArray<string>
}

type Packet = ReadonlyArray<unknown>

const kinds = {
  nonsense: 60,
  within: 8,
  monitors: 4,
  spawns: 3,
  kills: 6,
  relays: 6,
  large: 2,
  names: 6,
  asides: 4,
  abandons: 3,
  refusals: 4,
  addresses: 6,
  calls: 8,
  looks: 12,
  drains: 4
}

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
    case "asides":
      return asides(random, known)
    case "abandons":
      return abandons(random, known)
    case "refusals":
      return refusals(random, known)
    case "addresses":
      return addresses(random, known)
    case "calls":
      return calls(random, known, own)
    case "looks":
      return looks(random, known, own)
    case "drains":
      return drains(random, known)
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

/** Messages with something beside them that makes no sense, and some within others. */
const asides = (random: SeededRandom, known: Known): ReadonlyArray<Packet> =>
  Array.from({ length: 50 }, () => {
    const beside = random.pick([
      { patience: random.pick([-1, 0, 0.5, 1e308, 2 ** 53, "1", null, [1]]) },
      { span: random.pick([["", "", true], ["x".repeat(10_000), "y", true], ["a", "b"], [1, 2, 3], "span", null, {}]) },
      { patience: -1, span: ["trace", "span", anything(random, 0)] },
      anything(random, 0)
    ])
    const to = random.pick([nameOf(random.pick(known.ports)), nameOf(random.pick(known.servers)), "", "x", 7, null])
    const again = random.chance(0.3) ? ["emp_aside", anything(random, 0), ""] : []
    return ["", "emp_aside", beside, to, ...again, random.pick(known.requests), ...someArguments(random, known)]
  })

/** That callers are gone who never called, in crowds. */
const abandons = (random: SeededRandom, { busy, ports }: Known): ReadonlyArray<Packet> => {
  const name = nameOf(random.pick([busy, busy, random.pick(ports)]))
  const of = random.pick(["x".repeat(500), "guess", ""])!
  return Array.from({ length: 500 }, (_, index) => [
    "",
    "emp_abandoned",
    random.chance(0.9) ? name : random.pick(["", "x", 7, null]),
    random.chance(0.9) ? `${of}${random.int(0, 1e9)}${index}` : random.pick(["", 7, null])
  ])
}

/** That ports did not take calls which nobody made. */
const refusals = (random: SeededRandom, known: Known): ReadonlyArray<Packet> =>
  Array.from({ length: 50 }, () => [
    "",
    random.pick(["emp_refused", "emp_finish"]),
    random.pick([nameOf(random.pick(known.ports)), `guess${random.int(0, 99)}`, "", 7, null]),
    ...someArguments(random, known)
  ])

/** Where nodes are said to listen, with labels and without: for whoever asks, and in the database. */
const addresses = (random: SeededRandom, { nodes }: Known): ReadonlyArray<Packet> => {
  const some = (): unknown =>
    random.pick([
      ["127.0.0.1:1"],
      ["home=127.0.0.1:1", "=", "x=", "=y", ""],
      Array.from({ length: 1000 }, (_, index) => `l${index}=127.0.0.1:${index}`),
      [anything(random, 0)],
      anything(random, 0)
    ])
  return Array.from({ length: 20 }, () => {
    const node = random.pick([...nodes, "", "x", 7])!
    return random.chance(0.5)
      ? ["", "g_found", node, some(), some()]
      : ["", "g_upd", random.pick(["'emp_l", "'l", "'g"]), { [String(node)]: some() }, random.pick([null, [node]])]
  })
}

/** What operators ask, in crowds, with options that make sense or none, and with answers that are to go anywhere. */
const looks = (random: SeededRandom, known: Known, own: string): ReadonlyArray<Packet> => {
  const port = (): unknown =>
    random.pick([...known.ports, known.busy, `${own}#ear`, own, ...known.nodes, "nobody#x", "b#x", anything(random, 0)])
  const number = (): unknown => random.pick([0, 1, 100, 1e308, -1, 0.5, "7", null])
  const one = (): Packet => {
    switch (random.int(0, 5)) {
      case 0:
      case 1: {
        const sort = random.pick(["mailbox", "handled", "age", "oldest", "__proto__", 7])
        const options = random.pick([
          {},
          { sort },
          { sort, limit: number() },
          { ports: [port(), port()] },
          anything(random, 0)
        ])
        return ["emp_ports", ...random.shuffle([port(), options])]
      }
      case 2:
        return ["emp_tap", port(), port(), { forMillis: number(), limit: number() }, port()]
      case 3: {
        const options = { tail: number(), since: number(), level: random.pick(["Trace", "Error", "x"]) }
        return ["emp_log_tail", random.pick([{}, options, { follow: port() }, anything(random, 0)]), port()]
      }
      case 4:
        return ["emp_logs", random.pick(["Trace", "Fatal", "x", 7]), port(), port()]
      default:
        return [
          "emp_log_level",
          random.pick(["none", "trace,Node=debug", "=", "x=y", ",".repeat(1000), "a=info,".repeat(100_000), 7]),
          port()
        ]
    }
  }
  const packet = one()
  return Array.from({ length: random.pick([1, 20, 300])! }, () => ["", ...random.chance(0.5) ? packet : one()])
}

/** That nodes drain, or are done with it, in one's own name and in that of the node that is to tell others. */
const drains = (random: SeededRandom, known: Known): ReadonlyArray<Packet> =>
  Array.from({ length: 20 }, () => [
    "",
    ...random.chance(0.5) ? random.pick([["snd"], ["time"], ["can", "time"], ["emp_status"]])! : [],
    ...random.chance(0.5) ? [random.pick(known.nodes)] : [],
    random.pick(["emp_draining", "emp_drained"]),
    ...someArguments(random, known)
  ])

/** A client of an rpc server that speaks as none does: connects, asks, acknowledges and interrupts what nobody asked, or sends what is no rpc. */
const calls = (random: SeededRandom, known: Known, own: string): ReadonlyArray<Packet> => {
  const partner = `${own}rpc${random.int(0, 1e9)}`
  const connect = [
    "",
    "AnyEvent::MP::_spawn",
    partner,
    `effect_mp::rpc::${nameOf(random.pick(known.servers))}`,
    random.pick([`${own}#client`, `${own}#client`, random.pick(known.ports), "", 7]),
    random.pick([known.format, known.format, "text/plain", null])
  ]
  const id = (): unknown => random.pick([0, 1, 1, "1", -1, 1e308, "", "__proto__", null, [1]])
  const name = () => random.pick(["greet", "hold", "count", "no such call", "__proto__", 7])
  const messages = Array.from({ length: random.int(1, 60) }, () => {
    const headers = random.pick([[], ["name"], ["name", "x"], [1, 2], "headers"])
    switch (random.int(0, 4)) {
      case 0:
        return [partner, "q", id(), name(), anything(random, 0)]
      case 1:
        return [partner, "q", id(), name(), anything(random, 0), random.pick([true, false, 1]), headers]
      case 2:
        return [partner, "q", id(), name(), {}, false, headers, anything(random, 0), "span", random.pick([true, "yes"])]
      case 3:
        return [partner, random.pick(["a", "i", "i"]), id()]
      default:
        return [partner, random.pick(["x", "c", "d", "z"]), ...someArguments(random, known)]
    }
  })
  return [connect, ...messages, ...random.chance(0.5) ? [["", "kil0", "client"]] : []]
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
