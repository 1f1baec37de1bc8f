/**
 * What must compile, and what must not. Checked by the compiler, never run.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
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
declare const list: [string, ...ReadonlyArray<unknown>]
declare const message: ReadonlyArray<unknown>
declare const known: ["privmsg", string, string] | ["count", string]

export const sends = [
  Port.snd(chat, "privmsg", "me", "hi"),
  Port.snd(chat, "join", client, "me"),
  Port.snd(chat, "count", client),
  Port.snd(anything, "whatever", 1, 2),
  Port.snd("node#port", { not: "a tag" }),
  Port.snd(anything, ...list),
  Port.snd(anything, ...message),
  Port.snd("node#port"),
  Port.snd(chat, ...known),
  // @ts-expect-error -- a typed port is sent something
  Port.snd(chat),
  // @ts-expect-error -- nobody knows what is in the list
  Port.snd(chat, ...list),
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

declare const node: Node.Service
declare const sendToChat: Port.Sender<Chat>
declare const sendAnything: Port.Sender

export const unsafeSends: ReadonlyArray<boolean> = [
  Port.sndUnsafe(node, chat, "privmsg", "me", "hi"),
  Port.sndUnsafe(node, chat, ...known),
  Port.sndUnsafe(node, anything, "whatever", 1, 2),
  Port.sndUnsafe(node, anything, ...message),
  sendToChat("privmsg", "me", "hi"),
  sendToChat(...known),
  sendAnything("whatever", 1, 2),
  sendAnything(...message),
  // @ts-expect-error -- a typed port is sent something
  Port.sndUnsafe(node, chat),
  // @ts-expect-error -- no such tag
  Port.sndUnsafe(node, chat, "shout", "hi"),
  // @ts-expect-error -- a wrong argument
  sendToChat("privmsg", "me", 42),
  // @ts-expect-error -- a call names the port to reply to
  sendToChat("count"),
  // @ts-expect-error -- nobody knows what is in the list
  sendToChat(...list)
]

export const senders: Effect.Effect<Port.Sender<Client>, never, Node.Node> = Port.sender(client)
/** Who may send more can stand where less is needed, and not the other way round. */
export const lesser: Port.Sender<Client> = null! as Port.Sender<Client & Chat>
// @ts-expect-error -- a client does not take what a chat takes
export const greater: Port.Sender<Client & Chat> = null! as Port.Sender<Client>

declare const context: Context.Context<Node.Node | Scope.Scope>

export const unsafePorts: ReadonlyArray<Port.PortId> = [
  Port.makeUnsafe(context),
  Port.makeUnsafe(context, undefined, { mailbox: 1 }),
  Port.makeUnsafe(context, (tag: string) => Effect.log(tag)),
  Port.makeUnsafe(context, { line: (text: string) => Effect.log(text) }),
  Port.makeUnsafe(context, { own: () => Effect.andThen(Port.Self, Effect.addFinalizer(() => Effect.void)) })
]
export const unsafeClient: Port.PortId<Client> = Port.makeUnsafe(context, Client, {
  line: (text) => Effect.log(text.trim())
})
// @ts-expect-error -- a port belongs to a scope
export const homeless = Port.makeUnsafe(null! as Context.Context<Node.Node>, {})
export const ended: void = Port.kilUnsafe(node, chat, "enough")
export const takeBack: () => void = Port.monUnsafe(node, chat, (exit) => exit satisfies Exit.Exit<void, Port.Killed>)
export const room: Effect.Effect<void, never, Node.Node> = Port.awaitRoom(chat)

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

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
type Nested = [string, Nested | null]
declare const tree: Schema.Codec<Tree>
declare const nested: Schema.Codec<Nested>
class Label extends Schema.Opaque<Label>()(Schema.Struct({ text: Schema.String })) {}
interface Order {
  readonly id: number
  total(): number
}
declare const order: Schema.Codec<Order>
/** What is plain data, however deep; and what is unknown, which is checked when it is sent. */
export const plain = [
  Port.message(Schema.Json, tree, nested, Label).rest(tree).replies(nested),
  Port.message(Schema.Unknown, Schema.Any, Schema.Array(Schema.Unknown), Schema.ObjectKeyword),
  Port.message(Schema.Null, Schema.Void, Schema.Undefined, Schema.BigInt, Schema.Uint8Array, Schema.Literals(["a", 1])),
  Port.message(Schema.Struct({ a: Schema.optionalKey(Schema.Number), b: Schema.optional(Schema.Boolean) })),
  Port.message(Schema.Record(Schema.String, Schema.Tuple([Schema.Finite, Schema.NullOr(tree)])))
]
export const foreign = [
  // @ts-expect-error -- a date is no plain data
  Port.message(Schema.Date),
  // @ts-expect-error -- nor is one inside
  Port.message(Schema.String, Schema.Struct({ at: Schema.Date })),
  // @ts-expect-error -- nor is one in an array
  Port.message(Schema.Array(Schema.Date)),
  // @ts-expect-error -- nor is one in a reply
  Port.message().replies(Schema.NullOr(Schema.Date)),
  // @ts-expect-error -- nor is an option
  Port.message(Schema.Option(Schema.Number)),
  // @ts-expect-error -- nor is a map
  Port.message(Schema.ReadonlyMap(Schema.String, Schema.Number)),
  // @ts-expect-error -- nor is a set among what follows
  Port.message().rest(Schema.ReadonlySet(Schema.Number)),
  // @ts-expect-error -- nor is a symbol
  Port.message(Schema.Symbol),
  // @ts-expect-error -- nor is an object with symbols as keys
  Port.message(Schema.Struct({ [Symbol.iterator]: Schema.String })),
  // @ts-expect-error -- nor is an object with methods
  Port.message(order),
  // @ts-expect-error -- nor is what a remote function may be given
  Port.remote("eg_chat::at", [Schema.Duration], Client)
]

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

