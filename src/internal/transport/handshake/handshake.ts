/**
 * The handshake: a pure state machine. Bytes go in; bytes to send, a question and a verdict come out. It has no socket
 * and no clock. Follows protocol sections 2 to 6.
 *
 * @internal
 */
import { areFor } from "../certificate.ts"
import { LinkError, type LinkErrorReason } from "../linkError.ts"
import type { Security } from "../security.ts"
import { refusals as tlsRefusals, type Secured } from "../tls.ts"
import { type GreetingLines, knownSecret, methods, mostSecrets, proofs, secretMethods } from "./auth.ts"
import {
  type AuthLine,
  choose,
  formatAuth,
  formatGreeting,
  type Greeting,
  ownKindKey,
  parseAuth,
  parseGreeting,
  talksTls,
  visible
} from "./greeting.ts"

/** What a node says of itself to those that connect. */
export interface Identity {
  readonly nodeId: string
  /**
   * Shared secrets, as octets in latin-1 text: the first one is used, all are accepted. None is empty, and there are 8 at most.
   */
  readonly secrets: ReadonlyArray<string>
  /** Whether we have a certificate. Then TLS is on with everybody who has one too. */
  readonly tls: boolean
  /** Whom our certificate is for. */
  readonly subject?: string | undefined
  /** Methods that we send, best first. */
  readonly authOffer: ReadonlyArray<string>
  /** Methods that we accept, best first. */
  readonly authAccept: ReadonlyArray<string>
  /** Whether a certificate must be valid, and for the node ID of the side that shows it. */
  readonly nodeIdInCert: boolean
  /** Framings that we send and decode, best first. */
  readonly framings: ReadonlyArray<string>
  /** Further keys of the greeting. */
  readonly keys: ReadonlyMap<string, string>
}

/** What the shell is to do next, in order. */
export type Action =
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  /**
   * From here on all bytes go through TLS, beginning with `rest`, which has come already. Answer with `secured` when it
   * stands.
   */
  | { readonly _tag: "StartTls"; readonly role: "client" | "server"; readonly rest: Uint8Array }
  /** Is this node welcome? Answer with `admitted` or `rejected`; until then our auth line is held back. */
  | { readonly _tag: "Admit"; readonly greeting: Greeting }
  /** The other side has authenticated, while it is still open whether it is welcome, or though we are not welcome there. */
  | { readonly _tag: "Verified" }
  /** Both sides are who they say. `rest` is data that came behind the auth line. */
  | {
    readonly _tag: "Up"
    readonly greeting: Greeting
    readonly receives: string
    readonly sends: string
    readonly security: Security
    readonly rest: Uint8Array
  }
  /** The handshake is over. If the other side `isTold`, what was sent is to leave before the connection is closed. */
  | { readonly _tag: "Refuse"; readonly error: LinkError; readonly isTold: boolean }

type Phase = "greeting" | "nonce" | "tls" | "auth" | "over"

/** A handshake between two events. */
export interface Handshake {
  readonly phase: Phase
  readonly identity: Identity
  /** Whom it is with, for errors: an address, and the node ID once it is known. */
  readonly peer: string
  readonly own: GreetingLines
  /** Whether this nonce is that of another handshake of ours which is open: at the other end of this very connection, if any. */
  readonly isOurs: (nonce: string) => boolean
  readonly buffer: Buffer
  readonly greetingLine: string
  readonly nonceLine: string
  readonly greeting: Greeting | undefined
  /** All that follows the nonces travels inside TLS. */
  readonly secure: boolean
  /** What TLS found out, once it stands. */
  readonly secured: Secured | undefined
  readonly admitted: boolean
  /** What we authenticate with, once we know whom; and whether it has gone out. */
  readonly auth: AuthLine | undefined
  readonly sent: boolean
  /** How the other side has authenticated, and the framing that it sends. */
  readonly proven: Proven | undefined
}

interface Proven {
  readonly method: string
  readonly framing: string
  /** The position of the secret of ours that it knows, if the method needs one. */
  readonly secret: number | undefined
}

type Result = readonly [Handshake, ReadonlyArray<Action>]

/** Lines must fit, line end included, until authentication has completed. */
const maxLine = 4096
/** What may come behind the other side's auth line before ours has gone out: a read's worth of data. */
const maxEarly = 64 * 1024
const lineFeed = 0x0a

/**
 * Begins: both greeting lines go out at once. `peer` is the address of the other side as we see it. `isOurs` knows the nonces of
 * all our open handshakes: by them, and by nothing that the other side says of itself, a connection is known to lead back to us.
 */
