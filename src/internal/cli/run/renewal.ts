/**
 * A node of `emp run` takes a new secret and a new certificate while it runs: when its configuration is read again, and a certificate that
 * is given by its path when the file changes. What cannot be used changes nothing, and is an error in the log.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Redacted from "effect/Redacted"
import * as Node from "../../../Node.ts"
import { readCertFile, type RunOptions } from "../../config/options.ts"
import { NodeRouter } from "../../node/router.ts"

/** How often the file of the certificate is looked at. It has changed when it was the same twice: nobody is at it any more. */
const lookMillis = 2000

/** What the node goes by, as the configuration gave it. */
export type Proof = Pick<RunOptions, "secret" | "cert" | "certFile">

/**
 * The configuration has no certificate any more. Its file may be empty or missing for a moment while somebody writes it, and
 * whoever knows the secret would come in without TLS from then on.
 */
const certificateIsLost = new Node.InvalidOption({
  option: "cert",
  problem: "the configuration has no certificate any more: restart the node if it is to do without"
})

/** What the node proves itself with now. */
export class OwnProof {
  current: Proof

  constructor(first: Proof) {
    this.current = first
  }

  check({ cert }: Proof): Effect.Effect<void, Node.InvalidOption> {
    return this.current.cert !== undefined && cert === undefined ? Effect.fail(certificateIsLost) : Effect.void
  }

  /** The keys of the configuration that are not as they were. */
  changes({ cert, secret }: Proof): ReadonlyArray<"secret" | "cert"> {
    const text = ({ cert }: Pick<Proof, "cert">) => cert && Redacted.value(cert)
    const texts = ({ secret }: Pick<Proof, "secret">) => secret.map((one) => Redacted.value(one)).join("\n")
    return [
      ...texts(this.current) === texts({ secret }) ? [] : ["secret" as const],
      ...text(this.current) === text({ cert }) ? [] : ["cert" as const]
    ]
  }

  take({ cert, certFile, secret }: Proof): Effect.Effect<void, Node.InvalidOption, Node.Node> {
    return Effect.map(Node.renew({ secret, cert: cert ?? "" }), () => {
      this.current = { cert, certFile, secret }
    })
  }

  /** Takes what has changed in the file that the certificate comes from, for ever. */
  get watching() {
    return watchFile(() => this.current, (cert) => this.take({ ...this.current, cert }))
  }
}

/** Looks at the file that the certificate comes from, and takes what has changed. */
const watchFile = <R>(
  current: () => Proof,
  take: (cert: Redacted.Redacted) => Effect.Effect<void, Node.InvalidOption, R>
) =>
  Effect.gen(function*() {
    const log = (yield* NodeRouter).log.of("Cli")
    const files = yield* FileSystem.FileSystem
    let seen: string | undefined
    /** The last problem that was told: it is told once. */
    let told: string | undefined
    const complain = (file: string, problem: string, about: string) => {
      if (told === about) return Effect.void
      told = about
      return Effect.sync(() => log.error(`${file}: ${problem}: the certificate stays as it is`))
    }
    const look = (file: string) =>
      Effect.matchEffect(readCertFile(file), {
        onFailure: ({ problem }) => complain(file, problem, problem),
        onSuccess: (read) => {
          const text = Redacted.value(read)
          const { cert } = current()
          const isNew = cert === undefined || Redacted.value(cert) !== text
          const isSettled = text === seen
          seen = text
          if (!isNew) told = undefined
          if (!isNew || !isSettled || told === text) return Effect.void
          return Effect.matchEffect(take(read), {
            onFailure: ({ problem }) => complain(file, problem, text),
            onSuccess: () =>
              Effect.sync(() =>
                log.info(`the certificate was read again from ${file}: connections that are made from now on go by it`)
              )
          })
        }
      })
    const next = Effect.suspend(() => {
      const { certFile } = current()
      if (certFile === undefined) return Effect.void
      // What came through a pipe does not come again: `--cert <(...)`.
      return Effect.flatMap(
        Effect.option(files.stat(certFile)),
        (found) => found._tag === "Some" && found.value.type === "FIFO" ? Effect.void : look(certFile)
      )
    })
    return yield* Effect.forever(Effect.andThen(Effect.sleep(lookMillis), next))
  })
