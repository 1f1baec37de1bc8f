/**
 * What the chat of `chat-server.ts`, `chat-client.ts` and `chat-bridge.ts` speaks. It is the chat of AnyEvent::MP's introduction: its
 * clients can use these servers, and these clients its servers.
 */
import { Port } from "effect-mp"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** What a person says, or is called. Perl makes a number of some texts, and `null` of one that is not there. */
const Text = Schema.Union([Schema.String, Schema.Number, Schema.Null])

/** A server is told who joins, with the port of the client, and who says what. A client takes lines as they are, without a tag. */
export const Chat = Port.protocol({
  join: Port.message(Schema.String, Text),
  privmsg: Port.message(Text, Text)
})

/** The group that the server registers in. */
export const group = "eg_chat_server"

/** Why a port ended, with blanks between the parts. There are none if it was meant to. */
export const why = (exit: Exit.Exit<void, Port.Killed>): string =>
  Option.match(Exit.findErrorOption(exit), { onNone: () => "", onSome: ({ reason }) => reason.join(" ") })
