/**
 * What protects a link, in a few words.
 *
 * @internal
 */
import type { SecurityStatus } from "../../node/status.ts"

/** For a table: how a link is encrypted, and how the other node has authenticated on it. */
export const showSecurity = ({ received, tls }: SecurityStatus): string =>
  `${tls === null ? "clear" : tls.version.replace("v", " ")}, ${shownProof(received)}`

/** A subject may be long; JSON has all of it. */
const longestShown = 24

const clip = (text: string): string => text.length > longestShown ? `${text.slice(0, longestShown - 1)}…` : text

const shownProof = ({ method, secret, subject }: SecurityStatus["received"]): string => {
  if (method === "tls_anon") return "nothing proven"
  if (secret === null) return subject === null ? method : clip(subject)
  return `${secret === 0 ? "" : "older "}secret${method === "cleartext" ? " in cleartext" : ""}`
}
