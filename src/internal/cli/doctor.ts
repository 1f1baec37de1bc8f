/**
 * `emp doctor`: what could keep a node of this configuration from working, and what to do about it.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as os from "node:os"
import * as Global from "../../Global.ts"
import * as Node from "../../Node.ts"
import * as Port from "../../Port.ts"
import * as Transport from "../../Transport.ts"
import { profilesOf } from "../config/document.ts"
import { ConfigFileError } from "../config/errors.ts"
import { oddities } from "../config/oddities.ts"
import { hasProof, type RunOptions, runOptions } from "../config/options.ts"
import { resolve, type Sources } from "../config/resolve.ts"
import { expand } from "../node/nodeId.ts"
import { soonMillis } from "../node/ownProof.ts"
import { NodeRouter } from "../node/router.ts"
import { areFor, hasEnded, lastDay } from "../transport/certificate.ts"
import { isWithoutTls } from "../transport/handshake/auth.ts"
import { LinkError, type LinkErrorReason } from "../transport/linkError.ts"
import { readCredentials } from "../transport/tls.ts"
import {
  bare,
  formatAddress,
  isLoopback,
  isOwnSeed,
  parseAddress,
  readLabel,
  schemeOf,
  splitAddresses
} from "../values/address.ts"
import { commandPrefix } from "../values/commandId.ts"
import { didYouMean } from "../values/didYouMean.ts"
import { CommandFailed } from "./network/session.ts"
import { load } from "./run/service.ts"
import { wrap } from "./terminal/screen.ts"
import { layerTransport } from "./transport.ts"

/** What was looked at, what was found, and what to do if it is not as it should be. */
export interface Finding {
  readonly what: string
  readonly verdict: "ok" | "warning" | "problem"
  readonly found: string
  readonly advice?: string
}

const ok = (what: string, found: string): Finding => ({ what, verdict: "ok", found })
const warning = (what: string, found: string, advice: string): Finding => ({ what, verdict: "warning", found, advice })
const problem = (what: string, found: string, advice: string): Finding => ({ what, verdict: "problem", found, advice })

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

/** What is wrong with an address: without the address, which the finding begins with already. */
const problemOf = (cause: Cause.Cause<unknown>, name: string): string => {
  const message = messageOf(cause)
  // The node that answers at an address stands behind it in brackets.
  return message.startsWith(name) ? message.slice(name.length).replace(/^ \((node .*?)\)(?=: )|^: /, "$1") : message
}

/** Looks at everything, one thing after the other, and fails if something is a problem. */
export const doctor = (sources: Sources | ConfigFileError, json: boolean) =>
  Effect.gen(function*() {
    const findings: Array<Finding> = []
    const add = (all: ReadonlyArray<Finding>) => {
      findings.push(...all)
      return json ? Effect.void : Effect.forEach(all, (finding) => Console.log(describe(finding)), { discard: true })
    }
    yield* add([ok("Node.js", process.versions.node)])
    if (sources instanceof ConfigFileError) {
      yield* add([problem("configuration file", sources.message, "correct or remove it: it is never overwritten")])
    } else {
      yield* add(yield* configFile(sources))
      const options = yield* Effect.result(runOptions(sources))
      if (Result.isFailure(options)) {
        const advice = "correct this value: emp showconfig shows where it comes from"
        yield* add([problem("configuration", options.failure.message, advice)])
      } else {
        yield* add(oddFindings(sources))
        yield* add(secret(options.success))
        yield* add(yield* certificate(options.success))
        yield* add(perlServices(options.success))
        yield* add(yield* services(options.success))
        yield* add(yield* binds(options.success))
        yield* add(yield* advertised(options.success))
        yield* add(yield* seeds(options.success))
      }
    }
    const bad = findings.filter(({ verdict }) => verdict === "problem").length
    if (json) yield* Console.log(JSON.stringify(findings))
    if (bad > 0) return yield* new CommandFailed({ problem: `${bad} ${bad === 1 ? "problem" : "problems"} found` })
  }).pipe(Effect.provide(Logger.layer([])))

