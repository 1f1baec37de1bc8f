/**
 * A node's options, checked. A wrong configuration fails at start, before anything listens.
 *
 * @internal
 */
import { readCredentials } from "#transports"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { schemesOf } from "../transport/carriers.ts"
import { hasEnded, lastDay } from "../transport/certificate.ts"
import type { Credentials } from "../transport/credentials.ts"
import { leastMessageSize, limitsOf } from "../transport/framing/framing.ts"
import { framings } from "../transport/framing/framings.ts"
import { accepted, defaultMethods, isSecret, mostSecrets, offered, secretMethods } from "../transport/handshake/auth.ts"
import { asideKey, ownKindKey, sizeKey, timeoutKey } from "../transport/handshake/greeting.ts"
import type { Identity } from "../transport/handshake/handshake.ts"
import type { Carrier } from "../transport/wire.ts"
import { bare, isLabel, readLabel, splitAddresses, wrongAdvertised, wrongBind } from "../values/address.ts"
import { isNodeId } from "../values/portId.ts"
import { version } from "../values/version.ts"
import { defaultDrainMillis } from "./drain.ts"

/** Re-exported as `Node.InvalidOption`, where it is documented. */
export class InvalidOption extends Schema.TaggedError<InvalidOption>()("InvalidOption", {
  option: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `node option ${this.option}: ${this.problem}`
  }
}

type Text = string | Redacted.Redacted

/** Documented as `Node.Secrets`. */
export type Secrets = Text | ReadonlyArray<Text>

/** Documented as `Node.Options`. */
export interface Options {
  readonly nodeId?: string | undefined
  /** The shared secret, or several: the first is used, all are accepted. `""`: none. */
  readonly secret?: Secrets | undefined
  /** PEM text: a private key, its certificate, certificates to trust. `""`: none. */
  readonly cert?: Text | undefined
  readonly nodeIdInCert?: boolean | undefined
  readonly binds?: ReadonlyArray<string> | undefined
  readonly advertise?: ReadonlyArray<string> | undefined
  readonly scopes?: ReadonlyArray<string> | undefined
  readonly monitorTimeout?: Duration.Input | undefined
  readonly connectInterval?: Duration.Input | undefined
  readonly framings?: ReadonlyArray<string> | undefined
  readonly authOffer?: ReadonlyArray<string> | undefined
  readonly authAccept?: ReadonlyArray<string> | undefined
  readonly maxMessageSize?: number | undefined
  readonly drainTimeout?: Duration.Input | undefined
}

/** What holds where an option is not given. */
export const defaults = {
  monitorTimeoutMillis: 30_000,
  connectIntervalMillis: 2000,
  framings: ["cbor", "json"],
  maxMessageSize: 64 * 1024 * 1024,
  drainTimeoutMillis: defaultDrainMillis
} as const

/** Options with all defaults filled in. */
export interface Checked {
  readonly identity: Identity
  readonly credentials: Credentials | undefined
  /** The labels of addresses that this node dials, the best first. */
  readonly scopes: ReadonlyArray<string>
  readonly monitorTimeoutMillis: number
  readonly connectIntervalMillis: number
  readonly maxMessageSize: number
  readonly drainTimeoutMillis: number
}

/** Checks the options of a node with this expanded ID and this incarnation. */
export const check = (
  options: Options,
  nodeId: string,
  incarnation: string
): Effect.Effect<Checked, InvalidOption> =>
  Effect.gen(function*() {
    if (!isNodeId(nodeId)) {
      return yield* invalid("nodeId", `${JSON.stringify(nodeId)} is empty or holds # ; or control characters`)
    }
    const secrets = yield* checkSecrets(options.secret)
    const credentials = yield* checkCert(options.cert)
    const nodeIdInCert = options.nodeIdInCert === true
    if (nodeIdInCert && credentials === undefined) return yield* invalid("nodeIdInCert", "means nothing without cert")
    const methods = defaultMethods(credentials !== undefined, options.authAccept)
    const monitorTimeoutMillis = yield* checkTime(
      "monitorTimeout",
      options.monitorTimeout ?? defaults.monitorTimeoutMillis
    )
    const maxMessageSize = yield* checkSize("maxMessageSize", options.maxMessageSize ?? defaults.maxMessageSize)
    return {
      identity: {
        nodeId,
        secrets,
        tls: credentials !== undefined,
        subject: credentials?.own.subject,
        nodeIdInCert,
        authOffer: yield* checkNames("authOffer", options.authOffer ?? methods.offer, offered),
        authAccept: (yield* checkNames("authAccept", methods.accept, accepted))
          .filter((method) => secrets.length > 0 || !secretMethods.includes(method)),
        framings: yield* checkNames("framings", options.framings ?? defaults.framings, Array.from(framings.keys())),
        keys: new Map([
          ["provider", `effect-mp-${version}`],
          ["mproto", "1"],
          ["gproto", "1"],
          [ownKindKey, incarnation],
          [timeoutKey, String(monitorTimeoutMillis)],
          [sizeKey, String(maxMessageSize)],
          [asideKey, "1"],
          ...credentials === undefined ? [] : [["tls", "1.0"] as const]
        ])
      },
      credentials,
      scopes: yield* checkList("scopes", options.scopes ?? [], (label) =>
        isLabel(label) ? undefined : `${JSON.stringify(label)} is not of letters, digits, _ and -`),
      monitorTimeoutMillis,
      connectIntervalMillis: yield* checkTime(
        "connectInterval",
        options.connectInterval ?? defaults.connectIntervalMillis
      ),
      maxMessageSize,
      drainTimeoutMillis: yield* checkTime("drainTimeout", options.drainTimeout ?? defaults.drainTimeoutMillis)
    }
  })

