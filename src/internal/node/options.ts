/**
 * A node's options, checked. A wrong configuration fails at start, before anything listens.
 *
 * @internal
 */
import { framings } from "#framings"
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
import { accepted, defaultMethods, isSecret, mostSecrets, offered, secretMethods } from "../transport/handshake/auth.ts"
import { asideKey, guestKey, guestSizeKey, ownKindKey, sizeKey, timeoutKey } from "../transport/handshake/greeting.ts"
import type { Identity } from "../transport/handshake/handshake.ts"
import { latestExpiry, readTicket, type Ticket } from "../transport/handshake/ticket.ts"
import type { Carrier } from "../transport/wire.ts"
import { bare, isLabel, readLabel, splitAddresses, wrongAdvertised, wrongBind } from "../values/address.ts"
import { isNodeId } from "../values/portId.ts"
import { version } from "../values/version.ts"
import { defaultDrainMillis } from "./drain.ts"
import { type GuestLimits, type GuestOptions, limitsForGuests, wrongGuests } from "./guestLimits.ts"

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
  /** What makes the node a guest. */
  readonly ticket?: Text | undefined
  readonly guests?: boolean | GuestOptions | undefined
}

/** What holds where an option is not given. */
export const defaults = {
  monitorTimeoutMillis: 30_000,
  connectIntervalMillis: 2000,
  framings: Array.from(framings.keys()),
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
  readonly guestLimits: GuestLimits | undefined
}

/** What a guest has no use for: it proves itself with its ticket, and is dialled by nobody. */
const notOfGuests = ["secret", "cert", "nodeIdInCert", "advertise", "authOffer", "authAccept", "guests"] as const

/** The ticket of a node that is to be a guest. */
export const ticketOf = (options: Options): Effect.Effect<Ticket | undefined, InvalidOption> => {
  if (options.ticket === undefined) return Effect.undefined
  const ticket = readTicket(textOf(options.ticket))
  if (ticket === undefined) return invalid("ticket", "is no ticket: Node.ticket and emp ticket make them")
  const useless = notOfGuests.find((option) => options[option] !== undefined)
  if (useless !== undefined) return invalid(useless, "means nothing with a ticket, which makes the node a guest")
  if ((options.binds ?? []).length > 0) {
    return invalid("binds", "a guest, which a ticket makes of a node, does not listen")
  }
  return (options.nodeId ?? ticket.nodeId) === ticket.nodeId
    ? Effect.succeed(ticket)
    : invalid("nodeId", `is not that of the ticket, ${ticket.nodeId}`)
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
    const ticket = yield* ticketOf(options)
    if (ticket !== undefined && ticket.nodeId !== nodeId) {
      return yield* invalid("ticket", `is for node ${ticket.nodeId}, and this is ${nodeId}`)
    }
    const secrets = ticket === undefined ? yield* checkSecrets(options.secret) : [ticket.key]
    const guestLimits = yield* checkGuests(options, secrets)
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
        takesGuests: guestLimits !== undefined,
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
          ...ticket === undefined ? [] : [[guestKey, String(ticket.expires)] as const],
          ...guestLimits === undefined
            ? []
            : [[guestSizeKey, String(Math.min(guestLimits.maxMessageSize, maxMessageSize))] as const],
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
      guestLimits,
      drainTimeoutMillis: yield* checkTime("drainTimeout", options.drainTimeout ?? defaults.drainTimeoutMillis)
    }
  })

/** Where a node is to listen, and what others are told. */
export interface Addresses {
  readonly binds: ReadonlyArray<string>
  /** `undefined`: what the binds stand for. */
  readonly advertise: ReadonlyArray<string> | undefined
}

/** Checks what a ticket is to be for, and answers when it ends, in seconds since 1970. */
export const checkTicket = (
  { expires, node }: { readonly node: string; readonly expires: Duration.Input },
  nodeId?: string
): Effect.Effect<number, InvalidOption> => {
  const duration = Duration.fromInput(expires)
  const millis = duration._tag === "Some" ? Duration.toMillis(duration.value) : Number.NaN
  if (!isNodeId(node)) return invalid("ticket", `${JSON.stringify(node)} is no node ID`)
  if (node === nodeId) return invalid("ticket", `${node} is the ID of this very node`)
  if (!(millis > 0)) return invalid("ticket", `${JSON.stringify(expires)} is not a time above zero`)
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const end = Math.ceil((now + millis) / 1000)
    return end <= latestExpiry ? Effect.succeed(end) : invalid("ticket", "ends later than tickets can")
  })
}

/** Checks where a node with these options is to listen, with the transport that it has. */
export const checkAddresses = (
  { advertise, binds, ticket }: Options,
  { credentials, identity }: Checked,
  carrier: Carrier
): Effect.Effect<Addresses, InvalidOption> => {
  // Nobody can connect without either: it should not look as if somebody could.
  const isOpen = identity.secrets.length > 0 || credentials !== undefined
  const everywhere = ticket === undefined && schemesOf(carrier).includes(bare) ? [isOpen ? "*" : "127.0.0.1:*"] : []
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

const checkGuests = (
  { guests }: Options,
  secrets: ReadonlyArray<string>
): Effect.Effect<GuestLimits | undefined, InvalidOption> => {
  const limits = limitsForGuests(guests)
  const wrong = guests === undefined ? undefined : wrongGuests(guests)
  if (wrong !== undefined) return invalid("guests", wrong)
  return limits !== undefined && secrets.length === 0
    ? invalid("guests", "needs a secret, which tickets are made of")
    : Effect.succeed(limits)
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