export const start = (
  identity: Identity,
  nonce: string,
  peer: string,
  isOurs: (nonce: string) => boolean = () => false
): Result => {
  const greeting = formatGreeting({
    nodeId: identity.nodeId,
    auths: identity.authAccept,
    framings: identity.framings,
    keys: new Map([...identity.keys, ["peeraddr", peer]])
  })
  return begin(identity, { greeting, nonce }, peer, isOurs)
}

/** Begins with lines that are given: what `start` does, for recorded lines. */
export const begin = (
  identity: Identity,
  own: GreetingLines,
  peer: string,
  isOurs: (nonce: string) => boolean = () => false
): Result => [
  {
    phase: "greeting",
    identity,
    peer,
    own,
    isOurs,
    buffer: Buffer.alloc(0),
    greetingLine: "",
    nonceLine: "",
    greeting: undefined,
    secure: false,
    secured: undefined,
    admitted: false,
    auth: undefined,
    sent: false,
    proven: undefined
  },
  [send(`${own.greeting}\n${own.nonce}\n`)]
]

/** Bytes have come. */
export const receive = (state: Handshake, chunk: Uint8Array): Result => {
  // Until TLS stands nothing can come from inside of it, and what comes from outside counts for nothing.
  if (state.phase === "over" || state.phase === "tls") return [state, []]
  return proceed({ ...state, buffer: Buffer.concat([state.buffer, chunk]) })
}

/** The answer to `Admit`: yes. Our auth line goes out as soon as it can. */
export const admitted = (state: Handshake): Result => {
  if (state.admitted) return [state, []]
  if (state.phase === "tls") return [{ ...state, admitted: true }, []]
  return state.phase === "auth" ? authenticate({ ...state, admitted: true }) : [state, []]
}

/**
 * The answer to `StartTls`: it stands. A certificate that proves nothing is good enough for `tls_anon`, where that is
 * accepted, and for nothing else: no node ID either.
 */
export const secured = (state: Handshake, secured: Secured): Result => {
  const { greeting, identity, phase } = state
  const { names, problem } = secured
  if (phase !== "tls" || greeting === undefined) return [state, []]
  const inside: Handshake = { ...state, phase: "auth", secured }
  if (problem !== undefined && (identity.nodeIdInCert || !identity.authAccept.includes("tls_anon"))) {
    return refuseCertificate(inside, problem.reason, problem.detail || undefined)
  }
  if (identity.nodeIdInCert && !areFor(names, greeting.nodeId)) {
    return refuseCertificate(inside, "tls_wrong_node", `it is for ${listed(names)}`)
  }
  return authenticate(inside)
}

/**
 * The other side's certificate is not accepted. A node of our own kind is told, by an auth line that proves nothing: no more than an
 * alert of TLS would tell it, which `node:tls` does not send.
 */
const refuseCertificate = (state: Handshake, reason: LinkErrorReason, detail?: string): Result => {
  const { auth, greeting, peer, sent } = state
  if (sent || auth === undefined || greeting?.keys.has(ownKindKey) !== true) return refuse(state, reason, detail)
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  const line = formatAuth({ ...auth, data: "", also: [], refused: reason })
  return [over, [
    send(`${line}\n`),
    { _tag: "Refuse", error: new LinkError({ reason, peer, detail }), isTold: true }
  ]]
}

/**
 * The answer to `Admit`: no. A node of our own kind that has authenticated is told why: our auth line says so, in a field that
 * others would ignore, and proves who says it. To nodes of other kinds it must not go out.
 */
export const rejected = (state: Handshake, error: LinkError): Result => {
  const { auth, greeting, proven } = state
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  const isOwnKind = greeting?.keys.has(ownKindKey) === true
  const isTold = isOwnKind && proven !== undefined && refusals.has(error.reason)
  const refusal: Action = { _tag: "Refuse", error, isTold }
  if (auth === undefined || !isTold) return [over, [refusal]]
  return [over, [send(formatAuth({ ...auth, refused: error.reason }) + "\n"), refusal]]
}

/** What a node of our own kind may be refused for when it has authenticated, and what that is called where it hears of it. */
const refusals: ReadonlyMap<string, LinkErrorReason> = new Map([
  ["duplicate_node", "node_id_taken"],
  ["already_connected", "already_connected"],
  ["crossing_connection", "crossing_connection"]
])

/** Sends our auth line, when it may go out. */
const authenticate = (state: Handshake): Result => {
  const { admitted, auth, proven, sent } = state
  if (auth === undefined || !admitted || sent || proven === undefined && mustWait(state, auth)) return proceed(state)
  const [next, actions] = proceed({ ...state, sent: true })
  return [next, [send(formatAuth(auth) + "\n"), ...actions]]
}

/**
 * A node of another kind has one secret, and nobody but itself knows which of ours that is: it authenticates first, which it does
 * without waiting for us.
 */
const mustWait = ({ greeting, identity }: Handshake, { method }: AuthLine): boolean =>
  needsSecret(method) && identity.secrets.length > 1 && greeting?.keys.has(ownKindKey) !== true

