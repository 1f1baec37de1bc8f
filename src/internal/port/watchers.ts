/**
 * Who is told how a port ended. Most ports have one that is, or none: a Set takes 200 bytes, and is made for the second one.
 *
 * @internal
 */
import type { PortExit } from "../values/reason.ts"
import { type Host, tellWatcher, tellWatchers, type Watcher } from "./receiver.ts"

export type Watchers = Watcher | Set<Watcher> | undefined

export const withWatcher = (watchers: Watchers, watcher: Watcher): Watchers => {
  if (watchers === undefined) return watcher
  if (typeof watchers === "function") return new Set([watchers, watcher])
  return watchers.add(watcher)
}

export const withoutWatcher = (watchers: Watchers, watcher: Watcher): Watchers => {
  if (watchers === watcher) return undefined
  if (typeof watchers === "object") watchers.delete(watcher)
  return watchers
}

export const count = (watchers: Watchers): number =>
  watchers === undefined ? 0 : typeof watchers === "function" ? 1 : watchers.size

/** Tells all of them, and answers whether there was one. */
export const tell = (watchers: Watchers, exit: PortExit, host: Pick<Host, "unheard">): boolean => {
  if (watchers === undefined) return false
  if (typeof watchers !== "function") {
    const isHeard = watchers.size > 0
    tellWatchers(watchers, exit, host)
    return isHeard
  }
  tellWatcher(watchers, exit, host)
  return true
}