const marks: Record<Finding["verdict"], string> = { ok: "ok     ", warning: "WARNING", problem: "PROBLEM" }

/** Where the text of a finding begins, behind its mark. */
const margin = 9

const describe = ({ advice, found, verdict, what }: Finding): string =>
  [
    wrapped(`${marks[verdict]}  ${what}: ${found}`),
    ...(advice === undefined ? [] : [wrapped(`${" ".repeat(margin)}→ ${advice}`)])
  ].join("\n")

/** A program that reads it wants a finding in a line. */
const wrapped = (text: string): string => process.stdout.isTTY ? wrap(text, margin) : text

/** What is hardly meant. */
const oddFindings = (sources: Sources): ReadonlyArray<Finding> =>
  Result.match(resolve(sources), {
    onFailure: () => [],
    onSuccess: (resolved) =>
      oddities(sources, resolved).map((odd) => warning("configuration", odd, "correct it, or remove it"))
  })

/** The file could be read: the sources come from it. */
const configFile = Effect.fnUntraced(function*(sources: Sources) {
  const { file, flags, words } = sources
  const what = "configuration file"
  if (flags.norc ?? words.norc ?? false) return [ok(what, `${file} does not count: norc`)]
  const files = yield* FileSystem.FileSystem
  const stat = yield* Effect.option(files.stat(file))
  if (Option.isNone(stat)) return [ok(what, `there is no ${file}: flags and environment count`), ...profile(sources)]
  const mode = Number(stat.value.mode) & 0o777
  // What is no file, as /dev/null, holds no secret.
  const found = (mode & 0o077) === 0 || stat.value.type !== "File"
    ? ok(what, file)
    : warning(what, `${file} can be read by others (mode ${mode.toString(8)})`, `chmod 600 ${file}`)
  return [found, ...profile(sources)]
})

/** A profile that was asked for, or that another one has as its parent, and that is not there. */
const profile = (sources: Sources): ReadonlyArray<Finding> => {
  const resolved = Result.getOrUndefined(resolve(sources))
  if (resolved?.orphan !== undefined) {
    const { problem, profile } = resolved.orphan
    return [warning(`profile ${profile}`, problem, `emp profile ${profile} parent NAME sets it, delparent removes it`)]
  }
  if (resolved?.isMissing !== true) return []
  const meant = didYouMean(resolved.profile, Object.keys(profilesOf(sources.document)))
  return [warning(`profile ${resolved.profile}`, `the file has none of that name${meant}`, "emp showprofile shows all")]
}

const secret = (options: RunOptions): ReadonlyArray<Finding> => {
  const [first, ...older] = options.secret.map(Redacted.value)
  if (!hasProof(options)) {
    return [
      problem(
        "secret",
        "there is neither a secret nor a certificate",
        "emp gensecret, and the same secret on all machines"
      )
    ]
  }
  if (first === undefined) return [ok("secret", "none; a certificate is there")]
  const shortest = Math.min(first.length, ...older.map(({ length }) => length))
  const count = older.length === 0
    ? ""
    : `; ${older.length} older ${older.length === 1 ? "one is" : "ones are"} accepted`
  return shortest < 16
    ? [warning("secret", `it has ${shortest} characters`, "emp gensecret makes one that cannot be guessed")]
    : [ok("secret", `${first.length} characters${count}`)]
}

