/**
 * The handshake: a pure state machine. Bytes go in; bytes to send, a question and a verdict come out. It has no socket
 * and no clock. Follows protocol sections 2 to 6.
 *
 * @internal
 */
import { LinkError, type LinkErrorReason } from "../linkError.ts"
import type { Secured } from "../tls.ts"
import { authData, equalData, type GreetingLines, methods } from "./auth.ts"
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
  /** The shared secret, as octets in latin-1 text. */
  readonly secret: string
  /** Whether we have a certificate. Then TLS is on with everybody who has one too. */
  readonly tls: boolean
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
    readonly rest: Uint8Array
  }
  | { readonly _tag: "Refuse"; readonly error: LinkError }

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
  /** Why the other side's certificate proves nothing. */
  readonly doubt: LinkErrorReason | undefined
  readonly admitted: boolean
  /** What we authenticate with, once we know whom; and whether it has gone out. */
  readonly auth: AuthLine | undefined
  readonly sent: boolean
  /** The framing that the other side sends, once it has authenticated. */
  readonly receives: string | undefined
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
    doubt: undefined,
    admitted: false,
    auth: undefined,
    sent: false,
    receives: undefined
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
export const secured = (state: Handshake, { names, problem }: Secured): Result => {
  const { greeting, identity, phase } = state
  if (phase !== "tls" || greeting === undefined) return [state, []]
  if (problem !== undefined && (identity.nodeIdInCert || !identity.authAccept.includes("tls_anon"))) {
    return refuse(state, problem.reason, problem.detail || undefined)
  }
  if (identity.nodeIdInCert && !names.includes(greeting.nodeId)) {
    return refuse(state, "tls_wrong_node", `it is for ${listed(names)}`)
  }
  const next: Handshake = { ...state, phase: "auth", doubt: problem?.reason }
  return state.admitted ? authenticate(next) : [next, []]
}

/**
 * The answer to `Admit`: no. A node of our own kind that has authenticated is told why: our auth line says so, in a field that
 * others would ignore, and proves who says it. To nodes of other kinds it must not go out.
 */
export const rejected = (state: Handshake, error: LinkError): Result => {
  const { auth, greeting, receives } = state
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  const refusal: Action = { _tag: "Refuse", error }
  const isOwnKind = greeting?.keys.has(ownKindKey) === true
  const told = isOwnKind && receives !== undefined && refusals.has(error.reason)
  if (auth === undefined || !told) return [over, [refusal]]
  return [over, [send(formatAuth({ ...auth, refused: error.reason }) + "\n"), refusal]]
}

/** What a node of our own kind may be refused for when it has authenticated, and what that is called where it hears of it. */
const refusals: ReadonlyMap<string, LinkErrorReason> = new Map([
  ["duplicate_node", "node_id_taken"],
  ["already_connected", "already_connected"],
  ["crossing_connection", "crossing_connection"]
])

const authenticate = (state: Handshake): Result => {
  if (state.auth === undefined) return [state, []]
  const [next, actions] = proceed({ ...state, sent: true })
  return [next, [send(formatAuth(state.auth) + "\n"), ...actions]]
}

/** Our auth line, or why there is none. */
const ownAuth = (state: Handshake): AuthLine | { readonly reason: LinkErrorReason; readonly detail: string } => {
  const { greeting, identity, own, secure } = state
  const { auths = [], framings = [] } = greeting ?? {}
  const usable = identity.authOffer.filter((method) => methods(secure).includes(method))
  const method = choose(auths, usable)
  const framing = choose(framings, identity.framings)
  if (framing === undefined) return { reason: "no_common_framing", detail: `it knows ${listed(framings)}` }
  const data = method && authData(method, identity.secret, own, theirs(state))
  if (method !== undefined && data !== undefined) return { method, data, framing }
  const onlyTls = identity.tls && identity.secret === "" && !secure
  return { reason: onlyTls ? "tls_required" : "no_common_auth", detail: `it accepts ${listed(auths)}` }
}

const proceed = (state: Handshake): Result => {
  if (state.phase === "tls" || state.phase === "over") return [state, []]
  if (state.receives !== undefined) return onBoth(state)
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
  if (line === "") return refuse(state, "malformed_greeting", "its nonce is empty")
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
  const { greeting, identity, own, secure } = state
  if (greeting === undefined) return [state, []]
  const auth = parseAuth(line)
  if (!identity.authAccept.includes(auth.method) || !methods(secure).includes(auth.method)) {
    return refuse(state, "auth_not_offered", visible(auth.method))
  }
  if (state.doubt !== undefined && auth.method !== "tls_anon") return refuse(state, state.doubt)
  const expected = authData(auth.method, identity.secret, theirs(state), own)
  if (expected === undefined || !equalData(auth.data, expected)) return refuse(state, "auth_failed")
  if (!identity.framings.includes(auth.framing)) return refuse(state, "framing_not_offered", visible(auth.framing))
  const verified: Handshake = { ...state, receives: auth.framing }
  if (auth.refused !== undefined) {
    const [over, refusal] = refusedBy(state, auth.refused)
    return [over, [{ _tag: "Verified" }, ...refusal]]
  }
  if (state.sent) return onBoth(verified)
  const [next, actions] = onBoth(verified)
  return [next, [{ _tag: "Verified" }, ...actions]]
}

/** The other side, which has authenticated, does not want the connection. */
const refusedBy = (state: Handshake, why: string): Result => {
  const reason = refusals.get(why)
  if (reason === undefined) return refuse(state, "handshake_closed", visible(why))
  return refuse(state, reason, reason === "node_id_taken" ? `ours is ${state.identity.nodeId}` : undefined)
}

/** The other side has authenticated: the link stands when our own auth line is out. */
const onBoth = (state: Handshake): Result => {
  const { auth, buffer: rest, greeting, receives, sent } = state
  if (greeting === undefined || receives === undefined || auth === undefined || !sent) {
    return rest.length > maxEarly
      ? refuse(state, "line_too_long", `it sent more than ${maxEarly} bytes ahead`)
      : [state, []]
  }
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  return [over, [{ _tag: "Up", greeting, receives, sends: auth.framing, rest }]]
}

const theirs = (state: Handshake): GreetingLines => ({ greeting: state.greetingLine, nonce: state.nonceLine })

const send = (text: string): Action => ({ _tag: "Send", bytes: Buffer.from(text, "latin1") })

const listed = (entries: ReadonlyArray<string>): string => visible(entries.join(","))

const refuse = (state: Handshake, reason: LinkErrorReason, detail?: string): Result => [
  { ...state, phase: "over", buffer: Buffer.alloc(0) },
  [{ _tag: "Refuse", error: new LinkError({ reason, peer: state.peer, detail }) }]
]
