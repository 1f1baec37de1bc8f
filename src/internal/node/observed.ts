/**
 * What the rooms above the node let those see who look at it: its place in a network, how far it is
 * with its seeds, and the supervisors that run here.
 *
 * @internal
 */
import type { LinkError } from "../transport/linkError.ts"
import { type VoterSeen, votersOf } from "./votes.ts"

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
  /** Why none of the seeds could be reached; nothing as long as one is up, or has not been tried. */
  readonly failures: ReadonlyArray<LinkError>
  /** Tries those again, now, that are down. */
  tryNow(): void
  /** Goes by these seeds from now on. */
  use(seeds: ReadonlyArray<string>): void
}

/** How many entries the data of the network has, on a global node. */
export const entriesOf = ({ families }: Pick<NetworkStatus, "families">): number =>
  Object.values(families).reduce((sum, size) => sum + size, 0)

/** What a port is, beside a port: in the words of the room that made it. */
export interface Role {
  readonly kind: string
  readonly what: string
}

/** What a node knows of a cluster of entities that it is part of. */
export interface ClusterStatus {
  /** The name of the cluster. */
  readonly name: string
  /** `NODE:NUMBER` of this node's runner; `null` of a client, which has no shards. */
  readonly runner: string | null
  /** The IDs of the nodes that vote; none of a client, which has nothing to do with them. */
  readonly voters: ReadonlyArray<string>
  /** The name of the table of locks that its shards are in; `null` of a client. */
  readonly locks: string | null
  /** Of Effect, which runners tell each other. */
  readonly effectVersion: string
  /** Why it takes no part, in words. */
  readonly refusal: string | null
  /** How many shards it holds, and how many there are. */
  readonly shards: { readonly held: number; readonly total: number }
  /** How many entities of each type are alive here. */
  readonly entities: Readonly<Record<string, number>>
  /** The singletons that run here. */
  readonly singletons: ReadonlyArray<string>
  /** The runners that it goes by. */
  readonly runners: ReadonlyArray<{ readonly runner: string; readonly isAlive: boolean }>
}

/** How a node stands in a table of locks. */
export interface LocksStatus {
  readonly name: string
  /** The voters: whether each of them grants keys, answers and does not grant any yet, refuses this node, or does not answer it. */
  readonly voters: ReadonlyArray<VoterSeen & { readonly standing: "votes" | "starts" | "refuses" | "away" }>
  /** The keys that this node holds. */
  readonly held: ReadonlyArray<string>
  /** How many keys it keeps as a voter, for how many owners, and whether it grants any yet; `undefined` if it is none. */
  readonly kept: { readonly keys: number; readonly owners: number; readonly isVoting: boolean } | undefined
}

/** What a node needs the votes of a table for. */
interface VotesNeeded {
  readonly table: string
  readonly purpose: string
}

const alone: NetworkStatus = { master: null, isGlobal: false, families: {} }

export class Observed {
  /** How often supervisors of this node have started a child again. */
  restarts = 0
  /** Of a node that `emp run` runs: whether it has joined its network, and its services have started. */
  hasStarted: boolean | undefined = undefined
  private readonly missing = new Map<symbol, string>()
  private readonly ports = new Set<string>()
  private readonly readClusters = new Set<() => ClusterStatus>()
  private readonly roles = new Map<string, Role>()
  private readGroups: ((port: string) => ReadonlyArray<string>) | undefined = undefined
  private readonly readLocks = new Set<() => LocksStatus>()
  private readonly votesNeeded = new Set<VotesNeeded>()
  private readNetwork: (() => NetworkStatus) | undefined = undefined
  private readSeeding: Seeding | undefined = undefined

  /** Says how the node's place in its network is read. The result takes it back. */
  network(read: () => NetworkStatus): () => void {
    this.readNetwork = read
    return () => {
      if (this.readNetwork === read) this.readNetwork = undefined
    }
  }

  /** Says how it is read how the node stands in a table of locks. The result takes it back. */
  locks(read: () => LocksStatus): () => void {
    this.readLocks.add(read)
    return () => void this.readLocks.delete(read)
  }

  /** Each table that the node has something to do with, with what all owners here hold. */
  get lockTables(): ReadonlyArray<LocksStatus> {
    const tables = new Map<string, LocksStatus>()
    for (const read of this.readLocks) {
      const table = read()
      // Those that disagree on who votes have nothing in common but the name.
      const key = JSON.stringify([table.name, votersOf(table)])
      const known = tables.get(key)
      tables.set(key, known === undefined ? table : { ...known, held: [...known.held, ...table.held] })
    }
    return Array.from(tables.values())
  }

  /** Says that the node is of no use without a majority of the voters of a table, and for what it needs them. The result takes it back. */
  needsVotes(table: string, purpose: string): () => void {
    const need: VotesNeeded = { table, purpose }
    this.votesNeeded.add(need)
    return () => void this.votesNeeded.delete(need)
  }

  get needs(): ReadonlySet<VotesNeeded> {
    return this.votesNeeded
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

  /** Says what a port of this node is, for as long as it lives. Nothing is kept of ports of which nobody says so: most of them. */
  role(port: string, role: Role): void {
    this.roles.set(port, role)
  }

  roleOf(port: string): Role | undefined {
    return this.roles.get(port)
  }

  /** The port has ended. */
  ended(port: string): void {
    if (this.roles.size > 0) this.roles.delete(port)
  }

  /** Says how the groups are read that a port is a member of. The result takes it back. */
  groups(read: (port: string) => ReadonlyArray<string>): () => void {
    this.readGroups = read
    return () => {
      if (this.readGroups === read) this.readGroups = undefined
    }
  }

  groupsOf(port: string): ReadonlyArray<string> {
    return this.readGroups?.(port) ?? []
  }

  /** A supervisor of this name runs in this port. The result says that it has ended. */
  supervisor(port: string, name: string): () => void {
    this.ports.add(port)
    this.role(port, { kind: "supervisor", what: name })
    return () => void this.ports.delete(port)
  }

  /** Says how the state of a cluster is read that the node is part of. The result takes it back. */
  cluster(read: () => ClusterStatus): () => void {
    this.readClusters.add(read)
    return () => void this.readClusters.delete(read)
  }

  get clusters(): ReadonlyArray<ClusterStatus> {
    return Array.from(this.readClusters, (read) => read())
  }

  /** Says what the node lacks before it is ready, in words. The result says that it is there. */
  lack(what: string): () => void {
    const key = Symbol(what)
    this.missing.set(key, what)
    return () => void this.missing.delete(key)
  }

  get lacks(): ReadonlyArray<string> {
    return Array.from(this.missing.values())
  }

  get networkStatus(): NetworkStatus {
    return this.readNetwork?.() ?? alone
  }

  get supervisors(): ReadonlySet<string> {
    return this.ports
  }
}