/** Where a node is to listen, and what others are told. */
export interface Addresses {
  readonly binds: ReadonlyArray<string>
  /** `undefined`: what the binds stand for. */
  readonly advertise: ReadonlyArray<string> | undefined
}

/** Checks where a node with these options is to listen, with the transport that it has. */
export const checkAddresses = (
  { advertise, binds }: Options,
  { credentials, identity }: Checked,
  carrier: Carrier
): Effect.Effect<Addresses, InvalidOption> => {
  // Nobody can connect without either: it should not look as if somebody could.
  const isOpen = identity.secrets.length > 0 || credentials !== undefined
  const everywhere = schemesOf(carrier).includes(bare) ? [isOpen ? "*" : "127.0.0.1:*"] : []
  const check = (option: "binds" | "advertise", texts: ReadonlyArray<string>, wrong: typeof wrongBind) =>
    checkList(option, texts, (text) => wrong(text, schemesOf(carrier)) ?? carrier.wrong?.(readLabel(text).address))
  return Effect.all({
    binds: check("binds", binds ?? everywhere, wrongBind),
    advertise: advertise === undefined ? Effect.undefined : check("advertise", advertise, wrongAdvertised)
  })
}

const invalid = (option: keyof Options, problem: string) => Effect.fail(new InvalidOption({ option, problem }))

const textOf = (value: Text | undefined): string => (Redacted.isRedacted(value) ? Redacted.value(value) : value) ?? ""

const checkSecrets = (given: Options["secret"]): Effect.Effect<ReadonlyArray<string>, InvalidOption> => {
  // A single secret that is empty is none; in a list it is a mistake.
  const texts = isList(given) ? given.map(textOf) : [textOf(given)].filter((text) => text !== "")
  const secrets = Array.from(new Set(texts))
  if (!secrets.every(isSecret)) return invalid("secret", "holds characters beyond U+00FF or control characters")
  if (secrets.includes("")) return invalid("secret", "one of the list is empty")
  return secrets.length <= mostSecrets
    ? Effect.succeed(secrets)
    : invalid("secret", `${secrets.length} secrets are more than ${mostSecrets}`)
}

const isList = (secret: Options["secret"]): secret is ReadonlyArray<Text> => Array.isArray(secret)

const checkCert = (cert: Options["cert"]): Effect.Effect<Credentials | undefined, InvalidOption> => {
  const pem = textOf(cert)
  if (pem === "") return Effect.succeed(undefined)
  return Effect.try({
    try: () => readCredentials(pem),
    catch: (cause) =>
      new InvalidOption({ option: "cert", problem: cause instanceof Error ? cause.message : String(cause) })
  }).pipe(Effect.tap(({ own }) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      hasEnded(own, now)
        ? invalid("cert", `the certificate ended on ${lastDay(own)}: nobody would let this node in`)
        : Effect.void)
  ))
}

const checkNames = (
  option: keyof Options,
  names: ReadonlyArray<string>,
  known: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, InvalidOption> => {
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) return invalid(option, `${JSON.stringify(unknown)} is none of ${known.join(", ")}`)
  return names.length === 0 ? invalid(option, "is empty") : Effect.succeed(names)
}

const checkTime = (option: keyof Options, time: Duration.Input): Effect.Effect<number, InvalidOption> => {
  const duration = Duration.fromInput(time)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  return millis > 0 && Number.isFinite(millis)
    ? Effect.succeed(millis)
    : invalid(option, `${JSON.stringify(time)} is not a time above zero`)
}

/** Some sizes must fit everywhere: what is said of an end, a small message that is accepted before there is a link. */
const checkSize = (option: keyof Options, size: number): Effect.Effect<number, InvalidOption> =>
  size >= leastMessageSize
    ? Effect.succeed(Math.floor(limitsOf(size).bytes))
    : invalid(option, `${size} is not a size of at least ${leastMessageSize} bytes`)

/** A list whose elements may hold several, separated by commas. */
const checkList = (
  option: keyof Options,
  elements: ReadonlyArray<string>,
  wrong: (text: string) => string | undefined
): Effect.Effect<ReadonlyArray<string>, InvalidOption> => {
  const texts = splitAddresses(elements)
  const problem = texts.map(wrong).find((found) => found !== undefined)
  return problem === undefined ? Effect.succeed(texts) : invalid(option, problem)
}
