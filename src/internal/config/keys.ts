/**
 * The keys of a configuration, and what each may hold. Follows protocol section 19: the keys are AEMP's, and a few of our
 * own. Values are taken as AEMP's own file may have them.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type GuestOptions, wrongGuests } from "../node/guestLimits.ts"
import { leastMessageSize } from "../transport/framing/framing.ts"
import { accepted, isSecret, mostSecrets, offered } from "../transport/handshake/auth.ts"
import { isNatsNetwork, natsScheme } from "../transport/nats/address.ts"
import { isNatsServer } from "../transport/nats/servers.ts"
import { webSocketSchemes } from "../transport/webSocket/address.ts"
import {
  bare,
  isLabel,
  readLabel,
  splitAddresses,
  threadScheme,
  unixScheme,
  wrongAdvertised,
  wrongBind,
  wrongSeed
} from "../values/address.ts"
import { isNodeId } from "../values/portId.ts"
import { InvalidConfig } from "./errors.ts"
import { type LogFormat, logFormats } from "./logFormats.ts"
import { wrongLevel } from "./logLevels.ts"

interface About {
  readonly about: string
  readonly allowed: string
  readonly example: string
}

interface Kind<A> extends About {
  /** What is wrong with a value, where more can be said than what is allowed. */
  readonly explain?: (culprit: unknown) => string | undefined
  /** A list is given as JSON, or with commas. */
  readonly isList: boolean
  /** Answers the value, or else what of it is wrong. */
  readonly decode: (raw: unknown) => Result.Result<A, unknown>
}

const one = <A>(schema: Schema.ConstraintDecoder<A>, about: About): Kind<A> => {
  const decode = Schema.decodeUnknownOption(schema)
  return { ...about, isList: false, decode: (raw) => Result.fromOption(decode(raw), () => raw) }
}

const list = <A>(
  schema: Schema.ConstraintDecoder<A>,
  elements: (raw: unknown) => ReadonlyArray<unknown>,
  about: About
): Kind<ReadonlyArray<A>> => {
  const decode = Schema.decodeUnknownOption(schema)
  return {
    ...about,
    isList: true,
    decode: (raw) => Result.all(elements(raw).map((element) => Result.fromOption(decode(element), () => element)))
  }
}

/** The elements of lists of texts; each may hold several, with commas between them. */
const texts = (raw: unknown): ReadonlyArray<unknown> =>
  (Array.isArray(raw) ? raw : [raw]).flatMap((element: unknown): ReadonlyArray<unknown> => {
    // Perl does not tell numbers from texts.
    const text = typeof element === "number" ? String(element) : element
    return typeof text === "string" ? splitAddresses([text]) : [text]
  })

/** Elements of which at least one has to be there when somebody writes a text: an empty one is a variable that was not set. */
const atLeastOne = (raw: unknown): ReadonlyArray<unknown> =>
  [raw].flat().some((element) => element === "") ? [""] : texts(raw)

/** The elements of a list of services. A text is one with commas; what stands in a list is taken as it is. */
const services = (raw: unknown): ReadonlyArray<unknown> => Array.isArray(raw) ? raw : texts(raw)

const text = (holds: (text: string) => boolean) => Schema.String.pipe(Schema.check(Schema.makeFilter(holds)))

/** All forms of a truth value, in JSON and on command lines. */
const truths = new Map<unknown, boolean>([
  ...[true, 1, "1", "true", "yes", "on"].map((form) => [form, true] as const),
  ...[false, 0, "0", "", "false", "no", "off"].map((form) => [form, false] as const)
])
const decodeTruth = (raw: unknown): Result.Result<boolean, unknown> => {
  const truth = truths.get(raw)
  return truth === undefined ? Result.fail(raw) : Result.succeed(truth)
}
const truth = (about: string): Kind<boolean> => ({
  about,
  allowed: "true or false",
  example: "true",
  isList: false,
  decode: decodeTruth
})

/** `GuestOptions` as JSON has them. */
type Guests = { readonly [K in keyof GuestOptions]: Exclude<GuestOptions[K], undefined> }

const isObject = (value: unknown): value is Guests =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const guests: Kind<boolean | Guests> = {
  about: "Whether guests with tickets are let in, or their limits",
  allowed: "true or false, or an object with limits",
  example: "true",
  isList: false,
  decode: (raw) => isObject(raw) && wrongGuests(raw) === undefined ? Result.succeed(raw) : decodeTruth(raw),
  explain: (culprit) => isObject(culprit) ? wrongGuests(culprit) : undefined
}

/** One address to listen on. A number is a port. */
const bind = (about: About): Kind<string> => ({
  ...about,
  isList: false,
  decode: (raw) => {
    const address = typeof raw === "number" ? String(raw) : raw
    const isBind = typeof address === "string" && readLabel(address).label === undefined
    return isBind && wrongBind(address, [bare]) === undefined ? Result.succeed(address) : Result.fail(raw)
  }
})

