/**
 * Writes the files of a project: all of them, or none.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import { rmdir, unlink } from "node:fs/promises"
import { CommandFailed } from "../network/session.ts"
import type { ProjectFile } from "./template.ts"

const isThere = (file: string) => new CommandFailed({ problem: `${file} is there already: nothing was written` })

/** Nothing is written over. When something goes wrong, or the command is interrupted, what was made until then is removed again. */
export const writeProject = Effect.fnUntraced(function*(root: string, project: ReadonlyArray<ProjectFile>) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  /** How to take back what was made. A folder goes if nobody else has put anything into it. */
  const undo: Array<() => Promise<void>> = []

  /** Makes a folder and those above it, one by one: where none can be made, as in `/proc`, Node's own way may try for ever. */
  const makeFolder = (folder: string): Effect.Effect<void, PlatformError> =>
    Effect.gen(function*() {
      if (yield* files.exists(folder)) return
      if (path.dirname(folder) !== folder) yield* makeFolder(path.dirname(folder))
      yield* files.makeDirectory(folder)
      undo.push(() => rmdir(folder))
    })

  const write = Effect.fnUntraced(function*({ content, mode, path: name }: ProjectFile) {
    const file = path.join(root, name)
    yield* makeFolder(path.dirname(file))
    undo.push(() => unlink(file))
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
    yield* files.writeFile(file, bytes, { flag: "wx", mode }).pipe(
      Effect.catchTag("PlatformError", (error): Effect.Effect<never, CommandFailed | PlatformError> => {
        if (error.reason._tag !== "AlreadyExists") return Effect.fail(error)
        undo.pop()
        return Effect.fail(isThere(file))
      })
    )
  })

  const takeBack = Effect.suspend(() =>
    Effect.forEach(undo.toReversed(), (remove) => Effect.ignore(Effect.tryPromise(remove)), { discard: true })
  )

  for (const { path: name } of project) {
    const file = path.join(root, name)
    if (yield* files.exists(file)) return yield* isThere(file)
  }
  yield* Effect.forEach(project, write, { discard: true }).pipe(Effect.onError(() => takeBack))
})
