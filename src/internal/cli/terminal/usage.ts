/**
 * What is wrong with a command line.
 *
 * @internal
 */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** A command line that cannot be understood. Nothing has been done. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { problem: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 2
  override get message(): string {
    return this.problem
  }
}
