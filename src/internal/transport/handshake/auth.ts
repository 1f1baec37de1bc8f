/**
 * The digests of the auth line. Follows protocol section 6.
 *
 * @internal
 */
import { areEqual, hex, hmacSha3, latin1Bytes, sha3 } from "#platform"

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

/**
 * What a node offers and accepts where nothing is configured. With a certificate TLS is demanded: it is no choice for those who
 * come without. `accept` is what the configuration says of that: who accepts a method without TLS offers one too.
 */
export const defaultMethods = (
  hasCertificate: boolean,
  accept: ReadonlyArray<string> = hasCertificate ? ["tls_sha3_512"] : ["hmac_sha3_512", "cleartext"]
): { readonly offer: ReadonlyArray<string>; readonly accept: ReadonlyArray<string> } => ({
  accept,
  offer: !hasCertificate
    ? ["hmac_sha3_512"]
    : isWithoutTls(accept)
    ? ["tls_sha3_512", "hmac_sha3_512"]
    : ["tls_sha3_512"]
})

/** Whether one of the methods is accepted without TLS. */
export const isWithoutTls = (methods: ReadonlyArray<string>): boolean =>
  methods.some((method) => secretMethods.includes(method))

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
      return sha3(bytes(own, other))
    case "tls_anon":
      return ""
    case "hmac_sha3_512":
      return secret === "" ? undefined : hmacSha3(latin1Bytes(secret), bytes(own, other))
    case "cleartext":
      return secret === "" ? undefined : hex(latin1Bytes(secret))
    default:
      return undefined
  }
}

const bytes = (...sides: ReadonlyArray<GreetingLines>): Uint8Array =>
  latin1Bytes(sides.map(({ greeting, nonce }) => `${greeting}\n${nonce}\n`).join(""))

/** So many secrets a node may have: bounds what others can make it compute. */
export const mostSecrets = 8

/** What the side that greeted with `own` proves that it knows secrets with. Methods that need none, and unknown ones, have nothing. */
export const proofs = (
  method: string,
  secrets: ReadonlyArray<string>,
  own: GreetingLines,
  other: GreetingLines
): ReadonlyArray<string> =>
  secrets.map((secret) => authData(method, secret, own, other)).filter((data) => data !== undefined)

/**
 * The position of the first of our secrets that the other side has proven to know, -1 if there is none. Every proof is held
 * against every secret: how long it takes tells nothing of which ones fit.
 */
export const knownSecret = (given: ReadonlyArray<string>, expected: ReadonlyArray<string>): number => {
  let known = -1
  for (let at = expected.length - 1; at >= 0; at--) {
    for (const data of given) if (equalData(data, expected[at]!)) known = at
  }
  return known
}

/** Compares in a time that tells nothing of where two texts differ. */
export const equalData = (left: string, right: string): boolean => {
  const a = latin1Bytes(left)
  const b = latin1Bytes(right)
  return a.length === b.length && areEqual(a, b)
}
