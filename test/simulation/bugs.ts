/**
 * Bugs that are planted on purpose, one at a time: each shows that a checker can fail. They change what a node does
 * from outside; the sources know nothing of them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Groups } from "../../src/internal/global/groups.ts"
import { drainRequests } from "../../src/internal/node/drain.ts"
import { refusedRequest, spawnRequest } from "../../src/internal/node/fullRequests.ts"
import type { Peer } from "../../src/internal/node/peer.ts"
import type { Router } from "../../src/internal/node/router.ts"
import { isReplyPort, ReplyPort } from "../../src/internal/port/replyPort.ts"
import { ServiceLease } from "../../src/internal/supervisor/lease.ts"
import { PortNames } from "../../src/internal/values/names.ts"
import { exitFromReason, reasons } from "../../src/internal/values/reason.ts"
import type { Process } from "./process.ts"

/** Changes a process that has just been built, before anything runs in it. */
type Plant = (process: Process, router: Router) => void

/** A name, and the message behind it. */
type Packet = ReadonlyArray<unknown>
type Watcher = Parameters<Router["monitor"]>[1]

/** Every so many of them are hit. */
const every = (count: number): () => boolean => {
  let seen = 0
  return () => ++seen % count === 0
}

/** A numbered message of a channel. */
const isNumbered = (packet: Packet): boolean => packet[0] !== "" && packet[1] === "num"

/** Replaces what a node does with numbered messages that come over a link. */
const onNumbered = (
  receive: (packet: Packet, deliver: (packet: Packet) => void, from: string) => void
): Plant =>
(_process, router) => {
  const original = router.receive.bind(router)
  router.receive = (peer, name, message) => {
    const packet = [name, ...message]
    if (!isNumbered(packet)) return original(peer, name, message)
    receive(packet, ([to, ...message]) => original(peer, to, message), peer.nodeId)
    return undefined
  }
}

/** Replaces what watchers of ports on other nodes are told. */
const onMonitor = (watch: (watcher: Watcher, to: string) => Watcher): Plant => (_process, router) => {
  const original = router.monitor.bind(router)
  router.monitor = (to, watcher) => original(to, to.startsWith(`${router.nodeId}#`) ? watcher : watch(watcher, to))
}

const dropOne: Plant = (process, router) => {
  const hit = every(30)
  onNumbered((packet, deliver) => {
    if (!hit()) deliver(packet)
  })(process, router)
}

const duplicateOne: Plant = (process, router) => {
  const hit = every(30)
  onNumbered((packet, deliver) => {
    deliver(packet)
    if (hit()) deliver(packet)
  })(process, router)
}

const reorderTwo: Plant = (process, router) => {
  let waits: Packet | undefined
  const hit = every(30)
  onNumbered((packet, deliver) => {
    if (waits === undefined && hit()) waits = packet
    else {
      deliver(packet)
      if (waits !== undefined) deliver(waits)
      waits = undefined
    }
  })(process, router)
}

/** What came on a link is kept back, and delivered behind what comes on the next one. */
const deliverLate: Plant = (process, router) => {
  const kept = new Map<string, Array<Packet>>()
  const stale = new Map<string, Array<Packet>>()
  const hit = every(10)
  const push = (packets: Map<string, Array<Packet>>, key: string, packet: Packet): void => {
    packets.set(key, [...packets.get(key) ?? [], packet])
  }
  onNumbered((packet, deliver, from) => {
    const key = `${from} ${String(packet[0])}`
    if (kept.has(from) || hit()) return push(kept, from, packet)
    deliver(packet)
    for (const late of stale.get(key) ?? []) deliver(late)
    stale.delete(key)
  })(process, router)
  const wentDown = router.wentDown.bind(router)
  router.wentDown = (peer, wasUp, error) => {
    for (const packet of kept.get(peer.nodeId) ?? []) push(stale, `${peer.nodeId} ${String(packet[0])}`, packet)
    kept.delete(peer.nodeId)
    wentDown(peer, wasUp, error)
  }
}

const fireTwice: Plant = onMonitor((watcher) => (exit) => {
  watcher(exit)
  watcher(exit)
})

