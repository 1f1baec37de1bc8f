/**
 * The distributed part of a node: its master, its own data, and, on a global node, the database of all. Speaks the `g_*`
 * requests of the node port. Follows protocol sections 13 and 15 to 17.
 *
 * @internal
 */
import type { NodeListener, Router } from "../node/router.ts"
import { culprit } from "../values/plainData.ts"
import { isPortId, readName } from "../values/portId.ts"
import { apply, type FamilyChange, replace } from "./familyCopy.ts"
import { type Change, type Family, sameValue, Shards, type Stamp, type Table, type Told } from "./shards.ts"
import {
  divide,
  portion,
  readAddresses,
  readChange,
  readFamily,
  readKeys,
  readShards,
  readStamp,
  readTable,
  toWire
} from "./wire.ts"

/** Where the nodes of the network listen, by node ID. */
export const listenersFamily = "'l"
/** The global nodes, by node ID. */
export const globalsFamily = "'g"

/**
 * Requests among global nodes of our own kind, in the place of `g_set` and `g_upd`: they keep the origin of every entry.
 *
 * - `emp_set [[ORIGIN, STAMP, DB]...]`: all that these nodes have given the sender
 * - `emp_upd ORIGIN STAMP FAMILY SET DEL`: one of them changes something
 * - `emp_gone ORIGIN`: one of them is no slave of the sender any more
 */
const ownGlobal = { set: "emp_set", update: "emp_upd", gone: "emp_gone" } as const

/**
 * Requests of operators: `emp_db_set FAMILY KEY VALUE REPLYPORT`, answered by true or false; `emp_db_del FAMILY KEYS REPLYPORT`,
 * answered by the keys that this node had not set, or by null if it makes no sense.
 */
export const operatorRequests = { set: "emp_db_set", delete: "emp_db_del" } as const

