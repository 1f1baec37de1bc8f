/** The mistakes that programs make with ports. What must compile at all, and what must not, is in `Port.types.ts`. */
import type { Mistake, Mistakes } from "./mistake.ts"

const prelude = `import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Node from "../../src/Node.ts"
import * as Port from "../../src/Port.ts"

const Client = Port.protocol({ line: Port.message(Schema.String) })
const Chat = Port.protocol({
  join: Port.message(Client.PortId, Schema.String),
  privmsg: Port.message(Schema.String, Schema.String),
  count: Port.message().replies(Schema.Number),
  left: Port.message(Schema.String).rest(Schema.Unknown)
})
const makeChat = Port.remote("mistakes::chat", [Schema.String], Client)
class Database extends Context.Service<Database, string>()("mistakes/Database") {}
declare const chat: Port.PortId<typeof Chat.messages>
declare const client: Port.PortId<typeof Client.messages>
declare const counter: Port.PortId<{ readonly add: Port.Message<[number], number>; readonly log: Port.Message<[string]> }>
declare const node: Node.Service
declare const sendLine: Port.Sender<typeof Client.messages>
declare const context: Context.Context<Node.Node | Scope.Scope>
export type Used = [typeof makeChat, typeof chat, typeof client, typeof counter, Database, typeof node, typeof sendLine, typeof context, Effect.Effect<void>]

`

