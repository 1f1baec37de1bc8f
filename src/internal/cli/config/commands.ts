/**
 * The configuration on the command line: a command for each word of a chain, and the flags and arguments of `emp run`.
 *
 * @internal
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { InvalidConfig } from "../../config/errors.ts"
import type { Arguments, Sources } from "../../config/resolve.ts"
import { readValue } from "../../config/text.ts"
import { groups, readArguments, type Word } from "./chain.ts"

const loadSurroundings = Effect.promise(() => import("../../config/surroundings.ts"))

const chainFlags = {
  json: Flag.Boolean("json").pipe(Flag.withDescription("Show JSON"), Flag.withDefault(false)),
  secrets: Flag.Boolean("show-secrets").pipe(
    Flag.withDescription("Show secrets too, where something is shown"),
    Flag.withDefault(false)
  ),
  more: Argument.String("command").pipe(
    Argument.withDescription("Further commands of the configuration. All are done, or none"),
    Argument.atLeast(0)
  )
}

const startChain = Effect.fnUntraced(function*(
  chain: ReadonlyArray<string>,
  options: { readonly json: boolean; readonly secrets: boolean }
) {
  const { configure } = yield* Effect.promise(() => import("./apply.ts"))
  const { surroundings } = yield* loadSurroundings
  yield* configure(chain, yield* surroundings(true), options)
})

/** A command that begins a chain: what stands behind it belongs to the chain, and is read there. */
const wordCommand = (word: Word, name: string) => {
  const { about, allowed = "", argument, examples } = word
  const command = argument === undefined
    ? Command.make(name, chainFlags, ({ more, ...options }) => startChain([name, ...more], options))
    : Command.make(
      name,
      { first: Argument.String(argument).pipe(Argument.withDescription(allowed), Argument.optional), ...chainFlags },
      ({ first, more, ...options }) => startChain([name, ...Option.toArray(first), ...more], options)
    )
  const documented = command.pipe(
    Command.withDescription(about),
    Command.withExamples(examples.map((example) => ({ command: `emp ${example}` })))
  )
  return name === word.name && word.isUnlisted !== true ? documented : Command.unlisted(documented)
}

/** The commands in their groups. `setKEY` is another name for `KEY`, and need not be listed too. */
export const configGroups = groups.map(({ group, words }) => ({
  group,
  commands: words.flatMap((word) =>
    [word.name, ...(word.alias === undefined ? [] : [word.alias])].map((name) => wordCommand(word, name))
  )
}))

const text = (name: string, about: string) => Flag.String(name).pipe(Flag.withDescription(about), Flag.optional)
const list = (name: string, about: string) =>
  Flag.String(name).pipe(Flag.withDescription(`${about}. Repeatable`), Flag.atLeast(0))
const switched = (name: string, about: string) => Flag.Boolean(name).pipe(Flag.withDescription(about), Flag.optional)

