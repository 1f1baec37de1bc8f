/**
 * Ports: destinations for messages, and contexts to run code in.
 *
 * A port is a scoped resource with a mailbox. Its handlers are Effects that run one at a time; what fails in them ends the port, and whoever
 * monitors it is told why. A port ID is a plain string: it can travel in messages, be a map key, be printed.
 *
 * | to begin with               | what it does                                                              |
 * | --------------------------- | ------------------------------------------------------------------------- |
 * | {@link make}                | makes a port, with a handler for each tag                                 |
 * | {@link protocol}            | says what a port takes: to the compiler, and to messages from other nodes |
 * | {@link snd}                 | sends a message, and does not wait for what becomes of it                 |
 * | {@link cal}                 | sends a message, and waits for the answer                                 |
 * | {@link mon}, {@link exit}   | tell how a port ends                                                      |
 * | {@link kil}                 | ends a port                                                               |
 * | {@link inbox}               | makes a port that is read like a queue                                    |
 * | {@link remote}              | declares a function by which other nodes make ports here                  |
 * | {@link fork}, {@link psub}  | run code in a port that is no handler                                     |
 *
 * The verbs are those of AEMP, AnyEvent::MP. What ends in `Unsafe` does the same where no Effect runs.
 *
 * `docs/introduction/1-ports.md` begins at the beginning. `docs/messages.md` has what messages may hold, `docs/guarantee.md` what is certain of
 * them, `docs/errors.md` the reasons that ports end with.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import * as streams from "./internal/node/bytes.ts"
import { DespiteDrain } from "./internal/node/drain.ts"
import { spawnRequest } from "./internal/node/fullRequests.ts"
import type { WaitFor } from "./internal/node/peer.ts"
import { NodeRouter, type Router, routerOf } from "./internal/node/router.ts"
import { asideOf, send, sendLater } from "./internal/node/sending.ts"
import * as cell from "./internal/port/cell.ts"
import { addFinalizer, removeFinalizer } from "./internal/port/finalizers.ts"
import * as handling from "./internal/port/handlers.ts"
import * as inboxes from "./internal/port/inbox.ts"
import { perl as perlSchemas } from "./internal/port/perl.ts"
import { requireAllPlain, requirePlain } from "./internal/port/plainSchema.ts"
import * as protocols from "./internal/port/protocol.ts"
import type { Message as AnyMessage, Watcher } from "./internal/port/receiver.ts"
import { ReplyPort } from "./internal/port/replyPort.ts"
import { type Settings, settingsOf } from "./internal/port/settings.ts"
import { sndEffect } from "./internal/port/snd.ts"
import * as link from "./internal/transport/link.ts"
import * as bytesError from "./internal/values/bytesError.ts"
import * as portId from "./internal/values/portId.ts"
import * as reason from "./internal/values/reason.ts"
import type { Node, Service as NodeService } from "./Node.ts"

// ---- types

declare const Accepts: unique symbol
declare const Takes: unique symbol
declare const Handles: unique symbol
declare const Answers: unique symbol

/**
 * The address of a port: `nodeid#name`, a plain string. `M` says which messages the port takes; without it, the port
 * takes everything.
 *
 * **Details**
 *
 * The ID of a port that speaks a {@link Protocol} has the type `typeof Counter.PortId.Type`. No port ever gets the ID that another one had. A
 * bare node ID is the address of that node's own port.
 *
 * **Gotchas**
 *
 * Only the compiler knows `M`, and takes any text for an ID. Text that comes from outside is held against {@link isPortId}.
 *
 * @category models
 * @since 0.1.0
 */
export type PortId<M extends Messages = any> = string & { readonly [Accepts]?: M }

/**
 * One message of a protocol, as {@link message} makes it: `Args` are its arguments, `Reply` is what `cal` is answered with (`never`: nothing).
 *
 * @category models
 * @since 0.1.0
 */
export interface Message<in Args extends ReadonlyArray<unknown>, out Reply = never> extends protocols.MessageShape {
  readonly [Takes]?: (args: Args) => Reply
  /** The same message with any number of arguments behind those that it has. */
  rest<S extends protocols.AnySchema>(schema: Plain<S> & S): Message<[...Args, ...ReadonlyArray<S["Type"]>], Reply>
  /** The same message as a call: `cal` appends the port to reply to, and what the handler succeeds with is sent there. */
  replies<S extends protocols.AnySchema>(schema: Plain<S> & S): Message<Args, S["Type"]>
}

/**
 * The messages of a protocol by tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Messages = Readonly<Record<string, Message<any, any>>>

/**
 * What a port accepts, as {@link protocol} makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Protocol<M extends Messages> {
  /** What the messages are, by tag: `typeof Counter.messages` is what types ask for. */
  readonly messages: M
  /** The schema for the address of such a port, to be used in the messages of others. */
  readonly PortId: Schema.Codec<PortId<M>, PortId<M>>
  /** @internal */
  readonly validate: protocols.Validate
  /** @internal */
  readonly read: protocols.Read | undefined
  /** @internal */
  readonly readReply: (tag: string, value: unknown) => Result.Result<unknown, string>
}

/** `any` and unknown messages: nothing is known about them. */
type IsUntyped<M> = 0 extends 1 & M ? true : string extends keyof M ? true : false

/** The tags that may be sent to a port. */
type TagOf<M> = IsUntyped<M> extends true ? unknown : keyof M & string

/** The tags that are answered. */
type CallTagOf<M> = IsUntyped<M> extends true ? unknown
  : { [K in keyof M & string]: M[K] extends Message<any, infer Reply> ? [Reply] extends [never] ? never : K : never }[
    keyof M & string
  ]

type ArgsOf<M, Tag> = IsUntyped<M> extends true ? ReadonlyArray<unknown>
  : Tag extends keyof M ? M[Tag] extends Message<infer Args, any> ? Args : never
  : never

type ReplyOf<M, Tag> = IsUntyped<M> extends true ? any
  : Tag extends keyof M ? M[Tag] extends Message<any, infer Reply> ? Reply : never
  : never

/** A message that is answered has the port to reply to as its last argument. */
type SendArgsOf<M, Tag> = IsUntyped<M> extends true ? ReadonlyArray<unknown>
  : [ReplyOf<M, Tag>] extends [never] ? ArgsOf<M, Tag>
  : [...ArgsOf<M, Tag>, replyTo: string]

/** The whole messages that may be sent to a port. */
type MessageOf<M, Tag extends keyof M = keyof M> = IsUntyped<M> extends true ? ReadonlyArray<unknown>
  : Tag extends keyof M ? readonly [tag: Tag, ...args: SendArgsOf<M, Tag>]
  : never

/** The tags that are not answered: what a monitor may send. */
type NoteTagOf<M> = IsUntyped<M> extends true ? unknown : Exclude<keyof M & string, CallTagOf<M>>

/** What a monitor sends before the reason: all arguments, or fewer where those that are left take anything. */
type NoteArgsOf<M, Tag> = IsUntyped<M> extends true ? ReadonlyArray<unknown> : Beginnings<ArgsOf<M, Tag>>

type Beginnings<Args extends ReadonlyArray<unknown>> = number extends Args["length"]
  ? [...Args, ...ReadonlyArray<unknown>] extends Args ? Args : never
  : Args extends [...infer Before, infer Last] ? unknown extends Last ? Args | Beginnings<Before> : Args
  : Args

/**
 * What handles the messages of a protocol, by tag. `R` are the services that handlers need beyond what every port has.
 *
 * **When to use**
 *
 * To write handlers down by themselves. Within the call of {@link make} the compiler knows their types without it.
 *
 * **Details**
 *
 * A handler gets the arguments one by one. It answers with an Effect, an Exit, or nothing; where the message has a reply, with an Effect of
 * that.
 *
 * **Example** (Handlers that stand by themselves)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Greeter = Port.protocol({ greet: Port.message(Schema.String).replies(Schema.String) })
 *
 * const handlers: Port.Handlers<typeof Greeter.messages> = { greet: (name) => Effect.succeed(`hello, ${name}`) }
 *
 * const program = Effect.gen(function*() {
 *   const greeter = yield* Port.make(Greeter, handlers)
 *   return yield* Port.cal(greeter, "greet", "world")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "hello, world"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Handlers<M extends Messages, R = never> = {
  readonly [K in keyof M]: M[K] extends Message<infer Args, infer Reply> ? Handler<K, Args, Reply, R> : never
}

/**
 * What handles the messages with one tag, which the compiler names where a handler does not fit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handler<out Tag, in Args extends ReadonlyArray<unknown>, out Reply = never, out R = never> {
  (...args: Args): [Reply] extends [never] ? Effect.Effect<unknown, unknown, R | Node | Self | Scope.Scope> | void
    : Effect.Effect<Reply, unknown, R | Node | Self | Scope.Scope>
  readonly [Handles]?: Tag
}

/** What a port does: the handlers of its protocol, or anything where there is none. */
type BehaviourOf<M extends Messages> = IsUntyped<M> extends true ? AnyHandler | Readonly<Record<string, AnyHandler>>
  : Handlers<M, any>

/** What handles the messages with a tag of a port. */
type HandlerOf<M, Tag, R> = IsUntyped<M> extends true
  ? (...args: ReadonlyArray<any>) => Effect.Effect<unknown, unknown, R> | void
  : Tag extends keyof M ? M[Tag] extends Message<infer Args, infer Reply> ? Handler<Tag, Args, Reply, R> : never
  : never

/** A handler of an untyped port. */
type AnyHandler = (...args: ReadonlyArray<any>) => Effect.Effect<unknown, unknown, any> | void

type HandlerServices<H> = H extends (...args: ReadonlyArray<any>) => infer Result
  ? Result extends Effect.Effect<any, any, infer R> ? R : never
  : never

/** What handlers need beyond what every port has. */
type Services<H> = Beyond<H extends AnyHandler ? HandlerServices<H> : HandlerServices<H[keyof H]>>

/** Every port has an ID and a scope. */
type Beyond<R> = Exclude<R, Self | Scope.Scope>

/** Handlers for tags that a protocol does not have: the compiler names them. */
type Superfluous<H, M> = {
  readonly [K in Exclude<keyof H, keyof M> & string]: `the protocol has no message "${K}"`
}

/**
 * Settings of a port. A value that an option cannot have is a defect, a `RangeError`.
 *
 * @see {@link make}, which takes them
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many messages may wait to be handled: a whole number, or `Infinity`. One more kills the port with `["mailbox_overflow", n]`: there is
   * never a silent hole. Default: no limit.
   */
  readonly mailbox?: number | undefined
  /**
   * What becomes of a message that no handler takes, or that came from another node and does not fit the protocol. `"kill"` ends the port:
   * right for what belongs to one owner, who is to hear of the mistake. `"refuse"` leaves the port alone: right for what many share, in a
   * network whose nodes are upgraded one after the other. The message is counted (`refusedMessages` of `Node.gauges`) and logged, a few
   * times a minute at most; a call fails at its caller with the reason, unless that is on a Perl node. Default: `"kill"`, and `"refuse"` where
   * `guests` may send.
   */
  readonly invalid?: "kill" | "refuse" | undefined
  /**
   * Whose `Scope` handlers have. That of the `"port"` closes when the port ends: what a handler acquires for one message stays until then,
   * and with many messages that is a leak. That of the `"message"` closes when its handler is done, before a call is answered; fibers of
   * `Effect.forkScoped` and monitors end with it too. What is to stay longer is acquired in `Port.peval(self, effect)`. Default: `"port"`.
   */
  readonly handlerScope?: "port" | "message" | undefined
  /**
   * How many messages the port handles at once: of all of them, or by tag (`{ render: 4 }`; those that are not named are handled one after the
   * other, and hold up what is behind them). Messages begin in the order in which they came, and end as they end: what handlers share they
   * have to guard. One whose limit is reached waits, and all that is behind it. Default: 1.
   */
  readonly concurrency?: Concurrency | Readonly<Record<string, Concurrency>> | undefined
  /**
   * Whether guests may send to the port and monitor it: nodes that have come with a ticket, if this node lets any in (`guests` of
   * `Node.Options`). They are strangers: a protocol says what they may send. A message of theirs that names a port which is not open to them,
   * or a node, is refused, and answers to their calls go to them alone. Default: false.
   */
  readonly guests?: boolean | undefined
}

/**
 * How many messages are handled at once: a whole number of at least 1, or `"unbounded"`.
 *
 * @category models
 * @since 0.1.0
 */
