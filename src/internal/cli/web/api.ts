/**
 * What `emp web` answers: the HttpApi that its pages and other programs read, and the shapes of what it tells. Times are in
 * milliseconds, points of time those since 1970, sizes in bytes. `null` is what is not known, for instance since a node is of an
 * older version or does not answer. Names come from other nodes, and may be any text.
 *
 * @internal
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { PortStatus } from "../../node/portList.ts"
import { sortings } from "../../node/portOptions.ts"
import { Status } from "../../node/status.ts"

const Count = Schema.NullOr(Schema.Finite)
const Text = Schema.NullOr(Schema.String)

/**
 * `up`: it answers. `silent`: there is a link to it, but no answer: it hangs, was stopped, or is busy. `unreachable`: others know it,
 * and no link to it can be made from here. `down`: it was there, and the link to it was lost.
 */
export const NodeState = Schema.Literals(["up", "silent", "unreachable", "down"])
export type NodeState = typeof NodeState.Type

/** What changes of a node in the picture. */
const facts = {
  state: NodeState,
  /** `effect-mp`, or what a node of another kind calls itself. */
  kind: Schema.String,
  /** Why it is not up, in words. */
  problem: Text,
  /** When it last answered; null while it is up. */
  lastSeenAt: Count,
  startedAt: Count,
  pid: Count,
  version: Text,
  runtime: Text,
  addresses: Schema.Array(Schema.String),
  isGlobal: Schema.NullOr(Schema.Boolean),
  /** The node that holds its data. */
  master: Text,
  isDraining: Schema.NullOr(Schema.Boolean),
  /** From the node of `emp web` to this one and back. */
  roundTripMillis: Count,
  ports: Count,
  supervisors: Count,
  /** Messages that wait for links, and senders that wait for room. */
  queuedMessages: Count,
  waitingSenders: Count,
  memory: Count,
  heap: Count,
  cpuPercent: Count,
  loopDelayMeanMillis: Count,
  loopDelayMaxMillis: Count,
  messagesInPerSecond: Count,
  messagesOutPerSecond: Count,
  handledPerSecond: Count,
  bytesInPerSecond: Count,
  bytesOutPerSecond: Count,
  openCalls: Count,
  /** Children that its supervisors have started again since it runs. */
  restarts: Count,
  /** Messages refused and dropped since it runs. */
  refusedMessages: Count,
  droppedMessages: Count,
  databaseEntries: Count
}

export const NodeSummary = Schema.Struct({ id: Schema.String, ...facts })
export type NodeSummary = typeof NodeSummary.Type

const linkFacts = {
  roundTripMillis: Count,
  /** Messages that wait, at both ends. */
  queued: Schema.Finite,
  bytesPerSecond: Count
}

/** A link, by its two ends in the order of their IDs. */
export const LinkSummary = Schema.Struct({ a: Schema.String, b: Schema.String, ...linkFacts })
export type LinkSummary = typeof LinkSummary.Type

/** What has changed of a node: its ID, and the facts that are others than before. A node that is new comes with all of them. */
export const NodeChange = Schema.Struct(facts).mapFields(Struct.map(Schema.optionalKey)).pipe(
  Schema.fieldsAssign({ id: Schema.String })
)
export type NodeChange = typeof NodeChange.Type

export const LinkChange = Schema.Struct(linkFacts).mapFields(Struct.map(Schema.optionalKey)).pipe(
  Schema.fieldsAssign({ a: Schema.String, b: Schema.String })
)
export type LinkChange = typeof LinkChange.Type

/**
 * Event `network`: what has changed since the last one on the same stream. With `full` it is the whole picture, and what was known
 * before is forgotten: the first one of a stream is. Even if nothing changes there is one every five seconds.
 */
export const NetworkChanges = Schema.Struct({
  full: Schema.Boolean,
  /** The time of the picture, and the number of it: each is greater than the one before. */
  at: Schema.Finite,
  version: Schema.Finite,
  /** Known from the first answers on; false before. */
  isComplete: Schema.Boolean,
  nodes: Schema.Array(NodeChange),
  goneNodes: Schema.Array(Schema.String),
  links: Schema.Array(LinkChange),
  goneLinks: Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
})
export type NetworkChanges = typeof NetworkChanges.Type

/** The whole picture. `changes.ts` makes changes of two of them, and makes the second one of the first and those. */
export interface Picture {
  readonly at: number
  readonly version: number
  readonly isComplete: boolean
  readonly nodes: ReadonlyMap<string, NodeSummary>
  /** By `linkKey` of `changes.ts`. */
  readonly links: ReadonlyMap<string, LinkSummary>
}

export const TimelineEntry = Schema.Struct({
  /** Counts up from 1 while `emp web` runs. */
  number: Schema.Finite,
  at: Schema.Finite,
  kind: Schema.Literals([
    "up",
    "down",
    "silent",
    "unreachable",
    "restart",
    "children restarted",
    "draining",
    "master",
    "split",
    "merge",
    "action"
  ]),
  /** The node that it is about; null when it is about the network. */
  node: Text,
  text: Schema.String
})
export type TimelineEntry = typeof TimelineEntry.Type

