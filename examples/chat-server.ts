/**
 * The chat server of AnyEvent::MP's introduction, kept alive by a supervisor:
 *
 * emp run --node-id seed --bind 127.0.0.1:4040 --service examples/chat-server.ts
 */
import { Global, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Chat, group, why } from "./chat.ts"

const server = Effect.gen(function*() {
  const clients = new Set<string>()
  const relay = (line: string) =>
    Effect.andThen(
      Console.log(`relaying: ${line}`),
      Effect.forEach(clients, (client) => Port.snd(client, line), { discard: true })
    )
  const port = yield* Port.make(Chat, {
    join: Effect.fnUntraced(function*(client, nick) {
      clients.add(client)
      // However it ends: it quits, its process dies, or its machine is gone.
      yield* Port.mon(
        client,
        (exit) => Effect.andThen(Effect.sync(() => clients.delete(client)), relay(`${nick} (quits, ${why(exit)})`))
      )
      yield* relay(`${nick} (joins)`)
    }),
    // What a mistake in the server looks like: it ends, and comes back empty.
    privmsg: (nick, text) => text === "/crash" ? Effect.die(`${nick} found a bug`) : relay(`${nick}: ${text}`)
  })
  yield* Global.register(port, group)
  return port
})

export default Layer.effectDiscard(Supervisor.restart(server, { id: "chat" }))
