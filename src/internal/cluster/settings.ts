/**
 * What a cluster is configured with, checked: times that fit each other, and terms that all nodes agree on.
 *
 * @internal
 */
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { InvalidOption } from "../node/options.ts"
import { quoted } from "../values/describe.ts"
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

export interface Times {
  /** How long a runner that is silent keeps its shards. */
  readonly leaseMillis: number
  /** The same, of one whose links were broken: it goes by what it knows for this long, and not longer. */
  readonly graceMillis: number
  /** How often Sharding refreshes, and how long it waits for that. */
  readonly refreshMillis: number
  /** So long a refresh waits for the voters: then there is time left to answer what is known. */
  readonly patienceMillis: number
  /** What is held for less than this is given up: so long entities have to stop. */
  readonly stoppingMillis: number
}

export const timesOf = (leaseMillis: number, graceMillis: number): Times => ({
  leaseMillis,
  graceMillis,
  refreshMillis: graceMillis / 4,
  patienceMillis: graceMillis * 0.15,
  stoppingMillis: graceMillis / 4
})

export interface Settings {
  readonly name: string
  readonly times: Times
  readonly terms: Terms
  readonly sharding: Omit<All, "runnerAddress">
}

/** Documented in `Cluster.Options`. */
export const defaults = { name: "cluster", leaseMillis: 10_000, graceMillis: 2000, pollMillis: 100 } as const

/**
 * By this Sharding looks for messages that are kept, and for shards that it has missed: where nothing is kept it costs no more than a look.
 * Effect's own 10 seconds are for databases.
 */
const lookMillis = 1000

/** Below it a process that is busy for a moment would lose what it holds. */
const leastGraceMillis = 1000
const mostLeaseMillis = 3_600_000

const names = /^[A-Za-z][\w.-]{0,99}$/

const wrong = (option: string, problem: string) => Effect.fail(new InvalidOption({ option, problem }))

const millisOf = (time: Duration.Input): number =>
  Option.match(Duration.fromInput(time), { onNone: () => Number.NaN, onSome: Duration.toMillis })

export const check = (options: {
  readonly name?: string | undefined
  readonly lease?: Duration.Input | undefined
  readonly grace?: Duration.Input | undefined
  readonly config?: Config | undefined
  readonly messages?: unknown
}): Effect.Effect<Settings, InvalidOption> => {
  const { config, name = defaults.name } = options
  const leaseMillis = millisOf(options.lease ?? defaults.leaseMillis)
  const graceMillis = millisOf(options.grace ?? Math.min(defaults.graceMillis, leaseMillis))
  if (!names.test(name)) {
    return wrong(
      "name",
      `${quoted(name)} is no name of a cluster, which begins with a letter and has letters, digits, ".", "-" and "_"`
    )
  }
  if (!(graceMillis >= leastGraceMillis)) return wrong("grace", `is a time of at least ${leastGraceMillis} ms`)
  if (!(leaseMillis >= graceMillis && leaseMillis <= mostLeaseMillis)) {
    return wrong("lease", "is a time of at most an hour, and not shorter than the grace")
  }
  const times = timesOf(leaseMillis, graceMillis)
  const sharding = {
    ...ShardingConfig.defaults,
    refreshAssignmentsInterval: defaults.pollMillis,
    ...options.messages === undefined ? { entityMessagePollInterval: lookMillis } : {},
    ...config,
    shardLockExpiration: leaseMillis,
    shardLockRefreshInterval: times.refreshMillis
  }
  const { available } = ShardingConfig.shardGroupConfig({ ...sharding })
  const { shardsPerGroup } = sharding
  if (!(Number.isSafeInteger(shardsPerGroup) && shardsPerGroup > 0)) {
    return wrong("config", `shardsPerGroup is a whole number of at least 1, and not ${shardsPerGroup}`)
  }
  return Effect.succeed({
    name,
    times,
    terms: { format, shardsPerGroup, groups: Array.from(available) },
    sharding
  })
}
