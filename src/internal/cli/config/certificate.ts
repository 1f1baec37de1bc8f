/**
 * A new secret, and a new certificate that signs itself. Node makes keys, but no certificates: that is left to the `openssl`
 * command.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as crypto from "node:crypto"
import { readCredentials } from "../../transport/tls.ts"
import { alphabet } from "../../values/names.ts"

/** `openssl` has made no certificate. */
export class CertificateError
  extends Schema.TaggedError<CertificateError>()("CertificateError", { problem: Schema.String })
{
  override get message(): string {
    return `gencert: ${this.problem}`
  }
}

/** 64 characters: more than 380 bits, of chance that nobody can repeat, as that of names could be. */
export const makeSecret: Effect.Effect<string> = Effect.sync(() =>
  Array.from({ length: 64 }, () => alphabet[crypto.randomInt(alphabet.length)]).join("")
)

/** Key and certificate come on standard output alone: the key is in no file. All nodes that share them trust each other. */
const openssl = ChildProcess.make(
  "openssl",
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days 3650 -subj /CN=effect-mp -keyout - -out -"
    .split(" "),
  { stdin: "ignore" }
)

/** A key and its certificate, as PEM text. */
export const makeCertificate: Effect.Effect<string, CertificateError, ChildProcessSpawner.ChildProcessSpawner> = Effect
  .gen(function*() {
    const process = yield* openssl
    const [pem, log, code] = yield* Effect.all(
      [
        Stream.mkString(Stream.decodeText(process.stdout)),
        Stream.mkString(Stream.decodeText(process.stderr)),
        process.exitCode
      ],
      { concurrency: "unbounded" }
    )
    if (code !== 0) return yield* new CertificateError({ problem: `openssl ended with ${code}: ${log.trim()}` })
    return yield* Effect.try({
      try: () => {
        readCredentials(pem)
        return pem
      },
      catch: (cause) => new CertificateError({ problem: `openssl made something that is of no use: ${cause}` })
    })
  }).pipe(
    Effect.scoped,
    Effect.catchTag("PlatformError", (error) =>
      Effect.fail(
        new CertificateError({
          problem: error.reason._tag === "NotFound"
            ? "there is no openssl command on this machine; install OpenSSL, or make a PEM file elsewhere and use cert FILE"
            : `openssl cannot be run: ${error.message}`
        })
      ))
  )
