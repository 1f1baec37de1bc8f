/**
 * What the rooms above the node let those see who look at it: its place in a network, how far it is
 * with its seeds, and the supervisors that run here.
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

/** How far a node is with its seeds. */
export interface Seeding {
  /** Whether there are seeds other than the node itself, as far as it knows. */
  readonly hasOthers: boolean
  /** Whether one of them has not answered, or is down. */
  readonly isAwaited: boolean
  /** Whether there is nobody who could tell where other nodes are. */
  readonly isCutOff: boolean
  /** Tries those again, now, that are down. */
  tryNow(): void
}

const alone: NetworkStatus = { master: null, isGlobal: false, families: {} }

export class Observed {
  /** Whether the node has joined its network, and its services are up. `undefined` if nobody says so. */
  isReady: boolean | undefined = undefined
  private readonly ports = new Set<string>()
  private readNetwork: (() => NetworkStatus) | undefined = undefined
  private readSeeding: Seeding | undefined = undefined

  /** Says how the node's place in its network is read. The result takes it back. */
  network(read: () => NetworkStatus): () => void {
    this.readNetwork = read
    return () => {
      if (this.readNetwork === read) this.readNetwork = undefined
    }
  }

  /** Says how far the node is with its seeds. The result takes it back. */
  seeds(seeding: Seeding): () => void {
    this.readSeeding = seeding
    return () => {
      if (this.readSeeding === seeding) this.readSeeding = undefined
    }
  }

  /** `undefined` if the node was not told of seeds: others know better than this node where nodes are. */
  get seeding(): Seeding | undefined {
    return this.readSeeding
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