export type Concurrency = number | "unbounded"

/**
 * Where the answer to a call goes: the port that the caller waits at, a plain string. `Reply` is what it takes.
 *
 * @see {@link replyLater} for handlers that answer later
 * @see {@link reply} to answer
 * @category models
 * @since 0.1.0
 */
export type ReplyTo<Reply = any> = string & { readonly [Answers]?: (reply: Reply) => void }

/**
 * The ID of the port that an effect runs in. Handlers, and all that runs in a port's context, have it in their
 * environment.
 *
 * **Example** (A port that introduces itself)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const told = yield* Deferred.make<string>()
 *   const port = yield* Port.make({ who: () => Effect.flatMap(Port.Self, (self) => Deferred.succeed(told, self)) })
 *   yield* Port.snd(port, "who")
 *   return (yield* Deferred.await(told)) === port
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => true
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export const Self = cell.Self

/**
 * The service that an effect requires which runs inside of a port only.
 *
 * @category services
 * @since 0.1.0
 */
export type Self = cell.Self

/**
 * How a port ended abnormally: `port` is the ID, `reason` AEMP's reason list, which begins with a tag.
 *
 * **Details**
 *
 * `docs/errors.md` has all tags of this package's own, and what to do; programs may {@link kil} with others. An empty reason is a normal end;
 * {@link cal} fails with one when the port that it asked ends before it has answered.
 *
 * - `linkError`: why the link was lost that the port ended for: the tag of a `Transport.LinkError`, such as `link_lost` or `peer_silent`;
 *   `node_left` where the port's node stopped in order. Otherwise `undefined`, also where the link was lost by another node, which tells of it.
 * - `isUnbegun`: the call was refused, since the node of the port is about to stop (`["draining", text]`). Nothing of it has begun: it may be
 *   made again, elsewhere, whatever it does. The reason alone does not say so, for a port may end with that of a call of its own.
 *
 * **Example** (Whether to ask again)
 *
 * ```ts
 * import { Port } from "effect-mp"
 *
 * // The node stopped in order, and takes its state with it; or nobody knows what became of it.
 * const hasLeft = (killed: Port.Killed) => killed.linkError === "node_left"
 *
 * hasLeft(new Port.Killed({ port: "a#counter", reason: ["shutdown"] })) // => false
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Killed = reason.Killed

/**
 * An error of the class of this name.
 *
 * @category errors
 * @since 0.1.0
 */
export type Killed = reason.Killed

/**
 * A message that the link to its port cannot carry: a defect of whoever sends it. Nothing of the message is sent.
 *
 * **Details**
 *
 * - `port`: where it was to go.
 * - `path`: the way into the message to what cannot travel: a function, a class instance, a cycle, a lone surrogate; for links that speak JSON
 *   also bytes, a number that is not finite, `undefined`, or a bigint that a number could be.
 * - `isTooLarge`: nothing is wrong with it but its size. The other node takes no more than its `maxMessageSize`.
 *
 * In a port the defect ends the port. `docs/messages.md` has the table of what may be sent.
 *
 * @category errors
 * @since 0.1.0
 */
export const UnsendableMessage = link.UnsendableMessage

/**
 * An error of the class of this name.
 *
 * @category errors
 * @since 0.1.0
 */
export type UnsendableMessage = link.UnsendableMessage

// ---- protocols

/** A schema of plain data, whose encoded side is its type. */
type Plain<S> = S extends Schema.Codec<infer T, infer E> ? [T, E] extends [E, T] ? { readonly Type: PlainData<T> }
  : { readonly "a message schema must not transform: its encoded side must be its type": S }
  : never

/**
 * The type itself where it is plain data, and in the places where it is not what to use instead. What is unknown is checked when it is
 * sent.
 */
type PlainData<T> = unknown extends T ? T
  : T extends null | undefined | void | boolean | number | bigint | string | Uint8Array ? T
  : T extends symbol ? "no plain data: for a symbol, use text"
  : T extends Callable ? "no plain data: a function cannot be sent"
  : T extends Date ? "no plain data: for a Date, use its text or its milliseconds, Schema.String or Schema.Number"
  : T extends Option.Option<any> ? "no plain data: for an Option, use Schema.NullOr or Schema.optionalKey"
  : T extends ReadonlyMap<any, any> ? "no plain data: for a Map, use Schema.Record or an array of pairs"
  : T extends ReadonlySet<any> ? "no plain data: for a Set, use Schema.Array"
  : T extends ReadonlyArray<unknown> ? { readonly [index: number]: PlainData<T[number]> }
  : [MethodOf<T>] extends [never] ? { readonly [K in keyof T]: K extends symbol ? SymbolKey : PlainData<T[K]> }
  : "no plain data: for an object with methods, use a struct of its data"

type SymbolKey = "no plain data: for a symbol as key, use text"

type Callable = ((...args: never) => unknown) | (abstract new(...args: never) => unknown)

/** The keys of functions in an object. */
type MethodOf<T> = { [K in keyof T]-?: [T[K]] extends [Callable] ? [T[K]] extends [never] ? never : K : never }[keyof T]

/**
 * Describes one message of a protocol: the schemas of its arguments, in order.
 *
 * **Details**
 *
 * - `.replies(schema)` makes it a call: {@link cal} appends the port to reply to, and what the handler succeeds with is sent
 *   there.
 * - `.rest(schema)` lets any number of arguments follow. So a message that {@link mon} sends has room for the reason.
 *
 * The schemas are of plain data: text, numbers, bigints, bytes, booleans, `null`, arrays and structs of them. What can never be sent
 * (a Date, an Option, a Map, a class, a transformation) does not compile, or is a TypeError here where the types cannot tell. What is
 * unknown is checked when it is sent. `docs/messages.md` has the table, and what to use instead.
 *
 * **Gotchas**
 *
 * Checks of a schema are synchronous. One that throws makes the message invalid, as one that fails does.
 *
 * @see {@link perl} for messages from Perl
 * @category constructors
 * @since 0.1.0
 */
export const message = <const S extends ReadonlyArray<protocols.AnySchema>>(
  ...schemas: { readonly [K in keyof S]: Plain<S[K]> } & S
): Message<{ -readonly [K in keyof S]: S[K]["Type"] }> => {
  requireAllPlain(schemas, "Port.message")
  return messageOf({ schemas, tail: undefined, reply: undefined })
}

const messageOf = (shape: protocols.MessageShape): Message<any> => ({
  ...shape,
  rest: (tail: protocols.AnySchema) => {
    requirePlain(tail, "Port.message: the rest")
    return messageOf({ ...shape, tail })
  },
  replies: (reply: protocols.AnySchema) => {
    requirePlain(reply, "Port.message: the reply")
    return messageOf({ ...shape, reply })
  }
})

/**
 * Describes what a port accepts. Messages from other nodes are held against it before a handler sees them; between
 * ports of one node the types suffice.
 *
 * **When to use**
 *
 * For ports that others write to: a mistake does not compile, and what a stranger sends does not get into a handler. A port that stays within
 * a few lines of code does without. For calls with classes, errors of their own or streams there is `Rpc.serve`.
 *
 * **Details**
 *
 * A message that does not fit ends the port with `["invalid_message", text]`, unless the option `invalid` says otherwise.
 *
 * A message may say more than its schemas: fields that a struct does not name, arguments behind the last one (those of a call before the
 * port to reply to). Nobody looks at them, and the handler gets them as they came: so a newer node may say more to an older one.
 *
 * `PortId` of the result is the schema of such a port's address, for messages of other protocols.
 *
 * **Example** (A protocol, a port that speaks it, and a call)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Counter = Port.protocol({
 *   add: Port.message(Schema.Number),
 *   total: Port.message().replies(Schema.Number)
 * })
 *
 * const makeCounter = Effect.suspend(() => {
 *   let total = 0
 *   return Port.make(Counter, {
 *     add: (n) => {
 *       total += n
 *     },
 *     total: () => Effect.succeed(total)
 *   })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const counter = yield* makeCounter
 *   yield* Port.snd(counter, "add", 40)
 *   yield* Port.snd(counter, "add", 2)
 *   return yield* Port.cal(counter, "total")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 42
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const protocol = <const M extends Messages>(messages: M): Protocol<M> => ({
  messages,
  // The schema checks the string; which messages the port takes is known to the types alone.
  PortId: protocols.PortIdSchema as unknown as Protocol<M>["PortId"],
  validate: protocols.validator(messages),
  read: protocols.reader(messages),
  readReply: protocols.replyReader(messages)
})

/**
 * Schemas for messages from Perl, whose scalars are numbers, text, or what they were last used as: `5` may come as `"5"`, and a
 * truth as `1` or `""`. An argument with one of these schemas is read as Perl reads it, before it is checked: a handler gets a number
 * where it says number. The schemas stand wherever others do: in `Port.message` and `.rest`, in structs and arrays, in
 * `.replies` for `cal(protocol, ...)`, and in `Port.remote`.
 *
 * **Details**
 *
 * - `Number`: numbers, and text that Perl takes for one without a warning: `"5"`, `" 1e3\n"`, `"Inf"`, `"nan"`, `"0 but true"`. A large
 *   integer, which comes as a bigint, is the nearest number.
 * - `Int`: the same, if it is a whole number that is exact.
 * - `Boolean`: what Perl calls false is `undef`, `0`, `""` and `"0"`; all other text and numbers are true.
 * - `String`: text, and numbers as Perl writes them.
 * - `Text`: the same, where Perl may have sent the octets of UTF-8: those are decoded. What is no UTF-8 stays.
 *
 * What is none of that is refused as by any other schema. `docs/interop.md` has what each of Perl's values comes as.
 *
 * **Gotchas**
 *
 * What is sent between ports of one node is not read: the compiler sees to it. In a union what fits as it is stays: of
 * `Schema.Union([Port.perl.Number, Schema.String])`, `"5"` is a text.
 *
 * **Example** (A message as Perl may send it)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const Order = Port.protocol({ order: Port.message(Port.perl.String, Port.perl.Int, Port.perl.Boolean) })
 *
 * const program = Effect.gen(function*() {
 *   const ordered = yield* Deferred.make<string>()
 *   const shop = yield* Port.make(Order, {
 *     order: (item, count, isGift) => Deferred.succeed(ordered, `${count + 1} x ${item}${isGift ? ", as a gift" : ""}`)
 *   })
 *   // Relayed by the node port, it is like one from another node.
 *   yield* Port.snd(yield* Node.id, "snd", shop, "order", 4711, "2", "")
 *   return yield* Deferred.await(ordered)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "3 x 4711"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const perl: typeof perlSchemas = perlSchemas

// ---- making and ending ports

/**
 * Makes a port in the current scope. When the scope closes, the port is killed: normally if the scope closes with
 * success, with the reason taken from the Cause otherwise.
 *
 * **When to use**
 *
 * For nearly all ports. A conversation of several steps is easier to read with {@link inbox}, whose messages a program takes when it wants
 * them. {@link makeUnsafe} is for places where no Effect runs, {@link spawn} for ports on other nodes. A port that is to be made again
 * when it ends is the child of a `Supervisor.restart` or `Supervisor.make`.
 *
 * **Details**
 *
 * - `make(protocol, handlers)`: typed; the result takes the messages of the protocol and nothing else.
 * - `make(handlers)`: a record of handlers by tag, which get the arguments behind it.
 * - `make(handler)`: one default receiver, which gets whole messages.
 * - `make()`: no handler yet; {@link rcv} adds some. With options it is `make(undefined, options)`.
 *
 * Handlers run one at a time, unless the option `concurrency` says otherwise, in the order in which messages arrive; one that waits holds
 * up its own port and no other. They run with the services of the effect that made the port, with {@link Self}, and with a `Scope`, which is
 * the port's. Their log lines are annotated with `node`, `port` and `tag`. A message that was sent in a span, here or on another node of our
 * kind, is handled in a child of it, `handle TAG`.
 *
 * **Gotchas**
 *
 * A handler that fails ends the port. What a port is to survive it handles itself, or a supervisor starts it again.
 *
 * A message that no handler takes ends the port with `["unhandled_message", text]`, unless the option `invalid` says otherwise.
 * Handlers in an uninterruptible region delay the end of a port that is killed.
 *
 * What a handler acquires lives as long as the port, and it acquires that once for each message. Wrap such a handler
 * in `Effect.scoped`, or make the port with `handlerScope: "message"`. A fiber of `Effect.forkChild` ends as soon as the port has
 * nothing more to handle: take {@link fork}, or `Effect.forkScoped`.
 *
 * **Example** (A port, and its end)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Exit } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const port = yield* Port.make({ test: (n) => n > 2 ? Effect.fail("too much") : Effect.void })
 *   yield* Port.snd(port, "test", 1)
 *   yield* Port.snd(port, "test", 3)
 *   const exit = yield* Port.exit(port)
 *   return Exit.isFailure(exit) ? exit.cause.reasons.map(String) : []
 * })
 *
 * const reasons = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
 * reasons.length // => 1
 * ```
 *
 * @see {@link exit} to wait for the end of a port
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Makes a port in the current scope that has no handlers yet: {@link rcv} adds some. It is killed when the scope closes. */
  (handlers?: undefined, options?: Options): Effect.Effect<PortId, never, Node | Scope.Scope>
  /**
   * Makes a port in the current scope with one handler, the default receiver, which gets whole messages: the tag, then the arguments. They are
   * handled one at a time. A handler that fails ends the port; so does the end of the scope. {@link make} has the other forms.
   */
  <H extends AnyHandler>(
    handler: H,
    options?: Options
  ): Effect.Effect<PortId, never, Node | Scope.Scope | Services<H>>
  /**
   * Makes a port in the current scope with a handler for each tag, which gets the arguments behind the tag. Messages are handled one at a time. A
   * handler that fails ends the port; so do a message that no handler takes, and the end of the scope. {@link make} has the other forms.
   */
  <H extends Readonly<Record<string, AnyHandler>>>(
    handlers: H,
    options?: Options
  ): Effect.Effect<PortId, never, Node | Scope.Scope | Services<H>>
  /**
   * Makes a port in the current scope that takes the messages of a protocol, with a handler for each of them. They are handled one at a time;
   * what the handler of a call succeeds with is its answer. A handler that fails ends the port; so do a message from another node that does not
   * fit the protocol, and the end of the scope. {@link make} has the other forms.
   */
  <M extends Messages, H extends Handlers<M, any>>(
    protocol: Protocol<M>,
    handlers: H & Superfluous<H, M>,
    options?: Options
  ): Effect.Effect<PortId<M>, never, Node | Scope.Scope | Services<H>>
} = (...args: ReadonlyArray<any>): Effect.Effect<PortId, never, any> =>
  Effect.withFiber((fiber) => Exit.succeed(makeIn("make", fiber.context, args)))