/** Event `timeline`: with `full` all entries that are kept, oldest first, and else those that are new. */
export const TimelineEvent = Schema.Struct({ full: Schema.Boolean, entries: Schema.Array(TimelineEntry) })

/** What comes on the stream of events. */
export const Events = Schema.Union([
  Schema.Struct({ event: Schema.Literal("network"), data: Schema.fromJsonString(NetworkChanges) }),
  Schema.Struct({ event: Schema.Literal("timeline"), data: Schema.fromJsonString(TimelineEvent) })
])
export type Events = typeof Events.Type

export const PortSort = Schema.Literals(sortings)
export type PortSort = typeof PortSort.Type

export const LogLine = Schema.Struct({
  at: Schema.Finite,
  level: Schema.String,
  text: Schema.String,
  annotations: Schema.Record(Schema.String, Schema.String)
})

/** A node as its page shows it. What it does not answer is missing, and `problem` says why. */
export const NodeDetails = Schema.Struct({
  id: Schema.String,
  /** As `emp status NODE --json` shows it; null of a node of another kind, or that does not answer. */
  status: Schema.NullOr(Status),
  problem: Text,
  ports: Schema.Struct({ total: Count, rows: Schema.Array(PortStatus), problem: Text }),
  log: Schema.Struct({ lines: Schema.Array(LogLine), problem: Text })
})
export type NodeDetails = typeof NodeDetails.Type

export interface SupervisorTree {
  readonly name: string
  readonly port: string
  readonly node: string
  readonly strategy: string
  readonly children: ReadonlyArray<SupervisorChild>
}

export interface SupervisorChild {
  readonly id: string
  /** `running`, `restarting`, `stopped`, `starting`, `ending` or `waiting`. */
  readonly status: string
  readonly type: "worker" | "supervisor"
  readonly port: string | null
  readonly node: string | null
  readonly restarts: number
  readonly uptimeMillis: number | null
  /** Why it ended last, in words. */
  readonly lastReason: string | null
  /** What is below it: the supervisor that it is, if that answers, or one that was made in its port, as services make them. */
  readonly tree: SupervisorTree | null
  /** Further supervisors that were made in its port. */
  readonly others: ReadonlyArray<SupervisorTree>
  /** Why what is below it is not known. */
  readonly problem: string | null
}

const Tree = Schema.suspend((): Schema.Codec<SupervisorTree> => SupervisorTree)

const SupervisorChild: Schema.Codec<SupervisorChild> = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  type: Schema.Literals(["worker", "supervisor"]),
  port: Text,
  node: Text,
  restarts: Schema.Finite,
  uptimeMillis: Count,
  lastReason: Text,
  tree: Schema.NullOr(Tree),
  others: Schema.Array(Tree),
  problem: Text
})

const SupervisorTree: Schema.Codec<SupervisorTree> = Schema.Struct({
  name: Schema.String,
  port: Schema.String,
  node: Schema.String,
  strategy: Schema.String,
  children: Schema.Array(SupervisorChild)
})

/** The supervisors of the whole network that are nobody's children, with all that is below them, by the node that they run on. */
export const Supervisors = Schema.Struct({
  nodes: Schema.Array(Schema.Struct({ id: Schema.String, trees: Schema.Array(Tree), problem: Text })),
  /** Whether there are more than are shown. */
  isCut: Schema.Boolean
})
export type Supervisors = typeof Supervisors.Type

/** One entry of the shared database. */
export const Entry = Schema.Struct({
  key: Schema.String,
  /** The node of a group's member. */
  node: Text,
  /** As JSON, cut when it is long; null for a member of a group. */
  value: Text
})

export const Family = Schema.Struct({
  name: Schema.String,
  total: Schema.Finite,
  /** Whether ports are registered in it, as `emp groups` sees it. */
  isGroup: Schema.Boolean,
  /** The first ones, in the order of their keys. Of a family of more than 10,000 there are none where all families are told. */
  entries: Schema.Array(Entry)
})
export type Family = typeof Family.Type

/** The families of the shared database, groups among them, in the order of their names, with their first entries. */
export const Families = Schema.Struct({
  families: Schema.Array(Family),
  /** Whether there are more than are shown. */
  isCut: Schema.Boolean,
  problem: Text
})
export type Families = typeof Families.Type

/** A runner of a cluster. */
export const RunnerSummary = Schema.Struct({
  node: Schema.String,
  shards: Schema.Finite,
  entities: Schema.Finite,
  singletons: Schema.Finite,
  effectVersion: Schema.String,
  /** Why it takes no part. */
  refusal: Text
})
export type RunnerSummary = typeof RunnerSummary.Type

/** A cluster of entities, as the nodes that answer have it between them. */
export const ClusterSummary = Schema.Struct({
  name: Schema.String,
  /** The table of locks that its shards are in. */
  locks: Text,
  /** How many shards there are, and how many of them the runners hold. */
  shards: Schema.Finite,
  held: Schema.Finite,
  runners: Schema.Array(RunnerSummary),
  /** How many nodes call entities and have none. */
  clients: Schema.Finite,
  /** How many of each type are alive, the most first, and which singletons run where: the first 200 of each. */
  entities: Schema.Array(Schema.Struct({ type: Schema.String, count: Schema.Finite })),
  singletons: Schema.Array(Schema.Struct({ name: Schema.String, node: Schema.String }))
})
export type ClusterSummary = typeof ClusterSummary.Type