const neverFire: Plant = (process, router) => {
  const hit = every(3)
  onMonitor((watcher) => hit() ? () => {} : watcher)(process, router)
}

const wrongReason: Plant = (process, router) => {
  const hit = every(2)
  onMonitor((watcher, to) => (exit) => {
    const isWrong = hit() && Exit.isSuccess(exit)
    watcher(isWrong ? exitFromReason(to, ["killed", "by nobody"]) : exit)
  })(process, router)
}

/** A monitor that is taken back stays. */
const fireUnmonitored: Plant = (_process, router) => {
  const original = router.monitor.bind(router)
  router.monitor = (to, watcher) => {
    original(to, watcher)
    return () => {}
  }
}

/** The name of a port that has ended is given out again. */
const reuseName: Plant = (_process, router) => {
  const original = router.names.localId.bind(router.names)
  const given: Array<string> = []
  router.names.localId = () => {
    const id = given.find((id) => !router.ports.has(id)) ?? original()
    given.push(id)
    return id
  }
}

/** Every life of a node gives its ports the same names. */
const sameNames: Plant = (_process, router) => {
  const names = new PortNames(router.nodeId, "aaaaaaaaa", "bbbbbbbbb0")
  router.names.localId = () => names.localId()
  router.names.spawned = () => names.spawned()
}

