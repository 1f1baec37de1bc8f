/**
 * What the rooms above the node let those see who look at it: its place in a network, and the supervisors that run here.
 *
 * @internal
 */

/** What is known of the network that a node is part of. */
export interface NetworkStatus {
  readonly master: string | null
  readonly isGlobal: boolean
  /** How many entries each family has, on a global node. */
  readonly families: Readonly<Record<string, number>>
}

const alone: NetworkStatus = { master: null, isGlobal: false, families: {} }

export class Observed {
  private readonly ports = new Set<string>()
  private readNetwork: (() => NetworkStatus) | undefined = undefined

  /** Says how the node's place in its network is read. The result takes it back. */
  network(read: () => NetworkStatus): () => void {
    this.readNetwork = read
    return () => {
      if (this.readNetwork === read) this.readNetwork = undefined
    }
  }

  /** A supervisor runs in this port. The result says that it has ended. */
  supervisor(port: string): () => void {
    this.ports.add(port)
    return () => void this.ports.delete(port)
  }

  get networkStatus(): NetworkStatus {
    return this.readNetwork?.() ?? alone
  }

  get supervisors(): ReadonlySet<string> {
    return this.ports
  }
}
