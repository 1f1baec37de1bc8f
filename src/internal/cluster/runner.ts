/**
 * A node as a runner of Effect's cluster, or as a client of one: what Effect's sharding stands on, of what this package has.
 *
 * @internal
 */
import type * as MessageStorage from "effect/cluster/MessageStorage"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import type * as Runners from "effect/cluster/Runners"
import * as RunnerServer from "effect/cluster/RunnerServer"
import * as RunnerStorage from "effect/cluster/RunnerStorage"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { getCurrentVersion } from "effect/Version"
import type { Global } from "../../Global.ts"
import type { Node } from "../../Node.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { Counted } from "./counted.ts"
import { Leases, type Locks } from "./leases.ts"
import * as moves from "./moves.ts"
import { clientProtocol, serverProtocol } from "./protocols.ts"
import { quiet } from "./quiet.ts"
import { Register } from "./register.ts"
import type { Settings } from "./settings.ts"
import { clientStorage, RunnerLocks } from "./storage.ts"
import { yielding } from "./yielding.ts"

/** What programs stand on. */
export type Provided = Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage

export interface VotersLocks extends Locks {
  readonly name: string
  readonly voters: ReadonlyArray<string>
  /** Waits until a majority of the voters grants. */
  readonly ready: Effect.Effect<void>
}

/** Where messages are kept that must not be lost: a Layer of the program, which may want to know the configuration. */
type Messages<E, R> = Layer.Layer<MessageStorage.MessageStorage, E, R>

type Built<E, R> = Layer.Layer<Provided, E, Node | Global | Exclude<R, ShardingConfig.ShardingConfig>>

/** The scope is the layer's. */
const makeRegister = (settings: Settings, router: Router) => {
  const register = new Register(settings.name, settings.terms, getCurrentVersion(), router.log.of("Cluster"))
  return Effect.as(Effect.orDie(register.follow), register)
}

const config = ({ sharding }: Settings, runnerAddress: Option.Option<RunnerAddress.RunnerAddress>) =>
  ShardingConfig.layer({ ...sharding, runnerAddress })

/** Its number on this node: another one for each runner that is made. */
const runnerNumber = Random.nextIntBetween(1, Number.MAX_SAFE_INTEGER)

export const runner = <E, R, EL, RL>(
  settings: Settings,
  messages: Messages<E, R>,
  makeLocks: Effect.Effect<VotersLocks, EL, RL | Node | Scope.Scope>
): Layer.Layer<
  Provided,
  E | EL,
  Node | Global | Exclude<RL, Scope.Scope> | Exclude<R, ShardingConfig.ShardingConfig>
> =>
  Layer.unwrap(Effect.gen(function*() {
    const router = yield* NodeRouter
    const { name } = settings
    const address = RunnerAddress.make(router.nodeId, yield* runnerNumber)
    const locks = yield* makeLocks
    const register = yield* makeRegister(settings, router)
    // Without them it can have no entities: neither now, nor when they are lost later.
    yield* Effect.acquireRelease(
      Effect.sync(() => router.observed.needsVotes(locks.name, `cluster ${name}`)),
      (takeBack) => Effect.sync(takeBack)
    )
    yield* locks.ready
    const probe = `probe:${address.host}:${address.port}`
    const leases = new Leases(locks, settings.times, () => router.monotonic(), yield* Effect.scope, probe)
    const context = yield* Effect.context<Global | Node | Scope.Scope>()
    const held = new RunnerLocks(register, leases, settings.times.leaseMillis, context)
    const resign = (): void => router.fork(held.resign)
    yield* Effect.acquireRelease(
      Effect.sync(() => void router.drain.listeners.add(resign)),
      () => Effect.sync(() => router.drain.listeners.delete(resign))
    )
    // Effect has one Layer for the whole process, which may have several nodes.
    const sharding = yielding(quiet(Layer.fresh(Layer.provideMerge(RunnerServer.layer, moves.sharding)))).pipe(
      Layer.provide([
        serverProtocol(name, address, resign),
        clientProtocol(name, register),
        healthOf(register),
        Layer.succeed(RunnerStorage.RunnerStorage, held.service)
      ])
    )
    const told = { runner: address, voters: locks.voters, locks: locks.name }
    return observed(settings, register, told).pipe(
      Layer.provideMerge(sharding),
      Layer.provideMerge(messages),
      Layer.provide(config(settings, Option.some(address)))
    )
  }))

export const client = <E, R>(settings: Settings, messages: Messages<E, R>): Built<E, R> =>
  Layer.unwrap(Effect.gen(function*() {
    const register = yield* makeRegister(settings, yield* NodeRouter)
    const sharding = Layer.fresh(moves.sharding).pipe(
      Layer.provide([
        clientProtocol(settings.name, register),
        RunnerHealth.layerNoop,
        Layer.succeed(RunnerStorage.RunnerStorage, clientStorage(register))
      ])
    )
    return observed(settings, register, { runner: undefined, voters: [], locks: null }).pipe(
      Layer.provideMerge(sharding),
      Layer.provideMerge(messages),
      Layer.provide(config(settings, Option.none()))
    )
  }))

/** A second opinion, which is the first one: who is silent is listed as such. */
const healthOf = (register: Register): Layer.Layer<RunnerHealth.RunnerHealth> =>
  Layer.succeed(RunnerHealth.RunnerHealth, {
    isAlive: ({ host, port }) => Effect.sync(() => register.isAlive(`${host}:${port}`))
  })

/** The same service, and operators see what becomes of it. */
const observed = (
  { name, terms }: Settings,
  register: Register,
  { locks, runner, voters }: {
    readonly runner: RunnerAddress.RunnerAddress | undefined
    readonly voters: ReadonlyArray<string>
    readonly locks: string | null
  }
) =>
  Layer.effect(
    Sharding.Sharding,
    Effect.gen(function*() {
      const router = yield* NodeRouter
      const sharding = yield* Sharding.Sharding
      const counted = new Counted(sharding, terms)
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          router.observed.cluster(() => ({
            name,
            runner: runner === undefined ? null : `${runner.host}:${runner.port}`,
            voters,
            locks,
            effectVersion: getCurrentVersion(),
            refusal: register.refusal ?? null,
            ...counted.status,
            runners: register.listed.map(({ address, isAlive }) => ({ runner: address, isAlive }))
          }))
        ),
        (takeBack) => Effect.sync(takeBack)
      )
      return counted.sharding
    })
  )