/**
 * {@link make} where no Effect runs.
 *
 * **When to use**
 *
 * In a callback of a library, or in a loop that makes ports by the million. Everywhere else {@link make} finds the context by itself.
 *
 * **Details**
 *
 * `context` has what the Effect would have: the node, the scope that the port ends with, and the services of the handlers.
 * `Effect.context()` answers it. The forms are those of `make`.
 *
 * **Gotchas**
 *
 * It throws what `make` dies with: a `RangeError` for an option.
 *
 * **Example** (A port for each connection of a server)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, type Scope } from "effect"
 * import { EventEmitter } from "node:events"
 *
 * const program = Effect.gen(function*() {
 *   const server = new EventEmitter()
 *   const context = yield* Effect.context<Node.Node | Scope.Scope>()
 *   const ports: Array<Port.PortId> = []
 *   server.on("connection", (name: string) => {
 *     ports.push(Port.makeUnsafe(context, { who: () => Effect.succeed(name) }))
 *   })
 *   server.emit("connection", "one")
 *   server.emit("connection", "two")
 *   return ports.length
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe: {
  /** `make` where no Effect runs: a port without handlers, in the scope that the context has. {@link rcv} adds handlers. */
  (context: Context.Context<Node | Scope.Scope>, handlers?: undefined, options?: Options): PortId
  /** `make` where no Effect runs: a port in the scope that the context has, with one handler, which gets whole messages. */
  <H extends AnyHandler>(
    context: Context.Context<Node | Scope.Scope | Services<H>>,
    handler: H,
    options?: Options
  ): PortId
  /** `make` where no Effect runs: a port in the scope that the context has, with a handler for each tag. */
  <H extends Readonly<Record<string, AnyHandler>>>(
    context: Context.Context<Node | Scope.Scope | Services<H>>,
    handlers: H,
    options?: Options
  ): PortId
  /** `make` where no Effect runs: a port that takes the messages of a protocol, in the scope that the context has. */
  <M extends Messages, H extends Handlers<M, any>>(
    context: Context.Context<Node | Scope.Scope | Services<H>>,
    protocol: Protocol<M>,
    handlers: H & Superfluous<H, M>,
    options?: Options
  ): PortId<M>
} = (context: Context.Context<never>, ...args: ReadonlyArray<any>): PortId => makeIn("makeUnsafe", context, args)

/** Makes a port with these services: a protocol or none, handlers, options. */
const makeIn = (verb: string, context: Context.Context<never>, args: ReadonlyArray<any>): PortId => {
  const protocol = isProtocol(args[0]) ? args[0] : undefined
  const [handlers, options]: ReadonlyArray<any> = protocol === undefined ? args : args.slice(1)
  const router = Context.getUnsafe(context, NodeRouter)
  const id = router.names.localId()
  const settings = settingsOf(verb, protocol, options)
  install(open(router, id, context, Context.getUnsafe(context, Scope.Scope), settings), protocol, handlers)
  return id
}

const isProtocol = (value: unknown): value is Protocol<Messages> =>
  typeof value === "object" && value !== null && "validate" in value && "PortId" in value

/** Opens a port in a scope: it ends with the scope, and leaves the scope when it ends before. */
const open = (
  router: Router,
  id: string,
  context: Context.Context<never>,
  parent: Scope.Scope,
  settings: Settings
): cell.Cell => {
  const made = new cell.Cell(router, id, settings, context)
  router.add(made)
  made.tie(parent)
  return made
}

/** Gives a port its first handlers. */
const install = (made: cell.Cell, protocol: Protocol<Messages> | undefined, handlers: unknown): void => {
  made.protocol = protocol
  if (typeof handlers === "function") return made.onDefault(scoping(made, handlers as handling.Handler))
  if (typeof handlers !== "object" || handlers === null) return
  const byTag = handlers as Record<string, handling.Handler>
  for (const tag of Object.keys(byTag)) handle(made, tag, scoping(made, byTag[tag]!))
}

const scoping = (made: cell.Cell, handler: handling.Handler): handling.Handler =>
  made.settings.scopesMessages ? handling.scopingEach(handler) : handler

/** Gives a port what handles a tag; where the port's protocol has a reply for it, that is sent. */
const handle = (made: cell.Cell, tag: string, handler: handling.Handler): void => {
  const isAnswered = made.protocol?.messages[tag]?.reply !== undefined
  made.on(tag, isAnswered ? protocols.replying(tag, handler, answer) : handler)
}

/**
 * Sends what a handler succeeds with. A reply that is larger than the caller's node takes ends the call, and not the port: what is
 * asked of it is the caller's doing.
 */
const answer = (to: string, ...reply: AnyMessage): Effect.Effect<void, never, Node> =>
  Effect.withFiber((fiber) => {
    const router = Context.getUnsafe(fiber.context, NodeRouter)
    const failed = (error: unknown): Effect.Effect<void> => {
      if (!isTooLarge(error)) return Effect.die(error)
      return Effect.sync(() => router.kill(to, reason.reasons.fail(error.message)))
    }
    try {
      const waitFor = router.offer(to, reply)
      return waitFor === undefined ? Exit.void : Effect.catchDefect(sendLater(router, to, reply, waitFor), failed)
    } catch (error) {
      return failed(error)
    }
  })

/**
 * What the handler of a call answers that will answer later: `keep` gets the port to reply to. Meanwhile the port handles what comes next.
 *
 * **When to use**
 *
 * Where the answer depends on a message that is still to come, or where another port is to give it. A handler that has only to wait for its own
 * work answers by succeeding; the option `concurrency` lets it not hold up others. Whoever has the port to reply to answers with
 * {@link reply}.
 *
 * **Details**
 *
 * The port to reply to is a plain string, that can travel. It is gone when the caller is: a monitor of it ({@link mon}) tells, and so nobody
 * works for those who wait no more. `kil(to, tag, text)` fails the call with that reason.
 *
 * **Gotchas**
 *
 * It is the last thing that a handler does: the handler succeeds with it. An answer that never comes keeps the caller waiting.
 *
 * **Example** (A queue of jobs, which workers wait at)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Fiber, Schema } from "effect"
 *
 * const Jobs = Port.protocol({
 *   put: Port.message(Schema.String),
 *   take: Port.message().replies(Schema.String)
 * })
 *
 * const makeJobs = Effect.suspend(() => {
 *   const jobs: Array<string> = []
 *   const workers: Array<Port.ReplyTo<string>> = []
 *   return Port.make(Jobs, {
 *     put: (job) => {
 *       const worker = workers.shift()
 *       if (worker === undefined) jobs.push(job)
 *       return worker === undefined ? Effect.void : Port.reply(worker, job)
 *     },
 *     take: () => {
 *       const job = jobs.shift()
 *       return job !== undefined ? Effect.succeed(job) : Port.replyLater((worker) => {
 *         workers.push(worker)
 *       })
 *     }
 *   })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const jobs = yield* makeJobs
 *   const worker = yield* Effect.forkScoped(Port.cal(jobs, "take"), { startImmediately: true })
 *   yield* Port.snd(jobs, "put", "dig")
 *   return yield* Fiber.join(worker)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "dig"
 * ```
 *
 * @category calls
 * @since 0.1.0
 */
export const replyLater = <Reply, R = never>(
  keep: (to: ReplyTo<Reply>) => Effect.Effect<unknown, unknown, R> | void
): Effect.Effect<Reply, never, NoInfer<R>> =>
  // What takes the handler's answer knows it from a reply.
  Effect.succeed(new protocols.Later(keep)) as Effect.Effect<any>

/**
 * Answers a call whose handler has left it to be answered later.
 *
 * **When to use**
 *
 * With what {@link replyLater} has kept, or with the last argument of a call that came to an {@link inbox}. A handler that knows the answer
 * succeeds with it.
 *
 * **Details**
 *
 * A caller that waits no more is left alone, and so is one that has its answer already. An answer that is larger than the caller's node takes
 * fails the call, and not whoever replies.
 *
 * @category calls
 * @since 0.1.0
 */
export const reply = <Reply>(to: ReplyTo<Reply>, value: Reply): Effect.Effect<void, never, Node> =>
  value === undefined ? answer(to) : answer(to, value)

/** By its tag: another copy of this package may have thrown it. */
const isTooLarge = (error: unknown): error is UnsendableMessage =>
  Predicate.isTagged(error, "UnsendableMessage") && "isTooLarge" in error && error.isTooLarge === true

/**
 * Adds, replaces or removes handlers of a port of this node.
 *
 * **When to use**
 *
 * Where what a port does changes while it lives, or is known only after its ID is. What is known from the beginning is given to
 * {@link make}.
 *
 * **Details**
 *
 * - `rcv(port, tag, handler)`: from now on `handler` gets the messages with this tag.
 * - `rcv(port, handler)`: the default receiver gets, whole, what no tag's handler takes.
 * - `rcv(port, tag)`: removes the handler of the tag.
 *
 * Of a port with a protocol, tag and handler are typed by it, and what the handler of a call succeeds with is the reply.
 *
 * The handler runs in the port, with the services of the effect that calls `rcv`. Messages that wait already are handled
 * by what is there when their turn comes. A port that has ended is left alone.
 *
 * **Gotchas**
 *
 * A port of another node is a mistake: a defect, a `TypeError`.
 *
 * **Example** (Changing what a port does)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const done = yield* Deferred.make<string>()
 *   const port = yield* Port.make()
 *   yield* Port.rcv(port, "hello", (name: string) => Deferred.succeed(done, `hello, ${name}`))
 *   yield* Port.snd(port, "hello", "world")
 *   return yield* Deferred.await(done)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "hello, world"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const rcv: {
  /**
   * From now on the handler gets the messages of a port of this node with this tag, in the place of the one that it has for them. It runs in that
   * port, with the services of the effect that calls `rcv`.
   */
  <M extends Messages, const Tag extends TagOf<M> & string, R = never>(
    port: PortId<M>,
    tag: Tag,
    handler: HandlerOf<M, Tag, R>
  ): Effect.Effect<void, never, Node | Beyond<R>>
  /** From now on the handler gets, whole, the messages of a port of this node that no tag's handler takes. */
  <H extends AnyHandler>(port: PortId, handler: H): Effect.Effect<void, never, Node | Services<H>>
  /** Removes the handler of a tag from a port of this node. The default receiver gets such messages then, if there is one. */
  <M extends Messages>(port: PortId<M>, tag: TagOf<M> & string): Effect.Effect<void, never, Node>
} = (port: string, first: string | AnyHandler, second?: AnyHandler): Effect.Effect<void, never, any> =>
  Effect.withFiber((fiber) => {
    const router = Context.getUnsafe(fiber.context, NodeRouter)
    const made = localCell(router, port, "rcv")
    if (made === undefined) return Exit.void
    // As it is now: the fiber goes on to other things.
    const services = made.isNative(fiber.context) ? undefined : made.contextOver(fiber.context)
    if (typeof first !== "string") made.onDefault(withServices(services, scoping(made, first)))
    else if (second === undefined) made.on(first, undefined)
    else handle(made, first, withServices(services, scoping(made, second)))
    return Exit.void
  })

