/**
 * `emp run --watch`: hears of source files that change. Part of the watchdog, which is without the library.
 *
 * @internal
 */
import { type FSWatcher, watch } from "node:fs"
import { dirname } from "node:path"

/** Editors save a file in several steps: the last step counts. */
const settleMillis = 200

/** Calls `changed` with the name of a source file that has changed beside one of these. The result ends it. */
export const watchFiles = (
  files: ReadonlyArray<string>,
  changed: (file: string) => void,
  complain: (problem: string) => void
): () => void => {
  const closing = Array.from(new Set(files.map((file) => dirname(file))), (folder) => {
    try {
      return follow(watch(folder), changed)
    } catch (error) {
      complain(`${folder} is not watched: ${error instanceof Error ? error.message : String(error)}`)
      return () => {}
    }
  })
  return () => {
    for (const close of closing) close()
  }
}

const follow = (watcher: FSWatcher, changed: (file: string) => void): () => void => {
  let waiting: NodeJS.Timeout | undefined
  watcher.on("change", (_, name) => {
    const file = String(name)
    if (!/\.[cm]?[jt]sx?$/.test(file)) return
    clearTimeout(waiting)
    waiting = setTimeout(() => changed(file), settleMillis)
  })
  // A folder that is gone does not change any more.
  watcher.on("error", () => {})
  return () => {
    clearTimeout(waiting)
    watcher.close()
  }
}
