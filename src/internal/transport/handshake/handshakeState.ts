/**
 * A handshake between two events, and what a node brings into all of its handshakes.
 *
 * @internal
 */
import type { Secured } from "../credentials.ts"
import type { GreetingLines } from "./auth.ts"
import type { AuthLine, Greeting } from "./greeting.ts"

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
  /** Whether others may come with a ticket that one of the secrets has made. */
  readonly takesGuests: boolean
  /** Further keys of the greeting. With that of guests, the only secret is the key of this node's own ticket. */
  readonly keys: ReadonlyMap<string, string>
}

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
  readonly buffer: Uint8Array
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

/** How the other side has authenticated, and the framing that it sends. */
export interface Proven {
  readonly method: string
  readonly framing: string
  /** The position of the secret of ours that it knows, if the method needs one. */
  readonly secret: number | undefined
}
