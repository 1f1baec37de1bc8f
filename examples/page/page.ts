/**
 * A page that is a node: it looks for the room, joins it, and looks for it again when the server is gone. What it is let in by is a ticket, of which it
 * gets a new one before that ends.
 *
 * npx esbuild examples/page/page.ts --bundle --minify --format=esm --outfile=examples/page/out/page.js
 */
import * as Global from "effect-mp/Global"
import * as Node from "effect-mp/Node"
import * as Port from "effect-mp/Port"
import * as Transport from "effect-mp/Transport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { group, type Room, Visitor } from "./room.ts"

// ---- what is seen

const element = (id: string): HTMLElement => document.getElementById(id)!

const show = (id: string, text: string): void => {
  element(id).textContent = text
}

const addLine = (text: string): void => {
  element("lines").append(Object.assign(document.createElement("li"), { textContent: text }))
}

const setHidden = (id: string, hidden: boolean): void => {
  element(id).hidden = hidden
}

/** What the field of a form has, whenever it is sent; the field is empty then. */
const onSent = (id: string, act: (text: string) => void): void => {
  element(id).addEventListener("submit", (event) => {
    event.preventDefault()
    const field = element(id).querySelector("input")!
    act(field.value)
    field.value = ""
  })
}

// ---- what the server is asked

const post = (path: string, body: string): Promise<Response> => fetch(path, { method: "POST", body })

/** A ticket for this page; another one, if it says which node it is. Without a session there is none. */
const askForTicket = async (node: string): Promise<string> => {
  const response = await post("/ticket", node)
  return response.status === 200 ? await response.text() : Promise.reject(new Error("no ticket"))
}

// ---- the node

let say: (text: string) => void = () => {}

const inRoom = Effect.fnUntraced(function*(losses: Queue.Queue<void>) {
  const visitor = yield* Port.make(Visitor, {
    line: (text) => addLine(text),
    present: (names) => show("present", `Here: ${names.join(", ")}`)
  })
  const run = yield* Effect.map(Effect.context<Node.Node>(), Effect.runForkWith)
  const rooms = yield* Global.group<typeof Room.messages>(group)
  const visit = Effect.gen(function*() {
    show("status", "Looking for the room")
    const [room = ""] = yield* rooms.awaitMembers(1)
    // First of all the monitor: from now on nothing is lost without a word.
    const gone = yield* Effect.forkScoped(Port.exit(room), { startImmediately: true })
    yield* Port.snd(room, "join", visitor)
    say = (text) => void run(Port.snd(room, "say", visitor, text))
    show("status", "In the room")
    yield* Fiber.join(gone)
    yield* Queue.offer(losses, undefined)
  })
  yield* Effect.forever(Effect.scoped(visit))
})

const renewing = Effect.fnUntraced(function*(losses: Queue.Queue<void>) {
  const node = yield* Node.id
  const renew = Effect.tryPromise(() => askForTicket(node)).pipe(
    Effect.flatMap((ticket) => Node.renew({ ticket })),
    Effect.retry(Schedule.spaced("10 seconds"))
  )
  // What is lost may be so because the machine slept, and the ticket ended meanwhile.
  const due = Effect.raceFirst(Effect.sleep("45 minutes"), Queue.take(losses))
  yield* Effect.forever(Effect.andThen(due, renew))
})

const program = Effect.gen(function*() {
  const losses = yield* Queue.sliding<void>(1)
  yield* Effect.all([inRoom(losses), renewing(losses)], { concurrency: "unbounded" })
})

const live = (ticket: string): void => {
  setHidden("enter", true)
  setHidden("say", false)
  const node = Global.layer({ seeds: [`${location.origin.replace("http", "ws")}/nodes`] }).pipe(
    Layer.provideMerge(Node.layer({ ticket, connectInterval: "1 second" })),
    Layer.provide(Transport.layerWebSocketClient)
  )
  Effect.runFork(program.pipe(Effect.scoped, Effect.provide(node)))
}

const enter = (): Promise<void> => askForTicket("").then(live, () => setHidden("enter", false))

onSent("enter", (name) => void post("/session", name).then(enter))
onSent("say", (text) => say(text))
void enter()