/** Handlers that are annotated say what they need, and nothing else is needed. */
export const annotated: Port.Handlers<Client> = { line: (text) => Effect.andThen(Port.Self, Port.snd("log", text)) }
export const fromAnnotated: Effect.Effect<Port.PortId<Client>, never, Node.Node | Scope.Scope> = Port.make(
  Client,
  annotated
)
export const needing: Port.Handlers<Client, Database> = { line: () => Database }
export const fromNeeding: Effect.Effect<Port.PortId<Client>, never, Node.Node | Scope.Scope | Database> = Port.make(
  Client,
  needing
)
// @ts-expect-error -- the service is not there
export const forgottenToo: Effect.Effect<Port.PortId<Client>, never, Node.Node | Scope.Scope> = fromNeeding
// @ts-expect-error -- the annotation says that nothing is needed
export const understated: Port.Handlers<Client> = { line: () => Database }

export const handled: ReadonlyArray<Effect.Effect<void, never, Node.Node>> = [
  Port.rcv(chat, "privmsg", (nick, text) => Port.snd("log", nick.trim(), text.trim())),
  Port.rcv(chat, "count", () => Effect.as(Port.Self, 1)),
  Port.rcv(chat, "count"),
  Port.rcv(chat, (...whole) => Port.snd("log", ...whole)),
  Port.rcv(anything, "whatever", (n: number) => Port.snd("log", n)),
  Port.rcv("node#port", "whatever", () => {}),
  // @ts-expect-error -- no such tag
  Port.rcv(chat, "shout", () => {}),
  // @ts-expect-error -- no such tag
  Port.rcv(chat, "shout"),
  // @ts-expect-error -- a wrong argument
  Port.rcv(client, "line", (n: number) => Port.snd("log", n)),
  // @ts-expect-error -- the message is answered
  Port.rcv(chat, "count", () => {}),
  // @ts-expect-error -- the service is not there
  Port.rcv(client, "line", () => Database)
]

// @ts-expect-error -- there is no Self outside of a port
export const noSelf: Effect.Effect<void, never, Node.Node | Scope.Scope> = Port.mon(chat)
/** A callback that answers nothing needs nothing. */
export const plainCallback: Effect.Effect<void, never, Node.Node | Scope.Scope> = Port.mon(chat, () => {})

