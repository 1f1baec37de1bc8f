/**
 * A network that there is not, as `emp web` would tell of it: as large as one likes, with names as hostile as one likes. For what a
 * real network of a few processes cannot show.
 */
import type {
  Families,
  History,
  LinkSummary,
  NodeDetails,
  NodeSummary,
  Picture,
  Supervisors,
  SupervisorTree
} from "../../src/internal/cli/web/api.ts"
import { linkKey } from "../../src/internal/cli/web/changes.ts"

/** Numbers that look like chance and are the same in each run. */
export const drawn = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

/** The first nodes are global; all others hang on one of them. */
const globals = 5

const states = (index: number): NodeSummary["state"] =>
  index === 7 ? "down" : index === 11 ? "silent" : index === 17 ? "unreachable" : "up"

export const madeUpNode = (id: string, index: number, at: number, names: ReadonlyArray<string>): NodeSummary => {
  const draw = drawn(at + index)
  const state = states(index)
  const isGlobal = index < globals
  return {
    id,
    state,
    kind: "effect-mp",
    problem: state === "up" ? null : "transport_error: the link was lost",
    lastSeenAt: state === "up" ? null : at - 90_000,
    startedAt: at - 86_400_000 - index * 60_000,
    pid: 4000 + index,
    version: "0.1.0",
    runtime: "node 24.21.0",
    addresses: [`10.0.0.${index % 250}:4040`],
    isGlobal,
    master: isGlobal ? null : names[index % globals] ?? null,
    isDraining: index === 13,
    roundTripMillis: index % 41 === 9 ? 300 : index % 23 === 5 ? 80 : 0.5 + draw(30) / 10,
    ports: 1000 + draw(20),
    supervisors: 3,
    queuedMessages: index % 41 === 9 ? 1500 : 0,
    waitingSenders: 0,
    memory: 90_000_000 + draw(20_000_000),
    heap: 40_000_000 + draw(10_000_000),
    cpuPercent: draw(400) / 10,
    loopDelayMeanMillis: draw(20) / 10,
    loopDelayMaxMillis: 2 + draw(300) / 10,
    messagesInPerSecond: draw(4000),
    messagesOutPerSecond: draw(4000),
    handledPerSecond: draw(5000),
    bytesInPerSecond: draw(400_000),
    bytesOutPerSecond: draw(400_000),
    openCalls: draw(40),
    restarts: index % 9 === 0 ? draw(12) : 0,
    refusedMessages: 0,
    droppedMessages: 0,
    databaseEntries: isGlobal ? 420 : null
  }
}

/**
 * Global nodes are linked to each other and to those that hang on them; others have a few links of their own, or all of them to all
 * others.
 */
export const madeUpPicture = (names: ReadonlyArray<string>, at: number, version: number, isFull: boolean): Picture => {
  const links = new Map<string, LinkSummary>()
  const link = (one: number, other: number): void => {
    const [a, b] = [names[one], names[other]].toSorted()
    if (a === undefined || b === undefined || a === b) return
    const isBad = one % 41 === 9
    const draw = drawn(at + one * 1000 + other)
    links.set(linkKey(a, b), {
      a,
      b,
      roundTripMillis: isBad ? 300 : one % 23 === 5 ? 80 : 0.5 + draw(40) / 10,
      queued: isBad ? 1500 : 0,
      bytesPerSecond: draw(90_000)
    })
  }
  for (const index of names.keys()) {
    for (let other = 0; other < globals; other++) if (index < globals || index % globals === other) link(index, other)
    if (isFull) { for (let other = 0; other < index; other++) link(index, other) }
    link(index, index + 1)
    link(index, (index * 7 + 3) % names.length)
  }
  const nodes = new Map(names.map((id, index) => [id, madeUpNode(id, index, at, names)]))
  return { at, version, isComplete: true, nodes, links }
}

export const madeUpDetails = (id: string, name: string, at: number, ports: number): NodeDetails => ({
  id,
  status: null,
  problem: null,
  ports: {
    total: ports * 10,
    problem: null,
    rows: Array.from({ length: ports }, (_, index) => {
      const draw = drawn(at + index)
      return {
        port: `${id}#p${index.toString(36)}`,
        ...index % 5 === 0 ? { name: `${name} ${index}` } : {},
        kind: ["service", "supervisor", "child", "group member", "port"][index % 5]!,
        what: index % 5 === 4 ? "" : `${name}/${index}`,
        mailbox: draw(50),
        handled: draw(1_000_000),
        ageMillis: 1000 * (index + 60),
        oldestMillis: index % 3 === 0 ? draw(3000) : 0,
        monitors: draw(4)
      }
    })
  },
  log: {
    problem: null,
    lines: Array.from({ length: 200 }, (_, index) => ({
      at: at - (200 - index) * 1000,
      level: ["INFO", "DEBUG", "INFO", "WARN", "ERROR"][index % 5]!,
      text: index % 5 === 4 ? `${name}: line ${index}\n    at work (service.ts:${index}:7)` : `${name}: line ${index}`,
      annotations: { node: id, line: String(index) }
    }))
  }
})

const tree = (node: string, name: string, children: number): SupervisorTree => ({
  name,
  port: `${node}#${name}`,
  node,
  strategy: "one_for_one",
  children: Array.from({ length: children }, (_, index) => ({
    id: `${name}/${index}`,
    status: index % 17 === 3 ? "restarting" : "running",
    type: index === 0 ? "supervisor" : "worker",
    port: `${node}#c${index}`,
    node,
    restarts: index % 7 === 3 ? index : 0,
    uptimeMillis: 1000 * (index + 1) ** 2,
    lastReason: index % 7 === 3 ? `die: Error: ${name}` : null,
    others: index === 2 ? [tree(node, `${name} made`, 1)] : [],
    tree: index === 0 && children > 1 ? tree(node, `${name} below`, 1) : null,
    problem: null
  }))
})

export const madeUpSupervisors = (names: ReadonlyArray<string>, children: number): Supervisors => ({
  isCut: false,
  nodes: names.map((id) => ({ id, problem: null, trees: [tree(id, `top of ${id}`, children)] }))
})

export const madeUpFamilies = (names: ReadonlyArray<string>): Families => ({
  isCut: false,
  problem: null,
  families: names.map((name, index) => ({
    name,
    total: 3,
    isGroup: index % 2 === 0,
    entries: names.slice(0, 3).map((node) => ({
      key: `${node}#m`,
      node,
      value: index % 2 === 0 ? null : JSON.stringify(name)
    }))
  }))
})

export const madeUpHistory = (node: string | null, at: number): History => {
  const seconds = Array.from({ length: 600 }, (_, index) => index)
  const series = (middle: number, wave: number) =>
    seconds.map((second) => middle + wave * Math.sin(second / 40) + drawn(second + middle)(Math.ceil(wave / 4)))
  return {
    node,
    at: seconds.map((second) => at - (600 - second) * 1000),
    up: seconds.map((second) => second < 300 ? 200 : 199),
    messagesPerSecond: series(40_000, 9000),
    bytesPerSecond: series(3_000_000, 700_000),
    cpuPercent: series(1800, 300),
    loopDelayMillis: seconds.map((second) => second > 200 && second < 220 ? null : 8 + 5 * Math.sin(second / 15)),
    memory: series(19_000_000_000, 100_000_000),
    ports: series(200_000, 1000),
    queuedMessages: series(1500, 200),
    restarts: seconds.map((second) => 40 + Math.floor(second / 90))
  }
}
