/** What the room of `server.ts` and the pages in it (`page.ts`) speak with each other. */
import * as Port from "effect-mp/Port"
import * as Schema from "effect/Schema"

/** The port of a page. It is shown lines, and who is there. */
export const Visitor = Port.protocol({
  line: Port.message(Schema.String),
  present: Port.message(Schema.Array(Schema.String))
})

/** What strangers send is held against this. */
export const Room = Port.protocol({
  join: Port.message(Visitor.PortId),
  say: Port.message(Visitor.PortId, Schema.String.check(Schema.isMaxLength(500)))
})

/** The group that the room registers in. */
export const group = "eg_room"
