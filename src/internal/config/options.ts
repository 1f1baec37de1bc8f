/**
 * A configuration in the terms of a node: what `emp run` runs with, and programs that are configured as it is.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import { InvalidOption, type Options } from "../node/options.ts"
import { didYouMean } from "../values/didYouMean.ts"
import { profilesOf } from "./document.ts"
import { InvalidConfig } from "./errors.ts"
import { inWords } from "./file.ts"
import type { Key, ServiceSpec } from "./keys.ts"
import type { LogFormat } from "./logFormats.ts"
import { oddities } from "./oddities.ts"
import { resolve, type Resolved, type Setting, type Sources } from "./resolve.ts"

/** The options that programs know, each with its key in a configuration. */
export const keyOf: { readonly [O in keyof Required<Omit<Options, "ticket">> | "seeds"]: Key } = {
  nodeId: "nodeid",
  secret: "secret",
  cert: "cert",
  nodeIdInCert: "node_id_in_cert",
  binds: "binds",
  advertise: "advertise",
  scopes: "scopes",
  seeds: "seeds",
  monitorTimeout: "monitor_timeout",
  connectInterval: "connect_interval",
  framings: "framing_format",
  authOffer: "auth_offer",
  authAccept: "auth_accept",
  maxMessageSize: "max_message_size",
  drainTimeout: "drain_timeout",
  guests: "guests"
}

type OptionName = keyof typeof keyOf

/** The same, and what is of `emp run` alone. */
export const runKeyOf = {
  ...keyOf,
  metrics: "metrics",
  threads: "threads",
  otlp: "otlp",
  nats: "nats",
  natsNetwork: "nats_network",
  natsCredentials: "nats_credentials",
  logFormat: "log_format",
  logLevel: "log_level"
} as const satisfies { readonly [O in keyof RunOptions]?: Key }

export const optionNames = Object.keys(keyOf).filter((name): name is OptionName => Object.hasOwn(keyOf, name))

/** What a configuration says of a node. */
interface NodeOptions extends Omit<Options, "secret" | "cert" | "ticket"> {
  /** The first one is used, all are accepted. */
  readonly secret: ReadonlyArray<Redacted.Redacted> | undefined
  /** PEM text. */
  readonly cert: Redacted.Redacted | undefined
}

/** What a node is run with. */
export interface RunOptions extends NodeOptions {
  readonly secret: ReadonlyArray<Redacted.Redacted>
  /** Where the certificate comes from, if it was given by a path. */
  readonly certFile: string | undefined
  readonly seeds: ReadonlyArray<string>
  /** How many nodes the process has, each in a thread of its own. `auto`: one for each core. Default: 1. */
  readonly threads?: number | "auto" | undefined
  /** Where metrics are served. */
  readonly metrics?: string | undefined
  /** The collector that they are sent to. */
  readonly otlp?: string | undefined
  /** Servers of NATS. */
  readonly nats?: ReadonlyArray<string> | undefined
  readonly natsNetwork?: string | undefined
  /** The path of their file. */
  readonly natsCredentials?: string | undefined
  readonly services: ReadonlyArray<ServiceSpec>
  /** For want of it the terminal decides. */
  readonly logFormat: LogFormat | undefined
  /** As `logLevels.ts` reads it. */
  readonly logLevel: ReadonlyArray<string>
  /** Services of AnyEvent::MP, which has the same file: they are not run here. */
  readonly perlServices: ReadonlyArray<string>
}

/** Resolves the sources. Says so if the profile or a parent is not there: with AEMP that is no error. */
export const resolveAloud = (sources: Sources): Effect.Effect<Resolved, InvalidConfig> =>
  Effect.gen(function*() {
    const resolved = yield* Effect.fromResult(resolve(sources))
    const { isMissing, orphan, profile } = resolved
    if (isMissing) {
      const meant = didYouMean(profile, Object.keys(profilesOf(sources.document)))
      yield* Effect.logWarning(`${sources.file} has no profile ${JSON.stringify(profile)}${meant}`)
    }
    if (orphan !== undefined) yield* Effect.logWarning(`profile ${orphan.profile}: ${orphan.problem}`)
    for (const odd of oddities(sources, resolved)) yield* Effect.logWarning(odd)
    return resolved
  })

