/**
 * TLS on a wire that stands already. Whoever dialled, the handshake says who is client; both sides show a certificate, and
 * both verify. Follows protocol section 5.
 *
 * @internal
 */
import * as crypto from "node:crypto"
import { Duplex } from "node:stream"
import * as tls from "node:tls"
import { type Credentials, refusals, type Secured, type TlsEvents } from "./credentials.ts"
import { certificatesOf, namesOf, subjectOf } from "./readCertificate.ts"
import type { Wire, WireEvents } from "./wire.ts"

/** The options of TLS that credentials come to. */
type SecureOptions = Pick<tls.SecureContextOptions, "key" | "cert" | "ca" | "minVersion" | "secureOptions">

/** The object identifiers of `serverAuth` and `clientAuth`. */
const bothRoles = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]
/** Every connection proves everything anew, once. A renegotiation costs those who ask for it next to nothing. */
const secureOptions = crypto.constants.SSL_OP_NO_TICKET | crypto.constants.SSL_OP_NO_RENEGOTIATION

/**
 * Reads a PEM blob: a private key, its certificate (and what leads to its issuer), and the certificates to trust, which are
 * all that are in it. Throws an `Error` that says what is wrong.
 */
export const readCredentials = (pem: string): Credentials => {
  const certificate = attempt("it holds no certificate that can be read", () => new crypto.X509Certificate(pem))
  if (/(?:BEGIN |4,)ENCRYPTED/.test(pem)) throw new Error("the private key is encrypted")
  const key = attempt("it holds no private key that can be read", () => crypto.createPrivateKey(pem))
  if (!certificate.checkPrivateKey(key)) throw new Error("the private key does not belong to the first certificate")
  // Undefined if there are no limits, whatever the types say. A certificate for one role would do on every second
  // connection, as the nonces fall.
  const purposes: ReadonlyArray<string> | undefined = certificate.keyUsage
  if (purposes !== undefined && !bothRoles.every((role) => purposes.includes(role))) {
    throw new Error("the certificate is not for both roles: its extended key usage must be serverAuth and clientAuth")
  }
  const options: SecureOptions = { key: pem, cert: pem, ca: pem, minVersion: "TLSv1.2", secureOptions }
  // What OpenSSL finds fault with it must say now. On a connection it would throw in a callback of the event loop.
  attempt("TLS cannot use it", () => tls.createSecureContext(options))
  const [own, ...trusted] = attempt("a certificate cannot be read", () => certificatesOf(pem))
  if (own === undefined) throw new Error("it holds no certificate that can be read")
  return { own, trusted, secure: (below, role, events) => new TlsWire(below, role, options, events) }
}

const attempt = <A>(problem: string, read: () => A): A => {
  try {
    return read()
  } catch (cause) {
    throw new Error(`${problem}: ${cause instanceof Error ? reasonOf(cause) : String(cause)}`, { cause })
  }
}

/** OpenSSL's own text, without the places in its sources. */
const reasonOf = (error: Error): string =>
  "reason" in error && typeof error.reason === "string" ? error.reason : error.message.trim()

/** The bytes of TLS, as a stream: what node:tls reads and writes. */
class Cipher extends Duplex {
  private readonly wire: Wire
  constructor(wire: Wire) {
    super({ allowHalfOpen: true })
    this.wire = wire
  }
  /** Bytes are pushed as they come: the reading side never waits. */
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.wire.write(chunk)
    done()
  }
}

/** The inside of TLS as a wire; and what the wire below tells its events to. */
class TlsWire implements Wire, WireEvents {
  readonly remote: string
  private readonly below: Wire
  private readonly cipher: Cipher
  private readonly events: TlsEvents
  private socket: tls.TLSSocket | undefined = undefined
  /** Why it is over. */
  private why: string | undefined = undefined
  private told = false

  constructor(below: Wire, role: "client" | "server", secured: SecureOptions, events: TlsEvents) {
    this.below = below
    this.remote = below.remote
    this.events = events
    this.cipher = new Cipher(below)
    // Node would refuse bad certificates by itself, but without telling the server's side which one and why. `secured` has
    // the verdict, and nothing is read before it.
    const options = { ...secured, rejectUnauthorized: false }
    // Certificates are not for host names.
    const client = { socket: this.cipher, checkServerIdentity: () => undefined }
    if (role === "client") this.attach(tls.connect({ ...options, ...client }))
    else this.serve(tls.createServer({ ...options, requestCert: true }))
  }

