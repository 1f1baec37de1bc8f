/**
 * What a node has for TLS inside of a link, and what that tells the handshake. Who reads certificates and speaks TLS is the platform's.
 *
 * @internal
 */
import type { Certificate } from "./certificate.ts"
import type { LinkErrorReason } from "./linkError.ts"
import type { Wire, WireEvents } from "./wire.ts"

/** What a node proves itself with: key, certificate and the certificates that it trusts. */
export interface Credentials {
  /** The node's own one. */
  readonly own: Certificate
  readonly trusted: ReadonlyArray<Certificate>
  /** TLS on a wire: its inside as a wire, which is told what happens on the one below. */
  readonly secure: (below: Wire, role: "client" | "server", events: TlsEvents) => Wire & WireEvents
}

/** What TLS found out about the other side. */
export interface Secured {
  /** Why its certificate proves nothing; `undefined` if it is valid, and signed by somebody whom we trust. */
  readonly problem: { readonly reason: LinkErrorReason; readonly detail: string } | undefined
  /** The names that the certificate is for: none if it proves nothing. */
  readonly names: ReadonlyArray<string>
  /** Whom the certificate is for, whether that is proven or not; `undefined` if there is none. */
  readonly subject: string | undefined
  /** `TLSv1.3`, and what the connection is encrypted with. */
  readonly version: string
  readonly cipher: string
}

/** Told what happens inside TLS. */
export interface TlsEvents extends WireEvents {
  /** TLS stands. What it is worth is for the handshake to say. */
  secured(secured: Secured): void
  /** TLS itself went wrong: the text is OpenSSL's. Nothing comes after it. */
  broken(why: string): void
  /** The other side, by an alert of TLS, does not accept our certificate. Nothing comes after it. */
  notAccepted(why: string): void
}

/** What a certificate was not accepted for, in words that alerts and nodes of our own kind share. */
export const refusals = {
  tls_expired: "it is not valid at this time",
  tls_untrusted: "it is signed by nobody whom it trusts",
  tls_wrong_node: "it is not for our node ID",
  tls_no_certificate: "we have shown none"
} as const
