/**
 * What must compile, and what must not. Checked by the compiler, never run.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Node, Port } from "../src/index.ts"

const Client = Port.protocol({ line: Port.message(Schema.String) })
const Chat = Port.protocol({
  join: Port.message(Client.PortId, Schema.String),
  privmsg: Port.message(Schema.String, Schema.String),
  count: Port.message().replies(Schema.Number)
})
type Client = typeof Client.messages
type Chat = typeof Chat.messages

// The chat server of the introduction, as a user would write it.
export const server: Effect.Effect<Port.PortId<Chat>, never, Node.Node | Scope.Scope> = Effect.gen(function*() {
  const clients = new Map<typeof Client.PortId.Type, string>()
  const relay = (line: string) => Effect.forEach(clients.keys(), (c) => Port.snd(c, "line", line), { discard: true })
  return yield* Port.make(Chat, {
    join: Effect.fnUntraced(function*(client, nick) {
      clients.set(client, nick)
      yield* Port.mon(
        client,
        () => Effect.andThen(Effect.sync(() => clients.delete(client)), relay(`${nick} quits`))
      )
      yield* relay(`${nick} joins`)
    }),
    privmsg: (nick, text) => relay(`${nick}: ${text}`),
    count: () => Effect.succeed(clients.size)
  })
})

declare const chat: Port.PortId<Chat>
declare const client: Port.PortId<Client>
declare const anything: Port.PortId

export const sends = [
  Port.snd(chat, "privmsg", "me", "hi"),
  Port.snd(chat, "join", client, "me"),
  Port.snd(chat, "count", client),
  Port.snd(anything, "whatever", 1, 2),
  Port.snd("node#port", { not: "a tag" }),
  // @ts-expect-error -- no such tag
  Port.snd(chat, "shout", "hi"),
  // @ts-expect-error -- a wrong argument
  Port.snd(chat, "privmsg", "me", 42),
  // @ts-expect-error -- an argument is missing
  Port.snd(chat, "privmsg", "me"),
  // @ts-expect-error -- one too many
  Port.snd(client, "line", "a", "b"),
  // @ts-expect-error -- a chat is no client
  Port.snd(chat, "join", chat, "me")
]

export const count: Effect.Effect<number, Port.Killed, Node.Node> = Port.cal(chat, "count")
// @ts-expect-error -- nothing answers this message
export const noReply = Port.cal(chat, "privmsg", "me", "hi")

declare const both: Port.PortId<Client & Chat>
/** A port that takes more can stand where less is needed, and not the other way round. */
export const narrower: Port.PortId<Client> = both
// @ts-expect-error -- a client does not take what a chat takes
export const wider: Port.PortId<Client & Chat> = client

// @ts-expect-error -- a message is plain data: its schemas must not transform
export const transforming = Port.message(Schema.NumberFromString)

// @ts-expect-error -- a handler is missing
export const missing = Port.make(Chat, { join: () => {}, privmsg: () => {} })
// @ts-expect-error -- a handler for a message that the protocol does not have
export const superfluous = Port.make(Client, { line: () => {}, shout: () => {} })
// @ts-expect-error -- the reply is a number
export const wrongReply = Port.make(Chat, { join: () => {}, privmsg: () => {}, count: () => Effect.succeed("one") })

class Database extends Context.Service<Database, string>()("test/Database") {}
/** What handlers need beyond their port is what the port needs. */
export const needs: Effect.Effect<Port.PortId, never, Node.Node | Scope.Scope | Database> = Port.make({
  query: () => Effect.andThen(Port.Self, Effect.andThen(Effect.scope, Database))
})
// @ts-expect-error -- the service is not there
export const forgotten: Effect.Effect<Port.PortId, never, Node.Node | Scope.Scope> = needs

// @ts-expect-error -- there is no Self outside of a port
export const noSelf: Effect.Effect<void, never, Node.Node | Scope.Scope> = Port.mon(chat)
/** A callback that answers nothing needs nothing. */
export const plainCallback: Effect.Effect<void, never, Node.Node | Scope.Scope> = Port.mon(chat, () => {})

const connect = Port.remote("eg_chat::client_connect", [Client.PortId, Schema.String], Chat)
export const spawned: Effect.Effect<Port.PortId<Chat>, never, Node.Node> = Port.spawn("node", connect, client, "me")
// @ts-expect-error -- a wrong argument
export const wronglySpawned = Port.spawn("node", connect, client, 42)
// @ts-expect-error -- Perl's functions have a package
export const unpackaged = Port.remote("connect")