/** The same function, where what it answers needs other services than those of the port that calls it. */
const withServices = <Args extends ReadonlyArray<any>>(
  services: Context.Context<never> | undefined,
  body: (...args: Args) => unknown
): (...args: Args) => Effect.Effect<unknown, unknown> | void => {
  if (services === undefined) return body as (...args: Args) => Effect.Effect<unknown, unknown> | void
  return (...args) => {
    const result = body(...args)
    return Effect.isEffect(result) ? Effect.provideContext(result, services as Context.Context<any>) : undefined
  }
}

/** The port, if it is one of ours that still lives. Asking for a port of another node is a mistake. */
const localCell = (router: Router, port: string, verb: string): cell.Cell | undefined => {
  const receiver = router.ports.get(port)
  if (receiver !== undefined && cell.isCell(receiver)) return receiver
  if (portId.nodeOf(port) === router.nodeId) return undefined
  throw new TypeError(`Port.${verb}: the port ${port} is not on this node (${router.nodeId})`)
}

/**
 * Sends a message. It is put into the port's mailbox, or handed to the link to the port's node; the receiver never runs
 * inside of it.
 *
 * **When to use**
 *
 * Where nobody waits for an answer. {@link cal} waits for one, and fails when there will be none. Where no Effect runs, in a callback or in a hot
 * loop, {@link sender} sends to one port, {@link sndUnsafe} to any. {@link after} sends later. What is too large for a message goes by
 * {@link bytes}.
 *
 * **Details**
 *
 * A message is a tag and its arguments. It may come as one list: `snd(port, ...message)`; to an untyped port it may be empty.
 *
 * Sending never fails, and a message to a port that is gone disappears. Whether a message arrived is what {@link mon} is for: from the moment a
 * monitor stands, every message arrives, in order, or from the first one lost on none arrives until the monitor has fired.
 *
 * While another node cannot take more (its link has sent over 1 MiB that did not leave, or 10,000 messages wait for
 * a link), `snd` waits. Interrupted while it waits, it sends nothing. Where nothing can be interrupted, in a finalizer for
 * one, it does not wait.
 *
 * A message is handled in the span that the fiber is in which sends it, here and on other nodes of our kind: `snd`, calls, and what an
 * effect of `after` or `mon` sends, since that runs in the span that it was given in. What no fiber sends is in no span: the message form of
 * `after` and of `mon`, and all of `sender` and `sndUnsafe`. So a port that reminds itself does not make one trace of all its life.
 *
 * **Gotchas**
 *
 * Within a node messages are not copied: do not change what you have sent. A message to another node must be plain data, and
 * no larger than that node takes, or `snd` dies with an {@link UnsendableMessage}; what is changed afterwards is not sent. One that
 * not every link can carry (bytes, for one, or more than 5 KB) waits for the link, if that is still being made, to know whether
 * it can.
 *
 * **Example** (A message as arguments, and as one list)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const seen: Array<string> = []
 *   const port = yield* Port.make({ line: (...words) => void seen.push(words.join(" ")), seen: (to) => Port.snd(to, seen) })
 *   const message = ["line", "twice", "as", "long"]
 *   yield* Port.snd(port, "line", "one", "line")
 *   yield* Port.snd(port, ...message)
 *   return yield* Port.cal(port, "seen")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["one line", "twice as long"]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const snd: {
  /**
   * Sends a message, whole: a tag and its arguments. It does not wait for what becomes of it, and never fails; {@link mon} tells whether a message
   * was lost, {@link cal} waits for an answer. A message that cannot travel is a defect, an {@link UnsendableMessage}.
   */
  <M extends Messages>(port: PortId<M>, ...message: MessageOf<M>): Effect.Effect<void, never, Node>
  /**
   * Sends the message with this tag and these arguments. It does not wait for what becomes of it, and never fails; {@link mon} tells whether a
   * message was lost, {@link cal} waits for an answer. A message that cannot travel is a defect, an {@link UnsendableMessage}.
   */
  <M extends Messages, const Tag extends TagOf<M>>(
    port: PortId<M>,
    tag: Tag,
    ...args: SendArgsOf<M, Tag>
  ): Effect.Effect<void, never, Node>
} = (port: string, ...message: ReadonlyArray<unknown>): Effect.Effect<void, never, Node> => new Snd(port, message)

const Snd = sndEffect<Node>((fiber, to, message) => {
  const router = Context.getUnsafe(fiber.context, NodeRouter)
  return send(router, to, message, asideOf(fiber))
})

/**
 * {@link snd} where no Effect runs. Answers whether a sender that can wait may go on; the message is sent in any case.
 *
 * **When to use**
 *
 * In a callback that sends to many ports, each perhaps once. For many messages to one port {@link sender} is shorter, and as fast. Where an
 * Effect runs, {@link snd} waits by itself when it should.
 *
 * **Details**
 *
 * `node` is the service: `yield* Node.Node`. The message is sent as by `snd`, with the same guarantee, and the receiver never runs inside
 * of it. `false` says what `write` of a Node stream says: another node does not take more for now, and what is sent meanwhile is kept in
 * memory. Whoever can wait does, with {@link awaitRoom}.
 *
 * **Gotchas**
 *
 * It throws an {@link UnsendableMessage} where `snd` dies with one. Who never waits loses the link to a node that takes nothing: over 256 MiB,
 * or a million messages while a link is being made.
 *
 * A message that not every link can carry (bytes, for one) does not wait for a link that is still being made: if that turns out to be
 * one that cannot, the link is lost.
 *
 * Its messages are in no span.
 *
 * **Example** (Events of an emitter)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 * import { EventEmitter } from "node:events"
 *
 * const program = Effect.gen(function*() {
 *   const heard = yield* Deferred.make<number>()
 *   const port = yield* Port.make({ temperature: (degrees: number) => Deferred.succeed(heard, degrees) })
 *   const node = yield* Node.Node
 *   const sensor = new EventEmitter()
 *   sensor.on("temperature", (degrees: number) => {
 *     Port.sndUnsafe(node, port, "temperature", degrees)
 *   })
 *   sensor.emit("temperature", 21)
 *   return yield* Deferred.await(heard)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 21
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const sndUnsafe: {
  /**
   * `snd` where no Effect runs, of a whole message. Answers `false` where a sender that can wait should, with {@link awaitRoom}; the message is
   * sent in any case. It throws an {@link UnsendableMessage}.
   */
  <M extends Messages>(node: NodeService, port: PortId<M>, ...message: MessageOf<M>): boolean
  /**
   * `snd` where no Effect runs. Answers `false` where a sender that can wait should, with {@link awaitRoom}; the message is sent in any case. It
   * throws an {@link UnsendableMessage}.
   */
  <M extends Messages, const Tag extends TagOf<M>>(
    node: NodeService,
    port: PortId<M>,
    tag: Tag,
    ...args: SendArgsOf<M, Tag>
  ): boolean
} = (node: NodeService, port: string, ...message: ReadonlyArray<unknown>): boolean => routerOf(node).post(port, message)

/**
 * Sends messages to one port, without an Effect, as {@link sender} makes it. It answers what {@link sndUnsafe} does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sender<M extends Messages = any> {
  /** Sends a whole message. `false` where a sender that can wait should, with {@link awaitRoom}; the message is sent in any case. */
  (...message: MessageOf<M>): boolean
  /** Sends a message. `false` where a sender that can wait should, with {@link awaitRoom}; it is sent in any case. */
  <const Tag extends TagOf<M>>(tag: Tag, ...args: SendArgsOf<M, Tag>): boolean
}

/**
 * A function that sends messages to one port, without an Effect.
 *
 * **When to use**
 *
 * For callbacks, event emitters and hot loops that send to one port. {@link sndUnsafe} names the port each time, {@link snd} is an Effect.
 *
 * **Details**
 *
 * What holds of `sndUnsafe` holds of it: `false` is answered where a sender that can wait should, with {@link awaitRoom}; its messages are in no
 * span; it throws an {@link UnsendableMessage}.
 *
 * **Example** (A hot loop that waits when it should)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect, Schema } from "effect"
 *
 * const Sum = Port.protocol({ add: Port.message(Schema.Number), done: Port.message() })
 *
 * const program = Effect.gen(function*() {
 *   const total = yield* Deferred.make<number>()
 *   let sum = 0
 *   const port = yield* Port.make(Sum, {
 *     add: (n) => {
 *       sum += n
 *     },
 *     done: () => Deferred.succeed(total, sum)
 *   })
 *   const send = yield* Port.sender(port)
 *   for (let n = 1; n <= 1000; n++) {
 *     if (!send("add", n)) yield* Port.awaitRoom(port)
 *   }
 *   send("done")
 *   return yield* Deferred.await(total)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 500500
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const sender = <M extends Messages>(port: PortId<M>): Effect.Effect<Sender<M>, never, Node> =>
  Effect.map(NodeRouter, (router) => (...message: ReadonlyArray<unknown>) => router.post(port, message))

/**
 * Waits until a sender to this port may go on: what {@link snd} does by itself, for those who send with {@link sender} or {@link sndUnsafe}.
 *
 * **Details**
 *
 * Senders that wait go on one after the other, in the order in which they came, `snd` among them. A port of this node has always room. So
 * has a node that cannot be reached: what is sent there is lost, and monitors tell.
 *
 * Where nothing can be interrupted, in a finalizer for one, it does not wait.
 *
 * @category combinators
 * @since 0.1.0
 */
export const awaitRoom = (port: PortId): Effect.Effect<void, never, Node> =>
  Effect.flatMap(NodeRouter, (router) =>
    router.hasRoom(port) ? Effect.void : Effect.uninterruptibleMask((restore) => {
      const wait = router.whenItMay(port, "room")
      const interruptible = restore(wait)
      if (interruptible === wait) return Effect.void
      return Effect.asVoid(Effect.ensuring(interruptible, Effect.sync(() => router.sentOrNot(port))))
    }))

/**
 * Ends a port, of this node or of another one. Without a reason it is a normal end; a reason is a tag and whatever explains it.
 *
 * **When to use**
 *
 * To end a port earlier than the scope that it was made in, or one that somebody else made, or to say why. Most ports need it never: they end
 * with their scope. {@link kilUnsafe} is for places where no Effect runs.
 *
 * **Details**
 *
 * What runs in the port is interrupted, its scope is closed, then its monitors are told. Messages that wait are dropped.
 * `kil` does not wait for that: {@link exit} does. A port that is gone is left alone.
 *
 * **Gotchas**
 *
 * A port that kills itself is interrupted at the next step of its handler. The node port cannot be killed. What of a reason cannot travel
 * arrives as text.
 *
 * **Example** (An end that others hear of)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const shop = yield* Port.make({ buy: () => Effect.never })
 *   const call = yield* Effect.forkChild(Effect.flip(Port.cal(shop, "buy")), { startImmediately: true })
 *   yield* Port.kil(shop, "no_money", "the till is empty")
 *   return (yield* Fiber.join(call)).reason
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["no_money", "the till is empty"]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const kil = (port: PortId, ...reason: ReadonlyArray<unknown>): Effect.Effect<void, never, Node> =>
  Effect.withFiber((fiber) => {
    Context.getUnsafe(fiber.context, NodeRouter).kill(port, reason)
    return Exit.void
  })

/**
 * {@link kil} where no Effect runs.
 *
 * **When to use**
 *
 * In a callback, such as that of a signal. Everywhere else {@link kil} finds the node by itself.
 *
 * **Details**
 *
 * `node` is the service: `yield* Node.Node`. What runs in the port is interrupted, and its finalizers run, in a turn of their own: not inside
 * of this call.
 *
 * **Example** (A port that ends with a signal)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Exit } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const node = yield* Node.Node
 *   const port = yield* Port.make({})
 *   const controller = new AbortController()
 *   controller.signal.addEventListener("abort", () => Port.kilUnsafe(node, port, "aborted"))
 *   controller.abort()
 *   return Exit.isFailure(yield* Port.exit(port))
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => true
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const kilUnsafe = (node: NodeService, port: PortId, ...reason: ReadonlyArray<unknown>): void =>
  routerOf(node).kill(port, reason)

// ---- monitoring

/**
 * A monitor that stands, as {@link mon} sets it.
 *
 * **Gotchas**
 *
 * A callback whose turn has not come yet, though the port has ended, runs nevertheless.
 *
 * **Example** (No longer interested)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   let told = false
 *   const port = yield* Port.make({})
 *   const monitor = yield* Port.mon(port, () => {
 *     told = true
 *   })
 *   yield* monitor.cancel
 *   yield* Port.kil(port)
 *   yield* Port.exit(port)
 *   return told
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => false
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Monitor {
  /** Takes the monitor back before its scope closes. */
  readonly cancel: Effect.Effect<void>
}

