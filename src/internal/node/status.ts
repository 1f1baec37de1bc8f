/**
 * What operators see of a node: one request of the node port, `emp_status`, answered with plain data. The rooms above add what
 * they have. It shows no secrets and no messages. However often it is asked, a node reads what it tells ten times a second at
 * most, and no list is longer than a thousand entries.
 *
 * @internal
 */
import { cpuMillis, heapBytes, pid, residentBytes, runtime } from "#platform"
import * as Schema from "effect/Schema"
import type { Security } from "../transport/security.ts"
import { isPortId } from "../values/portId.ts"
import { version } from "../values/version.ts"
import { ClusterTold, LocksTold, readClusters, readLocks } from "./clustersTold.ts"
import * as gauges from "./gauges.ts"
import { lacksOf } from "./lacks.ts"
import { loopDelay } from "./loopDelay.ts"
import { entriesOf } from "./observed.ts"
import type { Router } from "./router.ts"
import { Count, list, mostTold, record, Text } from "./told.ts"

export const statusRequest = "emp_status"

/** For so long what was read is answered again. */
const validityMillis = 100

const Optional = Schema.NullOr(Text)

/** What one side of a link has proven itself with: as `Node.Proof`. */
const Proof = Schema.Struct({ method: Text, subject: Optional, secret: Schema.NullOr(Count) })

/** What protects a link: as `Node.Security`. */
const SecurityStatus = Schema.Struct({
  tls: Schema.NullOr(Schema.Struct({ version: Text, cipher: Text })),
  received: Proof,
  sent: Proof
})

export type SecurityStatus = typeof SecurityStatus.Type

/** Another node, as the observed one sees it. Bytes are those of the present link. */
export const PeerStatus = Schema.Struct({
  nodeId: Text,
  state: Text,
  address: Optional,
  ownKind: Schema.Boolean,
  security: Schema.NullOr(SecurityStatus),
  queued: Count,
  unsent: Count,
  received: Count,
  sent: Count,
  /** As far as it is known. A node that is looked at finds it out. */
  roundTripMillis: Schema.optionalKey(Schema.NullOr(Count)),
  /** When the ticket of a guest ends; null of a node of the network. */
  guestUntil: Schema.optionalKey(Schema.NullOr(Count))
})
export type PeerStatus = typeof PeerStatus.Type

/** What a node answers. Times are in milliseconds, sizes in bytes. */
export const Status = Schema.Struct({
  nodeId: Text,
  version: Text,
  runtime: Text,
  pid: Count,
  uptime: Count,
  memory: Count,
  heap: Count,
  addresses: list(Text),
  ports: Count,
  queuedMessages: Count,
  unsentBytes: Count,
  waitingSenders: Count,
  /** How many nodes there is a link to; `peers` may name fewer, and names those that are searched for too. */
  links: Count,
  peers: list(PeerStatus),
  supervisors: list(Text),
  /** Of a node that `emp run` runs: it has joined its network, its services are up, and it takes calls. */
  ready: Schema.optionalKey(Schema.Boolean),
  /** What it lacks before it is ready, in words: as `Node.lacks`. */
  lacks: Schema.optionalKey(list(Text)),
  /** Whether it is about to stop, and takes no new calls; and then, whether all that it had in hand is done. */
  draining: Schema.optionalKey(Schema.Boolean),
  drained: Schema.optionalKey(Schema.Boolean),
  /** Of a node that is part of a network: the node that holds its data, and on a global node how many entries each family has. */
  master: Optional,
  isGlobal: Schema.Boolean,
  families: record(Count),
  // A node of an older version does not tell what follows.
  /** What the process has had of a processor since it started. */
  cpuMillis: Schema.optionalKey(Count),
  /** How late the event loop was in the last ten seconds; null as long as that is not known. */
  loopDelay: Schema.optionalKey(Schema.NullOr(Schema.Struct({ meanMillis: Count, maxMillis: Count }))),
  /** Since the node started: for ports, over links; handled by ports of this node; not taken by them; never handled. */
  messages: Schema.optionalKey(
    Schema.Struct({ in: Count, out: Count, handled: Count, refused: Count, dropped: Count })
  ),
  /** Calls of this node that wait for their answer. */
  openCalls: Schema.optionalKey(Count),
  /** How often supervisors of this node have started a child again. */
  restarts: Schema.optionalKey(Count),
  handshakesRefused: Schema.optionalKey(Count),
  databaseEntries: Schema.optionalKey(Count),
  /** Guests that there is a link to: nodes with a ticket. */
  guests: Schema.optionalKey(Count),
  /** Ends of streams of bytes that are open. */
  byteStreams: Schema.optionalKey(Count),
  clusters: Schema.optionalKey(list(ClusterTold)),
  locks: Schema.optionalKey(list(LocksTold))
})
export type Status = typeof Status.Type