/** Families that programs may use: others are kept by the nodes about themselves. */
export const isFamilyName = (name: unknown): name is string =>
  typeof name === "string" && /^[A-Za-z][^']*$/.test(name) && name.isWellFormed()

/** Told once with the present state, then of every change. The entries are the node's own copy, which goes on changing. */
type FamilyListener = (change: FamilyChange) => void

interface Subscription {
  /** `undefined` until the master has answered. */
  copy: Map<string, unknown> | undefined
  /** A large family on its way: what has come of it, and how many messages are still to come. */
  coming?: Coming | undefined
  readonly listeners: Set<FamilyListener>
}

interface Coming {
  readonly all: Map<string, unknown>
  readonly portions: number
}

/** Somebody who has set a key: for a time, or for good. */
interface Holder {
  readonly value: unknown
  readonly isForGood: boolean
}

/** A request to the master that waits for its answer, and is repeated to the next master. */
interface Query {
  readonly request: string
  readonly family: string
  readonly answer: (result: unknown) => void
}

/** Groups may come and go: of so many it is known whose turn it is. */
const mostRounds = 1000

const nameOf = (family: string, key: string): string => JSON.stringify([family, key])

const emit = (subscription: Subscription, change: FamilyChange): void => {
  for (const listener of Array.from(subscription.listeners)) listener(change)
}

/** A family has come, or a part of it. */
const arrive = (subscription: Subscription, coming: Coming): void => {
  subscription.coming = coming.portions > 0 ? coming : undefined
  if (coming.portions > 0) return
  const change = replace(subscription.copy ?? new Map(), coming.all)
  subscription.copy = coming.all
  emit(subscription, change)
}

export class Mesh implements NodeListener {
  /** The node that holds our data and answers our requests: ourselves on a global node. */
  master: string | undefined = undefined
  /** Called when the node becomes a global one. */
  onGlobal: () => void = () => {}
  private readonly router: Router
  private readonly isSeed: (nodeId: string) => boolean
  private readonly local = new Map<string, Map<string, unknown>>()
  /** Who wants a key of our own to be there, and with which value: that of the last one counts. */
  private readonly holders = new Map<string, ReadonlyArray<Holder>>()
  private readonly subscriptions = new Map<string, Subscription>()
  private readonly searches = new Map<string, Set<(addresses: ReadonlyArray<string>) => void>>()
  private readonly queries = new Map<string, Query>()
  private lastQuery = 0
  private readonly rounds = new Map<string, number>()
  /** Nodes that said they are global, while they are up. */
  private readonly globals = new Set<string>()
  private shards: Shards | undefined = undefined
  /** Orders what this node gave to one master after the other. */
  private stamp: Stamp
  /** On a global node: who monitors which family. */
  private readonly watchers = new Map<string, Set<string>>()

  constructor(router: Router, isSeed: (nodeId: string) => boolean) {
    this.router = router
    this.isSeed = isSeed
    this.stamp = [router.now(), 0]
    this.set(listenersFamily, router.nodeId, router.addresses)
  }

  get isGlobal(): boolean {
    return this.shards !== undefined
  }

  // ---- what this node has and wants

  /** Sets a key of our own, for as long as nobody deletes it. */
  set(family: string, key: string, value: unknown): void {
    const name = nameOf(family, key)
    const others = (this.holders.get(name) ?? []).filter(({ isForGood }) => !isForGood)
    // Who is alone with a key needs no note of it.
    if (others.length > 0) this.holders.set(name, [...others, { value, isForGood: true }])
    this.put(family, key, value)
  }

  private put(family: string, key: string, value: unknown): void {
    const entries = this.local.get(family)
    const before = entries?.get(key)
    // Perl takes a number and its text for the same, but whoever sets one for the other wants a change.
    if (entries?.has(key) && typeof before === typeof value && sameValue(before, value)) return
    if (entries === undefined) this.local.set(family, new Map([[key, value]]))
    else entries.set(key, value)
    if (this.master !== undefined) this.router.request(this.master, "g_upd", family, Object.fromEntries([[key, value]]))
  }

  /** Sets a key of our own for a holder. The result lets it go: what others hold it with counts again, or it is deleted. */
  hold(family: string, key: string, value: unknown): () => void {
    // The caller may go on changing what it gave.
    const holder: Holder = { value: structuredClone(value), isForGood: false }
    const name = nameOf(family, key)
    const entries = this.local.get(family)
    const before = this.holders.get(name) ??
      (entries?.has(key) ? [{ value: entries.get(key), isForGood: true }] : [])
    this.holders.set(name, [...before, holder])
    this.put(family, key, holder.value)
    return () => {
      const before = this.holders.get(name)
      if (before === undefined || !before.includes(holder)) return
      const rest = before.filter((other) => other !== holder)
      const last = rest.at(-1)
      if (last === undefined) return void this.delete(family, [key])
      this.holders.set(name, rest)
      this.put(family, key, last.value)
    }
  }

  /** Deletes keys, if they are our own. Answers those. */
  delete(family: string, keys: ReadonlyArray<string>): ReadonlyArray<string> {
    const entries = this.local.get(family)
    const own = keys.filter((key) => entries?.delete(key))
    for (const key of own) this.holders.delete(nameOf(family, key))
    if (entries?.size === 0) this.local.delete(family)
    if (own.length > 0 && this.master !== undefined) this.router.request(this.master, "g_upd", family, null, own)
    return own
  }

  /** Counts the rounds of a group: 0, 1, 2 ... Of the groups that were asked for last. */
  nextRound(group: string): number {
    const round = this.rounds.get(group) ?? 0
    this.rounds.delete(group)
    this.rounds.set(group, round + 1)
    const [oldest] = this.rounds.keys()
    if (oldest !== undefined && this.rounds.size > mostRounds) this.rounds.delete(oldest)
    return round
  }

  /** Asks the master once there is one. The result takes the question back. */
  query(
    request: "g_db_family" | "g_db_keys" | "g_db_values",
    family: string,
    answer: (result: unknown) => void
  ): () => void {
    const id = `q${++this.lastQuery}`
    this.queries.set(id, { request, family, answer })
    if (this.master !== undefined) this.router.request(this.master, request, family, id)
    return () => this.queries.delete(id)
  }

  /** Follows a family. The result ends it. */
  monitor(family: string, listener: FamilyListener): () => void {
    const known = this.subscriptions.get(family)
    const subscription: Subscription = known ?? { copy: undefined, listeners: new Set() }
    const { listeners } = subscription
    if (subscription.copy !== undefined) listener(replace(new Map(), subscription.copy))
    listeners.add(listener)
    if (known === undefined) {
      this.subscriptions.set(family, subscription)
      // Last: a global node answers itself at once.
      if (this.master !== undefined) this.router.request(this.master, "g_mon1", family)
    }
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      this.subscriptions.delete(family)
      if (this.master !== undefined) this.router.request(this.master, "g_mon0", family)
    }
  }

  /** Finds the addresses of a node: in our database, or at the master. The result takes the question back. */
  find(nodeId: string, answer: (addresses: ReadonlyArray<string>) => void): () => void {
    if (this.shards !== undefined) {
      answer(readAddresses(this.shards.get(listenersFamily, nodeId)))
      return () => {}
    }
    // One request at a time: it stays open until it is answered, whoever waits for it.
    const waiting = this.searches.get(nodeId) ?? new Set()
    if (!this.searches.has(nodeId)) {
      this.searches.set(nodeId, waiting)
      if (this.master !== undefined) this.router.request(this.master, "g_find", nodeId)
    }
    waiting.add(answer)
    return () => {
      waiting.delete(answer)
      // Nobody was asked yet.
      if (waiting.size === 0 && this.master === undefined) this.searches.delete(nodeId)
    }
  }

  // ---- nodes come and go

  up(nodeId: string): void {
    if (this.isGlobal) this.router.request(nodeId, "g_global")
    if (this.isSeed(nodeId)) this.seedUp(nodeId)
  }

  /** A seed is up: it is to become a global node, and our master if we have none. */
  seedUp(nodeId: string): void {
    this.router.request(nodeId, "g_slave")
    if (this.master === undefined) this.choose(nodeId)
  }

  private choose(master: string): void {
    this.master = master
    this.nextTerm()
    const stamp = this.router.isOwnKind(master) ? [this.stamp] : []
    const { first, rest } = divide(this.local)
    this.router.request(master, "g_slave", first, ...stamp)
    for (const [family, set] of rest) this.router.request(master, "g_upd", family, set)
    this.askAgain()
  }

  private nextTerm(): void {
    this.stamp = [this.stamp[0], this.stamp[1] + 1]
  }

  private askAgain(): void {
    const { master, router } = this
    if (master === undefined) return
    for (const nodeId of this.searches.keys()) router.request(master, "g_find", nodeId)
    for (const [family, subscription] of this.subscriptions) {
      // What the last master had not told to its end is void.
      subscription.coming = undefined
      router.request(master, "g_mon1", family)
    }
    for (const [id, { family, request }] of this.queries) router.request(master, request, family, id)
  }

  down(nodeId: string): void {
    this.globals.delete(nodeId)
    if (this.shards !== undefined) {
      this.delete(globalsFamily, [nodeId])
      this.delete(listenersFamily, [nodeId])
      this.forget(nodeId)
    }
    if (this.master !== nodeId) return
    this.master = undefined
    const next = this.router.upNodes().find((other) => this.isSeed(other))
    if (next !== undefined) this.choose(next)
  }

  /** All that a node gave and wanted is gone with it. */
  private forget(nodeId: string): void {
    if (this.shards === undefined) return
    // First its monitors, or it would be told, which would connect to it again.
    for (const [family, nodes] of this.watchers) {
      nodes.delete(nodeId)
      if (nodes.size === 0) this.watchers.delete(family)
    }
    if (this.shards.isSlave(nodeId)) this.tellOwnKind(ownGlobal.gone, nodeId)
    this.tellAll(this.shards.drop(nodeId))
  }

  /** Becomes a global node, for good. */
  becomeGlobal(): void {
    if (this.shards !== undefined) return
    this.nextTerm()
    this.shards = new Shards()
    this.shards.addSlave(this.router.nodeId)
    this.shards.begin(this.router.nodeId, undefined, this.stamp)
    this.master = this.router.nodeId
    // Nobody is told yet: global nodes get all of it when we meet them, and nobody could monitor it.
    for (const [family, entries] of this.local) this.shards.update(this.router.nodeId, family, new Map(entries), [])
    this.set(globalsFamily, this.router.nodeId, null)
    for (const nodeId of this.router.upNodes()) this.router.request(nodeId, "g_global")
    for (const nodeId of this.globals) this.meet(nodeId)
    for (const nodeId of Array.from(this.searches.keys())) this.answerSearch(nodeId)
    this.askAgain()
    this.onGlobal()
  }

  private answerSearch(nodeId: string): void {
    const addresses = readAddresses(this.shards?.get(listenersFamily, nodeId))
    this.found(nodeId, addresses)
  }

  private found(nodeId: string, addresses: ReadonlyArray<string>): void {
    const waiting = this.searches.get(nodeId)
    this.searches.delete(nodeId)
    waiting?.forEach((answer) => answer(addresses))
  }

  /** Two global nodes exchange what their slaves gave them. */
  private meet(nodeId: string): void {
    if (this.shards === undefined) return
    this.set(globalsFamily, nodeId, null)
    if (this.router.isOwnKind(nodeId)) return this.meetOwnKind(nodeId, this.shards)
    const { first, rest } = divide(this.shards.ofSlaves())
    this.router.request(nodeId, "g_set", first)
    for (const [family, set] of rest) this.router.request(nodeId, "g_upd", family, set, [])
  }

  private meetOwnKind(nodeId: string, shards: Shards): void {
    let all: Array<unknown> = []
    let size = 0
    const send = (): void => {
      this.router.request(nodeId, ownGlobal.set, all)
      all = []
      size = 0
    }
    for (const { origin, stamp, table } of shards.bySlave()) {
      const { first, rest, size: more } = divide(table)
      if (size > 0 && size + more > portion) send()
      all.push([origin, stamp ?? null, first])
      size += more
      if (rest.length > 0) send()
      for (const [family, set] of rest) {
        this.router.request(nodeId, ownGlobal.update, origin, stamp ?? null, family, set, [])
      }
    }
    if (all.length > 0) send()
  }

  private update(from: string, family: string, set: Family, deleted: ReadonlyArray<string>): void {
    const { shards } = this
    if (shards === undefined) return
    const told = shards.update(from, family, set, deleted)
    if (shards.isSlave(from)) {
      this.tellOwnKind(ownGlobal.update, from, shards.stampOf(from) ?? null, family, ...toWire({ set, deleted }))
    }
    this.tell(family, told)
  }

  /** What a node gave to another global node of our kind. What it gives to us ourselves we know better. */
  private updateVia(via: string, origin: string, stamp: Stamp | undefined, family: string, change: Change): void {
    const { shards } = this
    if (shards === undefined || origin === this.router.nodeId) return
    this.tell(family, shards.update(origin, family, change.set, change.deleted, via, stamp))
  }

  private tellAll(all: ReadonlyMap<string, Told>): void {
    for (const [family, told] of all) this.tell(family, told)
  }

  private tellOwnKind(request: string, ...args: ReadonlyArray<unknown>): void {
    for (const nodeId of this.globals) {
      if (this.router.isOwnKind(nodeId)) this.router.request(nodeId, request, ...args)
    }
  }

  private tell(family: string, told: Told): void {
    if (told.globals !== undefined) {
      for (const nodeId of this.globals) {
        if (!this.router.isOwnKind(nodeId)) this.router.request(nodeId, "g_upd", family, ...toWire(told.globals))
      }
    }
    if (told.monitors === undefined) return
    for (const nodeId of this.watchers.get(family) ?? []) {
      this.router.request(nodeId, "g_chg2", family, ...toWire(told.monitors))
    }
  }

  // ---- requests: what a node port is asked

  /** Registers the `g_*` requests. The result takes them back. */
  install(): () => void {
    const takeBack = Object.entries(this.requests()).map(([name, handle]) => this.router.requests.add(name, handle))
    this.router.listeners.add(this)
    const leave = this.router.observed.network(() => ({
      master: this.master ?? null,
      isGlobal: this.isGlobal,
      families: this.shards?.sizes ?? {}
    }))
    return () => {
      leave()
      this.router.listeners.delete(this)
      for (const back of takeBack) back()
    }
  }

  /** Anyone authenticated may ask; arguments that make no sense are logged and dropped. */
  private requests(): Record<string, (from: string, args: ReadonlyArray<unknown>) => void> {
    const reply = (to: string, request: string, ...args: ReadonlyArray<unknown>): void =>
      this.router.request(to, request, ...args)
    /** Requests about one family, answered by global nodes alone. */
    const asGlobal =
      (name: string, answer: (from: string, family: string, rest: ReadonlyArray<unknown>, shards: Shards) => void) =>
      (from: string, [family, ...rest]: ReadonlyArray<unknown>): void => {
        const text = readName(family)
        if (text === undefined) return this.malformed(from, name)
        if (this.shards !== undefined) answer(from, text, rest, this.shards)
      }
    /** Requests among global nodes of our own kind: nobody else can know what they mean. */
    const asOwnKind =
      (name: string, handle: (from: string, args: ReadonlyArray<unknown>) => void) =>
      (from: string, args: ReadonlyArray<unknown>): void =>
        this.router.isOwnKind(from) ? handle(from, args) : this.malformed(from, name)
    return {
      g_slave: (from, [db, stamp]) => {
        this.becomeGlobal()
        const table = db === undefined ? undefined : readTable(db)
        if (table === undefined) return db === undefined ? undefined : this.malformed(from, "g_slave")
        this.shards?.addSlave(from)
        const read = readStamp(stamp)
        // With a stamp it is all that the node has. Without one, it adds.
        if (read !== undefined && from !== this.router.nodeId) this.begin(from, read)
        for (const [family, entries] of table) this.update(from, family, entries, [])
      },
      g_global: (from) => {
        this.globals.add(from)
        if (this.shards === undefined || from === this.router.nodeId) return
        this.forget(from)
        this.meet(from)
      },
      g_set: (from, [db]) => {
        const table = readTable(db)
        if (table === undefined) return this.malformed(from, "g_set")
        for (const [family, entries] of table) this.update(from, family, entries, [])
        this.knowListeners(from, table)
      },
      [ownGlobal.set]: asOwnKind(ownGlobal.set, (from, [all]) => {
        const shards = readShards(all)
        if (shards === undefined) return this.malformed(from, ownGlobal.set)
        for (const { origin, stamp, table } of shards) {
          if (origin === this.router.nodeId) continue
          this.tellAll(this.shards?.begin(origin, from, stamp) ?? new Map())
          for (const [family, set] of table) this.updateVia(from, origin, stamp, family, { set, deleted: [] })
          if (origin === from) this.knowListeners(from, table)
        }
      }),
      [ownGlobal.update]: asOwnKind(ownGlobal.update, (from, [origin, stamp, family, set, deleted]) => {
        const change = readChange(set, deleted)
        if (typeof origin !== "string" || typeof family !== "string" || change === undefined) {
          return this.malformed(from, ownGlobal.update)
        }
        this.updateVia(from, origin, readStamp(stamp), family, change)
      }),
      [ownGlobal.gone]: asOwnKind(ownGlobal.gone, (from, [origin]) => {
        if (typeof origin !== "string") return this.malformed(from, ownGlobal.gone)
        this.tellAll(this.shards?.dropVia(origin, from) ?? new Map())
      }),
      // What an operator sets here is this node's own: it stays as long as the node.
      [operatorRequests.set]: (from, [family, key, value, to, ...rest]) => {
        const isPlain = isFamilyName(family) && typeof key === "string" && culprit(value, "json") === undefined
        if (isPlain) this.set(family, key, value ?? null)
        if (isPortId(to)) this.router.relay(from, to, [...rest, isPlain])
      },
      [operatorRequests.delete]: (from, [family, keys, to, ...rest]) => {
        const list = isFamilyName(family) ? readKeys(keys) : undefined
        const own = new Set(list && this.delete(String(family), list))
        if (isPortId(to)) this.router.relay(from, to, [...rest, list?.filter((key) => !own.has(key)) ?? null])
      },
      g_upd: asGlobal("g_upd", (from, family, [set, deleted]) => {
        const change = readChange(set, deleted)
        if (change === undefined) return this.malformed(from, "g_upd")
        this.update(from, family, change.set, change.deleted)
      }),
      g_find: asGlobal("g_find", (from, nodeId, _rest, shards) => {
        const value = shards.get(listenersFamily, nodeId)
        reply(from, "g_found", nodeId, value === undefined ? null : value)
      }),
      g_found: (from, [nodeId, addresses]) => {
        if (typeof nodeId !== "string") return this.malformed(from, "g_found")
        this.found(nodeId, readAddresses(addresses))
      },
      g_db_family: asGlobal(
        "g_db_family",
        (from, family, [id], shards) => reply(from, "g_reply", id, Object.fromEntries(shards.family(family)))
      ),
      g_db_keys: asGlobal(
        "g_db_keys",
        (from, family, [id], shards) => reply(from, "g_reply", id, Array.from(shards.family(family).keys()))
      ),
      g_db_values: asGlobal(
        "g_db_values",
        (from, family, [id], shards) => reply(from, "g_reply", id, Array.from(shards.family(family).values()))
      ),
      g_reply: (from, [id, result]) => {
        const query = typeof id === "string" && from === this.master ? this.queries.get(id) : undefined
        if (query === undefined) return
        this.queries.delete(String(id))
        query.answer(result)
      },
      g_mon1: asGlobal("g_mon1", (from, family, _rest, shards) => {
        this.watchers.set(family, (this.watchers.get(family) ?? new Set()).add(from))
        const entries = shards.family(family)
        const whole = entries.size === 0 ? null : Object.fromEntries(entries)
        if (!this.router.isOwnKind(from)) return reply(from, "g_chg1", family, whole)
        const { first, rest } = divide(new Map([[family, entries]]))
        reply(from, "g_chg1", family, Object.values(first)[0] ?? null, rest.length)
        for (const [, set] of rest) reply(from, "g_chg2", family, set, [])
      }),
      g_mon0: asGlobal("g_mon0", (from, family) => {
        const nodes = this.watchers.get(family)
        if (nodes?.delete(from) && nodes.size === 0) this.watchers.delete(family)
      }),
      g_chg1: (from, [family, entries, coming]) => {
        const all = readFamily(entries)
        if (typeof family !== "string" || all === undefined) return this.malformed(from, "g_chg1")
        const subscription = from === this.master ? this.subscriptions.get(family) : undefined
        if (subscription === undefined) return
        const portions = typeof coming === "number" && this.router.isOwnKind(from) ? coming : 0
        arrive(subscription, { all, portions })
      },
      g_chg2: (from, [family, set, deleted]) => {
        const change = readChange(set, deleted)
        if (typeof family !== "string" || change === undefined) return this.malformed(from, "g_chg2")
        const subscription = from === this.master ? this.subscriptions.get(family) : undefined
        if (subscription?.coming !== undefined) {
          const { all, portions } = subscription.coming
          for (const [key, value] of change.set) all.set(key, value)
          return arrive(subscription, { all, portions: portions - 1 })
        }
        if (subscription?.copy === undefined) return
        const changed = apply(subscription.copy, change)
        if (changed !== undefined) emit(subscription, changed)
      }
    }
  }

  /** What a node gave us before is void: all of it comes again. */
  private begin(from: string, stamp: Stamp): void {
    if (this.shards === undefined) return
    this.tellOwnKind(ownGlobal.set, [[from, stamp, {}]])
    this.tellAll(this.shards.begin(from, undefined, stamp))
  }

  private knowListeners(nodeId: string, table: Table): void {
    if (this.isGlobal) this.set(listenersFamily, nodeId, table.get(listenersFamily)?.get(nodeId) ?? null)
  }

  private malformed(from: string, request: string): void {
    this.router.log.warn(`node ${from} sent a malformed ${request}, which was dropped`)
  }
}
