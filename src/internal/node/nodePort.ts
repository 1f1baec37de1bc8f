/**
 * What the node port answers by itself. Follows protocol sections 9 and 10.
 *
 * @internal
 */
import { answerPorts, answerTaps } from "#hosting"
import type { Message, Receiver } from "../port/receiver.ts"
import type { Link } from "../transport/link.ts"
import { LinkError } from "../transport/linkError.ts"
import { ownRequests } from "../transport/ownRequests.ts"
import { quoted } from "../values/describe.ts"
import { isPortId, nodeOf, portName } from "../values/portId.ts"
import { printableInLine } from "../values/printable.ts"
import { isTagged, type PortExit, reasonFromExit, reasons } from "../values/reason.ts"
import { drainRequests } from "./drain.ts"
import { abandonedRequest, fullRequests, refusedRequest, spawnRequest } from "./fullRequests.ts"
import { dataRequests } from "./noData.ts"
import { portsRequest } from "./portList.ts"
import type { Request, Router } from "./router.ts"
import { answerStatus, statusRequest } from "./status.ts"
import { tapRequest } from "./tap.ts"

/** The port with the empty name. It lives as long as its node: it cannot be killed, and a monitor of it stays silent. */
class NodePort implements Receiver {
  readonly id: string
  private readonly router: Router
  constructor(router: Router) {
    this.id = router.nodeId
    this.router = router
  }
  get _tag(): "NodePort" {
    return "NodePort"
  }

  send(message: Message): void {
    this.router.handleRequest(this.router.nodeId, message[0] ?? "", message.slice(1))
  }
  sendForeign(message: Message): void {
    this.send(message)
  }
  kill(): void {
    this.router.log.warnSome(
      "kil of a node port",
      `kil of the node port ${this.id} is refused: it would take the node with it`
    )
  }
  watch(): () => void {
    return () => {}
  }
}

/** Gives a node its node port, with the requests that every node answers. */
export const installNodePort = (router: Router): void => {
  router.add(new NodePort(router))
  for (const [name, request] of Object.entries(builtIn(router))) router.requests.add(name, request)
}

/** Sends the answer where the reply prefix says: `PORTID, ARG...`. Without one, nobody asked. */
const reply = (
  router: Router,
  from: string,
  prefix: ReadonlyArray<unknown>,
  ...results: ReadonlyArray<unknown>
): void => {
  const [to, ...rest] = prefix
  if (isPortId(to)) router.relay(from, to, [...rest, ...results])
}

/** So much is kept of what another node says of why it ends a link. */
const longestWhy = 400

/** The link to a node of our own kind. What it says of links is nothing that others could say. */
const ownKind = (router: Router, nodeId: string): Link | undefined => {
  const link = router.peers.get(nodeId)?.link
  return link?.incarnation === undefined ? undefined : link
}

/** Whether it can be the number of a data connection, which stands in a greeting. */
const isNumber = (value: unknown): value is string => typeof value === "string" && /^[0-9A-Za-z]{1,64}$/.test(value)

