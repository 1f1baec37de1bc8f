/**
 * Names of ports that this node alone knows of: each stands for one port, for as long as that lives.
 *
 * @internal
 */
import { nodeOf } from "../values/portId.ts"
import type { Router } from "./router.ts"

/** Told which port has the name from now on; `undefined` if none has. It must not throw. */
type Watcher = (port: string | undefined) => void

export class LocalNames {
  private readonly router: Router
  private readonly ports = new Map<string, string>()
  private readonly watchers = new Map<string, Set<Watcher>>()

  constructor(router: Router) {
    this.router = router
  }

  get all(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.ports).filter(([, port]) => this.isThere(port)))
  }

  /** The port that has the name now. */
  find(name: string): string | undefined {
    const port = this.ports.get(name)
    return port !== undefined && this.isThere(port) ? port : undefined
  }

  /** A name of each of these ports that has one. */
  namesOf(ports: ReadonlySet<string>): ReadonlyMap<string, string> {
    const names = new Map<string, string>()
    for (const [name, port] of this.ports) if (ports.has(port)) names.set(port, name)
    return names
  }

  /** Gives a port a name. Answers whose name it is: another port's, if it was taken. */
  add(name: string, port: string): string {
    const present = this.find(name)
    if (present !== undefined) return present
    this.ports.set(name, port)
    this.tell(name, port)
    this.router.monitor(port, () => this.remove(name, port))
    return port
  }

  /** Takes the name from a port, if it has it. */
  remove(name: string, port: string): void {
    if (this.ports.get(name) !== port) return
    this.ports.delete(name)
    this.tell(name, undefined)
  }

  /** Tells of each change from now on. The result ends that. */
  watch(name: string, watcher: Watcher): () => void {
    const watchers = this.watchers.get(name) ?? new Set()
    this.watchers.set(name, watchers.add(watcher))
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.watchers.get(name) === watchers) this.watchers.delete(name)
    }
  }

  private tell(name: string, port: string | undefined): void {
    for (const watcher of Array.from(this.watchers.get(name) ?? [])) watcher(port)
  }

  /** A port of this node may have ended, and its monitors be told in a moment. Of others only a monitor tells. */
  private isThere(port: string): boolean {
    return nodeOf(port) !== this.router.nodeId || this.router.ports.has(port)
  }
}

const namesOfNodes = new WeakMap<Router, LocalNames>()

export const localNamesOf = (router: Router): LocalNames => {
  const known = namesOfNodes.get(router) ?? new LocalNames(router)
  namesOfNodes.set(router, known)
  return known
}