/** Our auth line, or why there is none. */
const ownAuth = (state: Handshake): AuthLine | { readonly reason: LinkErrorReason; readonly detail: string } => {
  const { greeting, identity, own, secure } = state
  const { auths = [], framings = [] } = greeting ?? {}
  const usable = (configured: ReadonlyArray<string>) => configured.filter((method) => methods(secure).includes(method))
  const [offers, accepts] = [usable(identity.authOffer), usable(identity.authAccept)]
  const method = choose(auths, offers)
  const framing = choose(framings, identity.framings)
  if (framing === undefined) return { reason: "no_common_framing", detail: `it knows ${listed(framings)}` }
  const isDemanded = identity.tls && !secure &&
    (identity.secrets.length === 0 || offers.length === 0 || accepts.length === 0)
  const isDemandedOfUs = !identity.tls && greeting !== undefined && talksTls(greeting) && usable(auths).length === 0
  const detail = `it accepts ${listed(auths)}`
  if (isDemanded) return { reason: "tls_required", detail }
  if (isDemandedOfUs) return { reason: "certificate_required", detail }
  const [data, ...also] = method === undefined
    ? []
    : proofs(method, needsSecret(method) ? identity.secrets : [""], own, theirs(state))
  if (method === undefined || data === undefined) return { reason: "no_common_auth", detail }
  return { method, data, framing, also: greeting?.keys.has(ownKindKey) === true ? also : [] }
}

const proceed = (state: Handshake): Result => {
  if (state.phase === "tls" || state.phase === "over") return [state, []]
  if (state.proven !== undefined) return onBoth(state)
  const end = state.buffer.indexOf(lineFeed)
  // Not yet whole. Behind the auth line there is data, which has no such limit.
  if (end < 0) return state.buffer.length > maxLine ? refuse(state, "line_too_long") : [state, []]
  if (end >= maxLine) return refuse(state, "line_too_long")
  // One CR before the LF belongs to the line end.
  const line = state.buffer.toString("latin1", 0, end > 0 && state.buffer[end - 1] === 0x0d ? end - 1 : end)
  const rest = { ...state, buffer: state.buffer.subarray(end + 1) }
  switch (state.phase) {
    case "greeting":
      return onGreeting(rest, line)
    case "nonce":
      return onNonce(rest, line)
    case "auth":
      return onAuth(rest, line)
  }
}

const onGreeting = (state: Handshake, line: string): Result => {
  // A probe, or somebody at a keyboard.
  if (line === "") return refuse(state, "left_in_silence", "it sent an empty line")
  const greeting = parseGreeting(line)
  if ("reason" in greeting) return refuse(state, greeting.reason, greeting.detail)
  const greeted = { ...state, peer: `${state.peer} (node ${visible(greeting.nodeId)})`, greetingLine: line, greeting }
  return proceed({ ...greeted, phase: "nonce" })
}

const onNonce = (state: Handshake, line: string): Result => {
  const { greeting, identity, own } = state
  if (greeting === undefined) return [state, []]
  if (greeting.nodeId === identity.nodeId) return refuse(state, underOurName(state, greeting, line))
  // Perl lets equal nonces pass; the format demands that they are refused.
  if (line === own.nonce) return refuse(state, "echoed_greeting")
  const known: Handshake = { ...state, nonceLine: line, secure: identity.tls && talksTls(greeting) }
  const auth = ownAuth(known)
  if ("reason" in auth) return refuse(state, auth.reason, auth.detail)
  const admit: Action = { _tag: "Admit", greeting }
  if (known.secure) {
    const next: Handshake = { ...known, auth, phase: "tls", buffer: Buffer.alloc(0) }
    // Whoever dialled: the lower nonce is the client's. Both are latin-1, so text compares as octets.
    return [next, [{ _tag: "StartTls", role: own.nonce < line ? "client" : "server", rest: state.buffer }, admit]]
  }
  const [next, actions] = proceed({ ...known, auth, phase: "auth" })
  return [next, [admit, ...actions]]
}

/** Somebody greets with our own node ID. Whether it is this very process shows the nonce: all else can be repeated by anybody. */
const underOurName = ({ identity, isOurs, own }: Handshake, greeting: Greeting, nonce: string): LinkErrorReason => {
  if (nonce === own.nonce) return "echoed_greeting"
  const incarnation = identity.keys.get(ownKindKey)
  if (greeting.keys.get(ownKindKey) !== incarnation) return "same_node_id"
  if (isOurs(nonce)) return "self_connect"
  // Nobody but us has our incarnation. A node that tells none may have a twin.
  return incarnation === undefined ? "same_node_id" : "echoed_greeting"
}

