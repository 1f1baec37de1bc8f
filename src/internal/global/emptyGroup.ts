/**
 * What it means that nobody of a group can be chosen.
 *
 * @internal
 */
import * as Schema from "effect/Schema"

/** Re-exported as `Global.EmptyGroup`, where it is documented. */
export class EmptyGroup extends Schema.TaggedError<EmptyGroup>()("EmptyGroup", { group: Schema.String }) {
  override get message(): string {
    return `group ${JSON.stringify(this.group)} has no member that this node could choose`
  }
}