/** The flags of `emp run`, by the names of AEMP's keys, and its arguments in AEMP's form. */
export const runParams = {
  profile: text("profile", "The profile of the configuration file to use. Default: the one named like the host"),
  nodeid: text("node-id", "Unique in the network; %n is the host name, a trailing / gets random characters"),
  binds: list(
    "bind",
    "Where to listen: host:port, *:port, a bare port (* is a free one), unix:/path, nats:, ws://host:port/path"
  ),
  advertise: list(
    "advertise",
    "What others are told to dial, if not the binds: host:port, or host with the binds' ports"
  ),
  scopes: list("scope", "A label of addresses to dial, as of host:port@LABEL, the best first"),
  seeds: list("seed", "Where a node to connect to listens: host:port, unix:/path, wss://host/path, nats:NODE"),
  secret: Flag.Redacted("secret").pipe(
    Flag.withDescription(
      "What all nodes of the network share. $EMP_SECRET does the same, and other users cannot see it"
    ),
    Flag.optional
  ),
  cert: text("cert", "PEM file: private key, certificate, certificates to trust. Demands TLS. Also: $EMP_CERT"),
  services: list("service", "MODULE or MODULE#EXPORT: a Layer, an Effect, or a function that returns one"),
  monitor_timeout: text("monitor-timeout", "After how many seconds of silence a node counts as dead"),
  connect_interval: text("connect-interval", "How many seconds finding and dialling a node may take"),
  framing_format: list("framing", "A framing to speak, the best first"),
  auth_offer: list("auth-offer", "A method to authenticate with, the best first"),
  auth_accept: list("auth-accept", "A method with which others may authenticate"),
  max_message_size: text("max-message-size", "How many bytes a message may have"),
  log_format: text(
    "log-format",
    "How the log is written: logfmt, json or pretty. Default: pretty on a terminal, else logfmt"
  ),
  log_level: text("log-level", "The least level of the log, also by module or service: info,Transport=debug"),
  drain_timeout: text("drain-timeout", "How many seconds a node may take for what it has in hand when it stops"),
  node_id_in_cert: switched("node-id-in-cert", "Certificates must be for the node IDs of their nodes"),
  threads: text("threads", "How many nodes the process has, each in a thread of its own; auto: one for each core"),
  metrics: text(
    "metrics",
    "Where /metrics, /healthz and /readyz are served: host:port, or a port of the loopback interface"
  ),
  otlp: text("otlp", "The URL of an OpenTelemetry collector, for traces, metrics and logs"),
  norc: switched("norc", "Do without the configuration file"),
  force: switched("force", "KEY VALUE counts more than the configuration file"),
  words: Argument.String("key value").pipe(
    Argument.withDescription("As AEMP takes them: [profile NAME] [KEY VALUE ...]. The file counts more"),
    Argument.atLeast(0)
  )
}

type RunInput = Command.Command.Config.Infer<typeof runParams>

/** Where the configuration of `emp run` comes from. */
export const runSources = Effect.fnUntraced(function*(input: RunInput) {
  const words = yield* Effect.fromResult(readArguments(input.words))
  return yield* sourcesOf(words, yield* Effect.fromResult(readFlags(input)))
})

/** Where a configuration comes from for which these are the arguments in AEMP's form, and the flags. */
export const sourcesOf = Effect.fnUntraced(function*(words: Arguments, flags: Arguments) {
  const { surroundings } = yield* loadSurroundings
  const { read } = yield* Effect.promise(() => import("../../config/file.ts"))
  const isRead = !(flags.norc ?? words.norc ?? false)
  const around = yield* surroundings(isRead)
  const document = isRead ? (yield* read(around.file)).document : {}
  return { ...around, document, words, flags } satisfies Sources
})

const given = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> | undefined => list.length === 0 ? undefined : list

/** As they were given: values are checked with those of the other sources. */
const readFlags = (input: RunInput): Result.Result<Arguments, InvalidConfig> =>
  Result.map(
    Result.all(input.services.map((service) => readValue("services", service))),
    (services) => ({
      profile: Option.getOrUndefined(input.profile),
      norc: Option.getOrUndefined(input.norc),
      force: Option.getOrUndefined(input.force),
      values: {
        nodeid: Option.getOrUndefined(input.nodeid),
        secret: Option.getOrUndefined(Option.map(input.secret, Redacted.value)),
        cert: Option.getOrUndefined(input.cert),
        binds: given(input.binds),
        advertise: given(input.advertise),
        scopes: given(input.scopes),
        seeds: given(input.seeds),
        // Whoever types it means this node, whatever the file has for AEMP's and ours.
        services: given(services),
        emp_services: given(services),
        monitor_timeout: Option.getOrUndefined(input.monitor_timeout),
        connect_interval: Option.getOrUndefined(input.connect_interval),
        framing_format: given(input.framing_format),
        auth_offer: given(input.auth_offer),
        auth_accept: given(input.auth_accept),
        max_message_size: Option.getOrUndefined(input.max_message_size),
        node_id_in_cert: Option.getOrUndefined(input.node_id_in_cert),
        threads: Option.getOrUndefined(input.threads),
        metrics: Option.getOrUndefined(input.metrics),
        otlp: Option.getOrUndefined(input.otlp),
        log_format: Option.getOrUndefined(input.log_format),
        log_level: Option.getOrUndefined(input.log_level),
        drain_timeout: Option.getOrUndefined(input.drain_timeout)
      }
    })
  )
