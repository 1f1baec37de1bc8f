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

/** Methods that need no TLS. `cleartext` is accepted where it is configured, and never sent. */
export const plainMethods: ReadonlyArray<string> = ["hmac_sha3_512", "cleartext"]

/**
 * What the side that greeted with `own` sends as DATA to the side that greeted with `other`, or `undefined` if the
 * method is unknown or the secret is empty. The sender of a digest puts its own greeting first. Lines and secret count
 * as octets: they come in as latin-1 text.
 */
export const authData = (
  method: string,
  secret: string,
  own: GreetingLines,
  other: GreetingLines
): string | undefined => {
  if (secret === "") return undefined
  switch (method) {
    case "hmac_sha3_512":
      return crypto.createHmac("sha3-512", Buffer.from(secret, "latin1")).update(bytes(own)).update(bytes(other))
        .digest("hex")
    case "cleartext":
      return Buffer.from(secret, "latin1").toString("hex")
    default:
      return undefined
  }
}

/** What `tls_sha3_512` carries: the same without a key. */
export const tlsDigest = (own: GreetingLines, other: GreetingLines): string =>
  crypto.createHash("sha3-512").update(bytes(own)).update(bytes(other)).digest("hex")

const bytes = (lines: GreetingLines): Buffer => Buffer.from(`${lines.greeting}\n${lines.nonce}\n`, "latin1")

/** Compares in a time that tells nothing of where two texts differ. */
export const equalData = (left: string, right: string): boolean => {
  const a = Buffer.from(left, "latin1")
  const b = Buffer.from(right, "latin1")
  return a.length === b.length && crypto.timingSafeEqual(a, b)
}
