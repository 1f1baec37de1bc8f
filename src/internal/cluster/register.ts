/**
 * Who the runners of a cluster are, as this node sees them: entries of a family of the network's database, which are gone when their
 * nodes are. Who falls silent stays in there for longer than its leases last: so each node asks the others whether they are there.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../../Global.ts"
import type { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import type { NodeLog } from "../node/nodeLog.ts"
import { NodeRouter } from "../node/router.ts"
import { watchSilence } from "../node/silence.ts"
import { difference, Entry, inForce, type Terms } from "./terms.ts"

/** A runner as it is listed. */
export interface Listed {
  readonly address: string
  /** As Effect encodes it. */
  readonly runner: string
  /** Whether its node answers. */
  readonly isAlive: boolean
  /** Whether shards are for it. */
  readonly getsShards: boolean
}

/** Addresses of runners are `NODE:NUMBER`. */
export const nodeOfAddress = (address: string): string => address.slice(0, address.lastIndexOf(":"))

export class Register {
  private readonly log: NodeLog
  private readonly family: Global.TypedFamily<Entry>
  private readonly terms: Terms
  private readonly effectVersion: string
  private entries: ReadonlyMap<string, Entry> = new Map()
  private own: { readonly address: string; readonly entry: Entry; readonly scope: Scope.Closeable } | undefined =
    undefined
  private readonly silent = new Set<string>()
  /** Told when a runner falls silent. */
  readonly whenSilent = new Set<(address: string) => void>()
  /** What was logged of others, by their addresses. */
  private readonly told = new Map<string, string>()
  /** What this node has otherwise than the runners that were there before it: as long as that is so, it has no part in the cluster. */
  private dissent: string | undefined = undefined
  private hasWithdrawn = false

  constructor(name: string, terms: Terms, effectVersion: string, log: NodeLog) {
    this.family = Global.typed(`effect_mp::cluster::${name}`, Entry)
    this.terms = terms
    this.effectVersion = effectVersion
    this.log = log
  }

  /** Follows the others until the scope closes. It is there when the network has told who they are. */
  get follow(): Effect.Effect<void, Global.InvalidEntry, Global.Global | Node | Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const known = yield* Deferred.make<void, Global.InvalidEntry>()
      const watched = yield* FiberMap.make<string>()
      const context = yield* Effect.context<Node>()
      const { nodeId } = yield* NodeRouter
      const changed = (entries: ReadonlyMap<string, Entry>) =>
        Effect.gen({ self: this }, function*() {
          this.changed(entries)
          for (const [address, { leaseMillis }] of entries) {
            if (FiberMap.hasUnsafe(watched, address) || nodeOfAddress(address) === nodeId) continue
            yield* FiberMap.run(watched, address, Effect.provideContext(this.watch(address, leaseMillis), context))
          }
          for (const [address] of watched) if (!entries.has(address)) yield* FiberMap.remove(watched, address)
          yield* Deferred.succeed(known, undefined)
        })
      yield* this.family.mon.pipe(
        Stream.runForEach(({ entries }) => changed(entries)),
        Effect.onError((cause) => Deferred.failCause(known, cause)),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Deferred.await(known)
    })
  }

  /** Asks a runner, for as long as it is listed, whether it is there. */
  private watch(address: string, leaseMillis: number): Effect.Effect<never, never, Node> {
    return Effect.contextWith((context: Context.Context<Node>) => {
      const question = Effect.provideContext(Port.calMessage(nodeOfAddress(address), "time"), context)
      return watchSilence(Context.get(context, NodeRouter), leaseMillis, question, (isSilent) => {
        if (!isSilent) return void this.silent.delete(address)
        this.silent.add(address)
        for (const tell of this.whenSilent) tell(address)
      })
    }).pipe(Effect.ensuring(Effect.sync(() => this.silent.delete(address))))
  }

  /** Enters this node as a runner. What it has told before under this address is replaced. */
  enter(address: string, runner: string, leaseMillis: number, now: number): Effect.Effect<
    void,
    Global.InvalidEntry,
    Global.Global | Scope.Scope
  > {
    return Effect.gen({ self: this }, function*() {
      yield* this.leave
      const entry: Entry = { ...this.terms, runner, leaseMillis, effect: this.effectVersion, since: now }
      const scope = yield* Scope.fork(yield* Effect.scope)
      if (!this.hasWithdrawn) yield* Scope.provide(this.family.set(address, entry), scope)
      this.own = { address, entry, scope }
      this.changed(this.entries)
    })
  }

  get leave(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { own } = this
      this.own = undefined
      return own === undefined ? Effect.void : Scope.close(own.scope, Exit.void)
    })
  }

  /**
   * Nobody gives it shards any more. It goes on listing itself, as one that gets none: its own Sharding enters it again otherwise.
   */
  get withdraw(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.hasWithdrawn = true
      return this.own === undefined ? Effect.void : Scope.close(this.own.scope, Exit.void)
    })
  }

  /** Whether this node may hold shards. */
  get takesPart(): boolean {
    return !this.hasWithdrawn && this.dissent === undefined
  }

  /** Whether this node must not hold shards, and why. */
  get refusal(): string | undefined {
    return this.dissent
  }

  /** Whether a runner answers, as far as this node knows. */
  isAlive(address: string): boolean {
    return !this.silent.has(address)
  }

  /** The runners that this node goes by: those with its own terms. */
  get listed(): ReadonlyArray<Listed> {
    const others = this.dissent === undefined
      ? Array.from(this.entries).filter(([address, entry]) =>
        address !== this.own?.address && difference(entry, this.terms) === undefined
      )
      : []
    const told = others.map(([address, { runner }]) => {
      const isAlive = this.isAlive(address)
      return { address, runner, isAlive, getsShards: isAlive }
    })
    if (this.own === undefined) return told
    const { address, entry: { runner } } = this.own
    // Somebody has to have them: with nobody else there they stay where they are until this runner closes.
    const getsShards = !this.hasWithdrawn || !told.some(({ getsShards }) => getsShards)
    return [{ address, runner, isAlive: true, getsShards }, ...told]
  }

  private changed(entries: ReadonlyMap<string, Entry>): void {
    this.entries = entries
    const { own } = this
    const first = inForce(own === undefined ? entries : new Map([...entries, [own.address, own.entry]]))
    const differing = first === undefined ? undefined : difference(first[1], this.terms)
    const dissent = differing === undefined ? undefined : `${nodeOfAddress(first![0])} has ${differing}`
    if (dissent !== this.dissent) this.tellDissent(dissent)
    this.dissent = dissent
    for (const [address, entry] of entries) this.tellOf(address, entry)
    for (const address of this.told.keys()) if (!entries.has(address)) this.told.delete(address)
  }

  private tellDissent(dissent: string | undefined): void {
    if (dissent === undefined) this.log.info("this node agrees with the runners that there are, and takes part")
    else {
      this.log.error(
        `this node takes no part until the runners that were there before it are gone: its configuration is another one: ${dissent}`
      )
    }
  }

  private tellOf(address: string, entry: Entry): void {
    const differing = difference(entry, this.terms)
    const text = this.dissent === undefined && differing !== undefined
      ? `runner ${address} has ${differing}: it gets no shards`
      : entry.effect !== this.effectVersion
      ? `runner ${address} has version ${entry.effect} of effect, and this node ${this.effectVersion}`
      : undefined
    if (text === undefined || this.told.get(address) === text) return
    this.told.set(address, text)
    this.log.warn(text)
  }
}
