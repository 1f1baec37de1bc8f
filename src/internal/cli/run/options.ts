/**
 * What `emp run` runs with: the configuration in the terms of a node.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Node from "../../../Node.ts"
import { profilesOf } from "../config/document.ts"
import { inWords } from "../config/file.ts"
import { InvalidConfig } from "../config/keys.ts"
import { resolve, type Setting, type Sources } from "../config/resolve.ts"
import { didYouMean } from "../terminal/usage.ts"
import type { ServiceSpec } from "./service.ts"

/** What a node is run with. */
export interface RunOptions extends Omit<Node.Options, "secret" | "cert"> {
  readonly seeds: ReadonlyArray<string>
  /** The first one is used, all are accepted. */
  readonly secret: ReadonlyArray<Redacted.Redacted>
  /** PEM text. */
  readonly cert: Redacted.Redacted | undefined
  /** Where it comes from, if it was given by a path. */
  readonly certFile: string | undefined
  readonly services: ReadonlyArray<ServiceSpec>
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
      secret: [settings.secret?.value ?? []].flat().map((secret) => Redacted.make(secret)),
      cert: settings.cert && (yield* readCert(settings.cert)),
      certFile: settings.cert && !isPem(settings.cert.value) ? settings.cert.value : undefined,
      nodeIdInCert: settings.node_id_in_cert?.value,
      binds: settings.binds?.value ?? ["*"],
      advertise: settings.advertise?.value,
      scopes: settings.scopes?.value,
      seeds: settings.seeds?.value ?? [],
      services: settings.services?.value ?? [],
      monitorTimeout: seconds(settings.monitor_timeout),
      connectInterval: seconds(settings.connect_interval),
      framings: settings.framing_format && (yield* spoken(settings.framing_format)),
      authOffer: settings.auth_offer?.value,
      authAccept: settings.auth_accept?.value,
      maxMessageSize: settings.max_message_size?.value
    }
  })

/** Whether others can connect to a node, or a command to them. */
export const hasProof = ({ cert, secret }: Pick<RunOptions, "secret" | "cert">): boolean =>
  cert !== undefined || secret.length > 0

/** A node that is run by itself is there for others, who need one of the two to connect. */
export const checkProof = (options: Pick<RunOptions, "secret" | "cert">): Effect.Effect<void, Node.InvalidOption> =>
  hasProof(options)
    ? Effect.void
    : Effect.fail(
      new Node.InvalidOption({
        option: "secret",
        problem: "missing: without a secret or a certificate nobody can connect; emp gensecret makes one for all nodes"
      })
    )

const seconds = (setting: Setting<"monitor_timeout" | "connect_interval"> | undefined): Duration.Duration | undefined =>
  setting && Duration.seconds(setting.value)

const isPem = (value: string): boolean => value.includes("-----BEGIN")

/** PEM text, or the path of a file that has it. */
const readCert = Effect.fnUntraced(function*({ value }: Setting<"cert">) {
  if (isPem(value)) return Redacted.make(value)
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
