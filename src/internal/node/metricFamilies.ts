/**
 * The metrics of a node: their names, by the conventions of Prometheus, and where they are read. `docs/operating-reference.md` has them in a table,
 * which a test compares with this one.
 *
 * @internal
 */
import { cpuMillis, heapBytes, residentBytes } from "#platform"
import type { Durations } from "../port/durations.ts"
import { type Gauges, read as readGauges } from "./gauges.ts"
import { lacksOf } from "./lacks.ts"
import { loopDelay, worstLoopDelayMillis } from "./loopDelay.ts"
import { type ClusterStatus, entriesOf, type LocksStatus } from "./observed.ts"
import type { PortsSeen } from "./portCensus.ts"
import type { PortStatus } from "./portList.ts"
import type { Router } from "./router.ts"
import type { LinkKind, Traffic, Volume } from "./traffic.ts"
import { lackingOf } from "./votes.ts"

export type Labels = Readonly<Record<string, string>>

/** What metrics are read from. */
interface Sample {
  readonly router: Router
  readonly held: Gauges
  readonly shares: Traffic["byKind"]
  readonly ports: PortsSeen
}

export const sampleOf = (router: Router, ports: PortsSeen): Sample => ({
  router,
  held: readGauges(router),
  shares: router.traffic.byKind,
  ports
})

interface Named {
  readonly name: string
  readonly description: string
  readonly unit?: "seconds" | "bytes"
}

/** Counters only go up, as long as the node lives. All have the label `node` beside their own. */
export interface Family extends Named {
  readonly type: "counter" | "gauge"
  readonly read: (sample: Sample) => ReadonlyArray<readonly [labels: Labels, value: number]>
}

export const about: Named = { name: "effect_mp_info", description: "What the node runs on; always 1" }

const family = (
  type: Family["type"],
  name: string,
  description: string,
  unit: Named["unit"],
  read: Family["read"]
): Family => ({ type, name, description, ...unit === undefined ? {} : { unit }, read })

/** A metric of one series; none as long as there is no value. */
const one = (
  type: Family["type"],
  name: string,
  description: string,
  read: (router: Router) => number | undefined,
  unit?: Named["unit"]
) =>
  family(type, name, description, unit, ({ router }) => {
    const value = read(router)
    return value === undefined ? [] : [[{}, value]]
  })

const each = (
  type: Family["type"],
  name: string,
  description: string,
  label: string,
  read: (router: Router) => Readonly<Record<string, number>>
) =>
  family(
    type,
    name,
    description,
    undefined,
    ({ router }) => Object.entries(read(router)).map(([key, value]) => [{ [label]: key }, value])
  )

const labelsOf = ({ kind, tls }: LinkKind): Labels => ({ kind, tls: String(tls) })

/** One series for each kind of link. */
const ofLinks = (name: string, description: string, field: keyof Volume, unit?: Named["unit"]) =>
  family(
    "counter",
    name,
    description,
    unit,
    ({ shares }) => shares.map((share) => [labelsOf(share), share.volume[field]])
  )

/** What `Node.gauges` has, too. */
const held = (name: string, description: string, field: keyof Gauges, unit?: Named["unit"]) =>
  family("gauge", name, description, unit, ({ held }) => [[{}, held[field]]])

const ofLargest = (
  name: string,
  description: string,
  read: (port: PortStatus) => number,
  unit?: Named["unit"]
) =>
  family("gauge", name, description, unit, ({ ports }) =>
    ports.largest.map((status) => {
      const { kind, name: named = "", port, what } = status
      return [{ port, name: named, kind, what }, read(status)]
    }))

const ofPorts = (
  name: string,
  description: string,
  read: (ports: PortsSeen) => number,
  unit?: Named["unit"]
) => family("gauge", name, description, unit, ({ ports }) => [[{}, read(ports)]])

const seconds = (millis: number | undefined): number | undefined => millis === undefined ? undefined : millis / 1000

