/**
 * What the chat of `chat-server.ts`, `chat-client.ts` and `chat-bridge.ts` speaks.
 */
import { Port } from "effect-mp"
import * as Schema from "effect/Schema"

/** A client is told lines. */
export const Client = Port.protocol({ line: Port.message(Schema.String) })

/** A server is told who joins, with the port of the client, and who says what. */
export const Chat = Port.protocol({
  join: Port.message(Client.PortId, Schema.String),
  privmsg: Port.message(Schema.String, Schema.String)
})

/** The group that the server registers in. */
export const group = "eg_chat_server"
