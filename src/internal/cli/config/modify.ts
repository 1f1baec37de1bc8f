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
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as crypto from "node:crypto"
import * as os from "node:os"
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
      Effect.gen(function*() {
        const stored = yield* read(target)
        const result = yield* Effect.fromResult(change(stored.document))
        const isSame = Equal.equals(result.document, stored.document)
        if (!isSame) yield* save(target, stored.text, result.document)
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
  document: Schema.JsonObject
): Effect.Effect<void, ConfigFileError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    if (before !== undefined) yield* replace(`${file}~`, before)
    yield* replace(file, `${JSON.stringify({ version: 1, ...document }, undefined, 2)}\n`)
  }).pipe(
    Effect.mapError((error) => fail(file, `cannot be written: ${error.message}`)),
    Effect.uninterruptible
  )

/** Readers see all of the old text or all of the new one, even if the machine goes down. Only its owner can read it. */
const replace = (
  file: string,
  text: string
): Effect.Effect<void, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const fresh = `${file}.new`
    // Left behind by a process that was killed.
    yield* files.remove(fresh, { force: true })
    yield* Effect.scoped(Effect.gen(function*() {
      const opened = yield* files.open(fresh, { flag: "wx", mode: 0o600 })
      yield* opened.writeAll(new TextEncoder().encode(text))
      yield* opened.sync
    }))
    yield* files.rename(fresh, file)
    // Not every system lets a folder be synced.
    yield* Effect.flatMap(files.open(path.dirname(file)), (folder) => folder.sync).pipe(Effect.scoped, Effect.ignore)
  })

/** Who holds the lock: a process ID alone may be that of a later process. */
const holder = { pid: process.pid, host: os.hostname(), token: crypto.randomUUID() }
/** How long one that wants to change the file waits for the lock of another. */
const patienceMillis = 5000

/** Runs while no other process does. `FILE.lock` is there for as long. */
const locked = <A, E, R>(
  file: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | ConfigFileError, R | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const lock = `${file}.lock`
    const deadline = (yield* Clock.currentTimeMillis) + patienceMillis
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        while (!(yield* create(file, lock))) {
          if (yield* takeOver(lock)) continue
          if ((yield* Clock.currentTimeMillis) >= deadline) return yield* fail(file, yield* tooLong(lock))
          yield* restore(Effect.sleep("20 millis"))
        }
        return yield* Effect.ensuring(restore(effect), Effect.ignore(files.remove(lock, { force: true })))
      })
    )
  })

/** Makes the lock; answers whether it was not there. */
const create = Effect.fnUntraced(function*(file: string, lock: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* files.writeFileString(lock, JSON.stringify(holder), { flag: "wx", mode: 0o600 }).pipe(
    Effect.as(true),
    Effect.catchTag("PlatformError", (error) =>
      error.reason._tag === "AlreadyExists"
        ? Effect.succeed(false)
        : Effect.fail(fail(file, `cannot be changed: ${inWords(error, path.dirname(file))}`)))
  )
})

const Holder = Schema.Struct({ pid: Schema.Int, host: Schema.String, token: Schema.String })
const decodeHolder = Schema.decodeUnknownOption(Schema.fromJsonString(Holder))

/**
 * Removes the lock of a process that is dead; answers whether it did. When two processes find such a lock, the slower of them
 * must not remove the lock that the faster one has made since: only the process that could make `FILE.lock.takeover` looks once
 * more, and removes what it sees then.
 */
const takeOver = Effect.fnUntraced(function*(lock: string) {
  const files = yield* FileSystem.FileSystem
  const isStale = Effect.map(Effect.option(files.readFileString(lock)), (text) => {
    const found = text._tag === "Some" ? decodeHolder(text.value) : text
    return found._tag === "Some" && found.value.host === holder.host && !isAlive(found.value)
  })
  if (!(yield* isStale)) return false
  const guard = `${lock}.takeover`
  const isOurs = yield* Effect.isSuccess(files.writeFileString(guard, "", { flag: "wx", mode: 0o600 }))
  if (!isOurs) return false
  const removed = Effect.gen(function*() {
    return (yield* isStale) && (yield* Effect.isSuccess(files.remove(lock)))
  })
  return yield* Effect.ensuring(removed, Effect.ignore(files.remove(guard)))
})

const isAlive = ({ pid, token }: typeof Holder.Type): boolean => {
  if (pid === holder.pid) return token === holder.token
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // The process is there, and belongs to another user.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const tooLong = Effect.fnUntraced(function*(lock: string) {
  const files = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(files.readFileString(lock), () => "")
  const found = decodeHolder(text)
  const who = found._tag === "Some" ? `process ${found.value.pid} on ${found.value.host}` : "another process"
  return `is being changed by ${who} for more than ${patienceMillis / 1000} s; if none is, remove ${lock}`
})