const Ends = Port.protocol({
  ended: Port.message(Schema.String).rest(Schema.Unknown),
  left: Port.message(Schema.String, Schema.Unknown, Schema.Unknown),
  numbers: Port.message(Schema.String).rest(Schema.Number),
  ask: Port.message().replies(Schema.Number)
})
declare const ends: Port.PortId<typeof Ends.messages>
export const monitors: ReadonlyArray<Effect.Effect<Port.Monitor, never, Node.Node | Scope.Scope>> = [
  Port.mon(chat, ends),
  Port.mon(chat, anything, "whatever", 1),
  Port.mon(chat, ends, "ended", "chat"),
  Port.mon(chat, ends, "left", "chat"),
  Port.mon(chat, ends, "left", "chat", 1),
  // @ts-expect-error -- no such tag
  Port.mon(chat, ends, "gone", "chat"),
  // @ts-expect-error -- a wrong argument
  Port.mon(chat, ends, "ended", 1),
  // @ts-expect-error -- an argument is missing that takes no reason
  Port.mon(chat, ends, "ended"),
  // @ts-expect-error -- a reason is no list of numbers
  Port.mon(chat, ends, "numbers", "chat"),
  // @ts-expect-error -- nobody waits for the answer
  Port.mon(chat, ends, "ask")
]

/** The port may be named alone, where its effect is piped. */
export const piped: Effect.Effect<string, Port.Killed, Node.Node | Database> = Effect.andThen(Port.Self, Database).pipe(
  Port.peval(chat)
)
export const guarded: Effect.Effect<string, never, Node.Node | Scope.Scope | Database> = Effect.andThen(
  Effect.scope,
  Database
).pipe(Port.monGuard(chat))

const connect = Port.remote("eg_chat::client_connect", [Client.PortId, Schema.String], Chat)
export const spawned: Effect.Effect<Port.PortId<Chat>, never, Node.Node> = Port.spawn("node", connect, client, "me")
// @ts-expect-error -- a wrong argument
export const wronglySpawned = Port.spawn("node", connect, client, 42)
// @ts-expect-error -- Perl's functions have a package
export const unpackaged = Port.remote("connect")

const untyped = Port.remote("eg_chat::untyped")
export const implemented: ReadonlyArray<Layer.Layer<never, never, Node.Node>> = [
  Port.implement(untyped, () => Effect.succeed((...whole) => Port.snd("log", ...whole))),
  Port.implement(untyped, (nick: string) => Effect.succeed({ say: (text: string) => Port.snd("log", nick, text) })),
  Port.implement(untyped, () => Effect.succeed({ say: () => {} }), { mailbox: 10 }),
  // @ts-expect-error -- a handler is missing
  Port.implement(connect, () => Effect.succeed({ join: () => {}, privmsg: () => {} })),
  // @ts-expect-error -- a protocol has no default receiver
  Port.implement(connect, () => Effect.succeed(() => {}))
]
// @ts-expect-error -- the service is not there
export const unprovided: Layer.Layer<never, never, Node.Node> = Port.implement(
  untyped,
  () => Effect.succeed(() => Database)
)

const lastCounter = Port.protocol({ next: Port.message().replies(Schema.Number), note: Port.message(Schema.String) })
export const later: Port.Handlers<typeof lastCounter.messages> = {
  next: () => Port.replyLater((to) => Port.reply(to, 1)),
  note: () => {}
}
export const madeLater: Effect.Effect<Port.PortId<typeof lastCounter.messages>, never, Node.Node | Scope.Scope> = Port
  .make(lastCounter, { next: () => Port.replyLater(() => {}), note: () => {} })
declare const waiting: Port.ReplyTo<number>
// @ts-expect-error -- a wrong answer
export const wronglyAnswered = Port.reply(waiting, "one")

declare const letters: Port.Inbox<typeof lastCounter.messages>
export const received: Effect.Effect<
  readonly ["next", Port.ReplyTo<number>] | readonly ["note", string],
  Port.Killed
> = Port.receive(letters)
export const receivedNote: Effect.Effect<readonly ["note", string], Port.Killed> = Port.receive(letters, "note")
// @ts-expect-error -- the protocol has no such message
export const neverReceived = Port.receive(letters, "nothing")
// @ts-expect-error -- neither of the words
export const wrongOption = Port.make({}, { handlerScope: "node" })