/**
 * Tells how a port ends: once, when the port has ended; at once if it does not exist (`["no_such_port", text, port]`); or with
 * `["transport_error", node, text]` when the link to its node is lost.
 *
 * **When to use**
 *
 * To do something when a port ends, or to let two ports end together. A fiber that has only to wait takes {@link exit}. {@link monGuard} ties a
 * resource to a port, {@link monUnsafe} calls back where no Effect runs. To start again what has ended there is `Supervisor.restart`.
 *
 * **Details**
 *
 * AEMP's four forms:
 *
 * - `mon(port, (exit) => effect)`: runs an effect. Inside a port it runs in that port's turn, like a handler, and a
 *   failure kills that port; elsewhere it runs in a fiber of its own and a failure is logged.
 * - `mon(port, other)`: links. When `port` ends abnormally, `other` is killed with the same reason.
 * - `mon(port)`: links to the port that this runs in.
 * - `mon(port, other, ...message)`: sends the message, with the reason appended, to `other`. Where `other` has a
 *   protocol, tag and arguments are typed by it.
 *
 * The monitor is taken back when the scope closes: inside a port, when that port ends. `cancel` of the result does it
 * before.
 *
 * **Gotchas**
 *
 * A link leads one way, and only an abnormal end is passed on. Two ports that are to end together monitor each other.
 *
 * The node port (a bare node ID) fires when the link to the node is lost, and never otherwise.
 *
 * A reason has no, or two, or any number of parts, and a port holds messages from other nodes against its protocol. One that is
 * to be told from there describes the message with `.rest(Schema.Unknown)`.
 *
 * **Example** (Being told)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect, Exit } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const ended = yield* Deferred.make<Exit.Exit<void, Port.Killed>>()
 *   const port = yield* Port.make({})
 *   yield* Port.mon(port, (exit) => Deferred.succeed(ended, exit))
 *   yield* Port.kil(port)
 *   return yield* Deferred.await(ended)
 * })
 *
 * const exit = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
 * Exit.isSuccess(exit) // => true
 * ```
 *
 * @category monitoring
 * @since 0.1.0
 */
export const mon: {
  /**
   * Runs a callback once, when the port has ended: with success if it ended normally, with a `Killed` that has the reason otherwise; at once if
   * there is no such port. Inside a port the callback runs in that port's turn, and its failure kills that port. The scope takes the monitor back.
   * {@link mon} has the other forms.
   */
  <R = never>(
    port: PortId,
    callback: (exit: Exit.Exit<void, Killed>) => Effect.Effect<unknown, unknown, R> | void
  ): Effect.Effect<Monitor, never, Node | Scope.Scope | R>
  /**
   * Links a port to the one that this runs in, which is killed with the same reason when `port` ends abnormally. {@link mon} has the other forms.
   */
  (port: PortId): Effect.Effect<Monitor, never, Node | Scope.Scope | Self>
  /**
   * Links two ports, in one direction: when `port` ends abnormally, `other` is killed with the same reason. The scope takes the link back.
   * {@link mon} has the other forms.
   */
  (port: PortId, other: PortId): Effect.Effect<Monitor, never, Node | Scope.Scope>
  /**
   * Sends a message to `other` when `port` has ended, with the parts of the reason behind the arguments: none if it ended normally. The scope takes
   * the monitor back. {@link mon} has the other forms.
   */
  <M extends Messages, const Tag extends NoteTagOf<M>>(
    port: PortId,
    other: PortId<M>,
    tag: Tag,
    ...args: NoteArgsOf<M, Tag>
  ): Effect.Effect<Monitor, never, Node | Scope.Scope>
} = (
  port: string,
  target?: string | ((exit: Exit.Exit<void, Killed>) => Effect.Effect<unknown, unknown, any> | void),
  ...message: ReadonlyArray<unknown>
): Effect.Effect<Monitor, never, any> =>
  Effect.withFiber((fiber) => {
    const router = Context.getUnsafe(fiber.context, NodeRouter)
    const scope = Context.getUnsafe(fiber.context, Scope.Scope)
    const watcher = typeof target === "function"
      ? runIn(router, fiber.context, "a monitor's callback failed", target)
      : telling(router, target ?? Context.getUnsafe(fiber.context, Self), message)
    return Exit.succeed(new ScopedMonitor(router, scope, port, watcher))
  })

/** Kills the other port with the same reason, or sends it a message with the reason behind it. */
const telling = (router: Router, other: string, message: AnyMessage): Watcher => {
  if (message.length === 0) {
    return (exit) => {
      if (Exit.isFailure(exit)) router.kill(other, reason.reasonFromExit(exit))
    }
  }
  const fixed = router.fixed(other, message)
  return (exit) => router.note(other, fixed, reason.reasonFromExit(exit))
}

/**
 * {@link mon} where no Effect runs: calls back once, with the Exit of the port. What it answers takes the monitor back.
 *
 * **When to use**
 *
 * In a callback, or for a monitor that no scope is to take back. Everywhere else {@link mon} leaves nothing behind.
 *
 * **Details**
 *
 * `node` is the service: `yield* Node.Node`. The callback runs in a turn of its own, not inside of this call or of `kil`; what it throws
 * is logged, and concerns nobody else.
 *
 * **Gotchas**
 *
 * No scope takes the monitor back: whoever set it does.
 *
 * **Example** (A callback, and no scope)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const node = yield* Node.Node
 *   const port = yield* Port.make({})
 *   const told: Array<string> = []
 *   Port.monUnsafe(node, port, (exit) => told.push(exit._tag))
 *   const takeBack = Port.monUnsafe(node, port, () => told.push("never"))
 *   takeBack()
 *   yield* Port.kil(port)
 *   yield* Port.exit(port)
 *   return told
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["Success"]
 * ```
 *
 * @category monitoring
 * @since 0.1.0
 */
export const monUnsafe = (
  node: NodeService,
  port: PortId,
  callback: (exit: Exit.Exit<void, Killed>) => void
): () => void =>
  // One monitor for each call, also where the callback is the same.
  routerOf(node).monitor(port, (exit) => callback(exit))

/** A monitor that a scope takes back when it closes. What has fired, or was taken back, leaves nothing in the scope. */
class ScopedMonitor implements Monitor {
  private readonly scope: Scope.Scope
  private readonly watcher: Watcher
  private unwatch: (() => void) | undefined = undefined

  constructor(router: Router, scope: Scope.Scope, port: string, watcher: Watcher) {
    this.scope = scope
    this.watcher = watcher
    if (addFinalizer(scope, this, () => this.cancel) !== undefined) return
    this.unwatch = router.monitor(port, (exit) => this.fire(exit))
  }

  get cancel(): Effect.Effect<void> {
    return Effect.sync(() => {
      removeFinalizer(this.scope, this)
      this.unwatch?.()
    })
  }

  private fire(exit: reason.PortExit): void {
    removeFinalizer(this.scope, this)
    this.watcher(exit)
  }
}

/** Runs a callback in the turn of the port that the context belongs to; if it is no port's, what the callback answers has a fiber of its own. */
const runIn = (
  router: Router,
  context: Context.Context<never>,
  failed: string,
  callback: (exit: reason.PortExit) => Effect.Effect<unknown, unknown, any> | void
): Watcher => {
  const self = Context.getOrUndefined(context, Self)
  const owner = self === undefined ? undefined : router.ports.get(self)
  if (owner !== undefined && cell.isCell(owner)) {
    const inside = withServices(owner.isNative(context) ? undefined : context, callback)
    return (exit) => owner.enter(() => inside(exit))
  }
  return (exit) => {
    try {
      const result = callback(exit)
      if (!Effect.isEffect(result)) return
      const fiber = Effect.runForkWith(context as Context.Context<any>)(result)
      Fiber.runIn(fiber, Context.getUnsafe(context, Scope.Scope))
      fiber.addObserver((ended) => {
        if (Exit.isFailure(ended) && !Cause.hasInterruptsOnly(ended.cause)) router.unheard(failed, ended.cause)
      })
    } catch (error) {
      router.unheard(failed, error)
    }
  }
}

/** The port is named first, as in AEMP; where an effect is piped into the verb, the port is named alone. */
const portFirst =
  (verb: (port: string, effect: Effect.Effect<any, any, any>) => Effect.Effect<any, any, any>) =>
  (port: string, effect?: Effect.Effect<any, any, any>): any =>
    effect === undefined ? (piped: Effect.Effect<any, any, any>) => verb(port, piped) : verb(port, effect)

/**
 * Acquires a resource that is released when a port ends, or with the current scope if that closes before.
 *
 * **When to use**
 *
 * Outside of the port, on behalf of it, or for a port of another node. What a port acquires for itself it acquires in a handler, or with
 * {@link peval}, and it is released with the port's scope. To only hear of the end there is {@link mon}.
 *
 * **Details**
 *
 * `acquire.pipe(monGuard(port))` is the same as `monGuard(port, acquire)`.
 *
 * **Example** (A resource as long as a port)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const released = yield* Deferred.make<string>()
 *   const port = yield* Port.make({})
 *   const file = Effect.acquireRelease(Effect.succeed("file"), (name) => Deferred.succeed(released, name))
 *   yield* Port.monGuard(port, file)
 *   yield* Port.kil(port, "shutdown")
 *   return yield* Deferred.await(released)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "file"
 * ```
 *
 * @category monitoring
 * @since 0.1.0
 */
