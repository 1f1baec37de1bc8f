/**
 * What protects a link, and what the nodes at its ends have proven to each other.
 *
 * @internal
 */

/** Documented as `Node.Proof`. */
export interface Proof {
  readonly method: string
  readonly subject: string | undefined
  readonly secret: number | undefined
}

/** Documented as `Node.Security`. */
export interface Security {
  readonly tls: { readonly version: string; readonly cipher: string } | undefined
  readonly received: Proof
  readonly sent: Proof
}
