/**
 * What is proven in a handshake: our auth line, what the other side's is worth, and what both come to.
 *
 * @internal
 */
import { refusals as tlsRefusals } from "../credentials.ts"
import type { LinkErrorReason } from "../linkError.ts"
import type { Security } from "../security.ts"
import { type GreetingLines, knownSecret, methods, mostSecrets, proofs, secretMethods } from "./auth.ts"
import {
  type AuthLine,
  choose,
  type Greeting,
  guestKey,
  guestSizeKey,
  guestUntil,
  ownKindKey,
  talksTls,
  visible
} from "./greeting.ts"
import type { Handshake, Proven } from "./handshakeState.ts"
import { ticketKey } from "./ticket.ts"

/** How a guest and its host authenticate, whatever their lists have: a guest has no certificate, and its ticket is no secret of many. */
const guestMethods: ReadonlyArray<string> = ["hmac_sha3_512"]

/** Whether one of the two sides is a guest. */
export const isWithGuest = ({ greeting, identity }: Pick<Handshake, "greeting" | "identity">): boolean =>
  identity.keys.has(guestKey) || greeting?.keys.has(guestKey) === true

/** What the other side may authenticate with. */
export const acceptedOf = (state: Handshake): ReadonlyArray<string> =>
  isWithGuest(state) ? guestMethods : state.identity.authAccept

/** What both sides may know. Of a guest it is the key of its ticket, as each of our secrets would have made it. */
const secretsOf = ({ greeting, identity }: Handshake): ReadonlyArray<string> => {
  if (greeting?.keys.has(guestKey) !== true) return identity.secrets
  const expires = guestUntil(greeting)
  return expires === undefined || !identity.takesGuests
    ? []
    : identity.secrets.map((secret) => ticketKey(secret, greeting.nodeId, expires))
}

/**
 * A node of another kind has one secret, and nobody but itself knows which of ours that is: it authenticates first, which it does
 * without waiting for us.
 */
export const mustWait = ({ greeting, identity }: Handshake, { method }: AuthLine): boolean =>
  needsSecret(method) && identity.secrets.length > 1 && greeting?.keys.has(ownKindKey) !== true

/** Our auth line, or why there is none. */
export const ownAuth = (state: Handshake): AuthLine | { readonly reason: LinkErrorReason; readonly detail: string } => {
  const { greeting, identity, own, secure } = state
  const { auths = [], framings = [] } = greeting ?? {}
  if (greeting !== undefined && isWithGuest(state)) return authWithGuest(state, greeting)
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

/** The same where one of the two is a guest. */
const authWithGuest = (
  state: Handshake,
  greeting: Greeting
): AuthLine | { readonly reason: LinkErrorReason; readonly detail: string } => {
  const { identity, own } = state
  const framing = choose(greeting.framings, identity.framings)
  if (framing === undefined) return { reason: "no_common_framing", detail: `it knows ${listed(greeting.framings)}` }
  const isGuest = identity.keys.has(guestKey)
  if (isGuest && !greeting.keys.has(guestSizeKey)) {
    return { reason: "no_common_auth", detail: "this node is a guest, and the other side takes none" }
  }
  const [method = ""] = guestMethods
  const [data, ...also] = proofs(method, secretsOf(state), own, theirs(state))
  return data === undefined
    ? { reason: "auth_failed", detail: "it is a guest, and this node takes none" }
    : { method, data, framing, also }
}

/** The position of the secret of ours that the other side has proven to know; 0 if the method needs none; -1 if it has proven nothing. */
export const provenSecret = (state: Handshake, { also, data, method }: AuthLine): number => {
  const { own } = state
  const secrets = needsSecret(method) ? secretsOf(state) : [""]
  const given = method === "hmac_sha3_512" ? [data, ...also.slice(0, mostSecrets - 1)] : [data]
  return knownSecret(given, proofs(method, secrets, theirs(state), own))
}

/** Our auth line, if it still waits for the other side's: with the secret that the other side knows. */
export const withSecret = (state: Handshake, { secret = 0 }: Proven): AuthLine | undefined => {
  const { auth, identity, own, sent } = state
  if (auth === undefined || sent || !mustWait(state, auth)) return auth
  const [data = auth.data] = proofs(auth.method, identity.secrets.slice(secret), own, theirs(state))
  return { ...auth, data }
}

/** What a node of our own kind does not accept our certificate for. */
export const tlsRefusalOf = (why: string): string | undefined =>
  new Map<string, string>(Object.entries(tlsRefusals)).get(why)

export const securityOf = ({ identity, secured }: Handshake, proven: Proven, auth: AuthLine): Security => ({
  tls: secured && { version: secured.version, cipher: secured.cipher },
  received: { method: proven.method, subject: secured?.subject, secret: proven.secret },
  sent: {
    method: auth.method,
    subject: secured && identity.subject,
    // Of those that were sent, it is the one that the other side knows.
    secret: needsSecret(auth.method) ? proven.secret : undefined
  }
})

export const needsSecret = (method: string): boolean => secretMethods.includes(method)

const theirs = (state: Handshake): GreetingLines => ({ greeting: state.greetingLine, nonce: state.nonceLine })

export const listed = (entries: ReadonlyArray<string>): string => visible(entries.join(","))
