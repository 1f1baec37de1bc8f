/**
 * A client of `chat-server.ts`: tells it the lines of standard input, shows what it is sent, and looks for a server again when its own
 * one is gone. Its name is that of its node, or an argument:
 *
 * emp run --node-id alice --seed 127.0.0.1:4040 --service examples/chat-client.ts
 * emp run --node-id anon/ --seed 127.0.0.1:4040 services '[["examples/chat-client.ts", "alice"]]'
 */
import { Global, Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"
import { type Chat, group, why } from "./chat.ts"

/** Lines of standard input, until it ends. */
const lines: Stream.Stream<string> = Stream.suspend(() =>
  Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (cause) => cause)
).pipe(Stream.orDie)

/** A client, by how it finds the server's end of the conversation, how it joins, and how it tells a line. */
export const chat = <R>({ find, join, tell }: {
  readonly find: (client: Port.PortId) => Effect.Effect<Port.PortId, Global.InvalidEntry, R>
  readonly join: (server: Port.PortId, client: Port.PortId) => Effect.Effect<void, never, Node.Node>
  readonly tell: (server: Port.PortId, line: string) => Effect.Effect<void, never, Node.Node>
}) => {
  const toNobody = (): Effect.Effect<void, Port.Killed> => Console.log("nobody is there")
  let say: (line: string) => Effect.Effect<void, Port.Killed> = toNobody
  const connect = Effect.gen(function*() {
    const client = yield* Port.make((...line) => Console.log(line.join(" ")))
    const server = yield* find(client)
    // First of all the monitor: from now on nothing is lost without a word.
    const gone = yield* Effect.forkScoped(Port.exit(server), { startImmediately: true })
    yield* join(server, client)
    // The lines come from elsewhere. What is done with them is done in the port, and no more when that has ended.
    say = yield* Port.peval(client, Port.psub((line: string) => tell(server, line)))
    return yield* Effect.raceFirst(Fiber.join(gone), Port.exit(client))
  })
  const conversation = Effect.scoped(connect).pipe(
    Effect.catchTag("Killed", (killed) => Effect.succeed(Exit.fail(killed))),
    Effect.tap((exit) => {
      say = toNobody
      return Console.log(`disconnected ${why(exit)}`)
    })
  )
  const talk = Stream.runForEach(lines, (line) => Effect.ignore(say(line)))
  return Effect.all([Effect.repeat(conversation, Schedule.spaced("1 second")), talk], {
    concurrency: "unbounded",
    discard: true
  })
}

export default Effect.fnUntraced(function*(name?: string) {
  const nick = name ?? (yield* Node.id)
  yield* chat({
    find: () => Effect.map(Global.awaitGroup(group, 1), ([server = ""]) => server),
    join: (server: typeof Chat.PortId.Type, client) => Port.snd(server, "join", client, nick),
    tell: (server: typeof Chat.PortId.Type, line) => Port.snd(server, "privmsg", nick, line)
  })
})