export const monGuard: {
  /** To be piped into: the resource that the effect acquires is released when the port ends, or with the current scope if that closes before. */
  (
    port: PortId
  ): <A, E, R>(acquire: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Node | Scope.Scope | Exclude<R, Scope.Scope>>
  /** Acquires a resource that is released when the port ends, or with the current scope if that closes before. */
  <A, E, R>(
    port: PortId,
    acquire: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, Node | Scope.Scope | Exclude<R, Scope.Scope>>
} = portFirst((port, acquire) =>
  Effect.gen(function*() {
    const guarded = yield* Scope.fork(yield* Effect.scope)
    const resource = yield* Effect.onError(Scope.provide(acquire, guarded), (cause) =>
      Scope.close(guarded, Exit.failCause(cause)))
    const router = yield* NodeRouter
    const context = yield* Effect.context<never>()
    const cancel = router.monitor(port, (exit) => {
      Effect.runForkWith(context)(Scope.close(guarded, exit))
    })
    yield* Scope.addFinalizer(guarded, Effect.sync(cancel))
    return resource
  })
)

/**
 * Waits for the end of a port, and answers how it was.
 *
 * **When to use**
 *
 * In a fiber that has nothing else to do meanwhile. {@link mon} tells without waiting.
 *
 * **Details**
 *
 * It is a success for a normal end, and a failure with a {@link Killed} otherwise; `exit` itself never fails. A port that ended before is a port
 * that does not exist: `["no_such_port", text, port]`. Interrupted, it leaves the port alone.
 *
 * @category monitoring
 * @since 0.1.0
 */
export const exit = (port: PortId): Effect.Effect<Exit.Exit<void, Killed>, never, Node> =>
  Effect.flatMap(NodeRouter, (router) =>
    Effect.callback((resume) => {
      const goOn = (exit: reason.PortExit) =>
        router.soon(`whoever waits for the end of ${port} failed`, () => resume(Effect.succeed(exit)))
      return Effect.sync(router.monitor(port, goOn))
    }))

// ---- running code in a port

/**
 * Runs an effect in a port of this node, with its {@link Self} and its `Scope`, and waits for what it answers. A failure
 * kills the port.
 *
 * **When to use**
 *
 * From outside of a port: to acquire what is to live as long as the port, or to set monitors and reminders that it owns. Inside of a port there
 * is {@link fork}; {@link psub} makes a callback of it. What has to wait for its turn among the handlers is a message.
 *
 * **Details**
 *
 * It fails with {@link Killed} when the port has ended, ends meanwhile, or is killed by the effect's own failure. Interrupting
 * `peval` interrupts the effect and leaves the port alone.
 *
 * `effect.pipe(peval(port))` is the same as `peval(port, effect)`.
 *
 * **Gotchas**
 *
 * It begins at once, and does not wait for the port's turn: handlers may run between its steps. A port of another node is a mistake: a defect, a
 * `TypeError`.
 *
 * **Example** (A reminder that a port owns)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const heard = yield* Deferred.make<string>()
 *   const port = yield* Port.make({ remind: (what) => Deferred.succeed(heard, what) })
 *   yield* Port.peval(port, Effect.flatMap(Port.Self, (self) => Port.after("10 millis", self, "remind", "tea")))
 *   return yield* Deferred.await(heard)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "tea"
 * ```
 *
 * @category port context
 * @since 0.1.0
 */
export const peval: {
  /**
   * To be piped into: runs the effect in a port of this node, with its `Self` and its `Scope`, and answers what it answers. A failure kills the
   * port.
   */
  (
    port: PortId
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, Killed, Node | Beyond<R>>
  /**
   * Runs an effect in a port of this node, with its `Self` and its `Scope`, beside what its handlers do, and answers what it answers. A failure
   * kills the port. Fails with `Killed` where the port has ended, or ends meanwhile.
   */
  <A, E, R>(
    port: PortId,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, Killed, Node | Beyond<R>>
} = portFirst((port, effect) =>
  Effect.withFiber((fiber) => {
    const context = fiber.context as Context.Context<any>
    const made = localCell(Context.getUnsafe(context, NodeRouter), port, "peval")
    if (made === undefined) return Effect.fail(new Killed({ port, reason: reason.reasons.no_such_port(port) }))
    return made.evaluate(Effect.provideContext(effect, made.contextOver(context)))
  })
)

/**
 * Carries the context of the port that this runs in to code that runs later or elsewhere: a callback of a library,
 * another fiber.
 *
 * **When to use**
 *
 * Inside of a port, for what somebody else will call. What is to run now takes {@link fork}; from outside of a port {@link peval} names it.
 *
 * **Details**
 *
 * `psub(effect)` answers an effect, `psub((...args) => effect)` a function. What they run is run as by {@link peval}: in the
 * port, killing it when it fails, and failing with {@link Killed} when the port has ended.
 *
 * **Example** (A callback whose failure is that of its port)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 * import { EventEmitter } from "node:events"
 *
 * const program = Effect.gen(function*() {
 *   const window = new EventEmitter()
 *   const port = yield* Port.make({
 *     start: (to) => Effect.gen(function*() {
 *       const clicked = yield* Port.psub((x: number) => x < 0 ? Effect.fail("outside") : Effect.void)
 *       window.on("click", (x: number) => void Effect.runFork(Effect.exit(clicked(x))))
 *       yield* Port.snd(to)
 *     })
 *   })
 *   yield* Port.cal(port, "start")
 *   window.emit("click", -1)
 *   const killed = yield* Effect.flip(yield* Port.exit(port))
 *   return killed.reason.slice(0, 2)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["fail", "outside"]
 * ```
 *
 * @category port context
 * @since 0.1.0
 */
export const psub: {
  /**
   * Makes a function whose effects run in the port that this runs in, whoever calls it: with the port's `Self` and its `Scope`. A failure kills the
   * port.
   */
  <Args extends ReadonlyArray<any>, A, E, R>(
    body: (...args: Args) => Effect.Effect<A, E, R>
  ): Effect.Effect<(...args: Args) => Effect.Effect<A, Killed>, never, Node | Self | R>
  /**
   * Makes an effect that runs in the port that this runs in, whoever runs it: with the port's `Self` and its `Scope`. A failure kills the port.
   */
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Effect.Effect<A, Killed>, never, Node | Self | R>
} = (body: Effect.Effect<any, any, any> | ((...args: ReadonlyArray<any>) => Effect.Effect<any, any, any>)) =>
  Effect.contextWith((context: Context.Context<Node | Self>) => {
    const self = Context.get(context, Self)
    const enter = (effect: Effect.Effect<any, any, any>): Effect.Effect<any, Killed> =>
      Effect.provideContext(peval(self, effect), context as Context.Context<any>)
    return Effect.succeed<any>(
      typeof body === "function"
        ? (...args: ReadonlyArray<any>) => enter(Effect.suspend(() => body(...args)))
        : enter(body)
    )
  })

/**
 * Runs a fiber inside the port that this runs in: it is interrupted when the port ends, and its failure kills the port.
 *
 * **When to use**
 *
 * In a handler, for what is to go on while the port handles other messages: a loop, a subscription, a slow request. {@link peval} does it from
 * outside of the port, and waits; {@link after} does something once, later, in the port's turn. A fiber of `Effect.forkScoped` ends with the
 * port too, but its failure does not end the port.
 *
 * **Details**
 *
 * Its interruption leaves the port alone.
 *
 * **Gotchas**
 *
 * It does not wait for the port's turn: handlers run between its steps. What is to be handled one at a time it sends to {@link Self}, as a message.
 *
 * **Example** (A port that counts seconds, and answers meanwhile)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   let ticks = 0
 *   const clock = yield* Port.make({
 *     start: () => Port.fork(Effect.forever(Effect.delay(Effect.sync(() => ticks++), "1 second"))),
 *     ticks: (to) => Port.snd(to, ticks)
 *   })
 *   yield* Port.snd(clock, "start")
 *   return yield* Port.cal(clock, "ticks")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 0
 * ```
 *
 * @category port context
 * @since 0.1.0
 */
export const fork = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.Fiber<A, E>, never, Node | Self | R> =>
  Effect.contextWith((context: Context.Context<Node | Self | R>) => {
    const made = localCell(Context.get(context, NodeRouter), Context.get(context, Self), "fork")
    const fiber = Effect.runForkWith(context)(made === undefined ? Effect.interrupt : effect)
    made?.adopt(fiber)
    return Effect.succeed(fiber)
  })

/**
 * Does something later, once: sends a message, or runs an effect. It is taken back when the scope closes: inside a port, when
 * that port ends.
 *
 * **When to use**
 *
 * For reminders and deadlines of ports. A message is handled in its turn as any other. What is to go on beside the handlers takes {@link fork},
 * what is sent now {@link snd}.
 *
 * **Details**
 *
 * Inside a port the effect runs in the port's turn, like a handler, and a failure kills the port; elsewhere a failure is
 * logged. It runs in the span that `after` was called in; a message is handled in none.
 *
 * **Gotchas**
 *
 * A message is fixed now, not when it is sent, and refused now if it cannot travel.
 *
 * **Example** (A reminder)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Deferred, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const heard = yield* Deferred.make<unknown>()
 *   const port = yield* Port.make({ remind: (what) => Deferred.succeed(heard, what) })
 *   yield* Port.after("10 millis", port, "remind", "tea")
 *   return yield* Deferred.await(heard)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "tea"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const after: {
  /**
   * Runs an effect later, once. Inside a port it runs in the port's turn, like a handler, and a failure kills the port; elsewhere a failure is
   * logged. It is taken back when the scope closes.
   */
  <R = never>(
    delay: Duration.Input,
    effect: Effect.Effect<unknown, unknown, R>
  ): Effect.Effect<void, never, Node | Scope.Scope | R>
  /** Sends a message later, once. It is taken back when the scope closes. */
  <M extends Messages, const Tag extends TagOf<M>>(
    delay: Duration.Input,
    port: PortId<M>,
    tag: Tag,
    ...args: SendArgsOf<M, Tag>
  ): Effect.Effect<void, never, Node | Scope.Scope>
} = (
  delay: Duration.Input,
  target: string | Effect.Effect<unknown, unknown, any>,
  ...message: ReadonlyArray<unknown>
): Effect.Effect<void, never, any> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const router = Context.getUnsafe(context, NodeRouter)
    const effect = typeof target === "string" ? reminder(router, target, message) : () => target
    const act = runIn(router, context, "what Port.after runs failed", effect)
    return Effect.sleep(delay).pipe(
      Effect.andThen(Effect.sync(() => act(Exit.void))),
      Effect.forkScoped({ startImmediately: true }),
      Effect.asVoid
    )
  })

/** Sends a message as it is now. It is refused now, too, if it cannot travel. */
const reminder = (router: Router, port: string, message: AnyMessage) => {
  const fixed = router.fixed(port, message)
  return () => Effect.sync(() => router.send(port, fixed))
}

// ---- calls

/**
 * Sends a message with a fresh port to reply to appended, and waits for the reply: the first argument of the first
 * message to that port. Fails with {@link Killed} when the port that was asked ends before.
 *
 * **When to use**
 *
 * To ask a port, or to know that it has done something. {@link snd} waits for nothing. {@link calTimeout} waits for a limited time,
 * {@link calMessage} answers all arguments of the reply. Of a group of ports `Global.group` asks one that is there; calls with typed errors,
 * classes or streams are `Rpc.client`.
 *
 * **Details**
 *
 * In a protocol the message has `.replies(schema)`, and the handler succeeds with the reply. Of a port without one the handler gets the port
 * to reply to as its last argument, and sends there: `Port.snd(to, answer)`.
 *
 * A port ID is text and does not know its protocol: the reply is taken as it comes. `cal(protocol, port, tag, ...args)` holds it
 * against the protocol.
 *
 * These are reasons that a call fails with, beside those of the port's own end:
 *
 * - `[]`: the port has ended normally, without an answer.
 * - `["no_such_port", text, port]`: it had ended before.
 * - `["transport_error", node, text]`: the link to its node is lost. What was asked may have been done.
 * - `["draining", text]`: its node is about to stop, and nothing has begun: `isUnbegun` says so.
 * - `["invalid_message", text]`: the reply does not fit the protocol, or the message did not, and was refused.
 * - `["calling_self", text]`: a handler called its own port, and would wait for itself.
 *
 * **Gotchas**
 *
 * A call may fail though the port that was asked lives: it was refused (the option `invalid` of {@link make}), or its answer was too large. Then
 * `port` of the `Killed` is that of the call, and not the one that was asked.
 *
 * A reply may be forgotten, and nobody knows: a handler that never answers keeps `cal` waiting, unless a {@link calTimeout} or `Effect.timeout`
 * ends it. Where a port handles several messages at once, it is the last free hand that must not call the port itself.
 *
 * **Example** (An answer, and an end instead of one)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const port = yield* Port.make({ half: (n, to) => n % 2 === 0 ? Port.snd(to, n / 2) : Effect.fail("odd") })
 *   const half = yield* Port.cal(port, "half", 42)
 *   const killed = yield* Effect.flip(Port.cal(port, "half", 7))
 *   return [half, killed.reason[0], killed.port === port]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => [21, "fail", true]
 * ```
 *
 * @category calls
 * @since 0.1.0
 */
export const cal: {
  /**
   * Sends a message, waits for the reply, and holds that against the protocol: one that does not fit fails with `["invalid_message", text]`. Fails
   * with `Killed`, too, when the port ends before it has answered. {@link cal} has all reasons.
   */
  <M extends Messages, const Tag extends CallTagOf<M> & string>(
    protocol: Protocol<M>,
    port: PortId<M>,
    tag: Tag,
    ...args: ArgsOf<M, Tag>
  ): Effect.Effect<ReplyOf<M, Tag>, Killed, Node>
  /**
   * Sends a message and waits for the reply. Fails with `Killed` when the port ends before it has answered, or cannot be reached. {@link calTimeout}
   * waits for a limited time only. {@link cal} has all reasons.
   */
  <M extends Messages, const Tag extends CallTagOf<M>>(
    port: PortId<M>,
    tag: Tag,
    ...args: ArgsOf<M, Tag>
  ): Effect.Effect<ReplyOf<M, Tag>, Killed, Node>
} = (first: string | Protocol<Messages>, ...rest: ReadonlyArray<any>): Effect.Effect<any, Killed, Node> => {
  if (typeof first === "string") return Effect.map(ask(first, rest), (reply) => reply[0])
  const [port, ...message] = rest
  const [tag] = message
  const refused = (wrong: string) =>
    new Killed({ port, reason: reason.reasons.invalid_message(`reply to ${tag}`, wrong) })
  return Effect.flatMap(
    ask(port, message),
    ([value]) => Effect.fromResult(Result.mapError(first.readReply(tag, value), refused))
  )
}

/**
 * {@link cal} with a limit of time: fails with a `Cause.TimeoutError` when it is over.
 *
 * **When to use**
 *
 * Wherever an answer is of no use any more after some time. Around a {@link cal}, `Effect.timeout` ends the waiting as well; but only with this
 * one the port knows how long its caller waits.
 *
 * **Details**
 *
 * A port of our own kind does not begin with what nobody waits for any more: it is told when its caller runs out of patience, or is
 * interrupted, and how long that will wait, in case that nothing gets through. When the link that such a call came on is lost, it is not
 * begun either. What has begun goes on.
 *
 * **Gotchas**
 *
 * A `cal` without a limit that waits in a port is begun though the link to its caller is lost: a port does not know which of its
 * messages came from where, and what looks like a call of that node may be one that another node passed on.
 *
 * **Example** (A port that does not answer)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const deaf = yield* Port.make({ hello: (_to) => Effect.void })
 *   const error = yield* Effect.flip(Port.calTimeout(deaf, "10 millis", "hello"))
 *   return error._tag
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "TimeoutError"
 * ```
 *
 * @category calls
 * @since 0.1.0
 */
export const calTimeout = <M extends Messages, const Tag extends CallTagOf<M>>(
  port: PortId<M>,
  timeout: Duration.Input,
  tag: Tag,
  ...args: ArgsOf<M, Tag>
): Effect.Effect<ReplyOf<M, Tag>, Killed | Cause.TimeoutError, Node> => {
  const duration = Duration.fromInputUnsafe(timeout)
  const patienceMillis = Duration.isFinite(duration) ? Duration.toMillis(duration) : undefined
  return Effect.timeout(Effect.map(ask(port, [tag, ...args], patienceMillis), (reply): any => reply[0]), duration)
}

/**
 * {@link cal} that answers the whole reply, with all its arguments.
 *
 * **When to use**
 *
 * For replies of several arguments, as ports of Perl and node ports send them. {@link cal} answers the first one alone, and is typed by a protocol.
 *
 * **Example** (What a node port answers)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const [seconds] = yield* Port.calMessage(yield* Node.id, "time")
 *   return typeof seconds
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Node.layerLocal))) // => "number"
 * ```
 *
 * @category calls
 * @since 0.1.0
 */
export const calMessage = (
  port: PortId,
  ...message: ReadonlyArray<unknown>
): Effect.Effect<ReadonlyArray<unknown>, Killed, Node> => ask(port, message)

const ask = (port: string, message: AnyMessage, patienceMillis?: number): Effect.Effect<AnyMessage, Killed, Node> =>
  Effect.withFiber((fiber) => {
    const router = Context.getUnsafe(fiber.context, NodeRouter)
    const asked = router.ports.get(port)
    if (asked !== undefined && cell.isCell(asked) && asked.isHandling(fiber)) {
      return Effect.fail(new Killed({ port, reason: reason.reasons.calling_self() }))
    }
    if (asked === undefined && isRefused(router, port, fiber)) {
      return Effect.fail(reason.refusedByDrain(port, portId.nodeOf(port)))
    }
    const reply = new ReplyPort(router, port)
    reply.endsWith(port)
    const answered = Effect.callback<AnyMessage, Killed>((resume) => {
      reply.onResult(resume)
      return Effect.sync(() => {
        reply.abandon()
        router.abandoned(reply.asked ?? port, reply.id)
      })
    })
    const aside = asideOf(fiber, patienceMillis)
    const request = [...message, reply.id]
    let waitFor: WaitFor | undefined
    try {
      waitFor = router.offer(port, request, aside)
    } catch (error) {
      // A message that cannot be sent leaves no port behind.
      reply.abandon()
      return Effect.die(error)
    }
    if (waitFor === undefined) return answered
    const sent = Effect.onError(
      sendLater(router, port, request, waitFor, aside),
      () => Effect.sync(() => reply.abandon())
    )
    return Effect.andThen(sent, answered)
  })

/** Whether the node of a port takes no new calls. What its node port is asked, and supervisors, is no work. */
const isRefused = (router: Router, port: string, fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  portId.isPortId(port) && portId.nameOf(port) !== "" && router.takesNoCalls(portId.nodeOf(port)) &&
  !Context.get(fiber.context, DespiteDrain)

// ---- ports that are read like a queue

/**
 * A port that is read like a queue, as {@link inbox} makes it. {@link receive} takes its messages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inbox<M extends Messages = any> {
  /** The address that messages are sent to. */
  readonly port: PortId<M>
  /** @internal */
  readonly take: (wants: inboxes.Wants) => Effect.Effect<AnyMessage, Killed>
}

/** A whole message as it arrives: a call has the port to reply to as its last argument. */
type Received<M, Tag extends keyof M = keyof M> = IsUntyped<M> extends true ? ReadonlyArray<any>
  : Tag extends keyof M ? readonly [tag: Tag, ...args: ReceivedArgs<M, Tag>]
  : never

type ReceivedArgs<M, Tag> = [ReplyOf<M, Tag>] extends [never] ? ArgsOf<M, Tag>
  : [...ArgsOf<M, Tag>, replyTo: ReplyTo<ReplyOf<M, Tag>>]

/**
 * Makes a port that has no handlers: a program reads its messages with {@link receive}, in order, or picks among them.
 *
 * **When to use**
 *
 * For a conversation, which is written down from its beginning to its end, where the handlers of {@link make} would have to remember how far it
 * has come. For a single answer {@link cal} is enough.
 *
 * **Details**
 *
 * The port lives and ends as all ports do. `mailbox` limits how many messages may wait to be read, and `invalid` says what becomes of one that
 * the protocol does not know.
 *
 * **Gotchas**
 *
 * Messages that nobody picks wait for as long as the port lives: without a `mailbox`, in any number. So do calls whose callers are gone: a
 * monitor of the port to reply to tells.
 *
 * **Example** (A conversation)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Caller = Port.protocol({ dial: Port.message(Schema.String), digit: Port.message(Schema.Number), hangUp: Port.message() })
 *
 * const program = Effect.gen(function*() {
 *   const caller = yield* Port.inbox(Caller)
 *   for (const digit of [1, 2]) yield* Port.snd(caller.port, "digit", digit)
 *   yield* Port.snd(caller.port, "dial", "tone")
 *   const [, what] = yield* Port.receive(caller, "dial")
 *   const [, first] = yield* Port.receive(caller, "digit")
 *   const [tag, second] = yield* Port.receive(caller)
 *   return [what, first, tag, second]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => ["tone", 1, "digit", 2]
 * ```
 *
 * @category queues
 * @since 0.1.0
 */
export const inbox: {
  /** Makes a port that takes the messages of a protocol, and has no handlers: {@link receive} reads them. It is killed when the scope closes. */
  <M extends Messages>(
    protocol: Protocol<M>,
    options?: Pick<Options, "mailbox" | "invalid">
  ): Effect.Effect<Inbox<M>, never, Node | Scope.Scope>
  /** Makes a port that takes everything, and has no handlers: {@link receive} reads its messages. It is killed when the scope closes. */
  (protocol?: undefined, options?: Pick<Options, "mailbox">): Effect.Effect<Inbox, never, Node | Scope.Scope>
} = (protocol?: Protocol<Messages>, options?: Options): Effect.Effect<Inbox, never, Node | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Node | Scope.Scope>) => {
    const router = Context.get(context, NodeRouter)
    const made = open(
      router,
      router.names.localId(),
      context,
      Context.get(context, Scope.Scope),
      settingsOf("inbox", protocol, options)
    )
    made.protocol = protocol
    const messages = new inboxes.Inbox(made)
    addFinalizer(
      Context.get(made.contextOver(context), Scope.Scope),
      messages,
      (exit) => Effect.sync(() => messages.end(exit))
    )
    return Effect.succeed(messages)
  })

