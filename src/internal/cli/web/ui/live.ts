/**
 * The stream of events: the picture of the network and the timeline, as they come, and how it is with the connection. It is made again
 * when it is lost, each time a little later, and closed while nobody can see the page.
 *
 * @internal
 */
import type { NetworkChanges, Picture, TimelineEntry, TimelineEvent } from "../api.ts"
import { applyChanges, emptyPicture } from "../changes.ts"
import { loadAbout, messageOf } from "./requests.ts"
import { makeStore } from "./store.ts"
import { visibility } from "./visibility.ts"

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** Nobody can see the page. */
  | { readonly state: "paused" }
  | { readonly state: "lost"; readonly problem: string; readonly retrySeconds: number }

export const connection = makeStore<Connection>({ state: "connecting" })
export const picture = makeStore<Picture>(emptyPicture)
export const timeline = makeStore<ReadonlyArray<TimelineEntry>>([])

/** Even if nothing changes, something comes every five seconds. */
const silenceMillis = 16_000
const longestSeconds = 15
/** As many as the server keeps. */
const mostEntries = 1000

let source: EventSource | undefined
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined

const close = (): void => {
  source?.close()
  source = undefined
  clearTimeout(timer)
}

const lost = async (): Promise<void> => {
  close()
  // The stream does not say why it failed; another request may.
  const problem = await loadAbout().then(() => "the stream of events has ended", messageOf)
  if (source !== undefined || !visibility.get()) return
  const retrySeconds = Math.min(longestSeconds, 2 ** Math.min(failures++, 6) / 2)
  connection.set({ state: "lost", problem, retrySeconds })
  timer = setTimeout(connect, retrySeconds * 1000)
}

const heard = (): void => {
  failures = 0
  if (connection.get().state !== "live") connection.set({ state: "live" })
  clearTimeout(timer)
  timer = setTimeout(() => void lost(), silenceMillis)
}

export const connect = (): void => {
  close()
  const opened = new EventSource("/api/events")
  source = opened
  opened.addEventListener("network", ({ data }: MessageEvent<string>) => {
    const changes: NetworkChanges = JSON.parse(data)
    heard()
    picture.set(applyChanges(picture.get(), changes))
  })
  opened.addEventListener("timeline", ({ data }: MessageEvent<string>) => {
    const { entries, full }: typeof TimelineEvent.Type = JSON.parse(data)
    heard()
    timeline.set([...full ? [] : timeline.get(), ...entries].slice(-mostEntries))
  })
  opened.addEventListener("error", () => void lost())
}

/** Begins, and follows whether the page can be seen. */
export const follow = (): void => {
  const look = (): void => {
    if (visibility.get()) return connect()
    close()
    connection.set({ state: "paused" })
  }
  visibility.subscribe(look)
  look()
}
