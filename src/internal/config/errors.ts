/**
 * What can be wrong with a configuration.
 *
 * @internal
 */
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** A key whose value cannot be used: `from` says where it stands, if not on the command line. */
export class InvalidConfig extends Schema.TaggedError<InvalidConfig>()("InvalidConfig", {
  key: Schema.String,
  problem: Schema.String,
  from: Schema.UndefinedOr(Schema.String)
}) {
  override readonly [Runtime.errorExitCode] = this.from === undefined ? 2 : 1
  override get message(): string {
    return `${this.from === undefined ? "" : `${this.from}: `}${this.key}: ${this.problem}`
  }
}

/** The configuration file cannot be read, understood or written. It is left as it is. */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>()("ConfigFileError", {
  file: Schema.String,
  line: Schema.UndefinedOr(Schema.Int),
  column: Schema.UndefinedOr(Schema.Int),
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.file}${this.line === undefined ? "" : `:${this.line}:${this.column}`}: ${this.problem}`
  }
}