const certificate = Effect.fnUntraced(function*({ authAccept = [], cert, nodeId, nodeIdInCert, secret }: RunOptions) {
  if (cert === undefined) return []
  const what = "certificate"
  const read = yield* Effect.result(Effect.try({
    try: () => readCredentials(Redacted.value(cert)),
    catch: (error) => error instanceof Error ? error.message : String(error)
  }))
  if (Result.isFailure(read)) {
    return [problem(what, read.failure, "a PEM file has private key, certificate, and those to trust")]
  }
  const { own, trusted } = read.success
  const now = yield* Clock.currentTimeMillis
  const until = `valid until ${lastDay(own)}`
  if (hasEnded(own, now)) return [problem(what, until, "get a new one, or set the clock")]
  if (own.validFromMillis > now) {
    return [problem(what, `not valid before ${new Date(own.validFromMillis).toISOString()}`, "set the clock, or wait")]
  }
  const expanded = yield* expand(nodeId ?? "%n/", os.hostname())
  if (nodeIdInCert === true && !areFor(own.names, expanded.nodeId)) {
    const found = `it is for ${own.names.join(", ") || "nobody"}, and not for the node ID ${expanded.nodeId}`
    return [problem(what, found, "with node_id_in_cert every node needs a certificate for its own, fixed ID")]
  }
  const ended = trusted.filter((other) => hasEnded(other, now)).map((other) =>
    warning(what, `one that it trusts has ended: ${other.subject}, ${lastDay(other)}`, "replace it, or take it out")
  )
  const open = secret.length > 0 && isWithoutTls(authAccept)
    ? [
      warning(
        what,
        "auth_accept lets nodes in without TLS",
        "delauth_accept demands TLS of all, as a certificate does by itself"
      )
    ]
    : []
  const isSoon = own.validToMillis - now < soonMillis
  return [isSoon ? warning(what, until, "get a new one in time") : ok(what, until), ...ended, ...open]
})

const services = (options: RunOptions) =>
  Effect.forEach(options.services, (service) => {
    const what = `service ${typeof service === "string" ? service : service[0]}`
    return Effect.match(load(service), {
      onSuccess: () => ok(what, "can be loaded"),
      onFailure: ({ problem: found, reason }) =>
        problem(
          what,
          found,
          reason === "not_found" ? "the path counts from the folder that emp runs in" : "correct the module"
        )
    })
  })

const perlServices = ({ perlServices }: RunOptions) =>
  perlServices.map((service) => ok(`service ${service}`, "AnyEvent::MP's: emp run skips it"))

/** Listens on each address, and stops again. */
const binds = (options: RunOptions) =>
  Effect.forEach(splitAddresses(options.binds ?? []), (bind) =>
    Effect.gen(function*() {
      const carrier = yield* Transport.Transport
      const { address } = readLabel(bind)
      const bound = yield* Effect.exit(Effect.scoped(carrier.listen(address, (wire) => wire.destroy(), "doctor")))
      if (Exit.isSuccess(bound)) return ok(`bind ${bind}`, bound.value.join(", "))
      const found = problemOf(bound.cause, bind)
      return /in use|listens there/.test(found)
        ? warning(`bind ${bind}`, found, "fine if that is this very node, which runs already")
        : problem(`bind ${bind}`, found, "another address or port, or * for all that this machine has")
    })).pipe(Effect.provide(layerTransport(options)))

/** Looks what others are told stands for: here, where names may be others than where they are dialled. */
const advertised = (options: RunOptions) =>
  Effect.forEach(splitAddresses(options.advertise ?? []), (text) =>
    Effect.gen(function*() {
      const what = `advertised ${text}`
      const carrier = yield* Transport.Transport
      const { address } = readLabel(text)
      if (schemeOf(address) !== bare) return ok(what, "as it is")
      const { host, port } = parseAddress(address, os.hostname()) ?? { host: text, port: 0 }
      // Without a port it has those of the binds. A name means the same at all of them.
      const found = yield* Effect.exit(carrier.resolve(formatAddress({ host, port: port || 1 })))
      if (Exit.isFailure(found)) {
        return warning(what, `${host} cannot be resolved here`, "fine if those who are to dial it can; else correct it")
      }
      const hosts = found.value.map((address) => parseAddress(address, host)?.host ?? address)
      return hosts.every(isLoopback)
        ? warning(what, `${hosts.join(", ")}, which leads others to themselves`, "advertise what others can dial")
        : ok(what, hosts.join(", "))
    })).pipe(Effect.provide(layerTransport(options)))

