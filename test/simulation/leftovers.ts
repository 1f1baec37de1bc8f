/**
 * What is left after everything has stopped, and should not be.
 */
import type * as Scope from "effect/Scope"
import { isFamilyName } from "../../src/internal/global/families.ts"
import type { Mesh } from "../../src/internal/global/mesh.ts"
import type { Router } from "../../src/internal/node/router.ts"
import type { Waiters } from "../../src/internal/node/waiters.ts"
import type { Process } from "./process.ts"
import type { World } from "./world.ts"

export const leftovers = ({ network: { connections }, processes }: World): ReadonlyArray<string> => [
  ...processes.flatMap(leftoversOf),
  ...connections > 0 ? [`the network: ${connections} connections`] : []
]

/** The same, of one process. Of one that has crashed all is gone. */
export const leftoversOf = ({ clock, fibers, life, network, router, state }: Process): ReadonlyArray<string> => {
  if (state === "crashed") return []
  const counts = {
    "sleeping fibers": clock.sleeping,
    "fibers": fibers,
    "peers": router?.peers.size,
    "listeners": router?.listeners.size,
    // The node port stays: there is no node without one.
    "ports": router && router.ports.size - 1,
    "handshakes": network?.["admission"]["pending"].size
  }
  const left = Object.entries(counts).filter(([, count = 0]) => count > 0)
  return [
    ...state === "stopped" ? [] : [`${life} does not stop`],
    ...left.map(([what, count]) => `${life}: ${count} ${what}`)
  ]
}

/**
 * What the nodes disagree about while all is quiet: of every pair of them, one keeps monitors of the other's ports, and
 * the other one who is to be told. It must be the same on both sides.
 */
export const disagreements = (core: ReadonlyArray<Process>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const one of core) {
    for (const other of core) {
      const wanted = one.router?.peers.get(other.node.id)?.["monitors"] ?? new Map<string, unknown>()
      const kept = other.router?.peers.get(one.node.id)?.["monitored"] ?? new Map<string, unknown>()
      for (const name of wanted.keys()) {
        if (name !== "" && !kept.has(name)) {
          found.push(`${one.life} monitors ${name} at ${other.life}, which knows nothing of it`)
        }
      }
      for (const name of kept.keys()) {
        if (!wanted.has(name)) found.push(`${other.life} keeps a monitor of ${name} that ${one.life} does not have`)
      }
    }
  }
  return found
}

/** What a process holds, in numbers, by kind. */
export type Census = Readonly<Record<string, number>>

/** How many finalizers a scope has. */
export const finalizersOf = ({ state }: Scope.Scope): number => state._tag === "Open" ? state.finalizers?.size ?? 1 : 0

/** Counts what comes and goes in a process, and must not stay. */
export const census = (router: Router, scope: Scope.Scope, mesh: Mesh): Census => {
  const peers = Array.from(router.peers.values())
  const sum = (of: (peer: (typeof peers)[number]) => number): number =>
    peers.reduce((total, peer) => total + of(peer), 0)
  const ownData = mesh["ownData"]
  const follower = mesh["follower"]
  return {
    "finalizers of its scope": finalizersOf(scope),
    "ports": router.ports.size,
    "listeners": router.listeners.size,
    "requests": entriesOf(router.requests),
    "functions": entriesOf(router.functions),
    // The nodes themselves are monitored as long as there is a network.
    "monitors of ports": sum((peer) => peer["monitors"].size - (peer["monitors"].has("") ? 1 : 0)),
    "monitors of others": sum((peer) => peer["monitored"].size),
    "queued messages": sum(({ queued }) => queued),
    "waiting senders": sum((peer) => peer["waiters"].size + peer["waitingForLink"].size),
    "senders who gave up": sum((peer) => spentIn(peer["waiters"]) + spentIn(peer["waitingForLink"])),
    "claims on keys": ownData["claims"].size,
    "families of its own": Array.from(ownData["entries"].keys()).filter(isFamilyName).length,
    "families that it follows": Array.from(follower["copies"].keys()).filter(isFamilyName).length,
    "searches": follower["searches"].size,
    "questions": follower["queries"].size
  }
}

/** Those who have given up and are still in the queue; a few may be. */
const spentIn = (waiters: Waiters): number =>
  Math.max(0, waiters["queue"].length - waiters["head"] - 3 * waiters.size - 16)

const entriesOf = (registry: Router["requests"] | Router["functions"]): number =>
  Array.from(registry["entries"].values(), (all) => all.length).reduce((sum, count) => sum + count, 0)

/** What has come since the first census, and has not gone. */
export const grown = (before: Census, after: Census): ReadonlyArray<string> =>
  Object.entries(after).flatMap(([what, count]) => {
    const first = before[what] ?? 0
    return count > first ? [`${count} ${what}, of ${first} at first`] : []
  })