/**
 * Takes the next message of an inbox, whole; or the next one with a tag, or that a predicate wants: those before it stay, for whoever wants
 * them. Waits for it where it has not arrived. Fails with {@link Killed} when the port has ended, or ends meanwhile.
 *
 * **Details**
 *
 * Of several that wait, who came first is served first. Interrupted, by `Effect.timeout` for one, it takes nothing. A call has the port to
 * reply to as its last argument, for {@link reply}.
 *
 * **Gotchas**
 *
 * What a predicate throws is a defect of `receive`.
 *
 * **Example** (The answer to this very question)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Answers = Port.protocol({ answer: Port.message(Schema.Number, Schema.String) })
 *
 * const program = Effect.gen(function*() {
 *   const answers = yield* Port.inbox(Answers)
 *   yield* Port.snd(answers.port, "answer", 1, "one")
 *   yield* Port.snd(answers.port, "answer", 2, "two")
 *   const [, , text] = yield* Port.receive(answers, ([, question]) => question === 2)
 *   return text
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => "two"
 * ```
 *
 * @category queues
 * @since 0.1.0
 */
export const receive: {
  /** Takes the next message of an inbox, whole, and waits for it. Fails with `Killed` when the port has ended, or ends meanwhile. */
  <M extends Messages>(inbox: Inbox<M>): Effect.Effect<Received<M>, Killed>
  /**
   * Takes the next message with a tag, whole, and waits for it; those before it stay. Fails with `Killed` when the port has ended, or ends
   * meanwhile.
   */
  <M extends Messages, const Tag extends TagOf<M> & keyof M>(
    inbox: Inbox<M>,
    tag: Tag
  ): Effect.Effect<Received<M, Tag>, Killed>
  /**
   * Takes the next message that the predicate wants, whole, and waits for it; those before it stay. Fails with `Killed` when the port has ended, or
   * ends meanwhile.
   */
  <M extends Messages>(
    inbox: Inbox<M>,
    wants: (message: Received<M>) => boolean
  ): Effect.Effect<Received<M>, Killed>
} = (inbox: Inbox, wanted?: string | ((message: any) => boolean)): Effect.Effect<any, Killed> => {
  if (wanted === undefined) return inbox.take(() => true)
  return inbox.take(typeof wanted === "string" ? (message) => handling.tagOf(message) === wanted : wanted)
}

// ---- streams of bytes

/**
 * Why a stream of bytes was not made, or has ended before its end.
 *
 * **Details**
 *
 * - `reason`: `not_expected` (nobody waits under the ID: it was used, is too old, or never was), `nobody_came` (no sender came in time),
 *   `too_many` (a node has 256 at once, 64 of them with one other node), `draining` (the receiver's node is about to stop), `unreachable`
 *   (there is no link with the other node, or neither of the two can dial the other), `connection_lost`, `sender_ended` and `receiver_ended`
 *   (that end has failed, was interrupted, or needs no more).
 * - `node`: the node at the other end. `detail`: what is known beside that, for people.
 * - `linkError`: why the connection was lost or could not be made: the tag of a `Transport.LinkError`; `node_left` where the other node stopped in
 *   order.
 *
 * @category errors
 * @since 0.1.0
 */
export const BytesError = bytesError.BytesError

/**
 * An error of the class of this name.
 *
 * @category errors
 * @since 0.1.0
 */
export type BytesError = bytesError.BytesError

/**
 * A place for one stream of bytes, as {@link bytes} makes it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bytes {
  /** Whoever is told it may send, once, with {@link bytesTo}: a text that travels in messages. It is no port's. */
  readonly id: string
  /** What is sent. It comes once, to whoever runs the stream first. */
  readonly stream: Stream.Stream<Uint8Array, BytesError>
}

