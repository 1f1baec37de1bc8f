/**
 * The chat with bridge heads: a client has a port of its own on the server's node, which it spawns there. What the two say to
 * each other is their own business, and the server deals with ports of its own node only.
 *
 * emp run --node-id seed --bind 127.0.0.1:4040 --service examples/chat-bridge.ts#server
 * emp run --node-id alice --seed 127.0.0.1:4040 --service examples/chat-bridge.ts#client
 */
import { Global, Node, Port, Supervisor } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { lines } from "./chat-client.ts"
import { Client } from "./chat.ts"

/** The server's end of a client. */
const Bridge = Port.protocol({ say: Port.message(Schema.String) })
const connect = Port.remote("eg_chat::client_connect", [Client.PortId, Schema.String], Bridge)
const group = "eg_chat_bridges"

/** Who is here, on the server's node. */
const clients = new Map<typeof Client.PortId.Type, string>()

const relay = (line: string) =>
  Effect.forEach(clients.keys(), (client) => Port.snd(client, "line", line), { discard: true })

const bridges = Port.implement(connect, (client, nick) =>
  Effect.gen(function*() {
    yield* Effect.acquireRelease(
      Effect.andThen(Effect.sync(() => clients.set(client, nick)), relay(`${nick} joins`)),
      () => Effect.andThen(Effect.sync(() => clients.delete(client)), relay(`${nick} quits`))
    )
    // The bridge head ends with its client, and with it all that it holds.
    const self = yield* Port.Self
    yield* Port.mon(client, () => Port.kil(self))
    return { say: (text) => relay(`${nick}: ${text}`) }
  }))

/** Says where bridges may be spawned. */
const here = Effect.gen(function*() {
  const port = yield* Port.make({})
  yield* Global.register(port, group)
  return port
})

export const server = Layer.merge(bridges, Layer.effectDiscard(Supervisor.restart(here, { id: "here" })))

export const client = Effect.gen(function*() {
  const nick = yield* Node.id
  const self = yield* Port.make(Client, { line: (text) => Console.log(text) })
  const [first] = yield* Global.awaitGroup(group, 1)
  const node = Option.map(Option.fromUndefinedOr(first), Port.nodeOf)
  if (Option.isNone(node)) return
  const bridge = yield* Port.spawn(node.value, connect, self, nick)
  yield* Port.mon(bridge, () => Console.log("the server is gone"))
  yield* Stream.runForEach(lines, (line) => Port.snd(bridge, "say", line))
})
