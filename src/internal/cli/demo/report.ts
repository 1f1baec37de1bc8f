/**
 * What the nodes of the demo tell the process that shows the timeline.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const ReportSchema = Schema.Struct({
  demo: Schema.Literal(true),
  event: Schema.Literals(["joined", "started", "message", "end"]),
  text: Schema.String,
  /** Milliseconds since 1970. */
  at: Schema.Finite
})

export type Report = typeof ReportSchema.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(ReportSchema))

/** The report in a line of output, if it is one. */
export const parseReport = (line: string): Report | undefined => Option.getOrUndefined(decode(line))