const wrongAnswer: Plant = (_process, router) => {
  const original = router.send.bind(router)
  const offer = router.offer.bind(router)
  const changed = (message: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
    message.length === 1 && typeof message[0] === "number" ? [message[0] + 1] : message
  router.send = (to, message) => original(to, changed(message))
  router.offer = (to, message) => offer(to, changed(message))
}

const noAnswer: Plant = (_process, router) => {
  const offer = router.offer.bind(router)
  const hit = every(3)
  router.offer = (to, message) =>
    message.length === 1 && typeof message[0] === "number" && hit() ? undefined : offer(to, message)
}

/** A watcher that throws keeps those behind it from being told. */
const stopTelling: Plant = (_process, router) => {
  const original = router.monitor.bind(router)
  const groups = new Map<string, Set<Watcher>>()
  router.monitor = (to, watcher) => {
    const group = groups.get(to) ?? new Set()
    if (!groups.has(to)) {
      groups.set(to, group)
      original(to, (exit) => {
        groups.delete(to)
        for (const one of group) one(exit)
      })
    }
    group.add(watcher)
    return () => group.delete(watcher)
  }
}

/** Changes what a node does with each peer. */
const onPeer = (change: (peer: Peer) => void): Plant => (_process, router) => {
  const original = router.peer.bind(router)
  const seen = new WeakSet<Peer>()
  router.peer = (nodeId) => {
    const peer = original(nodeId)
    if (!seen.has(peer)) change(peer)
    seen.add(peer)
    return peer
  }
}

/** What waits for a link is the very object that was sent. */
const queueUncopied: Plant = onPeer((peer) => {
  const fixed = peer.fixed.bind(peer)
  peer.fixed = (name, message) => {
    fixed(name, message)
    return message
  }
})

/** A sender that gives up is never let go of: it stands in the queue again whenever it was its turn. */
const keepWaiters: Plant = onPeer((peer) => {
  const waiters = peer["waiters"]
  const add = waiters.add.bind(waiters)
  waiters.add = (resume) => {
    let hasGivenUp = false
    const stand = (): void => {
      add((turn) => {
        if (!hasGivenUp) resume(turn)
        else if (turn === "send") stand()
      })
    }
    stand()
    return () => {
      hasGivenUp = true
    }
  }
})

/** A monitor that has fired stays in the scope that it was made in. */
const keepFired: Plant = (process, router) => {
  const original = router.monitor.bind(router)
  router.monitor = (to, watcher) =>
    original(to, (exit) => {
      watcher(exit)
      Effect.runSync(Scope.addFinalizer(process.scope, Effect.void))
    })
}

/** What follows a message that was refused gets lost. */
const loseNext: Plant = (_process, router) => {
  const offer = router.offer.bind(router)
  const refused = new Set<string>()
  router.offer = (to, message) => {
    if (refused.delete(to)) return undefined
    try {
      return offer(to, message)
    } catch (error) {
      refused.add(to)
      throw error
    }
  }
}

/** What has to wait is sent by somebody else as well, whether its sender gives up or not. */
const sendAnyway: Plant = (_process, router) => {
  const offer = router.offer.bind(router)
  router.offer = (to, message) => {
    const waitFor = offer(to, message)
    if (waitFor !== undefined && message[0] === "push") {
      router.fork(Effect.andThen(Effect.sleep(100), Effect.sync(() => router.send(to, message))))
    }
    return waitFor
  }
}

/** A caller goes on in the stack of the handler that answers. */
const answerAtOnce: Plant = (_process, router) => {
  const offer = router.offer.bind(router)
  router.offer = (to, message) => {
    const receiver = router.ports.get(to)
    const waitFor = offer(to, message)
    if (receiver instanceof ReplyPort) receiver.run()
    return waitFor
  }
}

const leakPeer: Plant = (_process, router) => {
  const hit = every(3)
  router.peers.delete = (nodeId) => hit() ? false : Map.prototype.delete.call(router.peers, nodeId)
}

const leakTimer: Plant = (_process, router) => {
  router.fork(Effect.sleep("1 hour"))
}

const leakPort: Plant = (_process, router) => {
  const hit = every(5)
  const original = router.removed.bind(router)
  router.removed = (cell) => {
    if (!hit()) original(cell)
  }
}

/** Monitors that others take back are kept. */
const keepMonitors: Plant = (_process, router) => {
  const original = router.handleRequest.bind(router)
  router.handleRequest = (from, request, args) => {
    if (request !== "mon0") original(from, request, args)
  }
}

/** A change that another node tells of is forgotten. */
const loseEntry: Plant = (_process, router) => {
  const hit = every(4)
  const original = router.handleRequest.bind(router)
  router.handleRequest = (from, request, args) => {
    if (request !== "g_upd" || from === router.nodeId || !hit()) original(from, request, args)
  }
}

/** A child on another node is a port like any other: nothing ties it to its supervisor. */
const untied: Plant = (_process, router) => {
  const original = router.handleRequest.bind(router)
  router.handleRequest = (from, request, args) =>
    request === "emp_spawn" ? original(from, spawnRequest, args.slice(1)) : original(from, request, args)
}

/** A child on another node does not hear that it is to end. */
const deafChild: Plant = (_process, router) => {
  const original = router.handleRequest.bind(router)
  const children = new Set<unknown>()
  router.handleRequest = (from, request, args) => {
    if (request === "emp_spawn") children.add(args[1])
    const isEnd = request === "kil1" || request === "emp_finish"
    if (!isEnd || !children.has(args[0])) original(from, request, args)
  }
}

/** Changes what servers of rpc tell their clients, by the tag of the message. */
const onTold = (
  tag: string,
  tell: (message: ReadonlyArray<unknown>, deliver: (message: ReadonlyArray<unknown>) => void, to: string) => void
): Plant =>
(_process, router) => {
  const original = router.offer.bind(router)
  router.offer = (to, message, aside) => {
    if (message[0] !== tag || message.length !== 3) return original(to, message, aside)
    tell(message, (message) => void original(to, message, aside), to)
    return undefined
  }
}

/** The end of a call gets lost on its way to the caller. */
const loseExit: Plant = (process, router) => {
  const hit = every(10)
  onTold("x", (message, deliver) => {
    if (!hit()) deliver(message)
  })(process, router)
}

/** The items of a stream come twice. */
const repeatChunk: Plant = (process, router) => {
  const hit = every(10)
  onTold("c", (message, deliver) => {
    deliver(message)
    if (hit()) deliver(message)
  })(process, router)
}

/** A call is told how the one before it ended. */
const swapExits: Plant = (process, router) => {
  const last = new Map<string, unknown>()
  const hit = every(10)
  onTold("x", ([tag, id, exit], deliver, to) => {
    const before = last.get(to)
    last.set(to, exit)
    deliver([tag, id, before !== undefined && hit() ? before : exit])
  })(process, router)
}

/** Callers do not hear that their calls were refused. */
const loseRefusal: Plant = (_process, router) => {
  const original = router.handleRequest.bind(router)
  router.handleRequest = (from, request, args) => {
    if (request !== refusedRequest) original(from, request, args)
  }
}

/** Handlers are not told that nobody waits any more. */
const deafHandler: Plant = (_process, router) => {
  const original = router.receive.bind(router)
  router.receive = (peer, name, message, aside) =>
    message[0] === "i" && message.length === 2 ? undefined : original(peer, name, message, aside)
}

/** A server does not notice that a client is gone. */
const keepConnection: Plant = (_process, router) => {
  const clients = new Set<unknown>()
  const add = router.functions.add.bind(router.functions)
  router.functions.add = (name, start) =>
    add(name, (port, args, from) => {
      if (name.startsWith("effect_mp::rpc::")) clients.add(args[0])
      start(port, args, from)
    })
  const monitor = router.monitor.bind(router)
  router.monitor = (to, watcher) => monitor(to, clients.has(to) ? () => {} : watcher)
}

/** A client that connects again does not watch its connection. */
const forgetReconnect: Plant = (_process, router) => {
  const partners = new Set<string>()
  const servers = new Set<unknown>()
  const send = router.send.bind(router)
  router.send = (to, message, ...rest) => {
    const [request, name, connect] = message
    if (request === spawnRequest && String(connect).startsWith("effect_mp::rpc::")) {
      const server = `${to} ${String(connect)}`
      if (servers.has(server)) partners.add(`${to}#${String(name)}`)
      servers.add(server)
    }
    send(to, message, ...rest)
  }
  const monitor = router.monitor.bind(router)
  router.monitor = (to, watcher) => monitor(to, partners.has(to) ? () => {} : watcher)
}

/** Changes what a node sees of groups. */
const onGroups = (change: (groups: Groups) => void): Plant => (_process, router) => {
  const add = router.listeners.add.bind(router.listeners)
  router.listeners.add = (listener) => {
    if (listener instanceof Groups) change(listener)
    return add(listener)
  }
}

/** Members whose node was lost stay away when it comes back. */
const stayAway: Plant = onGroups((groups) => {
  groups.up = () => {}
})

/** Members stay until the database says that they are gone. */
const chooseEnded: Plant = onGroups((groups) => {
  const view = groups.view.bind(groups)
  groups.view = (name) => {
    const open = view(name)
    const ended = open.group["ended"]
    ended.add = () => ended
    return open
  }
})

/** A node that drains waits neither until others have their answers nor for its own ports. */
const drainTooEarly: Plant = (_process, router) => {
  router.drain["look"] = () => router.drain["roundIsOver"]()
  const request = router.request.bind(router)
  router.request = (to, name, ...args) => {
    request(to, name, ...args)
    if (name === drainRequests.begins) router.drain.answered(to)
  }
}

/** A node gives up what it has asked of one that drains, as if nothing of it had begun. */
const refuseBegun: Plant = (_process, router) => {
  const drains = router.peerDrains.bind(router)
  router.peerDrains = (peer) => {
    for (const receiver of Array.from(router.ports.values())) {
      if (!isReplyPort(receiver) || receiver.asked?.startsWith(`${peer.nodeId}#`) !== true) continue
      receiver.refuse(reasons.draining(peer.nodeId))
    }
    drains(peer)
  }
}

const unsure: Plant = (process) => {
  process.emit({ _tag: "Fault", what: String(Math.random()), nodes: [] })
}

/** A voter grants what it should refuse. */
const grantAll: Plant = (_process, router) => {
  const original = router.send.bind(router)
  router.send = (to, message) => {
    const [tag, desk, id, numbers] = message
    if (tag !== "answer" || !Array.isArray(numbers)) return original(to, message)
    original(to, [tag, desk, id, numbers.map((number: unknown) => number === 0 ? 1e15 : number)])
  }
}

const leaseChanges = new WeakMap<Router, (lease: ServiceLease) => void>()
const hear = ServiceLease.prototype.hear
ServiceLease.prototype.hear = function(listener) {
  leaseChanges.get(this["router"])?.(this)
  hear.call(this, listener)
}

/** Changes what a node does about the leases of its services. */
const onLease = (change: (lease: ServiceLease) => void): Plant => (_process, router) => {
  leaseChanges.set(router, change)
}

/** A lease is given back when the service has been told to stop, whatever is left of it. */
const releaseTooEarly: Plant = onLease((lease) => {
  lease["vacated"].closeUnsafe = () => false
})

/** A service starts where the nodes agree on it, with a lease or without. */
const startAnyway: Plant = onLease((lease) => {
  Object.defineProperty(lease, "token", { value: 1 })
})

/** By name: what is done, and which checker has to find it. */
export const bugs: Readonly<
  Record<
    string,
    {
      readonly plant: Plant
      readonly finds: string
      /** One that shows it, where the first one does not. */
      readonly seed?: number
      readonly isSupervised?: boolean
      readonly isServed?: boolean
      readonly isLocked?: boolean
    }
  >
> = {
  "drop": { plant: dropOne, finds: "guarantee" },
  "duplicate": { plant: duplicateOne, finds: "guarantee" },
  "reorder": { plant: reorderTwo, finds: "guarantee" },
  "late": { plant: deliverLate, finds: "generations", seed: 3 },
  "fire-twice": { plant: fireTwice, finds: "monitors" },
  "never-fire": { plant: neverFire, finds: "liveness" },
  "wrong-reason": { plant: wrongReason, finds: "monitors" },
  "fire-unmonitored": { plant: fireUnmonitored, finds: "monitors" },
  "reuse-name": { plant: reuseName, finds: "names" },
  "same-names": { plant: sameNames, finds: "names", seed: 2 },
  "wrong-answer": { plant: wrongAnswer, finds: "calls" },
  "no-answer": { plant: noAnswer, finds: "liveness" },
  "stop-telling": { plant: stopTelling, finds: "liveness" },
  "queue-uncopied": { plant: queueUncopied, finds: "contents", seed: 2 },
  "keep-waiters": { plant: keepWaiters, finds: "leaks", seed: 4 },
  "keep-fired": { plant: keepFired, finds: "leaks" },
  "lose-next": { plant: loseNext, finds: "guarantee" },
  "send-anyway": { plant: sendAnyway, finds: "favours" },
  "answer-at-once": { plant: answerAtOnce, finds: "turns" },
  "leak-peer": { plant: leakPeer, finds: "leaks" },
  "leak-timer": { plant: leakTimer, finds: "leaks" },
  "leak-port": { plant: leakPort, finds: "leaks", seed: 8 },
  "keep-monitors": { plant: keepMonitors, finds: "leaks" },
  "lose-entry": { plant: loseEntry, finds: "database" },
  "untied": { plant: untied, finds: "orphans", seed: 6, isSupervised: true },
  "deaf-child": { plant: deafChild, finds: "doubles", isSupervised: true },
  "lose-exit": { plant: loseExit, finds: "rpcs", isServed: true },
  "repeat-chunk": { plant: repeatChunk, finds: "rpcs", isServed: true },
  "swap-exits": { plant: swapExits, finds: "rpcs", isServed: true },
  "lose-refusal": { plant: loseRefusal, finds: "rpcs", seed: 5, isServed: true },
  "deaf-handler": { plant: deafHandler, finds: "rpcs", isServed: true },
  "keep-connection": { plant: keepConnection, finds: "leaks", isServed: true },
  "forget-reconnect": { plant: forgetReconnect, finds: "rpcs", isServed: true },
  "stay-away": { plant: stayAway, finds: "groups", seed: 8, isServed: true },
  "choose-ended": { plant: chooseEnded, finds: "groups", seed: 3, isServed: true },
  "drain-too-early": { plant: drainTooEarly, finds: "drains", seed: 11, isServed: true },
  "refuse-begun": { plant: refuseBegun, finds: "drains", seed: 9, isServed: true },
  "grant-all": { plant: grantAll, finds: "locks", isLocked: true },
  "release-too-early": { plant: releaseTooEarly, finds: "services", seed: 6, isLocked: true },
  "start-anyway": { plant: startAnyway, finds: "services", isLocked: true },
  "unsure": { plant: unsure, finds: "nondeterminism", seed: 10 }
}
