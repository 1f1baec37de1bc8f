/**
 * The handshake: a pure state machine. Bytes go in; bytes to send, a question and a verdict come out. It has no socket
 * and no clock. Follows protocol sections 2 to 6.
 *
 * @internal
 */
import { authData, equalData, type GreetingLines, plainMethods } from "./auth.ts"
import { choose, formatAuth, formatGreeting, type Greeting, parseAuth, parseGreeting, visible } from "./greeting.ts"
import { LinkError, type LinkErrorReason } from "./linkError.ts"

/** What a node says of itself to those that connect. */
export interface Identity {
  readonly nodeId: string
  /** The shared secret, as octets in latin-1 text. */
  readonly secret: string
  /** Methods that we send, best first. */
  readonly authOffer: ReadonlyArray<string>
  /** Methods that we accept, best first. */
  readonly authAccept: ReadonlyArray<string>
  /** Framings that we send and decode, best first. */
  readonly framings: ReadonlyArray<string>
  /** Further keys of the greeting. */
  readonly keys: ReadonlyMap<string, string>
}

/** What the shell is to do next, in order. */
export type Action =
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  /** Is this node welcome? Answer with `admitted`; until then nothing more is sent. */
  | { readonly _tag: "Admit"; readonly greeting: Greeting }
  /** Both sides are who they say. `rest` is data that came behind the auth line. */
  | {
    readonly _tag: "Up"
    readonly greeting: Greeting
    readonly receives: string
    readonly sends: string
    readonly rest: Uint8Array
  }
  | { readonly _tag: "Refuse"; readonly error: LinkError }

type Phase = "greeting" | "nonce" | "admission" | "auth" | "over"

/** A handshake between two events. */
export interface Handshake {
  readonly phase: Phase
  readonly identity: Identity
  /** Whom it is with, for errors: an address, and the node ID once it is known. */
  readonly peer: string
  readonly own: GreetingLines
  readonly buffer: Buffer
  readonly greetingLine: string
  readonly nonceLine: string
  readonly greeting: Greeting | undefined
  readonly sends: string
}

type Result = readonly [Handshake, ReadonlyArray<Action>]

/** Lines must fit, line end included, until authentication has completed. */
const maxLine = 4096
/** What may come before our own auth line has gone out: an auth line, and a read's worth of data behind it. */
const maxEarly = 64 * 1024
const lineFeed = 0x0a

/** Begins: both greeting lines go out at once. `peer` is the address of the other side as we see it. */
export const start = (identity: Identity, nonce: string, peer: string): Result => {
  const greeting = formatGreeting({
    nodeId: identity.nodeId,
    auths: identity.authAccept,
    framings: identity.framings,
    keys: new Map([...identity.keys, ["peeraddr", peer]])
  })
  return begin(identity, { greeting, nonce }, peer)
}

/** Begins with lines that are given: what `start` does, for recorded lines. */
export const begin = (identity: Identity, own: GreetingLines, peer: string): Result => [
  {
    phase: "greeting",
    identity,
    peer,
    own,
    buffer: Buffer.alloc(0),
    greetingLine: "",
    nonceLine: "",
    greeting: undefined,
    sends: ""
  },
  [send(`${own.greeting}\n${own.nonce}\n`)]
]

/** Bytes have come. */
export const receive = (state: Handshake, chunk: Uint8Array): Result => {
  if (state.phase === "over") return [state, []]
  return proceed({ ...state, buffer: Buffer.concat([state.buffer, chunk]) })
}

/** The answer to `Admit`: yes. Our auth line goes out. */
export const admitted = (state: Handshake): Result => {
  const { greeting, identity } = state
  if (state.phase !== "admission" || greeting === undefined) return [state, []]
  const method = choose(greeting.auths, identity.authOffer.filter((method) => plainMethods.includes(method)))
  const framing = choose(greeting.framings, identity.framings)
  if (framing === undefined) return refuse(state, "no_common_framing", `it knows ${listed(greeting.framings)}`)
  const data = method && authData(method, identity.secret, state.own, theirs(state))
  if (!method || !data) return refuse(state, "no_common_auth", `it accepts ${listed(greeting.auths)}`)
  const [next, actions] = proceed({ ...state, phase: "auth", sends: framing })
  return [next, [send(formatAuth({ method, data, framing }) + "\n"), ...actions]]
}

const proceed = (state: Handshake): Result => {
  const end = state.buffer.indexOf(lineFeed)
  // Not yet whole. Behind the auth line there is data, which has no such limit.
  if (end < 0) return state.buffer.length > maxLine ? refuse(state, "line_too_long") : [state, []]
  if (end >= maxLine) return refuse(state, "line_too_long")
  if (state.phase === "admission") {
    return state.buffer.length > maxEarly
      ? refuse(state, "line_too_long", `it sent more than ${maxEarly} bytes ahead`)
      : [state, []]
  }
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
    default:
      return [state, []]
  }
}

const onGreeting = (state: Handshake, line: string): Result => {
  const greeting = parseGreeting(line)
  if ("reason" in greeting) return refuse(state, greeting.reason, greeting.detail)
  const greeted = { ...state, peer: `${state.peer} (node ${visible(greeting.nodeId)})`, greetingLine: line, greeting }
  return proceed({ ...greeted, phase: "nonce" })
}

const onNonce = (state: Handshake, line: string): Result => {
  const { greeting } = state
  if (greeting === undefined) return [state, []]
  if (greeting.nodeId === state.identity.nodeId) return refuse(state, "self_connect")
  // Perl lets equal nonces pass; the format demands that they are refused.
  if (line === state.own.nonce) return refuse(state, "echoed_greeting")
  if (line === "") return refuse(state, "malformed_greeting", "its nonce is empty")
  const [next, actions] = proceed({ ...state, phase: "admission", nonceLine: line })
  return [next, [{ _tag: "Admit", greeting }, ...actions]]
}

const onAuth = (state: Handshake, line: string): Result => {
  const { greeting, identity } = state
  if (greeting === undefined) return [state, []]
  const auth = parseAuth(line)
  if (!identity.authAccept.includes(auth.method) || !plainMethods.includes(auth.method)) {
    return refuse(state, "auth_not_offered", visible(auth.method))
  }
  const expected = authData(auth.method, identity.secret, theirs(state), state.own)
  if (expected === undefined || !equalData(auth.data, expected)) return refuse(state, "auth_failed")
  if (!identity.framings.includes(auth.framing)) return refuse(state, "framing_not_offered", visible(auth.framing))
  const over: Handshake = { ...state, phase: "over", buffer: Buffer.alloc(0) }
  return [over, [{ _tag: "Up", greeting, receives: auth.framing, sends: state.sends, rest: state.buffer }]]
}

const theirs = (state: Handshake): GreetingLines => ({ greeting: state.greetingLine, nonce: state.nonceLine })

const send = (text: string): Action => ({ _tag: "Send", bytes: Buffer.from(text, "latin1") })

const listed = (entries: ReadonlyArray<string>): string => visible(entries.join(","))

const refuse = (state: Handshake, reason: LinkErrorReason, detail?: string): Result => [
  { ...state, phase: "over", buffer: Buffer.alloc(0) },
  [{ _tag: "Refuse", error: new LinkError({ reason, peer: state.peer, detail }) }]
]