const ofMessages: ReadonlyArray<Family> = [
  ofLinks("effect_mp_messages_received_total", "Messages for ports that came over links", "messagesReceived"),
  ofLinks("effect_mp_messages_sent_total", "Messages for ports that were sent over links", "messagesSent"),
  ofLinks("effect_mp_requests_received_total", "Requests of other nodes to this one", "requestsReceived"),
  ofLinks("effect_mp_requests_sent_total", "Requests of this node to others", "requestsSent"),
  ofLinks("effect_mp_received_bytes_total", "Bytes that came over links", "received", "bytes"),
  ofLinks("effect_mp_sent_bytes_total", "Bytes that were sent over links", "sent", "bytes"),
  one(
    "counter",
    "effect_mp_messages_handled_total",
    "Messages that handlers of ports were called for",
    ({ counts }) => counts.handled
  ),
  one(
    "counter",
    "effect_mp_messages_refused_total",
    "Messages that ports did not take",
    ({ counts }) => counts.refused
  ),
  each(
    "counter",
    "effect_mp_messages_dropped_total",
    "Messages that reached no handler, by what became of their port, link or caller",
    "reason",
    ({ counts }) => ({ ...counts.dropped })
  ),
  held("effect_mp_queued_messages", "Messages that wait for a link", "queuedMessages"),
  held("effect_mp_waiting_senders", "Senders that wait for room", "waitingSenders"),
  held("effect_mp_unsent_bytes", "Bytes that were sent on links and have not left the process", "unsentBytes", "bytes")
]

const ofCalls: ReadonlyArray<Family> = [
  one(
    "gauge",
    "effect_mp_open_calls",
    "Calls of this node that wait for their answer",
    ({ counts }) => counts.calls.open
  ),
  each("counter", "effect_mp_calls_total", "Calls of this node that are over", "result", ({ counts: { calls } }) => {
    const { abandoned, answered, failed } = calls
    return { answered, failed, abandoned }
  })
]

const ofPortsAndChildren: ReadonlyArray<Family> = [
  held("effect_mp_ports", "Ports of the node", "ports"),
  ofPorts("effect_mp_mailbox_messages", "Messages that wait at ports", ({ waiting }) => waiting),
  ofPorts(
    "effect_mp_mailbox_oldest_seconds",
    "The age of the oldest message that waits or is in hand",
    ({ oldestMillis }) => oldestMillis / 1000,
    "seconds"
  ),
  ofLargest(
    "effect_mp_port_mailbox_messages",
    "Of the ten ports at which the most waits: messages",
    ({ mailbox }) => mailbox
  ),
  ofLargest(
    "effect_mp_port_mailbox_oldest_seconds",
    "Of the ten ports at which the most waits: the age of the oldest message",
    ({ oldestMillis }) => oldestMillis / 1000,
    "seconds"
  ),
  one(
    "counter",
    "effect_mp_restarts_total",
    "Supervised children that were started again",
    ({ observed }) => observed.restarts
  )
]

const ofNetwork: ReadonlyArray<Family> = [
  {
    type: "gauge",
    name: "effect_mp_links",
    description: "Nodes that there is a link to",
    read: ({ shares }) => shares.map((share) => [labelsOf(share), share.links])
  },
  held("effect_mp_searches", "Nodes that are searched for or dialled", "searches"),
  held("effect_mp_byte_streams", "Ends of streams of bytes that are open", "byteStreams"),
  held("effect_mp_handshakes", "Incoming connections that have not authenticated yet", "handshakes"),
  one(
    "counter",
    "effect_mp_handshakes_refused_total",
    "Incoming connections that were refused",
    ({ traffic }) => traffic.refusedHandshakes
  ),
  one(
    "gauge",
    "effect_mp_database_entries",
    "Entries of the data of the network, on a global node",
    ({ observed }) => entriesOf(observed.networkStatus)
  ),
  one(
    "gauge",
    "effect_mp_ready",
    "Whether the node has its place in the network, and serves: 1 or 0",
    (router) => lacksOf(router).length === 0 ? 1 : 0
  )
]

