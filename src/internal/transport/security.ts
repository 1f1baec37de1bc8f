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

/** For a table: how a link is encrypted, and how the other node has authenticated on it. */
export const showSecurity = ({ received, tls }: Shown): string =>
  `${tls === null ? "clear" : tls.version.replace("v", " ")}, ${shownProof(received)}`

/** As it travels: what there is not is null. */
interface Shown {
  readonly tls: { readonly version: string } | null
  readonly received: { readonly method: string; readonly subject: string | null; readonly secret: number | null }
}

/** A subject may be long; JSON has all of it. */
const longestShown = 24

const clip = (text: string): string => text.length > longestShown ? `${text.slice(0, longestShown - 1)}…` : text

const shownProof = ({ method, secret, subject }: Shown["received"]): string => {
  if (method === "tls_anon") return "nothing proven"
  if (secret === null) return subject === null ? method : clip(subject)
  return `${secret === 0 ? "" : "older "}secret${method === "cleartext" ? " in cleartext" : ""}`
}
