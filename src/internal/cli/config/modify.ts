/**
 * The configuration file is changed by one process at a time. A change is there as a whole or not at all, and what was there
 * before stays beside it as `FILE~`.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as crypto from "node:crypto"
import { ConfigFileError } from "../../config/errors.ts"
import { fail, inWords, read } from "../../config/file.ts"

/** What a change answered, and whether comments are in `FILE~` alone now. */
export interface Modified<A> {
  readonly result: A
  readonly lostComments: boolean
}

/** Changes the file. If `change` fails, nothing is changed. */
export const modify = <A extends { readonly document: Schema.JsonObject }, E>(
  file: string,
  change: (document: Schema.JsonObject) => Result.Result<A, E>
): Effect.Effect<Modified<A>, ConfigFileError | E, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const target = yield* targetOf(file)
    const found = yield* Effect.option(files.stat(target))
    // A device that were replaced would be gone for all users of the machine.
    if (found._tag === "Some" && found.value.type !== "File") {
      return yield* fail(file, "is no regular file, and is not replaced")
    }
    return yield* locked(
      target,
      Effect.fnUntraced(function*(isHeld) {
        const stored = yield* read(target)
        const result = yield* Effect.fromResult(change(stored.document))
        const isSame = Equal.equals(result.document, stored.document)
        if (!isSame) yield* save(target, stored.text, result.document, isHeld)
        return { result, lostComments: !isSame && stored.hasComments }
      })
    )
  })

/** What a link leads to is changed, or made, and not the link. */
const targetOf = (file: string): Effect.Effect<string, never, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const named = Effect.map(files.readLink(file), (target) => path.resolve(path.dirname(file), target))
    return yield* files.realPath(file).pipe(Effect.catch(() => named), Effect.orElseSucceed(() => file))
  })

const save = (
  file: string,
  before: string | undefined,
  document: Schema.JsonObject,
  isHeld: Effect.Effect<void, ConfigFileError>
): Effect.Effect<void, ConfigFileError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    if (before !== undefined) yield* replace(`${file}~`, before, Effect.void)
    yield* replace(file, `${JSON.stringify({ version: 1, ...document }, undefined, 2)}\n`, isHeld)
  }).pipe(
    Effect.catchTag("PlatformError", (error) => fail(file, `cannot be written: ${inWords(error)}`)),
    Effect.uninterruptible
  )

/** Readers see all of the old text or all of the new one, even if the machine goes down. Only its owner can read it. */
const replace = (
  file: string,
  text: string,
  isHeld: Effect.Effect<void, ConfigFileError>
): Effect.Effect<void, PlatformError | ConfigFileError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const fresh = `${file}.new`
    // Left behind by a process that was killed.
    yield* files.remove(fresh, { force: true })
    const written = Effect.scoped(Effect.gen(function*() {
      const opened = yield* files.open(fresh, { flag: "wx", mode: 0o600 })
      yield* opened.writeAll(new TextEncoder().encode(text))
      yield* opened.sync
    }))
    const moved = Effect.andThen(isHeld, files.rename(fresh, file))
    yield* Effect.onError(Effect.andThen(written, moved), () => Effect.ignore(files.remove(fresh, { force: true })))
    // Not every system lets a folder be synced.
    yield* Effect.flatMap(files.open(path.dirname(file)), (folder) => folder.sync).pipe(Effect.scoped, Effect.ignore)
  })

/** A lock is held for moments. One that is older than this was left behind, whatever has become of the process that made it. */
const staleMillis = 10_000
/** How long one that wants to change the file waits for others. */
const patienceMillis = 3 * staleMillis

/**
 * Runs while no other process does. Each makes a lock of its own, `FILE.lock-...`, and then looks whether there is another one: of two, the
 * later one sees the other. Who sees one takes its own back, and tries again a little later. No name is used twice: what was left
 * behind can be removed by everybody, and nobody can remove the lock of somebody else instead. `isHeld` fails when that has been done,
 * since this process stood still.
 */
const locked = <A, E, R>(
  file: string,
  effect: (isHeld: Effect.Effect<void, ConfigFileError>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | ConfigFileError, R | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const lock = `${file}.lock-${crypto.randomUUID()}`
    const deadline = (yield* Clock.currentTimeMillis) + patienceMillis
    const unlock = Effect.ignore(files.remove(lock, { force: true }))
    const isHeld = Effect.mapError(files.access(lock), () => fail(file, "cannot be changed: that took too long"))
    const attempt = Effect.gen(function*() {
      yield* Effect.scoped(files.open(lock, { flag: "wx", mode: 0o600 }))
      return yield* isAlone(lock, `${path.basename(file)}.lock-`)
    }).pipe(Effect.mapError((error) => fail(file, `cannot be changed: ${inWords(error, path.dirname(file))}`)))
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        for (let longest = 20;; longest = Math.min(longest * 2, 320)) {
          if (yield* Effect.onError(attempt, () => unlock)) {
            return yield* Effect.ensuring(restore(effect(isHeld)), unlock)
          }
          yield* unlock
          if ((yield* Clock.currentTimeMillis) >= deadline) {
            return yield* fail(file, `is being changed by others for more than ${patienceMillis / 1000} s`)
          }
          yield* restore(Effect.flatMap(Random.nextBetween(1, longest), Effect.sleep))
        }
      })
    )
  })

/** Whether there is no other lock. Those that were left behind go. How old they are is seen by the clock that dates them all. */
const isAlone = (
  lock: string,
  prefix: string
): Effect.Effect<boolean, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const folder = path.dirname(lock)
    const madeAt = (file: string) =>
      Effect.map(Effect.option(files.stat(file)), (found) =>
        Option.getOrUndefined(Option.flatMap(found, ({ mtime }) => mtime)))
    const now = yield* madeAt(lock)
    const names = yield* files.readDirectory(folder)
    for (
      const name of names.filter((name) =>
        name.startsWith(prefix) && name !== path.basename(lock)
      )
    ) {
      const other = path.join(folder, name)
      const since = yield* madeAt(other)
      if (now === undefined) return false
      if (since === undefined) continue
      // Somebody may have set the clock.
      if (Math.abs(now.getTime() - since.getTime()) <= staleMillis) return false
      yield* files.remove(other, { force: true })
    }
    return now !== undefined
  })