/**
 * Makes a place for one stream of bytes from any port, on this node or on another one.
 *
 * **When to use**
 *
 * For what is large: a file, a backup, a video. Between nodes the bytes have a connection of their own, and hold up no message, which {@link snd}
 * of large messages and streams of `Rpc` do. What fits into one message is sent in one; values other than bytes go by `Rpc`. The other end is
 * {@link bytesTo}.
 *
 * **Details**
 *
 * Send the `id` to whoever is to send the bytes. It is good for one sender, who has to begin within `patience` (30 seconds, if nothing else is
 * said), and nobody can guess it. The place lives as long as the scope.
 *
 * The stream ends when the sender has ended, and all bytes have come. What is cut short never looks complete: it fails with
 * {@link BytesError}. So it does if the link with the sender's node is lost, since silence is noticed there.
 *
 * The sender goes on as the stream is read: no more than `window` bytes (512 KiB) are on their way or wait to be read.
 *
 * A node that drains (`Node.drain`) lets streams finish that have begun, and begins none.
 *
 * **Gotchas**
 *
 * The stream can be run once. Whoever has the `id` may send, from any node of the network: treat it as a secret among them.
 *
 * Far away the window limits the speed: so much passes in each round trip. A larger one takes more memory, and messages beside it take longer.
 *
 * **Example** (An upload)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* Port.make({
 *     upload: (reply) =>
 *       Effect.gen(function*() {
 *         const { id, stream } = yield* Port.bytes()
 *         yield* Port.fork(Effect.flatMap(
 *           Stream.runFold(stream, () => 0, (size, bytes) => size + bytes.length),
 *           (size) => Port.snd(reply, "stored", size)
 *         ))
 *         yield* Port.snd(reply, "sendTo", id)
 *       })
 *   })
 *   const client = yield* Port.inbox()
 *   yield* Port.snd(store, "upload", client.port)
 *   const [, id] = yield* Port.receive(client)
 *   yield* Stream.run(Stream.make(new Uint8Array(1000), new Uint8Array(234)), Port.bytesTo(id))
 *   const [, size] = yield* Port.receive(client)
 *   return size
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal))) // => 1234
 * ```
 *
 * @category byte streams
 * @since 0.1.0
 */
export const bytes = (
  options: {
    /** How long the sender has to begin. 30 seconds, if nothing else is said. */
    readonly patience?: Duration.Input | undefined
    /** How many bytes may be on their way, or wait to be read. 512 KiB, if nothing else is said. */
    readonly window?: number | undefined
    /** Whether a guest may be the sender. It may not, if nothing else is said. */
    readonly guests?: boolean | undefined
  } = {}
): Effect.Effect<Bytes, BytesError, Node | Scope.Scope> =>
  Effect.suspend(() => {
    const { guests = false, patience = "30 seconds", window = 512 * 1024 } = options
    if (!Number.isInteger(window) || window < 1 || window > largestWindow) {
      return Effect.die(new TypeError(`window ${window} is not a whole number from 1 to ${largestWindow}`))
    }
    return streams.make(Duration.toMillis(patience), window, guests)
  })

const largestWindow = 1024 * 1024 * 1024

/**
 * Sends bytes to a place that {@link bytes} has made.
 *
 * **When to use**
 *
 * For the other end of {@link bytes}, which says when streams of bytes are worth it.
 *
 * **Details**
 *
 * The sink succeeds when the receiver has read all to the end. If the receiver stops before, or the connection is lost, it fails with
 * {@link BytesError}, and whoever feeds it is interrupted. If the stream that feeds it fails or is interrupted, the receiver's stream fails.
 *
 * Between nodes it opens a connection beside the link, with the handshake, the secret and the certificate of links. The node that has dialled
 * the link dials this one; if it cannot, the other one tries. So it works wherever there is a link.
 *
 * **Gotchas**
 *
 * After `connection_lost` nobody knows whether the receiver has read all: it may have.
 *
 * What was given to the sink must not be changed: it may not have left yet.
 *
 * **Example** (A file, to another node)
 *
 * ```ts
 * import { Global, Node, Port, Transport } from "effect-mp"
 * import { NodeServices } from "@effect/platform-node"
 * import { Effect, FileSystem, Layer, Stream } from "effect"
 *
 * const node = (nodeId: string, bind: string, seeds: ReadonlyArray<string>) =>
 *   Global.layer({ seeds }).pipe(Layer.provideMerge(Node.layer({ nodeId, secret: "swordfish", binds: [bind] })))
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   const [from, to] = [yield* fs.makeTempFileScoped(), yield* fs.makeTempFileScoped()]
 *   yield* fs.writeFile(from, new Uint8Array(3_000_000).fill(7))
 *   const a = yield* Layer.build(node("a", "memory:1", []))
 *   const b = yield* Layer.build(node("b", "memory:2", ["memory:1"]))
 *   yield* Effect.provide(Global.awaitNode("b"), a)
 *   const store = yield* Effect.provide(
 *     Port.make({
 *       store: (path, reply) =>
 *         Effect.gen(function*() {
 *           const { id, stream } = yield* Port.bytes()
 *           yield* Port.snd(reply, id)
 *           yield* Stream.run(stream, fs.sink(path))
 *         })
 *     }),
 *     b
 *   )
 *   const id = yield* Effect.provide(Port.cal(store, "store", to), a)
 *   yield* Stream.run(fs.stream(from), Port.bytesTo(id)).pipe(Effect.provide(a))
 *   return Number((yield* fs.stat(to)).size)
 * }).pipe(Effect.scoped, Effect.provide([Transport.layerMemory, NodeServices.layer]))
 *
 * await Effect.runPromise(program) // => 3000000
 * ```
 *
 * @category byte streams
 * @since 0.1.0
 */
export const bytesTo: (id: string) => Sink.Sink<void, Uint8Array, never, BytesError, Node> = streams.send

// ---- spawning ports on other nodes

/**
 * A function that other nodes may spawn ports with, as {@link remote} declares it: its name, its arguments, and the protocol of the ports.
 *
 * @category models
 * @since 0.1.0
 */
export interface RemoteFunction<in Args extends ReadonlyArray<unknown>, out M extends Messages> {
  /** What other nodes call it by. */
  readonly name: string
  readonly [Takes]?: (args: Args) => M
  /** @internal */
  readonly read: protocols.ReadArguments | undefined
  /** @internal */
  readonly protocol: Protocol<Messages> | undefined
}

/**
 * Declares a remote function, once for both sides: one installs it with {@link implement}, the other calls {@link spawn}.
 *
 * **When to use**
 *
 * Where a program wants ports on another node. To reach a port that is there already, its ID or a group (`Global.group`) is enough; children
 * that are to be spread over nodes, and to be started again, are a `Supervisor.pool`.
 *
 * **Details**
 *
 * The name has a `::` in it, as Perl's have. Without schemas the arguments are not checked, and without a protocol the
 * port takes everything: so a function that a Perl node serves, or calls, is declared.
 *
 * @category constructors
 * @since 0.1.0
 */
export const remote: {
  /** Declares a function with typed arguments, whose ports speak a protocol. {@link implement} installs it, {@link spawn} calls it. */
  <const S extends ReadonlyArray<protocols.AnySchema>, M extends Messages>(
    name: `${string}::${string}`,
    args: { readonly [K in keyof S]: Plain<S[K]> } & S,
    protocol: Protocol<M>
  ): RemoteFunction<{ -readonly [K in keyof S]: S[K]["Type"] }, M>
  /**
   * Declares a function that takes any arguments, and whose ports take everything, as Perl's do. {@link implement} installs it, {@link spawn} calls it.
   */
  (name: `${string}::${string}`): RemoteFunction<ReadonlyArray<any>, any>
} = (
  name: string,
  args?: ReadonlyArray<protocols.AnySchema>,
  protocol?: Protocol<Messages>
): RemoteFunction<any, any> => {
  requireAllPlain(args ?? [], `Port.remote ${name}`)
  return { name, read: args === undefined ? undefined : protocols.argumentsReader(args), protocol }
}

/**
 * Lets other nodes spawn ports on this one, for as long as the layer lasts. For each one the implementation runs in the
 * context of the new port, and answers its handlers; a failure kills the port.
 *
 * **Details**
 *
 * For a function without a protocol it may also answer one default receiver, which gets whole messages. `options` are those
 * of each port.
 *
 * Messages that arrive meanwhile wait. When the layer closes, the function is gone and its ports are killed.
 *
 * **Gotchas**
 *
 * TypeScript 5 types the handlers' arguments by the protocol where the record stands in `Effect.succeed` or is returned in an
 * `Effect.gen`; in an `Effect.map` or `Effect.fnUntraced` it does not. TypeScript 6 and later do.
 *
 * **Example** (A counter wherever it is wanted)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import { Effect, Schema } from "effect"
 *
 * const Adder = Port.protocol({ add: Port.message(Schema.Number).replies(Schema.Number) })
 * const makeAdder = Port.remote("example::adder", [Schema.Number], Adder)
 *
 * const AdderLive = Port.implement(makeAdder, (base) => Effect.succeed({ add: (n) => Effect.succeed(base + n) }))
 *
 * const program = Effect.gen(function*() {
 *   const adder = yield* Port.spawn(yield* Node.id, makeAdder, 40)
 *   return yield* Port.cal(adder, "add", 2)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(AdderLive), Effect.provide(Node.layerLocal))) // => 42
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const implement = <
  Args extends ReadonlyArray<unknown>,
  M extends Messages,
  H extends BehaviourOf<M>,
  R = never
>(
  fn: RemoteFunction<Args, M>,
  implementation: (...args: Args) => Effect.Effect<H & Superfluous<H, M>, unknown, R>,
  options?: Options
): Layer.Layer<never, never, Node | Beyond<R> | Services<H>> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const router = yield* NodeRouter
    const scope = yield* Effect.scope
    const context = yield* Effect.context<never>()
    const settings = settingsOf("implement", fn.protocol, options)
    const start = (name: string, args: ReadonlyArray<unknown>): void => {
      const made = open(router, `${router.nodeId}#${name}`, context, scope, settings)
      // Messages that come before the implementation has answered are held against it too.
      made.protocol = fn.protocol
      made.enter(() => {
        const read = fn.read?.(args) ?? Result.succeed(args)
        if (Result.isFailure(read)) return made.kill(reason.reasons.invalid_message(fn.name, read.failure))
        const started = implementation(...read.success as unknown as Args) as Effect.Effect<H, unknown>
        return Effect.map(started, (handlers) => install(made, fn.protocol, handlers))
      })
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => router.functions.add(fn.name, start)),
      (takeBack) => Effect.sync(takeBack)
    )
  })) as Layer.Layer<never, never, any>

/**
 * Makes a port on another node, or on this one, by a function that is declared there. The port ID is known at once:
 * messages and monitors may follow right away, and arrive in order.
 *
 * **When to use**
 *
 * For a port on another node that this program chooses. On this node {@link make} is enough. `Supervisor.spawn` makes it the child of a
 * supervisor, which starts it again; `Supervisor.pool` chooses the nodes, too.
 *
 * **Details**
 *
 * The node is given by its ID, or by that of any port that lives on it.
 *
 * **Gotchas**
 *
 * Nobody answers. That the function is not there, or failed, shows in a monitor ({@link mon}): `["no_such_port", ...]`, or the reason
 * of the failure.
 *
 * The port belongs to the other node, and not to the scope that this runs in: it stays there until {@link kil} ends it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const spawn = <Args extends ReadonlyArray<unknown>, M extends Messages>(
  nodeOrPort: string,
  fn: RemoteFunction<Args, M>,
  ...args: Args
): Effect.Effect<PortId<M>, never, Node> =>
  Effect.map(NodeRouter, (router) => {
    const name = router.names.spawned()
    const node = portId.nodeOf(nodeOrPort)
    router.send(node, [spawnRequest, name, fn.name, ...args])
    return `${node}#${name}`
  })

// ---- port IDs

/**
 * The ID of the node that a port lives on. A bare node ID, which addresses the node port, is its own.
 *
 * @category accessors
 * @since 0.1.0
 */
export const nodeOf: (port: PortId) => string = portId.nodeOf

/**
 * Whether a port lives on this node: whether its ID is one of this node's. It does not say whether the port still lives.
 *
 * @category accessors
 * @since 0.1.0
 */
export const isLocal = (port: PortId): Effect.Effect<boolean, never, Node> =>
  Effect.map(NodeRouter, (router) => portId.nodeOf(port) === router.nodeId)

/**
 * Whether a value is the address of a port: a string whose part before the `#` is a node ID. That such a port exists it does not say.
 *
 * **Example** (What may be an address)
 *
 * ```ts
 * import { Port } from "effect-mp"
 *
 * const values: ReadonlyArray<unknown> = ["worker/1#a", "worker/1", "#a", 17]
 * values.filter(Port.isPortId) // => ["worker/1#a", "worker/1"]
 * Port.nodeOf("worker/1#a") // => "worker/1"
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isPortId: (value: unknown) => value is PortId = portId.isPortId