/** Of addresses of nodes: what the transports are of that `emp` has. */
export const schemes = [bare, unixScheme, threadScheme, natsScheme, ...webSocketSchemes]

const isUrl = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? "")

const Positive = Schema.Union([Schema.Finite, Schema.FiniteFromString]).pipe(Schema.check(Schema.isGreaterThan(0)))
const seconds = (about: string, example: string): Kind<number> =>
  one(Positive, { about, allowed: "a number of seconds above zero", example })

/** Each of them holds memory, whether or not there are so many cores. */
const mostThreads = 256
const Count = Schema.Union([Schema.Finite, Schema.FiniteFromString]).pipe(
  Schema.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: mostThreads }))
)

const names = (known: ReadonlyArray<string>, about: string, example: string): Kind<ReadonlyArray<string>> =>
  list(Schema.Literals(known), texts, { about, allowed: `one of ${known.join(", ")}`, example })

const Secret = text((secret) => secret !== "" && isSecret(secret))
const SecretList = Schema.Array(Secret).pipe(
  Schema.check(Schema.makeFilter(({ length }) => length > 0 && length <= mostSecrets))
)

/** `MODULE#EXPORT`, perhaps with arguments for the function that makes the service. */
export type ServiceSpec = string | readonly [spec: string, ...args: ReadonlyArray<Schema.Json>]

const ServiceSchema: Schema.ConstraintDecoder<ServiceSpec> = Schema.Union([
  Schema.NonEmptyString,
  Schema.TupleWithRest(Schema.Tuple([Schema.NonEmptyString]), [Schema.Json])
])

const listOfServices = (about: string): Kind<ReadonlyArray<ServiceSpec>> =>
  list(ServiceSchema, services, {
    about,
    allowed: "a service: MODULE, MODULE#EXPORT, or in JSON [\"MODULE#EXPORT\", ARGUMENT, ...]",
    example: "./greeter.js,./clock.js#hourly"
  })

/** What a configuration can have. */
export interface Configuration {
  readonly nodeid: string
  /** Of several, the first one is used, and all are accepted. */
  readonly secret: string | ReadonlyArray<string>
  readonly cert: string
  readonly binds: ReadonlyArray<string>
  readonly advertise: ReadonlyArray<string>
  readonly scopes: ReadonlyArray<string>
  readonly seeds: ReadonlyArray<string>
  readonly services: ReadonlyArray<ServiceSpec>
  readonly emp_services: ReadonlyArray<ServiceSpec>
  /** In seconds. */
  readonly monitor_timeout: number
  /** In seconds. */
  readonly connect_interval: number
  readonly framing_format: ReadonlyArray<string>
  readonly auth_offer: ReadonlyArray<string>
  readonly auth_accept: ReadonlyArray<string>
  /** In bytes. */
  readonly max_message_size: number
  /** In seconds. */
  readonly drain_timeout: number
  readonly node_id_in_cert: boolean
  readonly guests: boolean | Guests
  /** Servers of NATS. */
  readonly nats: ReadonlyArray<string>
  readonly nats_network: string
  /** The path of a file. */
  readonly nats_credentials: string
  readonly metrics: string
  readonly threads: number | "auto"
  readonly otlp: string
  readonly log_format: LogFormat
  /** `LEVEL` or `NAME=LEVEL`. */
  readonly log_level: ReadonlyArray<string>
  readonly secure: boolean
  readonly autocork: boolean
  readonly nodelay: boolean
}

export type Key = keyof Configuration

