/**
 * What a cluster is configured with, checked: times that fit each other, and terms that all nodes agree on.
 *
 * @internal
 */
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { InvalidOption } from "../node/options.ts"
import { quoted } from "../values/describe.ts"
import { refreshMillis } from "./leases.ts"
import { format, type Terms } from "./terms.ts"

type All = ShardingConfig.ShardingConfig["Service"]

/** Documented as `Cluster.Config`. */
export type Config = Partial<
  Omit<
    All,
    | "runnerAddress"
    | "runnerListenAddress"
    | "shardLockDisableAdvisory"
    | "shardLockExpiration"
    | "shardLockRefreshInterval"
    | "runnerHealthCheckInterval"
  >
>

export interface Settings {
  readonly name: string
  readonly leaseMillis: number
  /** So long after a link was broken its owner's locks are kept: longer than the owner takes to notice, and to stop. */
  readonly graceMillis: number
  readonly terms: Terms
  readonly sharding: Omit<All, "runnerAddress">
}

/** Documented in `Cluster.Options`. */
export const defaults = { name: "cluster", leaseMillis: 10_000, pollMillis: 100 } as const

/** Below it a process that is busy for a moment would lose what it holds. */
const leastLeaseMillis = 3000

/** An owner notices within two refreshes, and has this time for its entities to stop. */
const stoppingMillis = 700

const names = /^[A-Za-z][\w.-]{0,99}$/

const wrong = (option: string, problem: string) => Effect.fail(new InvalidOption({ option, problem }))

export const check = (options: {
  readonly name?: string | undefined
  readonly lease?: Duration.Input | undefined
  readonly config?: Config | undefined
}): Effect.Effect<Settings, InvalidOption> => {
  const { config, name = defaults.name } = options
  const leaseMillis = Duration.toMillis(Duration.fromInputUnsafe(options.lease ?? defaults.leaseMillis))
  if (!names.test(name)) return wrong("name", `${quoted(name)} is no name of a cluster: letters, digits, ".", "-" and "_"`)
  if (!(leaseMillis >= leastLeaseMillis && Number.isFinite(leaseMillis))) {
    return wrong("lease", `it is a time of at least ${leastLeaseMillis / 1000} seconds`)
  }
  const sharding = {
    ...ShardingConfig.defaults,
    refreshAssignmentsInterval: defaults.pollMillis,
    ...config,
    shardLockExpiration: leaseMillis,
    shardLockRefreshInterval: refreshMillis
  }
  const { available } = ShardingConfig.shardGroupConfig({ ...sharding })
  const { shardsPerGroup } = sharding
  if (!(Number.isSafeInteger(shardsPerGroup) && shardsPerGroup > 0)) {
    return wrong("config", `shardsPerGroup is a whole number of at least 1, and not ${shardsPerGroup}`)
  }
  return Effect.succeed({
    name,
    leaseMillis,
    graceMillis: 2 * refreshMillis + stoppingMillis,
    terms: { format, shardsPerGroup, groups: Array.from(available) },
    sharding
  })
}