/** What there is not travels as null. */
const proofStatus = ({ method, secret, subject }: Security["sent"]) => ({
  method,
  subject: subject ?? null,
  secret: secret ?? null
})

const securityStatus = ({ received, sent, tls }: Security) => ({
  tls: tls ?? null,
  received: proofStatus(received),
  sent: proofStatus(sent)
})

const readCounts = ({ counts, isDraining, observed, traffic }: Router, databaseEntries: number) => {
  const { messagesReceived, messagesSent } = traffic.total
  return {
    draining: isDraining,
    cpuMillis: cpuMillis(),
    loopDelay: loopDelay() ?? null,
    messages: {
      in: messagesReceived,
      out: messagesSent,
      handled: counts.handled,
      refused: counts.refused,
      dropped: counts.allDropped
    },
    openCalls: counts.calls.open,
    restarts: observed.restarts,
    handshakesRefused: traffic.refusedHandshakes,
    databaseEntries
  }
}

export const readStatus = (router: Router): Status => {
  const held = gauges.read(router)
  const { drain, observed: { hasStarted, networkStatus } } = router
  const { families, ...network } = networkStatus
  const now = router.monotonic()
  const lacks = lacksOf(router)
  return {
    nodeId: router.nodeId,
    version,
    runtime,
    pid,
    uptime: router.now() - router.bornAt,
    memory: residentBytes(),
    heap: heapBytes(),
    addresses: router.addresses,
    ports: held.ports,
    queuedMessages: held.queuedMessages,
    unsentBytes: held.unsentBytes,
    waitingSenders: held.waitingSenders,
    links: held.links,
    peers: Array.from(router.peers.values()).slice(0, mostTold).map((peer) => ({
      nodeId: peer.nodeId,
      state: peer.state,
      address: peer.link?.address ?? null,
      ownKind: router.isOwnKind(peer.nodeId),
      security: peer.link === undefined ? null : securityStatus(peer.link.security),
      queued: peer.queued,
      unsent: peer.link?.buffered ?? 0,
      received: peer.link?.received ?? 0,
      sent: peer.link?.sent ?? 0,
      roundTripMillis: router.roundTripMillis(peer.nodeId, now) ?? null,
      guestUntil: router.guests.untilOf(peer.nodeId) ?? null
    })),
    supervisors: Array.from(router.observed.supervisors).slice(0, mostTold),
    ...hasStarted === undefined ? {} : { ready: lacks.length === 0 },
    lacks: lacks.slice(0, mostTold),
    drained: drain.isDone,
    ...network,
    families: Object.fromEntries(Object.entries(families).slice(0, mostTold)),
    ...readCounts(router, entriesOf(networkStatus)),
    guests: router.guests.count,
    byteStreams: held.byteStreams,
    clusters: readClusters(router.observed),
    locks: readLocks(router.observed)
  }
}

/** Answers `emp_status REPLYPORT ARG...`, as `time` is answered. */
export const answerStatus = (router: Router) => {
  let status: Status | undefined
  let readAt = 0
  return (from: string, [to, ...rest]: ReadonlyArray<unknown>): void => {
    if (!isPortId(to)) return
    const now = router.monotonic()
    if (status === undefined || now - readAt >= validityMillis) {
      status = readStatus(router)
      readAt = now
    }
    router.answer(from, to, [...rest, status])
  }
}