  private serve(server: tls.Server): void {
    server.once("secureConnection", (socket: tls.TLSSocket) => {
      this.attach(socket)
      this.stands(socket)
    })
    server.once("tlsClientError", (error: Error) => this.broken(error))
    server.emit("connection", this.cipher)
  }

  private attach(socket: tls.TLSSocket): void {
    this.socket = socket
    if (this.why !== undefined) return void socket.destroy()
    socket.on("secureConnect", () => this.stands(socket))
    socket.on("data", (chunk: Buffer) => this.told || this.events.data(chunk))
    socket.on("drain", () => this.drained())
    socket.on("error", (error: Error) => this.broken(error))
    socket.on("end", () => this.over(() => this.events.closed(this.why ?? "Unexpected end-of-file")))
    socket.on("close", () => this.over(() => this.events.closed(this.why ?? "Unexpected end-of-file")))
  }

  private stands(socket: tls.TLSSocket): void {
    if (!this.told) this.events.secured(inspect(socket))
  }

  /** Node takes a connection that is closed for an error of TLS, if it still was to be established. */
  private broken(error: Error): void {
    const { why } = this
    const text = reasonOf(error)
    const refusal = alerts.find(([alert]) => alert.test(text))?.[1]
    this.over(() => {
      if (refusal !== undefined) this.events.notAccepted(refusal)
      else if (why === undefined) this.events.broken(text)
      else this.events.closed(why)
    })
  }

  /** It is over: tells so once. */
  private over(tell: () => void): void {
    if (this.told) return
    this.destroy()
    tell()
  }

  // ---- what comes from the wire below

  data(chunk: Uint8Array): void {
    // Copied: the stream may keep it for later.
    if (!this.told) this.cipher.push(Buffer.from(chunk))
  }
  /** Told when either of the two buffers is empty: those who wait for room look whether there is some. */
  drained(): void {
    if (!this.told) this.events.drained()
  }
  closed(why: string): void {
    if (this.why !== undefined) return
    this.why = why
    // What has come is still read; then the socket ends.
    if (this.socket === undefined || this.socket.destroyed) this.over(() => this.events.closed(why))
    else this.cipher.push(null)
  }

  // ---- what the link wants

  get buffered(): number {
    return this.below.buffered + (this.socket?.writableLength ?? 0)
  }
  /** Its events were given to it when it was made. */
  start(): void {}
  write(bytes: Uint8Array, left?: () => void): void {
    if (this.socket?.writable) this.socket.write(bytes, left && ((error) => error ?? left()))
  }
  end(closed: () => void): void {
    this.told = true
    const below = (): void => this.below.end(closed)
    if (this.socket === undefined || this.socket.destroyed) below()
    else this.socket.end(below)
  }
  destroy(): void {
    this.told = true
    this.socket?.destroy()
    this.cipher.destroy()
    this.below.destroy()
  }
}

/** OpenSSL's texts of the alerts with which other nodes refuse a certificate. */
const alerts: ReadonlyArray<readonly [text: RegExp, why: string]> = [
  [/alert certificate expired/, refusals.tls_expired],
  [/alert unknown ca/, refusals.tls_untrusted],
  [/alert certificate required/, refusals.tls_no_certificate],
  [
    /alert (?:bad certificate|unsupported certificate|certificate revoked|certificate unknown)/,
    "it finds fault with it"
  ]
]

const inspect = (socket: tls.TLSSocket): Secured => {
  const common = { version: socket.getProtocol() ?? "TLS", cipher: socket.getCipher().name }
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    return { ...common, problem: { reason: "tls_no_certificate", detail: "" }, names: [], subject: undefined }
  }
  const subject = subjectOf(certificate)
  // An error where the types say so; the code of one where they do not.
  const error: unknown = socket.authorizationError
  const code = error instanceof Error ? error.message : String(error)
  const reason = code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID" ? "tls_expired" : "tls_untrusted"
  return socket.authorized
    ? { ...common, problem: undefined, names: namesOf(certificate), subject }
    : { ...common, problem: { reason, detail: code }, names: [], subject }
}
