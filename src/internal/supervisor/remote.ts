/**
 * How a supervisor is asked by messages, on whichever node it is. `messages.ts` answers.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Node } from "../../Node.ts"
import { calMessage } from "../../Port.ts"
import { DespiteDrain } from "../node/drain.ts"
import { isPortId } from "../values/portId.ts"
import { Killed } from "../values/reason.ts"
import { ChildError, type ChildInfo, type Count, StartError } from "./errors.ts"
import { About, PlainChildInfo, PlainCount, type RequestTag } from "./messages.ts"

/** Re-exported as `Supervisor.NoAnswer`, where it is documented. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {
  port: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `supervisor ${this.port}: ${this.problem}`
  }
}

/** What a request can fail with. */
export type AskError = ChildError | StartError | NoAnswer | Killed

/** How long an answer may take that needs nothing to start or stop. */
const patience = "5 seconds"

const childErrorFields = Schema.Struct({ reason: ChildError.fields.reason, child: Schema.String })
const startErrorFields = Schema.Struct({ child: Schema.String, reason: Schema.Array(Schema.Unknown) })
const failedFields = Schema.Struct({ problem: Schema.String })

const toFailure = (port: string, tag: unknown, fields: unknown): AskError => {
  if (tag === "ChildError" && Schema.is(childErrorFields)(fields)) {
    const other = (fields as { readonly port?: unknown }).port
    return new ChildError({ ...fields, port: isPortId(other) ? other : undefined })
  }
  if (tag === "StartError" && Schema.is(startErrorFields)(fields)) {
    return new StartError({ child: fields.child, exit: Exit.fail(new Killed({ port, reason: fields.reason })) })
  }
  return new NoAnswer({
    port,
    problem: Schema.is(failedFields)(fields) ? fields.problem : "gave an answer that makes no sense"
  })
}

/** Sends a request and reads the answer, which may come from anywhere: from what is no supervisor, too. */
const ask = (
  port: string,
  tag: RequestTag,
  ...args: ReadonlyArray<unknown>
): Effect.Effect<unknown, AskError, Node> =>
  Effect.flatMap(
    Effect.provideService(calMessage(port, tag, ...args), DespiteDrain, true),
    ([kind, first, second]) => kind === "ok" ? Effect.succeed(first) : Effect.fail(toFailure(port, first, second))
  )

/** Asks for what a supervisor knows, which has to fit a schema. */
const read = <A>(port: string, tag: RequestTag, schema: Schema.Codec<A>): Effect.Effect<A, AskError, Node> =>
  ask(port, tag).pipe(
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.fail(new NoAnswer({ port, problem: `has not answered in ${patience}` }))
    }),
    Effect.flatMap((value) =>
      Schema.is(schema)(value)
        ? Effect.succeed(value)
        : Effect.fail(new NoAnswer({ port, problem: "gave an answer that makes no sense" }))
    )
  )

/** Asks for something that takes as long as it takes, of a port that has shown that it is a supervisor. */
export const manage = (
  port: string,
  tag: "start" | "terminate" | "restart" | "delete",
  ...args: ReadonlyArray<unknown>
): Effect.Effect<unknown, AskError, Node> => Effect.andThen(about(port), ask(port, tag, ...args))

export const about = (port: string) => read(port, "about", About)

export const count = (port: string): Effect.Effect<Count, AskError, Node> => read(port, "count", PlainCount)

export const which = (port: string): Effect.Effect<ReadonlyArray<ChildInfo>, AskError, Node> =>
  Effect.map(read(port, "which", Schema.Array(PlainChildInfo)), (infos) =>
    infos.map((info) => ({
      ...info,
      port: info.port ?? undefined,
      uptime: info.uptime ?? undefined,
      lastReason: info.lastReason ?? undefined
    })))
