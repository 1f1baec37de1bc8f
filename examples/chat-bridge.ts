/**
 * The chat with bridge heads: a client has a port of its own on the server's node, which it spawns there. What the two say to
 * each other is their own business, and the server deals with ports of its own node only. AnyEvent::MP's introduction has it too.
 *
 * emp run --node-id seed --bind 127.0.0.1:4040 --service examples/chat-bridge.ts#server
 * emp run --node-id alice --seed 127.0.0.1:4040 --service examples/chat-bridge.ts#client
 */
import { Global, Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { chat } from "./chat-client.ts"
import { why } from "./chat.ts"

/** Takes the port and the name of a client. Whatever the new port is sent, the client says. */
const connect = Port.remote("::client_connect")
/** Its keys are the nodes where bridge heads may be spawned. */
const group = "eg_chat_server2"

/** Who is here, on the server's node. */
const clients = new Set<string>()

const relay = (line: string) =>
  Effect.andThen(
    Console.log(`relaying: ${line}`),
    Effect.forEach(clients, (client) => Port.snd(client, line), { discard: true })
  )

const bridges = Port.implement(connect, (client: string, nick: unknown) =>
  Effect.gen(function*() {
    yield* Effect.acquireRelease(
      Effect.sync(() => clients.add(client)),
      () => Effect.sync(() => clients.delete(client))
    )
    // The bridge head ends with its client, and with it all that it holds.
    const self = yield* Port.Self
    yield* Port.mon(client, (exit) =>
      Effect.sync(() => clients.delete(client)).pipe(
        Effect.andThen(relay(`${nick} (quits, ${why(exit)})`)),
        Effect.andThen(Port.kil(self))
      ))
    yield* relay(`${nick} (joins)`)
    return (text: unknown) => relay(`${nick}: ${text}`)
  }))

/** Says where bridges may be spawned. */
const here = Effect.gen(function*() {
  const node = yield* Node.id
  yield* Effect.acquireRelease(Global.set(group, node, null), () => Effect.ignore(Global.del(group, node)))
})

export const server = Layer.effectDiscard(here).pipe(Layer.provide(bridges))

/** A node that has the server. */
const findServer = Global.mon(group).pipe(
  Stream.flatMap(({ entries }) => Stream.fromIterable(entries.keys())),
  Stream.runHead,
  Effect.map(Option.getOrThrow)
)

export const client = Effect.fnUntraced(function*(name?: string) {
  const nick = name ?? (yield* Node.id)
  yield* chat({
    find: (client) => Effect.flatMap(findServer, (node) => Port.spawn(node, connect, client, nick)),
    // To be spawned is to join.
    join: () => Effect.void,
    tell: Port.snd
  })
})
