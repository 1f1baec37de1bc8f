/**
 * The handshake: a pure state machine. Bytes go in; bytes to send, a question and a verdict come out. It has no socket
 * and no clock. Follows protocol sections 2 to 6.
 *
 * @internal
 */
import { latin1Bytes, latin1Text } from "#platform"
import { areFor } from "../certificate.ts"
import type { Secured } from "../credentials.ts"
import { LinkError, type LinkErrorReason } from "../linkError.ts"
import type { Security } from "../security.ts"
import { type GreetingLines, methods } from "./auth.ts"
import {
  dataKey,
  dataProtocol,
  formatAuth,
  formatGreeting,
  type Greeting,
  guestKey,
  linkProtocol,
  ownKindKey,
  parseAuth,
  parseGreeting,
  talksTls,
  visible
} from "./greeting.ts"
import type { Handshake, Identity, Proven } from "./handshakeState.ts"
import {
  acceptedOf,
  isWithGuest,
  listed,
  mustWait,
  needsSecret,
  ownAuth,
  provenSecret,
  securityOf,
  tlsRefusalOf,
  withSecret
} from "./proofs.ts"

export type { Handshake, Identity }

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

type Result = readonly [Handshake, ReadonlyArray<Action>]

/** Lines must fit, line end included, until authentication has completed. */
const maxLine = 4096
/** What may come behind the other side's auth line before ours has gone out: a read's worth of data. */
const maxEarly = 64 * 1024
const lineFeed = 0x0a

const nothing = new Uint8Array(0)

const joined = (before: Uint8Array, chunk: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(before.length + chunk.length)
  bytes.set(before)
  bytes.set(chunk, before.length)
  return bytes
}

/**
 * Begins: both greeting lines go out at once. `peer` is the address of the other side as we see it. `isOurs` knows the nonces of
 * all our open handshakes: by them, and by nothing that the other side says of itself, a connection is known to lead back to us. `data`
 * is the number of the data connection that we dial.
 */
export const start = (
  identity: Identity,
  nonce: string,
  peer: string,
  isOurs: (nonce: string) => boolean = () => false,
  data?: string
): Result => {
  const greeting = formatGreeting({
    protocol: data === undefined ? linkProtocol : dataProtocol,
    nodeId: identity.nodeId,
    auths: identity.authAccept,
    framings: identity.framings,
    keys: new Map([...identity.keys, ["peeraddr", peer], ...data === undefined ? [] : [[dataKey, data] as const]])
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
    buffer: nothing,
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
  return proceed({ ...state, buffer: joined(state.buffer, chunk) })
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
  const over: Handshake = { ...state, phase: "over", buffer: nothing }
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
  const over: Handshake = { ...state, phase: "over", buffer: nothing }
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
  ["crossing_connection", "crossing_connection"],
  ["data_not_expected", "data_not_expected"]
])

/** Sends our auth line, when it may go out. */
const authenticate = (state: Handshake): Result => {
  const { admitted, auth, proven, sent } = state
  if (auth === undefined || !admitted || sent || proven === undefined && mustWait(state, auth)) return proceed(state)
  const [next, actions] = proceed({ ...state, sent: true })
  return [next, [send(formatAuth(auth) + "\n"), ...actions]]
}

const proceed = (state: Handshake): Result => {
  if (state.phase === "tls" || state.phase === "over") return [state, []]
  if (state.proven !== undefined) return onBoth(state)
  const end = state.buffer.indexOf(lineFeed)
  // Not yet whole. Behind the auth line there is data, which has no such limit.
  if (end < 0) return state.buffer.length > maxLine ? refuse(state, "line_too_long") : [state, []]
  if (end >= maxLine) return refuse(state, "line_too_long")
  // One CR before the LF belongs to the line end.
  const line = latin1Text(state.buffer, 0, end > 0 && state.buffer[end - 1] === 0x0d ? end - 1 : end)
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
  const known: Handshake = {
    ...state,
    nonceLine: line,
    secure: identity.tls && talksTls(greeting) && !isWithGuest(state)
  }
  const auth = ownAuth(known)
  if ("reason" in auth) return refuse(state, auth.reason, auth.detail)
  const admit: Action = { _tag: "Admit", greeting }
  if (known.secure) {
    const next: Handshake = { ...known, auth, phase: "tls", buffer: nothing }
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
  if (!acceptedOf(state).includes(auth.method) || !methods(secure).includes(auth.method)) {
    return refuse(state, "auth_not_offered", visible(auth.method))
  }
  const doubt = state.secured?.problem
  if (doubt !== undefined && auth.method !== "tls_anon") return refuseCertificate(state, doubt.reason)
  // Perl takes an empty nonce. Nothing but the certificate or the secret can make up for it.
  if (state.nonceLine === "" && auth.method === "tls_anon") {
    return refuse(state, "malformed_greeting", "its nonce is empty")
  }
  const secret = provenSecret(state, auth)
  if (secret === -1) {
    const isGuest = greeting.keys.has(guestKey)
    return refuse(
      state,
      "auth_failed",
      isGuest ? "it is a guest, and no secret of this node has made its ticket" : undefined
    )
  }
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
  const over: Handshake = { ...state, phase: "over", buffer: nothing }
  const security = securityOf(state, proven, auth)
  return [over, [{ _tag: "Up", greeting, receives: proven.framing, sends: auth.framing, security, rest }]]
}

const send = (text: string): Action => ({ _tag: "Send", bytes: latin1Bytes(text) })

const refuse = (state: Handshake, reason: LinkErrorReason, detail?: string): Result => [
  { ...state, phase: "over", buffer: nothing },
  [{ _tag: "Refuse", error: new LinkError({ reason, peer: state.peer, detail }), isTold: false }]
]
