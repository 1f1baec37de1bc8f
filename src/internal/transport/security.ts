/**
 * What protects a link, and what the nodes at its ends have proven to each other.
 *
 * @internal
 */

/** Documented as `Node.Proof`. */
export interface Proof {
  /** How: one of the authentication methods of the options, such as `hmac_sha3_512`. */
  readonly method: string
  /** With TLS: the subject of the certificate. */
  readonly subject: string | undefined
  /**
   * With a shared secret: its position in this node's own list. 0 is the first, which is used. As long as there are links with another
   * position, the older secrets are needed.
   */
  readonly secret: number | undefined
}

/** Documented as `Node.Security`. */
export interface Security {
  /** The version and the cipher of TLS; `undefined`: in the clear. */
  readonly tls: { readonly version: string; readonly cipher: string } | undefined
  /** What the other node has proven itself with. */
  readonly received: Proof
  /** What this node has proven itself with. */
  readonly sent: Proof
}