/** All keys. Those that mean something to AEMP alone may be set, as both can have one file. */
export const kinds: { readonly [K in Key]: Kind<Configuration[K]> } = {
  nodeid: one(Schema.String.pipe(Schema.check(Schema.makeFilter(isNodeId))), {
    about: "The node ID; %n is the host, a last / gets random letters",
    allowed: "a text without # ; and control characters, and not empty",
    example: "anon/"
  }),
  secret: one(Schema.Union([Secret, SecretList]), {
    about: "What all nodes of the network share, or a JSON list",
    allowed:
      `a text of characters up to U+00FF, without control characters, and not empty, or a list of ${mostSecrets} at most`,
    example: "swordfish"
  }),
  cert: one(Schema.NonEmptyString, {
    about: "Key, certificate, certificates to trust, in PEM",
    allowed: "PEM text, or the path of a PEM file",
    example: "node.pem"
  }),
  binds: list(text((bind) => wrongBind(bind, schemes) === undefined), texts, {
    about: "Where to listen; an empty list is nowhere",
    allowed:
      "an address: host:port, [v6]:port, *:port, a bare port, unix:/path, ws://host:port/path, nats: on the server of nats, or thread:NAME; port * or none is a free one",
    example: "4040,127.0.0.1:4041"
  }),
  advertise: list(text((address) => wrongAdvertised(address, schemes) === undefined), texts, {
    about: "What others are told to dial, if not the binds",
    allowed:
      "an address of one host: host:port, [v6]:port, or host or v6, with the ports of the binds; unix:/path, or wss://host/path",
    example: "node1.example:4040"
  }),
  scopes: list(text(isLabel), texts, {
    about: "Labels of addresses that are dialled, the best first",
    allowed: "a label: letters, digits, _ and -",
    example: "vpn,public"
  }),
  seeds: list(text((seed) => wrongSeed(seed, schemes) === undefined), atLeastOne, {
    about: "Nodes to connect to at the start; [] is none",
    allowed:
      "an address: host:port, [v6]:port, *:port, a bare port of this host, unix:/path, wss://host/path, or nats:NODE; * is this very node",
    example: "10.0.0.1:4040,10.0.0.2:4040"
  }),
  services: listOfServices("What to run: MODULE or MODULE#EXPORT"),
  emp_services: listOfServices("The same for effect-mp alone, in place of services"),
  monitor_timeout: seconds("Seconds of silence after which a node counts as dead", "30"),
  connect_interval: seconds("Seconds that finding and dialling a node may take", "2"),
  framing_format: names(["cbor", "json", "storable"], "Framings that we speak, the best first", "cbor,json"),
  auth_offer: names(offered, "How we authenticate, the best first", "tls_sha3_512,hmac_sha3_512"),
  auth_accept: names(accepted, "How others may authenticate", "tls_sha3_512"),
  max_message_size: one(
    Schema.Union([Schema.Int, Schema.FiniteFromString.pipe(Schema.check(Schema.isInt()))]).pipe(
      Schema.check(Schema.isGreaterThanOrEqualTo(leastMessageSize))
    ),
    {
      about: "Bytes that a message from another node may have",
      allowed: `a whole number of bytes, at least ${leastMessageSize}`,
      example: "1048576"
    }
  ),
  drain_timeout: seconds("Seconds for what a node has in hand when it stops", "10"),
  node_id_in_cert: truth("Whether a certificate must be for its node's ID"),
  guests,
  nats: list(text(isNatsServer), texts, {
    about: "Servers of NATS, for addresses nats:NODE",
    allowed: "a server: nats://host:4222, nats://user:password@host, nats://token@host, or tls://host",
    example: "nats://127.0.0.1:4222"
  }),
  nats_network: one(text(isNatsNetwork), {
    about: "Which of several networks on one server of NATS",
    allowed: "a text of at most 64 letters, digits, _ and -",
    example: "default"
  }),
  nats_credentials: one(Schema.NonEmptyString, {
    about: "The file of credentials for the server of NATS",
    allowed: "the path of a .creds file",
    example: "emp.creds"
  }),
  threads: one(Schema.Union([Schema.Literal("auto"), Count]), {
    about: "How many nodes emp run has, each in a thread",
    allowed: `a whole number from 1 to ${mostThreads}, or auto: as many as there are cores`,
    example: "4"
  }),
  metrics: bind({
    about: "Where metrics and probes are served by HTTP",
    allowed: "an address: host:port, [v6]:port, *:port, or a bare port of the loopback interface",
    example: "9464"
  }),
  otlp: one(text(isUrl), {
    about: "A collector of OpenTelemetry: traces, metrics, logs",
    allowed: "the URL of a collector, http or https",
    example: "http://localhost:4318"
  }),
  log_format: one(Schema.Literals(logFormats), {
    about: "How emp run writes its log",
    allowed: `one of ${logFormats.join(", ")}`,
    example: "json"
  }),
  log_level: {
    ...list(text((entry) => wrongLevel(entry) === undefined), texts, {
      about: "What is logged, at least; also by module or service",
      allowed: "LEVEL or NAME=LEVEL",
      example: "info,Transport=debug"
    }),
    explain: wrongLevel
  },
  secure: truth("For AnyEvent::MP only: run no code for others"),
  autocork: truth("For AnyEvent::MP only: collect what is sent"),
  nodelay: truth("For AnyEvent::MP only: do not wait for more to send")
}

export const isKey = (name: string): name is Key => Object.hasOwn(kinds, name)
export const keys: ReadonlyArray<Key> = Object.keys(kinds).filter(isKey)

/** Checks the value of a key. */
export const decode = <K extends Key>(
  key: K,
  raw: unknown,
  from: string | undefined
): Result.Result<Configuration[K], InvalidConfig> => {
  const kind = kinds[key]
  return Result.mapError(kind.decode(raw), (culprit) => {
    // What may be a secret is not repeated.
    const what = key === "secret" || key === "cert" || key === "nats" ? "it" : JSON.stringify(culprit).slice(0, 80)
    return new InvalidConfig({ key, problem: kind.explain?.(culprit) ?? `${what} is not ${kind.allowed}`, from })
  })
}