/** A voter, as the nodes see it that go by it. */
export const VoterSummary = Schema.Struct({
  node: Schema.String,
  /** Null if nothing is known of such a node. */
  state: Schema.NullOr(NodeState),
  /** How many nodes it votes for, how many it answers and grants nothing yet, and which of them it does not answer. */
  votesFor: Schema.Finite,
  startsFor: Schema.Finite,
  silentFor: Schema.Array(Schema.String),
  /** How many keys it keeps. */
  keys: Count
})
export type VoterSummary = typeof VoterSummary.Type

/** A table of locks, as the nodes that answer have it between them. */
export const LocksSummary = Schema.Struct({
  name: Schema.String,
  /** How many nodes have to do with it. */
  nodes: Schema.Finite,
  /** How many keys are held, and by whom, the most first. */
  held: Schema.Finite,
  holders: Schema.Array(Schema.Struct({ node: Schema.String, held: Schema.Finite })),
  voters: Schema.Array(VoterSummary),
  /** How many nodes have no majority of the voters, and so can have no key; and the first of them. */
  withoutMajority: Schema.Finite,
  without: Schema.Array(Schema.String)
})
export type LocksSummary = typeof LocksSummary.Type

/** The clusters and the tables of locks of the network, in the order of their names. */
export const Clusters = Schema.Struct({
  clusters: Schema.Array(ClusterSummary),
  locks: Schema.Array(LocksSummary),
  /** Whether there are more than are shown. */
  isCut: Schema.Boolean
})
export type Clusters = typeof Clusters.Type

const Series = Schema.Array(Count)

/** What was measured while somebody looked, once a second, oldest first: of the network or of one node. Ten minutes of it are kept. */
export const History = Schema.Struct({
  node: Text,
  at: Schema.Array(Schema.Finite),
  /** How many nodes were up; of one node: 1 or 0. */
  up: Series,
  messagesPerSecond: Series,
  bytesPerSecond: Series,
  cpuPercent: Series,
  /** Of the network: that of the slowest node. */
  loopDelayMillis: Series,
  memory: Series,
  ports: Series,
  queuedMessages: Series,
  /** Of children by their supervisors, since the nodes run. */
  restarts: Series
})
export type History = typeof History.Type

/** What somebody may do who was allowed to. */
export const Action = Schema.Union([
  Schema.Struct({ action: Schema.Literals(["restart", "drain", "stop", "reload"]), node: Schema.String }),
  Schema.Struct({ action: Schema.Literal("kil"), port: Schema.String, reason: Schema.optionalKey(Schema.String) })
])
export type Action = typeof Action.Type

/** Who shows the pages, and what is allowed. */
export const About = Schema.Struct({
  nodeId: Schema.String,
  version: Schema.String,
  allowsActions: Schema.Boolean
})

const problem = { problem: Schema.String }

/** Status 403: actions are not allowed here. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", problem, { httpApiStatus: 403 }) {}
/** Status 404: there is no such node, port or family. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", problem, { httpApiStatus: 404 }) {}
/** Status 409: a node does not do what it was asked for, and says why; or it does not answer. */
export class NotDone extends Schema.TaggedError<NotDone>()("NotDone", problem, { httpApiStatus: 409 }) {}
/** Status 503: too many look at it already. */
export class TooMany extends Schema.TaggedError<TooMany>()("TooMany", problem, { httpApiStatus: 503 }) {}

// IDs and names are parameters and no parts of a path: `..` and `a/b` are IDs of nodes.
const looks = HttpApiGroup.make("look").add(
  HttpApiEndpoint.get("about", "/api/about", { success: About }),
  HttpApiEndpoint.get("events", "/api/events", {
    success: HttpApiSchema.StreamSse({ events: Events }),
    error: TooMany
  }),
  HttpApiEndpoint.get("node", "/api/node", {
    query: { id: Schema.String, sort: Schema.optionalKey(PortSort) },
    success: NodeDetails,
    error: NotFound
  }),
  HttpApiEndpoint.get("supervisors", "/api/supervisors", { success: Supervisors }),
  HttpApiEndpoint.get("clusters", "/api/clusters", { success: Clusters }),
  HttpApiEndpoint.get("families", "/api/families", { success: Families }),
  HttpApiEndpoint.get("family", "/api/family", {
    query: { name: Schema.String },
    success: Family,
    error: NotFound
  }),
  HttpApiEndpoint.get("history", "/api/history", {
    query: { node: Schema.optionalKey(Schema.String) },
    success: History
  })
)

const acts = HttpApiGroup.make("act").add(
  HttpApiEndpoint.post("act", "/api/act", {
    payload: Action,
    success: Schema.Struct({ done: Schema.String }),
    error: [Forbidden, NotDone]
  })
)

export const api = HttpApi.make("emp web").add(looks, acts)
