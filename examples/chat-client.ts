/**
 * A client of `chat-server.ts`: sends the lines of standard input, shows those that it is told. Its name is that of its node:
 *
 * emp run --node-id alice --seed 127.0.0.1:4040 --service examples/chat-client.ts
 */
import { Global, Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"
import { type Chat, Client, group } from "./chat.ts"

/** Lines of standard input, until it ends. */
export const lines: Stream.Stream<string> = Stream.suspend(() =>
  Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (cause) => cause)
).pipe(Stream.orDie)

export default Effect.gen(function*() {
  const nick = yield* Node.id
  const client = yield* Port.make(Client, { line: (text) => Console.log(text) })
  let server: typeof Chat.PortId.Type | undefined
  // A server that comes back has another port: each one that shows up is joined.
  const join = Stream.runForEach(Global.watch(group), ({ joined }) =>
    Effect.forEach(joined, (port) => {
      server = port
      return Port.snd(server, "join", client, nick)
    }))
  const talk = Stream.runForEach(
    lines,
    (line) => server === undefined ? Console.log("nobody is there") : Port.snd(server, "privmsg", nick, line)
  )
  yield* Effect.all([join, talk], { concurrency: "unbounded" })
})