/** Clocks that differ by more make log lines of different machines hard to put in order, and certificates invalid. */
const toleranceMillis = 2000

/** Connects to each seed as a node does. */
const seeds = (options: RunOptions) => {
  const all = splitAddresses(options.seeds)
  if (all.length === 0) return Effect.succeed([ok("seeds", "none: this node waits for others, who have it as seed")])
  const node = Layer.provideMerge(
    Global.layer({ seeds: [] }),
    Layer.provide(
      Node.layer({ ...options, nodeId: commandPrefix, binds: [], advertise: [], monitorTimeout: "5 seconds" }),
      layerTransport(options)
    )
  )
  const each = Effect.forEach(all, (seed) =>
    Effect.gen(function*() {
      if (isOwnSeed(seed)) return ok(`seed ${seed}`, "this very node")
      const { network } = yield* NodeRouter
      const [address] = network.dialable([seed])
      if (address === undefined) return ok(`seed ${seed}`, "for nodes that have its label among their scopes")
      const addresses = address.startsWith("*") ? yield* network.resolve(address) : [address]
      // Who is refused hears why, or that the connection was closed, by which side was faster.
      const dialling = Effect.firstSuccessOf(addresses.map((one) => network.dial(one))).pipe(
        Effect.retry({ times: 2, while: ({ reason }) => reason === "handshake_closed" })
      )
      const link = yield* Effect.exit(dialling)
      if (Exit.isFailure(link)) {
        const error = Cause.squash(link.cause)
        const advice = error instanceof LinkError ? advices[error.reason] : undefined
        const found = problemOf(link.cause, seed)
        return problem(`seed ${seed}`, found, advice ?? "docs/errors.md explains all errors of links")
      }
      const { nodeId } = link.value
      const [time] = yield* Effect.orElseSucceed(
        Effect.timeout(Port.calMessage(nodeId, "time"), "5 seconds"),
        (): ReadonlyArray<unknown> => []
      )
      if (typeof time !== "number") {
        return warning(`seed ${seed}`, `node ${nodeId}, which does not answer`, "look at its log, or restart it")
      }
      const awayMillis = Math.abs(time * 1000 - (yield* Clock.currentTimeMillis))
      return awayMillis > toleranceMillis
        ? warning(
          `seed ${seed}`,
          `node ${nodeId}, whose clock is ${Math.round(awayMillis / 1000)} s away from ours`,
          "let NTP set both clocks"
        )
        : ok(`seed ${seed}`, `node ${nodeId}`)
    }))
  return Effect.matchCause(Effect.scoped(Effect.provide(each, node)), {
    onFailure: (cause) => [problem("node", messageOf(cause), "emp run would say the same")],
    onSuccess: (found) => found
  })
}

const advices: Partial<Record<LinkErrorReason, string>> = {
  connect_failed: "is a node running there, and does a firewall let us through?",
  connect_timeout: "does a firewall swallow what we send?",
  handshake_timeout: "what listens there is no node, or one that hangs: look at its log, or restart it",
  not_aemp: "what listens there is no node",
  auth_failed: "it has another secret",
  handshake_closed: "it has refused us: has it the same secret? Its log says why",
  tls_closed: "it has refused us: does it trust the authority that has signed our certificate? Its log says why",
  tls_refused: "its PEM file has to hold the authority that has signed our certificate, and that has to be valid now",
  no_common_auth: "compare auth_offer and auth_accept of the two",
  tls_required: "it has no certificate, and we have one: give it one, or allow hmac_sha3_512 in our auth_accept",
  certificate_required:
    "it has a certificate, and we have none: give us one, or allow hmac_sha3_512 in its auth_accept",
  tls_untrusted: "our PEM file has to hold the authority that has signed its certificate",
  tls_expired: "its certificate or a clock is wrong"
}