/** What the sources make of a node that is run by itself. */
export const runOptions = (
  sources: Sources
): Effect.Effect<RunOptions, InvalidConfig, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const { profile, settings } = yield* resolveAloud(sources)
    const node = yield* nodeOptions(settings)
    return {
      ...node,
      nodeId: node.nodeId ?? `${profile}/`,
      secret: node.secret ?? [],
      certFile: settings.cert && !isPem(settings.cert.value) ? settings.cert.value : undefined,
      binds: node.binds ?? ["*"],
      seeds: settings.seeds?.value ?? [],
      threads: settings.threads?.value,
      metrics: settings.metrics?.value,
      otlp: settings.otlp?.value,
      nats: settings.nats?.value,
      natsNetwork: settings.nats_network?.value,
      natsCredentials: settings.nats_credentials?.value,
      logFormat: settings.log_format?.value,
      logLevel: settings.log_level?.value ?? [],
      ...servicesOf(settings)
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

/** Settings in the terms of a node. What they leave open is not there. */
export const nodeOptions = (
  settings: Resolved["settings"]
): Effect.Effect<NodeOptions, InvalidConfig, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    return {
      nodeId: settings.nodeid?.value,
      secret: settings.secret && [settings.secret.value].flat().map((secret) => Redacted.make(secret)),
      cert: settings.cert && (yield* readCert(settings.cert)),
      nodeIdInCert: settings.node_id_in_cert?.value,
      binds: settings.binds?.value,
      advertise: settings.advertise?.value,
      scopes: settings.scopes?.value,
      monitorTimeout: seconds(settings.monitor_timeout),
      connectInterval: seconds(settings.connect_interval),
      framings: settings.framing_format && (yield* spoken(settings.framing_format)),
      authOffer: settings.auth_offer?.value,
      authAccept: settings.auth_accept?.value,
      maxMessageSize: settings.max_message_size?.value,
      drainTimeout: seconds(settings.drain_timeout),
      guests: settings.guests?.value
    }
  })

/** Whether others can connect to a node, or a command to them. */
export const hasProof = ({ cert, secret }: Pick<RunOptions, "secret" | "cert">): boolean =>
  cert !== undefined || secret.length > 0

/** A node that is run by itself is there for others, who need one of the two to connect. */
export const checkProof = (options: Pick<RunOptions, "secret" | "cert">): Effect.Effect<void, InvalidOption> =>
  hasProof(options)
    ? Effect.void
    : Effect.fail(
      new InvalidOption({
        option: "secret",
        problem: "missing: without a secret or a certificate nobody can connect; emp gensecret makes one for all nodes"
      })
    )

const seconds = (
  setting: Setting<"monitor_timeout" | "connect_interval" | "drain_timeout"> | undefined
): Duration.Duration | undefined => setting && Duration.seconds(setting.value)

const isPem = (value: string): boolean => value.includes("-----BEGIN")

/** PEM text, or the path of a file that has it. */
const readCert = ({ value }: Setting<"cert">) =>
  isPem(value) ? Effect.succeed(Redacted.make(value)) : readCertFile(value)

/** The longest text that is taken for a path. */
const longestPath = 400

/**
 * The text of a certificate's file. One that is empty was lost, or somebody is writing it: nobody means by it that the node is to do
 * without a certificate, and let others in without TLS.
 */
export const readCertFile = (
  file: string
): Effect.Effect<Redacted.Redacted, InvalidConfig, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    // What is so long may be a private key in another form, and is not repeated.
    if (file.length > longestPath) {
      const problem = "it is neither PEM text nor the path of a PEM file"
      return yield* new InvalidConfig({ key: "cert", problem, from: undefined })
    }
    const fail = (problem: string) => new InvalidConfig({ key: "cert", problem, from: file })
    const pem = yield* Effect.mapError(files.readFileString(file), (error) => fail(inWords(error)))
    if (pem.trim() === "") return yield* fail("the file is empty")
    return Redacted.make(pem)
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