/** By the name of a table of locks. */
const ofTables = (name: string, description: string, read: (table: LocksStatus) => number) =>
  each(
    "gauge",
    name,
    description,
    "locks",
    ({ observed }) => Object.fromEntries(observed.lockTables.map((table) => [table.name, read(table)]))
  )

/** By the name of a cluster, and more of it. A client of one has no part of it. */
const ofParts = (
  name: string,
  description: string,
  read: (cluster: ClusterStatus) => ReadonlyArray<readonly [Labels, number]>
) =>
  family(
    "gauge",
    name,
    description,
    undefined,
    ({ router }) =>
      router.observed.clusters.filter(({ runner }) => runner !== null).flatMap((cluster) =>
        read(cluster).map(([labels, value]) => [{ cluster: cluster.name, ...labels }, value] as const)
      )
  )

const ofClusters: ReadonlyArray<Family> = [
  ofTables("effect_mp_locks_held", "Leases that this node has, by table of locks", ({ held }) => held.length),
  ofTables("effect_mp_locks_voters", "Nodes that vote in a table of locks", ({ voters }) => voters.length),
  ofTables(
    "effect_mp_locks_voters_lacking",
    "Those of them that this node has no vote of: they do not answer, or have just started",
    (table) => lackingOf(table).length
  ),
  ofParts(
    "effect_mp_cluster_shards",
    "Shards of a cluster that this node holds",
    ({ shards }) => [[{}, shards.held]]
  ),
  ofParts(
    "effect_mp_cluster_shards_configured",
    "Shards that the cluster has on all nodes",
    ({ shards }) => [[{}, shards.total]]
  ),
  ofParts(
    "effect_mp_cluster_entities",
    "Entities that are alive here, by their type",
    ({ entities }) => Object.entries(entities).map(([type, count]) => [{ type }, count])
  ),
  ofParts(
    "effect_mp_cluster_singletons",
    "Singletons that run here; always 1",
    ({ singletons }) => singletons.map((singleton) => [{ singleton }, 1])
  )
]

const ofProcess: ReadonlyArray<Family> = [
  one(
    "gauge",
    "effect_mp_event_loop_delay_mean_seconds",
    "How late the event loop was in the last ten seconds",
    () => seconds(loopDelay()?.meanMillis),
    "seconds"
  ),
  one(
    "gauge",
    "effect_mp_event_loop_delay_max_seconds",
    "How late it was at worst in the last minute",
    () => seconds(worstLoopDelayMillis()),
    "seconds"
  ),
  one(
    "counter",
    "effect_mp_cpu_seconds_total",
    "What the process has had of a processor",
    () => cpuMillis() / 1000,
    "seconds"
  ),
  one("gauge", "effect_mp_memory_bytes", "Resident memory of the process", residentBytes, "bytes"),
  one("gauge", "effect_mp_heap_bytes", "JavaScript heap in use", heapBytes, "bytes"),
  one(
    "gauge",
    "effect_mp_start_time_seconds",
    "When the node started, since 1970",
    ({ bornAt }) => bornAt / 1000,
    "seconds"
  )
]

export const families: ReadonlyArray<Family> = [
  ...ofMessages,
  ...ofCalls,
  ...ofPortsAndChildren,
  ...ofNetwork,
  ...ofClusters,
  ...ofProcess
]

/** Histograms, of which the busiest nodes fill only a part: what is measured stands for what is not. */
export const durations: ReadonlyArray<Named & { readonly read: (router: Router) => Durations }> = [
  {
    name: "effect_mp_call_duration_seconds",
    description: "How long calls of this node take until they are answered",
    unit: "seconds",
    read: ({ counts }) => counts.latency
  },
  {
    name: "effect_mp_handler_duration_seconds",
    description: "How long handlers of ports take, with what they wait for",
    unit: "seconds",
    read: ({ counts }) => counts.handling
  }
]