const builtIn = (router: Router): Record<string, Request> => ({
  "": () => {},
  devnull: () => {},

  mon1: (from, [name]) => {
    const port = portName(name)
    if (port === undefined || port === "" || from === router.nodeId) return
    const receiver = router.portNamed(port)
    const peer = router.peer(from)
    if (receiver === undefined) peer.sendDeath(port, reasons.no_such_port(`${router.nodeId}#${port}`))
    else peer.monitoredBy(port, receiver)
  },

  mon0: (from, [name]) => {
    const port = portName(name)
    if (port) router.peers.get(from)?.unmonitoredBy(port)
  },

  kil0: (from, [name, ...reason]) => {
    const port = portName(name)
    // The node port dies with the link, whatever its node says.
    if (port) router.peers.get(from)?.portDied(port, reason)
  },

  kil1: (_from, [name, ...reason]) => {
    const port = portName(name)
    if (port !== undefined) router.portNamed(port)?.kill(reason)
  },

  snd: (from, [to, ...message]) => {
    if (isPortId(to)) router.relay(from, to, message)
    else {
      const what = `asked to relay a message to the malformed port ID ${quoted(to)}`
      router.log.warnSome(`relay of ${from}`, `node ${from} ${what}`)
    }
  },

  can: (from, [request, ...prefix]) => {
    reply(router, from, prefix, typeof request === "string" && router.requests.has(request))
  },

  [statusRequest]: answerStatus(router),
  [portsRequest]: answerPorts(router),
  [tapRequest]: answerTaps(router),

  time: (from, prefix) => reply(router, from, prefix, router.now() / 1000),

  [ownRequests.probe]: (from, [question]) => ownKind(router, from)?.answerProbe(question),
  [ownRequests.probed]: (from, [question]) => ownKind(router, from)?.roundTrip.answered(question, router.monotonic()),
  [ownRequests.bye]: (from) => {
    ownKind(router, from)?.lose(new LinkError({ reason: "node_left", peer: from }))
  },
  [ownRequests.end]: (from, [reason, detail]) => {
    const why = printableInLine(
      [reason, detail].filter((part) => typeof part === "string").join(": ").slice(0, longestWhy)
    )
    // Its host says it by its own clock, which alone counts.
    const isExpired = reason === "ticket_expired" && router.network.isGuest
    const known = isExpired ? { reason } as const : { reason: "ended_by_peer", detail: why } as const
    ownKind(router, from)?.lose(new LinkError({ ...known, peer: from }))
  },
  [ownRequests.duplicate]: (from, [address]) => {
    if (ownKind(router, from) === undefined) return
    router.log.alarm(
      `duplicate at ${from}`,
      `node ${from} refused another live node with our ID, ${router.nodeId}, at ${quoted(address)}`
    )
  },

  [drainRequests.begins]: (from) => {
    if (ownKind(router, from) !== undefined) router.peerDrains(router.peer(from))
  },
  [drainRequests.drain]: (from, prefix) => {
    // It drains once, and says once what it is not done with in time.
    if (!router.isDraining) {
      router.log.warn(`node ${from} asks this one to drain`)
      router.fork(router.drain.within())
    }
    reply(router, from, prefix, true)
  },
  [drainRequests.answered]: (from) => router.drain.answered(from),

  [dataRequests.begin]: (from, [id, number]) => {
    const link = ownKind(router, from)
    if (link !== undefined && isNumber(number)) router.data.begins(link, id, number)
  },
  [dataRequests.dial]: (from, [number, why]) => {
    const link = ownKind(router, from)
    if (link !== undefined && isNumber(number)) router.data.dials(link, number, why)
  },
  [dataRequests.off]: (from, [number, reason, detail]) => {
    const link = ownKind(router, from)
    if (link !== undefined && isNumber(number)) router.data.off(link, number, reason, detail)
  },

  eval: (from, [code, ...prefix]) => {
    const answer = answerKnown(router, code)
    if (answer === undefined) reply(router, from, prefix, "this node does not run code that it is sent")
    else reply(router, from, prefix, "", ...answer)
  },

  [spawnRequest]: (from, request) => void spawn(router, from, request),

  [fullRequests.spawn]: (from, [owner, ...request]) => {
    // A node speaks for its own ports, and for nobody else's.
    if (!isPortId(owner) || nodeOf(owner) !== from) {
      const what = `asked to spawn a child of ${quoted(owner)}, which is no port of its own`
      return router.log.warnSome(`spawn of ${from}`, `node ${from} ${what}`)
    }
    const child = spawn(router, from, request)
    if (child !== undefined) tie(router, child, owner)
  },

  [abandonedRequest]: (from, [name, caller]) => {
    const [port, of] = [portName(name), portName(caller)]
    if (port && of) router.abandoned(`${router.nodeId}#${port}`, `${from}#${of}`)
  },

  [refusedRequest]: (_from, [name, ...reason]) => {
    const port = portName(name)
    if (port) router.failCall(port, reason)
  },

  [fullRequests.finish]: (_from, [name, ...reason]) => {
    const port = portName(name)
    if (port) router.finish(`${router.nodeId}#${port}`, reason)
  }
})

/** Who a node has links to, as `aemp trace` asks it of every node. */
export const upNodesQuestion = "AnyEvent::MP::Kernel::up_nodes"

/** What AnyEvent::MP's commands ask by having code run that has no effect: by its text, and nothing is run here. */
const knownQuestions: ReadonlyMap<unknown, (router: Router) => ReadonlyArray<unknown>> = new Map([
  [upNodesQuestion, (router) => router.upNodes()]
])

/** What the code would answer, if it is a known question. */
export const answerKnown = (router: Router, code: unknown): ReadonlyArray<unknown> | undefined =>
  knownQuestions.get(code)?.(router)

/** Makes a port by one of the functions that are declared here, and answers it; nothing if it could not be made. */
const spawn = (
  router: Router,
  from: string,
  [name, functionName, ...args]: ReadonlyArray<unknown>
): Receiver | undefined => {
  const port = portName(name)
  const start = typeof functionName === "string" ? router.functions.get(functionName) : undefined
  if (port === undefined || port === "" || start === undefined) {
    const what = `asked to spawn ${quoted(functionName)}, which is not declared here`
    router.log.warnSome(`spawn of ${from}`, `node ${from} ${what}`)
    return undefined
  }
  // A second spawn of one name: the first one keeps it. Whoever is refused hears that there is no such port.
  if (router.portNamed(port) !== undefined || !router.drain.takesPortsOf(from)) return undefined
  start(port, args, from)
  return router.portNamed(port)
}

/** Ends a child when its owner ends, or is out of reach. Nothing of that is left when the child ends first. */
const tie = (router: Router, child: Receiver, owner: string): void => {
  const release = router.monitor(owner, (exit: PortExit) => {
    const isLost = isTagged(reasonFromExit(exit), "transport_error")
    if (isLost) {
      const node = nodeOf(owner)
      router.log.warnSome(
        `children of ${node}`,
        `${child.id} is ended: the link to ${node}, whose child it is, was lost`
      )
    }
    child.kill(
      reasons.shutdown(isLost ? "the link to the node of its supervisor was lost" : "its supervisor has ended")
    )
  })
  child.watch(release)
  if (router.observed.roleOf(child.id) === undefined) {
    router.observed.role(child.id, { kind: "child", what: `of ${owner}` })
  }
  // One of this node goes with it, as its supervisor does.
  if (nodeOf(owner) !== router.nodeId) router.drain.endWhenDone(child)
}
