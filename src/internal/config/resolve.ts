/**
 * Which of several sources of a configuration wins: defaults, arguments, the file with its profiles, the environment.
 * Follows protocol section 19.
 *
 * @internal
 */
import * as Result from "effect/Result"
import type { JsonObject } from "effect/Schema"
import { defaults } from "../node/options.ts"
import { defaultMethods } from "../transport/handshake/auth.ts"
import { didYouMean } from "../values/didYouMean.ts"
import { ancestry, own, profileOf, profilesOf } from "./document.ts"
import type { InvalidConfig } from "./errors.ts"
import { type Configuration, decode, type Key, keys } from "./keys.ts"

export type Values = { readonly [K in Key]?: unknown }

/** What is given with a command: how the file is to be taken, and values. */
export interface Arguments {
  /** The name of the profile. */
  readonly profile?: string | undefined
  /** The file does not count. */
  readonly norc?: boolean | undefined
  /** Arguments count more than the file; and so do the defaults of the keys that have some. */
  readonly force?: boolean | undefined
  readonly values: Values
}

export interface Sources {
  readonly document: JsonObject
  /** The file's name, for messages. */
  readonly file: string
  readonly hostname: string
  /** `KEY VALUE` in AEMP's form. The file counts more. */
  readonly words: Arguments
  /** By the names of the variables. */
  readonly environment: ReadonlyArray<{ readonly variable: string; readonly values: Values }>
  /** Counts more than everything else. */
  readonly flags: Arguments
}

/** A key's value, and where it comes from. */
export interface Setting<K extends Key> {
  readonly value: Configuration[K]
  readonly from: string
  /** Where it stands, for messages; not known of what has been typed. */
  readonly place: string | undefined
}

export interface Resolved {
  readonly profile: string
  /** The profile was asked for, and the file has none of that name. */
  readonly isMissing: boolean
  /** The profile, or an ancestor of it, whose parent is not there: nothing is inherited from it. */
  readonly orphan: { readonly profile: string; readonly problem: string } | undefined
  readonly settings: { readonly [K in Key]?: Setting<K> }
}

interface Layer extends Pick<Setting<Key>, "from" | "place"> {
  readonly values: Values | JsonObject
}

/** The defaults of AEMP's `configure`, but for the methods. With `force` they count more than the file. */
const configured: Values = {
  monitor_timeout: defaults.monitorTimeoutMillis / 1000,
  connect_interval: defaults.connectIntervalMillis / 1000,
  framing_format: defaults.framings
}

/** The node ID is the profile's name, or else the host's, with a random part. */
const fallback = (profile: string): Values => ({
  nodeid: `${profile}/`,
  binds: ["*"],
  seeds: [],
  services: [],
  max_message_size: defaults.maxMessageSize,
  drain_timeout: defaults.drainTimeoutMillis / 1000,
  node_id_in_cert: false,
  secure: true,
  autocork: true,
  nodelay: true
})

/** The value of every key that has one, and where it comes from. */
export const resolve = (sources: Sources): Result.Result<Resolved, InvalidConfig> =>
  Result.gen(function*() {
    const { document, flags, hostname, words } = sources
    const asked = flags.profile ?? words.profile
    const profile = asked ?? hostname
    const norc = flags.norc ?? words.norc ?? false
    const layers = yield* layersWithMethods(sources, profile, norc)
    const settings: { [K in Key]?: Setting<K> } = {}
    for (const key of keys) {
      const setting = yield* settingOf(key, layers)
      if (setting !== undefined) Object.assign(settings, { [key]: setting })
    }
    const isMissing = asked !== undefined && !norc && profileOf(document, profile) === undefined
    const orphan = norc ? undefined : orphanOf(document, yield* ancestry(document, profile, sources.file))
    return { profile, isMissing, orphan, settings }
  })

const orphanOf = (document: JsonObject, [parent = "", profile]: ReadonlyArray<string>): Resolved["orphan"] => {
  if (profile === undefined || profileOf(document, parent) !== undefined) return undefined
  const meant = didYouMean(parent, Object.keys(profilesOf(document)).filter((name) => name !== profile))
  return { profile, problem: `its parent ${JSON.stringify(parent)} does not exist${meant}` }
}

/** All layers. Which methods are the defaults depends on whether there is a certificate, and on those that are accepted. */
const layersWithMethods = (
  sources: Sources,
  profile: string,
  norc: boolean
): Result.Result<ReadonlyArray<Layer>, InvalidConfig> =>
  Result.gen(function*() {
    const hasCertificate = (yield* settingOf("cert", yield* layersOf(sources, profile, norc, configured))) !== undefined
    const accepting = { ...configured, auth_accept: defaultMethods(hasCertificate).accept }
    const accept = yield* settingOf("auth_accept", yield* layersOf(sources, profile, norc, accepting))
    const { offer } = defaultMethods(hasCertificate, accept?.value)
    return yield* layersOf(sources, profile, norc, { ...accepting, auth_offer: offer })
  })

/** The weakest first. */
const layersOf = (
  { document, environment, file, flags, words }: Sources,
  profile: string,
  norc: boolean,
  configured: Values
): Result.Result<ReadonlyArray<Layer>, InvalidConfig> =>
  Result.gen(function*() {
    const force = flags.force ?? words.force ?? false
    const preset = (values: Values): Layer => ({ from: "default", place: undefined, values })
    const given: Layer = { from: "arguments", place: undefined, values: words.values }
    const stored: Array<Layer> = [{ from: "file", place: file, values: document }]
    for (const name of norc ? [] : yield* ancestry(document, profile, file)) {
      const from = `profile ${name}`
      stored.push({ from, place: `${file}, ${from}`, values: profileOf(document, name) ?? {} })
    }
    const variables = environment.map(({ values, variable }) => ({ from: `$${variable}`, place: variable, values }))
    const base = [preset(fallback(profile)), preset(configured)]
    const middle = norc
      ? [...variables, given]
      : force
      ? [...stored, preset(configured), ...variables, given]
      : [given, ...stored, ...variables]
    return [...base, ...middle, { from: "flags", place: undefined, values: flags.values }]
  })

/** The strongest source wins, even where it says `null`: that is no value. */
const settingOf = <K extends Key>(
  key: K,
  layers: ReadonlyArray<Layer>
): Result.Result<Setting<K> | undefined, InvalidConfig> => {
  const layer = layers.findLast(({ values }) => own<unknown>(values, key) !== undefined)
  const raw = layer === undefined ? null : own<unknown>(layer.values, key)
  if (layer === undefined || raw === null) return Result.succeed(undefined)
  const { from, place } = layer
  return Result.map(decode(key, raw, place), (value) => ({ value, from, place }))
}
