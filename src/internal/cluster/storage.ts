/**
 * What Effect's sharding takes for a database: who the runners are stands in a family of the network's own, and which of them has a shard is
 * for the voters to say.
 *
 * @internal
 */
import { PersistenceError } from "effect/cluster/ClusterError"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Global } from "../../Global.ts"
import type { Node } from "../../Node.ts"
import { NodeRouter } from "../node/router.ts"
import type { Leases } from "./leases.ts"
import type { Register } from "./register.ts"

/** The IDs of messages have room for so many machines that make them. */
const machines = 1024

/** So many IDs of machines are asked for at once: unless nearly all are taken, one of them is free. */
const machinesAskedFor = 8

/** Shards and machines are locks of one table. */
const shardKey = (shard: string): string => `shard:${shard}`
const shardOf = (key: string): string => key.slice("shard:".length)
const machineKey = (machine: number): string => `machine:${machine}`

const refail = (cause: unknown): PersistenceError => new PersistenceError({ cause })

const runnersOf = (register: Register): RunnerStorage.Encoded["getRunners"] =>
  Effect.sync(() => register.candidates.slice())

const clientsDoNot = Effect.die(new Error("clients hold no shards"))

/** For nodes that have no shards, and look for runners alone. */
export const clientStorage = (register: Register): RunnerStorage.RunnerStorage["Service"] =>
  RunnerStorage.makeEncoded({
    getRunners: runnersOf(register),
    register: () => clientsDoNot,
    unregister: () => clientsDoNot,
    setRunnerHealth: () => clientsDoNot,
    acquire: () => clientsDoNot,
    refresh: () => clientsDoNot,
    release: () => clientsDoNot,
    releaseAll: () => clientsDoNot
  })

export class RunnerLocks {
  private readonly register: Register
  private readonly leases: Leases
  private readonly leaseMillis: number
  private readonly context: Context.Context<Global | Node | Scope.Scope>
  private machine: number | undefined = undefined
  private hasResigned = false

  constructor(
    register: Register,
    leases: Leases,
    leaseMillis: number,
    context: Context.Context<Global | Node | Scope.Scope>
  ) {
    this.register = register
    this.leases = leases
    this.leaseMillis = leaseMillis
    this.context = context
  }

  /** Gives all shards to others, in order, and takes none any more. */
  get resign(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.hasResigned = true
      return this.register.withdraw
    })
  }

  private get mayHold(): boolean {
    return !this.hasResigned && this.register.refusal === undefined
  }

  readonly service: RunnerStorage.RunnerStorage["Service"] = RunnerStorage.makeEncoded({
    getRunners: Effect.suspend(() => runnersOf(this.register)),
    register: (address, runner) => this.enter(address, runner),
    unregister: () => this.register.leave,
    // Each node sees for itself who is there.
    setRunnerHealth: () => Effect.void,
    // Without an answer that has some Sharding asks again at once, when it has looked whether there is something to release.
    acquire: (_address, shards) =>
      Effect.suspend(() =>
        this.mayHold ? Effect.map(this.leases.acquire(shards.map(shardKey)), (keys) => keys.map(shardOf)) : noShards
      ),
    refresh: (_address, shards) => this.refresh(shards),
    release: (_address, shard) => this.leases.release(shardKey(shard)),
    releaseAll: () => this.leases.releaseAllBut(this.machine === undefined ? undefined : machineKey(this.machine))
  })

  private enter(address: string, runner: string): Effect.Effect<number, PersistenceError> {
    return Effect.gen({ self: this }, function*() {
      const machine = this.machine ?? (yield* this.freeMachine)
      this.machine = machine
      const router = yield* NodeRouter
      yield* this.register.enter(address, runner, this.leaseMillis, router.now())
      if (this.hasResigned) yield* this.register.withdraw
      return machine
    }).pipe(Effect.mapError(refail), Effect.provideContext(this.context))
  }

  /** Two runners with one ID of a machine would give the same IDs to their messages. */
  private get freeMachine(): Effect.Effect<number, string> {
    return Effect.gen({ self: this }, function*() {
      const first = yield* Random.nextIntBetween(0, machines - 1)
      const wanted = Array.from({ length: machinesAskedFor }, (_, n) => (first + n) % machines)
      const granted = new Set(yield* this.leases.tryAcquire(wanted.map(machineKey)))
      const [taken, ...spare] = wanted.filter((machine) => granted.has(machineKey(machine)))
      yield* Effect.forEach(spare, (machine) => this.leases.release(machineKey(machine)), { concurrency: "unbounded" })
      return taken ?? (yield* Effect.fail("no ID of a machine was granted by the voters"))
    })
  }

  private refresh(shards: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> {
    return Effect.gen({ self: this }, function*() {
      const held = yield* this.leases.refresh(shards.map(shardKey))
      yield* this.keepMachine
      // Sharding lets the entities of shards finish that are not held any more, and releases them.
      return this.mayHold ? held.map(shardOf) : []
    })
  }

  /** Where another runner may have the ID of its machine by now, Sharding enters this one again: it is not listed any more. */
  private get keepMachine(): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      if (this.machine === undefined || (yield* this.leases.has(machineKey(this.machine)))) return
      if ((yield* this.leases.tryAcquire([machineKey(this.machine)])).length > 0) return
      this.machine = undefined
      yield* this.register.leave
    })
  }
}

const noShards: Effect.Effect<Array<string>> = Effect.succeed([])
