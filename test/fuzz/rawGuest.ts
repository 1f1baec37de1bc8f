/**
 * A guest made by hand: three lines, the last of which is a digest of its ticket, and a socket. It shares no code with the sources.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as crypto from "node:crypto"
import { until } from "../harness.ts"
import { dialRaw, ownKind, type RawPeer } from "../rawPeer.ts"

/** What a ticket says, taken apart by hand. */
const readTicket = (ticket: string) => {
  const [, expires = "", key = "", nodeId = ""] = ticket.split(".")
  return { expires, key, nodeId: Buffer.from(nodeId, "base64url").toString("latin1") }
}

export interface GuestLies {
  /** Says that it is this node. */
  readonly nodeId?: string
  /** How long it waits for a sign of life, as it says. */
  readonly timeoutMillis?: number
  /** Does not say that it is a guest. */
  readonly asMember?: boolean
  /** Says its auth line then. */
  readonly when?: Effect.Effect<void>
  /** In the place of its own auth line: one that somebody else has sent. */
  readonly authLine?: string
}

/** Dials as a guest, and says all of its lines. */
export const dialRawGuest = (
  address: string,
  ticket: string,
  { asMember = false, authLine, nodeId, timeoutMillis = 60_000, when = Effect.void }: GuestLies = {}
): Effect.Effect<RawPeer & { readonly authLine: string }, never, Scope.Scope> =>
  Effect.gen(function*() {
    const own = readTicket(ticket)
    const name = nodeId ?? own.nodeId
    const guest = asMember ? "" : `;effect-mp-guest=${own.expires}`
    const lines = `aemp;1;${name};hmac_sha3_512;json${ownKind(timeoutMillis, `of ${name}`)}${guest}\n${
      crypto.randomBytes(30).toString("base64")
    }\n`
    const peer = yield* dialRaw(address, { nodeId: name, opening: lines })
    yield* until("the node greets, or leaves", () => peer.lines.length >= 2 || peer.isClosed())
    const digest = crypto.createHmac("sha3-512", own.key)
      .update(Buffer.from(`${lines}${peer.lines[0]}\n${peer.lines[1]}\n`, "latin1")).digest("hex")
    yield* when
    const auth = authLine ?? `hmac_sha3_512;${digest};json\n`
    peer.write(auth)
    return { ...peer, authLine: auth }
  })

/** The same, when it is let in. */
export const enterRaw = (address: string, ticket: string) =>
  Effect.tap(dialRawGuest(address, ticket), (peer) => until("the guest is let in", () => peer.lines.length === 3))
