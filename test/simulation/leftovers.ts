/**
 * What is left after everything has stopped, and should not be.
 */
import type { Process } from "./process.ts"
import type { World } from "./world.ts"

export const leftovers = (world: World): ReadonlyArray<string> => {
  const found: Array<string> = []
  const left = (life: string, count: number | undefined, what: string): void => {
    if (count !== undefined && count > 0) found.push(`${life}: ${count} ${what}`)
  }
  for (const { clock, fibers, life, network, router, state } of world.processes) {
    if (state === "crashed") continue
    if (state !== "stopped") found.push(`${life} does not stop`)
    left(life, clock.sleeping, "sleeping fibers")
    left(life, fibers, "fibers")
    left(life, router?.peers.size, "peers")
    left(life, router?.listeners.size, "listeners")
    // The node port stays: there is no node without one.
    left(life, router && router.ports.size - 1, "ports")
    left(life, network?.["admission"]["pending"].size, "handshakes")
  }
  left("the network", world.network.connections, "connections")
  return found
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
