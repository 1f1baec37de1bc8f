/**
 * A node of `emp run` takes a new secret and a new certificate while it runs: on SIGHUP both are read from the configuration again, and
 * a certificate that is given by its path when the file changes. What cannot be used changes nothing, and is an error in the log.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Node from "../../../Node.ts"
import { checkProof, readCertFile, type RunOptions } from "../../config/options.ts"
import { heedHangups } from "./hangup.ts"

/** Gets an element when the configuration is to be read again. */
export const hangups = Effect.gen(function*() {
  const reloads = yield* Queue.sliding<"reload">(1)
  const listen = Effect.sync(() => heedHangups(() => Queue.offerUnsafe(reloads, "reload")))
  yield* Effect.acquireRelease(listen, (unlisten) => Effect.sync(unlisten))
  return reloads
})

/** Gets an element for every hangup. */
type Reloads = Queue.Dequeue<"reload">

/** How often the file of the certificate is looked at. It has changed when it was the same twice: nobody is at it any more. */
const lookMillis = 2000

/** What the node goes by, as the configuration gave it. */
type Proof = Pick<RunOptions, "secret" | "cert" | "certFile">

/**
 * Whether the configuration has no certificate any more. Its file may be empty or missing for a moment while somebody writes it, and
 * whoever knows the secret would come in without TLS from then on.
 */
const hasLost = (before: Proof, now: Proof): boolean => before.cert !== undefined && now.cert === undefined

const certificateIsLost = new Node.InvalidOption({
  option: "cert",
  problem: "the configuration has no certificate any more: restart the node if it is to do without"
})

/** Keeps the node that it runs on up to date. `reread` reads the whole configuration. */
export const renewing = <E extends Error, R>(first: Proof, reloads: Reloads, reread: Effect.Effect<RunOptions, E, R>) =>
  Effect.gen(function*() {
    let current = first
    const renew = ({ cert, certFile, secret }: Proof) =>
      Effect.map(Node.renew({ secret, cert: cert ?? "" }), () => {
        current = { cert, certFile, secret }
      })
    const reload = reread.pipe(
      Effect.tap(checkProof),
      Effect.tap((options) => hasLost(current, options) ? Effect.fail(certificateIsLost) : Effect.void),
      Effect.flatMap(renew),
      Effect.andThen(
        Effect.logInfo("secret and certificate were read again: connections that are made from now on go by them")
      ),
      Effect.catch((error) => Effect.logError(`secret and certificate stay as they are: ${error.message}`)),
      Effect.catchDefect((defect) => Effect.logError("secret and certificate stay as they are", defect))
    )
    const watching = watchFile(() => current, (cert) => renew({ ...current, cert }))
    return yield* Effect.raceFirst(Effect.forever(Effect.andThen(Queue.take(reloads), reload)), watching)
  })

/** Looks at the file that the certificate comes from, and takes what has changed. */
const watchFile = <R>(
  current: () => Proof,
  take: (cert: Redacted.Redacted) => Effect.Effect<void, Node.InvalidOption, R>
) =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    let seen: string | undefined
    /** The last problem that was told: it is told once. */
    let told: string | undefined
    const complain = (file: string, problem: string, about: string) => {
      if (told === about) return Effect.void
      told = about
      return Effect.logError(`${file}: ${problem}: the certificate stays as it is`)
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
              Effect.logInfo(
                `the certificate was read again from ${file}: connections that are made from now on go by it`
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
