/**
 * The digests of the auth line. Follows protocol section 6.
 *
 * @internal
 */
import * as crypto from "node:crypto"

/** The two lines of one side's greeting, without their line ends. */
export interface GreetingLines {
  readonly greeting: string
  readonly nonce: string
}

/**
 * The methods that may be used with or without TLS. `tls_anon` proves nothing, and is for those who configure it;
 * `cleartext` is accepted where it is configured, and never sent.
 */
export const methods = (secure: boolean): ReadonlyArray<string> =>
  secure ? ["tls_sha3_512", "tls_anon", "cleartext"] : ["hmac_sha3_512", "cleartext"]

/** What a node may be configured to offer, and what to accept. */
export const offered = ["tls_sha3_512", "tls_anon", "hmac_sha3_512"] as const
export const accepted = [...offered, "cleartext"] as const

/** Those that a node without a secret has no use for. It does not list them: others learn by it why they cannot connect. */
export const secretMethods: ReadonlyArray<string> = ["hmac_sha3_512", "cleartext"]

/** Perl takes the characters of a secret as octets: beyond U+00FF there are none. */
export const isSecret = (text: string): boolean => /^[\x20-\xff]*$/.test(text)

/**
 * What the side that greeted with `own` sends as DATA to the side that greeted with `other`, or `undefined` if the
 * method is unknown, or needs a secret and there is none. The sender of a digest puts its own greeting first. Lines and secret count
 * as octets: they come in as latin-1 text.
 */
export const authData = (
  method: string,
  secret: string,
  own: GreetingLines,
  other: GreetingLines
): string | undefined => {
  switch (method) {
    case "tls_sha3_512":
      return crypto.createHash("sha3-512").update(bytes(own)).update(bytes(other)).digest("hex")
    case "tls_anon":
      return ""
    case "hmac_sha3_512":
      if (secret === "") return undefined
      return crypto.createHmac("sha3-512", Buffer.from(secret, "latin1")).update(bytes(own)).update(bytes(other))
        .digest("hex")
    case "cleartext":
      return secret === "" ? undefined : Buffer.from(secret, "latin1").toString("hex")
    default:
      return undefined
  }
}

const bytes = (lines: GreetingLines): Buffer => Buffer.from(`${lines.greeting}\n${lines.nonce}\n`, "latin1")

/** Compares in a time that tells nothing of where two texts differ. */
export const equalData = (left: string, right: string): boolean => {
  const a = Buffer.from(left, "latin1")
  const b = Buffer.from(right, "latin1")
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}
