/**
 * What `emp run` runs with: the configuration in the terms of a node.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import type * as Node from "../../../Node.ts"
import { profilesOf } from "../config/document.ts"
import { inWords } from "../config/file.ts"
import { InvalidConfig } from "../config/keys.ts"
import { resolve, type Resolved, type Setting, type Sources } from "../config/resolve.ts"
import { didYouMean } from "../terminal/usage.ts"
import type { ServiceSpec } from "./service.ts"

/** What a node is run with. */
export interface RunOptions extends Omit<Node.Options, "secret" | "cert"> {
  readonly seeds: ReadonlyArray<string>
  readonly secret: Redacted.Redacted | undefined
  /** PEM text. */
  readonly cert: Redacted.Redacted | undefined
  readonly services: ReadonlyArray<ServiceSpec>
  /** Services of AnyEvent::MP, which has the same file: they are not run here. */
  readonly perlServices: ReadonlyArray<string>
}

/** Resolves the sources. Says so if the profile or a parent is not there: with AEMP that is no error. */
export const runOptions = (
  sources: Sources
): Effect.Effect<RunOptions, InvalidConfig, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const { isMissing, orphan, profile, settings } = yield* Effect.fromResult(resolve(sources))
    if (isMissing) {
      const meant = didYouMean(profile, Object.keys(profilesOf(sources.document)))
      yield* Effect.logWarning(`${sources.file} has no profile ${JSON.stringify(profile)}${meant}`)
    }
    if (orphan !== undefined) yield* Effect.logWarning(`profile ${orphan.profile}: ${orphan.problem}`)
    return {
      nodeId: settings.nodeid?.value ?? `${profile}/`,
      secret: settings.secret && Redacted.make(settings.secret.value),
      cert: settings.cert && (yield* readCert(settings.cert)),
      nodeIdInCert: settings.node_id_in_cert?.value,
      binds: settings.binds?.value ?? ["*"],
      seeds: settings.seeds?.value ?? [],
      ...servicesOf(settings),
      monitorTimeout: seconds(settings.monitor_timeout),
      connectInterval: seconds(settings.connect_interval),
      framings: settings.framing_format && (yield* spoken(settings.framing_format)),
      authOffer: settings.auth_offer?.value,
      authAccept: settings.auth_accept?.value,
      maxMessageSize: settings.max_message_size?.value
    }
  })

/** Those of `services` whose names Perl alone can load are AnyEvent::MP's, and what `emp_services` replaces is nobody's concern. */
const servicesOf = (
  { emp_services, services }: Resolved["settings"]
): Pick<RunOptions, "services" | "perlServices"> => {
  if (emp_services !== undefined) return { services: emp_services.value, perlServices: [] }
  const all = services?.value ?? []
  return {
    services: all.filter((service) => !nameOf(service).includes("::")),
    perlServices: all.map(nameOf).filter((name) => name.includes("::"))
  }
}

const nameOf = (service: ServiceSpec): string => typeof service === "string" ? service : service[0]

const seconds = (setting: Setting<"monitor_timeout" | "connect_interval"> | undefined): Duration.Duration | undefined =>
  setting && Duration.seconds(setting.value)

/** PEM text, or the path of a file that has it. */
const readCert = Effect.fnUntraced(function*({ value }: Setting<"cert">) {
  if (value.includes("-----BEGIN")) return Redacted.make(value)
  const files = yield* FileSystem.FileSystem
  return yield* Effect.mapBoth(files.readFileString(value), {
    onSuccess: (pem) => Redacted.make(pem),
    onFailure: (error) => new InvalidConfig({ key: "cert", problem: inWords(error), from: value })
  })
})

/** `storable` is Perl's own, and stands in the list that AEMP has if nobody changes it. */
const spoken = ({ place, value }: Setting<"framing_format">) => {
  const framings = value.filter((name) => name !== "storable")
  return framings.length > 0
    ? Effect.succeed(framings)
    : Effect.fail(
      new InvalidConfig({ key: "framing_format", problem: "has neither cbor nor json", from: place })
    )
}