const mistakes: ReadonlyArray<Mistake> = [
  {
    name: "a handler that is missing",
    code: "Port.make(Chat, ▸{ join: () => {}, privmsg: () => {}, left: () => {} })",
    says: ["Argument of type …", "Property 'count' is missing in type … but required in type 'Handlers<…"]
  },
  {
    name: "a generator's handler that is missing",
    code: `Port.make(Chat, ▸{
      join: Effect.fnUntraced(function*(client, nick) {
        yield* Port.snd(client, "line", nick)
      }),
      privmsg: () => {},
      left: () => {}
    })`,
    says: ["Argument of type …", "Property 'count' is missing in type … but required in type 'Handlers<…"]
  },
  {
    name: "a handler of no message",
    code: "Port.make(Client, { line: () => {}, ▸shout: () => {} })",
    says: [
      "Type '() => void' is not assignable to type '(() => void) & \"the protocol has no message \\\"shout\\\"\"'.",
      "Type '() => void' is not assignable to type '\"the protocol has no message \\\"shout\\\"\"'."
    ]
  },
  {
    name: "a generator as the handler of no message",
    code: "Port.make(Client, { line: () => {}, ▸shout: Effect.fnUntraced(function*() {}) })",
    says: ["Object literal may only specify known properties, and 'shout' does not exist in type 'Handlers<…"]
  },
  {
    name: "a handler that takes something else",
    code: "Port.make(Client, { ▸line: (n: number) => Effect.log(n) })",
    says: [
      "Type '(n: number) => Effect.Effect<void…>' is not assignable to type 'Handler<\"line\", [string], never, any>'.",
      "Types of parameters 'n' and 'args_0' are incompatible.",
      "Type 'string' is not assignable to type 'number'."
    ]
  },
  {
    name: "a generator's handler that takes something else",
    code: `Port.make(Client, {
      ▸line: Effect.fnUntraced(function*(n: number) {
        yield* Effect.log(n)
      })
    })`,
    says: [
      "Type '(n: number) => Effect<void, never, never>' is not assignable to type 'Handler<\"line\", [string], never, any>'.",
      "Types of parameters 'n' and 'args_0' are incompatible.",
      "Type 'string' is not assignable to type 'number'."
    ]
  },
  {
    name: "a handler that replies with something else",
    code: `Port.make(Chat, {
      join: () => {},
      privmsg: () => {},
      left: () => {},
      count: () => ▸Effect.succeed("one")
    })`,
    says: [
      "Type 'Effect<string, never, never>' is not assignable to type 'Effect<number, unknown, any>'…",
      "Type 'string' is not assignable to type 'number'."
    ]
  },
  {
    name: "a generator's handler that replies with something else",
    code: `Port.make(Chat, {
      join: () => {},
      privmsg: () => {},
      left: () => {},
      ▸count: Effect.fnUntraced(function*() {
        return yield* Effect.succeed("one")
      })
    })`,
    says: [
      "Type '() => Effect<string, never, never>' is not assignable to type 'Handler<\"count\", [], number, any>'.",
      "Type 'Effect<string, never, never>' is not assignable to type 'Effect<number, unknown, any>'…",
      "Type 'string' is not assignable to type 'number'."
    ]
  },
  {
    name: "a handler that does not reply",
    code: "Port.make(Chat, { join: () => {}, privmsg: () => {}, left: () => {}, ▸count: () => {} })",
    says: [
      "Type '() => void' is not assignable to type 'Handler<\"count\", [], number, any>'.",
      "Type 'void' is not assignable to type 'Effect<number, unknown, any>'."
    ]
  },
  {
    name: "something that is no handler",
    code: "Port.make(Client, { ▸line: 1 })",
    says: ["Type 'number' is not assignable to type 'Handler<\"line\", [string], never, any>'."]
  },
  {
    name: "a mistake inside of a handler",
    code: "Port.make(Client, { line: (text) => Effect.log(text.▸size) })",
    says: ["Property 'size' does not exist on type 'string'."]
  },
  {
    name: "a mistake inside of a generator's handler",
    code: `Port.make(Client, {
      line: Effect.fnUntraced(function*(text) {
        yield* Effect.log(text.▸size)
      })
    })`,
    says: ["Property 'size' does not exist on type 'string'."]
  },
  {
    name: "handlers that need what their annotation does not say",
    code: "export const handlers: Port.Handlers<typeof Client.messages> = { line: () => ▸Database }",
    says: [
      "Type 'typeof Database' is not assignable to type 'void | Effect<unknown, unknown, …",
      "Type 'typeof Database' is not assignable to type 'Effect<unknown, unknown, …",
      "Types of property '[TypeId]' are incompatible.",
      "Type 'Variance<string, never, Database>' is not assignable to type 'Variance<…",
      "Type 'Database' is not assignable to type '…"
    ]
  },
  {
    name: "rcv of a tag that the protocol does not have",
    code: "Port.rcv(chat, ▸\"shout\", () => {})",
    says: ["Argument of type '\"shout\"' is not assignable to parameter of type …"]
  },
  {
    name: "rcv of a handler that takes something else",
    code: "Port.rcv(client, \"line\", ▸(n: number) => Effect.log(n))",
    says: [
      "Argument of type '(n: number) => Effect.Effect<…>' is not assignable to parameter of type 'Handler<\"line\", [string], never, never>'.",
      "Types of parameters 'n' and 'args_0' are incompatible."
    ]
  },
  {
    name: "rcv of a handler that does not reply",
    code: "Port.rcv(chat, \"count\", ▸() => {})",
    says: [
      "Argument of type '() => void' is not assignable to parameter of type 'Handler<\"count\", [], number, never>'.",
      "Type 'void' is not assignable to type 'Effect<number, unknown, …>'."
    ]
  },
  {
    name: "a monitor whose tag the other port does not have",
    code: "Port.mon(client, chat, ▸\"gone\", \"me\")",
    says: ["Argument of type '\"gone\"' is not assignable to parameter of type …"]
  },
  {
    name: "a monitor that sends something else",
    code: "Port.mon(client, chat, \"left\", ▸42)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  },
  {
    name: "a monitor that makes a call",
    code: "Port.mon(client, chat, ▸\"count\")",
    says: ["Argument of type '\"count\"' is not assignable to parameter of type …"]
  },
  {
    name: "a message that the protocol does not have",
    code: "▹Port.snd(chat, ▸\"shout\", \"hi\")",
    says: ["Argument of type '\"shout\"' is not assignable to parameter of type …"]
  },
  {
    name: "a message with a wrong argument",
    code: "▹Port.snd(chat, \"privmsg\", \"me\", ▸42)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  },
  {
    name: "a message that lacks an argument",
    code: "Port.snd(chat, ▸\"privmsg\", \"me\")",
    says: [
      "Argument of type '[\"privmsg\", \"me\"]' is not assignable to parameter of type …",
      "Type '[\"privmsg\", \"me\"]' is not assignable to type 'readonly [tag: \"privmsg\", string, string]'.",
      "Source has 2 element(s) but target requires 3."
    ]
  },
  {
    name: "a message with one argument too many",
    code: "Port.snd(client, \"line\", \"hi\", ▸\"ho\")",
    says: ["Expected 3 arguments, but got 4."]
  },
  {
    name: "a message that the protocol does not have, without an Effect",
    code: "▹Port.sndUnsafe(node, chat, ▸\"shout\", \"hi\")",
    says: ["Argument of type '\"shout\"' is not assignable to parameter of type …"]
  },
  {
    name: "a message with a wrong argument, without an Effect",
    code: "▹Port.sndUnsafe(node, chat, \"privmsg\", \"me\", ▸42)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  },
  {
    name: "a sender's message that the protocol does not have",
    code: "sendLine(▸\"shout\", \"hi\")",
    says: ["Argument of type '\"shout\"' is not assignable to parameter of type …"]
  },
  {
    name: "a sender's message with a wrong argument",
    code: "sendLine(\"line\", ▸42)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  },
  {
    name: "a sender's message that lacks its argument",
    code: "▸sendLine(\"line\")",
    says: ["Expected 2 arguments, but got 1."]
  },
  {
    name: "a port whose handlers need a service that its context has not",
    code: "▹Port.makeUnsafe(▸context, { line: () => Effect.asVoid(Database) })",
    says: ["Argument of type …"]
  },
  {
    name: "a typed port whose handlers need a service that its context has not",
    code: "Port.makeUnsafe(▸context, Client, { line: () => Effect.asVoid(Database) })",
    says: ["Argument of type …"]
  },
  {
    name: "a handler that is missing, without an Effect",
    code: "Port.makeUnsafe(context, Client, ▸{})",
    says: ["…", "Property 'line' is missing in type '{}' but required in type 'Handlers<…"]
  },
  {
    name: "a handler that takes something else, without an Effect",
    code: "Port.makeUnsafe(context, Client, { ▸line: (n: number) => Effect.log(n) })",
    says: [
      "Type '(n: number) => Effect.Effect<void…>' is not assignable to type 'Handler<\"line\", [string], never, any>'.",
      "Types of parameters 'n' and 'args_0' are incompatible.",
      "Type 'string' is not assignable to type 'number'."
    ]
  },
  {
    name: "a call that nobody answers",
    code: "Port.cal(chat, ▸\"shout\")",
    says: ["Argument of type '\"shout\"' is not assignable to parameter of type '\"count\"'."]
  },
  {
    name: "a call with an argument that nobody answers",
    code: "▹Port.cal(counter, ▸\"log\", \"hi\")",
    says: ["Argument of type '\"log\"' is not assignable to parameter of type '\"add\"'."]
  },
  {
    name: "a call with a wrong argument",
    code: "▹Port.cal(counter, \"add\", ▸\"1\")",
    says: ["Argument of type 'string' is not assignable to parameter of type 'number'."]
  },
  {
    name: "a schema that transforms",
    code: "Port.message(▸Schema.NumberFromString)",
    says: [
      "…",
      "…\"a message schema must not transform: its encoded side must be its type\"…"
    ]
  },
  {
    name: "a message with a date",
    code: "Port.message(▸Schema.Date)",
    says: [
      "…",
      "…",
      "…",
      "Types of property 'Type' are incompatible.",
      "Type 'Date' is not assignable to type '\"no plain data: for a Date, use its text or its milliseconds, Schema.String or Schema.Number\"'."
    ]
  },
  {
    name: "a message with an option inside",
    code: "Port.message(▸Schema.Struct({ at: Schema.Struct({ line: Schema.Option(Schema.Number) }) }))",
    says: [
      "…",
      "…",
      "…",
      "The types of 'Type.at.line' are incompatible between these types.",
      "Type 'Option<number>' is not assignable to type '\"no plain data: for an Option, use Schema.NullOr or Schema.optionalKey\"'."
    ]
  },
  {
    name: "a reply with a map",
    code: "Port.message().replies(▸Schema.ReadonlyMap(Schema.String, Schema.Number))",
    says: [
      "…",
      "…",
      "Types of property 'Type' are incompatible.",
      "Type 'ReadonlyMap<string, number>' is not assignable to type '\"no plain data: for a Map, use Schema.Record or an array of pairs\"'."
    ]
  },
  {
    name: "a message with a function",
    code: "Port.message(▸Schema.declare((value): value is () => void => typeof value === \"function\"))",
    says: [
      "…",
      "…",
      "…",
      "Types of property 'Type' are incompatible.",
      "Type '() => void' is not assignable to type '\"no plain data: a function cannot be sent\"'."
    ]
  },
  {
    name: "a handler that a spawned port lacks",
    code: "Port.implement(makeChat, () => ▸Effect.succeed({}))",
    says: ["…", "…", "Property 'line' is missing in type '{}' but required in type 'Handlers<…"]
  },
  {
    name: "a spawned port's handler of no message",
    code: "Port.implement(makeChat, () => ▸Effect.succeed({ line: () => {}, shout: () => {} }))",
    says: [
      "…",
      "…",
      "…",
      "Types of property 'shout' are incompatible.",
      "…\"the protocol has no message \\\"shout\\\"\"…"
    ]
  },
  {
    name: "a wrong argument of a spawned port",
    code: "Port.spawn(\"node\", makeChat, ▸42)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'string'."]
  }
]

/** Handlers whose arguments nobody typed: they would not compile if the arguments were `any`. */
const handlers = `
export const ports = [
  Port.make(Chat, {
    join: Effect.fnUntraced(function*(client, nick) {
      yield* Port.snd(client, "line", nick.toUpperCase())
      // @ts-expect-error -- a client is told lines
      yield* Port.snd(client, "words", nick)
    }),
    privmsg: (nick, text) => Effect.log(nick.trim(), text.trim()),
    count: Effect.fnUntraced(function*() {
      return yield* Effect.succeed(1)
    }),
    left: Effect.fnUntraced(function*(nick, ...reason) {
      yield* Effect.log(nick.trim(), reason.length)
    })
  }),
  Port.rcv(client, "line", (text) => Effect.log(text.trim())),
  Port.rcv(client, "line", Effect.fnUntraced(function*(text) {
    yield* Effect.log(text.trim())
    // @ts-expect-error -- a text is no number
    yield* Effect.log(text.toFixed())
  }))
]

export const spawned = [
  Port.implement(makeChat, (nick) => Effect.succeed({ line: (text) => Port.snd("log", nick.trim(), text.trim()) })),
  Port.implement(makeChat, (nick) =>
    Effect.gen(function*() {
      yield* Effect.log(nick.trim())
      return {
        line: Effect.fnUntraced(function*(text) {
          yield* Effect.log(text.trim())
          // @ts-expect-error -- a text is no number
          yield* Effect.log(text.toFixed())
        })
      }
    })
  )
]
`

export const withPorts: Mistakes = {
  room: "Port",
  prelude,
  mistakes,
  fine: { "handlers that leave the types of their arguments to the protocol": handlers }
}