const onAuth = (state: Handshake, line: string): Result => {
  const { greeting, identity, secure } = state
  if (greeting === undefined) return [state, []]
  const auth = parseAuth(line)
  const refusal = secure && auth.refused !== undefined ? tlsRefusalOf(auth.refused) : undefined
  if (refusal !== undefined) return refuse(state, "tls_refused", refusal)
  if (!identity.authAccept.includes(auth.method) || !methods(secure).includes(auth.method)) {
    return refuse(state, "auth_not_offered", visible(auth.method))
  }
  const doubt = state.secured?.problem
  if (doubt !== undefined && auth.method !== "tls_anon") return refuseCertificate(state, doubt.reason)
  // Perl takes an empty nonce. Nothing but the certificate or the secret can make up for it.
  if (state.nonceLine === "" && auth.method === "tls_anon") {
    return refuse(state, "malformed_greeting", "its nonce is empty")
  }
  const secret = provenSecret(state, auth)
  if (secret === -1) return refuse(state, "auth_failed")
  if (!identity.framings.includes(auth.framing)) return refuse(state, "framing_not_offered", visible(auth.framing))
  if (auth.refused !== undefined) {
    const [over, refusal] = refusedBy(state, auth.refused)
    return [over, [{ _tag: "Verified" }, ...refusal]]
  }
  const proven: Proven = {
    method: auth.method,
    framing: auth.framing,
    secret: needsSecret(auth.method) ? secret : undefined
  }
  const verified: Handshake = { ...state, proven, auth: withSecret(state, proven) }
  const [next, actions] = authenticate(verified)
  return [next, state.sent ? actions : [{ _tag: "Verified" }, ...actions]]
}

/** The position of the secret of ours that the other side has proven to know; 0 if the method needs none; -1 if it has proven nothing. */
const provenSecret = (state: Handshake, { also, data, method }: AuthLine): number => {
  const { identity, own } = state
  const secrets = needsSecret(method) ? identity.secrets : [""]
  const given = method === "hmac_sha3_512" ? [data, ...also.slice(0, mostSecrets - 1)] : [data]
  return knownSecret(given, proofs(method, secrets, theirs(state), own))
}

/** Our auth line, if it still waits for the other side's: with the secret that the other side knows. */
const withSecret = (state: Handshake, { secret = 0 }: Proven): AuthLine | undefined => {
  const { auth, identity, own, sent } = state
  if (auth === undefined || sent || !mustWait(state, auth)) return auth
  const [data = auth.data] = proofs(auth.method, identity.secrets.slice(secret), own, theirs(state))
  return { ...auth, data }
}

/** What a node of our own kind does not accept our certificate for. */
const tlsRefusalOf = (why: string): string | undefined => new Map<string, string>(Object.entries(tlsRefusals)).get(why)

/** The other side, which has authenticated, does not want the connection. */
const refusedBy = (state: Handshake, why: string): Result => {
  const reason = refusals.get(why)
  if (reason === undefined) return refuse(state, "handshake_closed", visible(why))
  return refuse(state, reason, reason === "node_id_taken" ? `ours is ${state.identity.nodeId}` : undefined)
}

/** The other side has authenticated: the link stands when our own auth line is out. */
const onBoth = (state: Handshake): Result => {
  const { auth, buffer: rest, greeting, proven, sent } = state
  if (greeting === undefined || proven === undefined || auth === undefined || !sent) {
    return rest.length > maxEarly
      ? refuse(state, "line_too_long", `it sent more than ${maxEarly} bytes ahead`)
      : [state, []]
  }
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  const security = securityOf(state, proven, auth)
  return [over, [{ _tag: "Up", greeting, receives: proven.framing, sends: auth.framing, security, rest }]]
}

const securityOf = ({ identity, secured }: Handshake, proven: Proven, auth: AuthLine): Security => ({
  tls: secured && { version: secured.version, cipher: secured.cipher },
  received: { method: proven.method, subject: secured?.subject, secret: proven.secret },
  sent: {
    method: auth.method,
    subject: secured && identity.subject,
    // Of those that were sent, it is the one that the other side knows.
    secret: needsSecret(auth.method) ? proven.secret : undefined
  }
})

const needsSecret = (method: string): boolean => secretMethods.includes(method)

const theirs = (state: Handshake): GreetingLines => ({ greeting: state.greetingLine, nonce: state.nonceLine })

const send = (text: string): Action => ({ _tag: "Send", bytes: Buffer.from(text, "latin1") })

const listed = (entries: ReadonlyArray<string>): string => visible(entries.join(","))

const refuse = (state: Handshake, reason: LinkErrorReason, detail?: string): Result => [
  { ...state, phase: "over", buffer: Buffer.alloc(0) },
  [{ _tag: "Refuse", error: new LinkError({ reason, peer: state.peer, detail }), isTold: false }]
]
