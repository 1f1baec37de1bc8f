/** The room: it tells what is said to all who are in it, and who they are. A visitor is in it until its port ends, or its page is gone. */
import { Global, Port } from "effect-mp"
import * as Effect from "effect/Effect"
import { group, Room, type Visitor } from "./room.ts"

type Page = typeof Visitor.PortId.Type

/** A guest's node ID is in its ticket, `guest/NAME/NUMBER`: a page cannot say that it is somebody else. */
const nameOf = (page: Page): string => Port.nodeOf(page).split("/")[1] ?? ""

export const room = Effect.gen(function*() {
  const pages = new Set<Page>()
  const tell = (line: string) => Effect.forEach(pages, (page) => Port.snd(page, "line", line), { discard: true })
  const showWho = Effect.suspend(() => {
    const names = Array.from(pages, nameOf)
    return Effect.forEach(pages, (page) => Port.snd(page, "present", names), { discard: true })
  })
  const leave = (page: Page) => {
    pages.delete(page)
    return Effect.andThen(tell(`${nameOf(page)} has left`), showWho)
  }
  const port = yield* Port.make(Room, {
    join: Effect.fnUntraced(function*(page) {
      if (pages.has(page)) return
      pages.add(page)
      // Closed, reloaded, without a network: however it goes.
      yield* Port.mon(page, () => leave(page))
      yield* Effect.andThen(tell(`${nameOf(page)} is here`), showWho)
    }),
    say: (page, text) => pages.has(page) ? tell(`${nameOf(page)}: ${text}`) : Effect.void
  }, { guests: true })
  yield* Global.register(port, group)
})
