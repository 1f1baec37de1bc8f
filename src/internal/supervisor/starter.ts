/**
 * Who starts a child again and again, for starts that go by what was before.
 *
 * @internal
 */
import * as Context from "effect/Context"

/** It knows nothing of the child itself, since ports that outlive it know this. */
export class Memory {
  private nodes: Map<string, string> | undefined = undefined

  /** The node that was spawned on last, by remote function and nodes. */
  get lastNodes(): Map<string, string> {
    return this.nodes ??= new Map()
  }
}

/** In the starts of a child: what they remember. Elsewhere nobody remembers anything. */
export const Starter = Context.Reference<Memory | undefined>("effect-mp/Supervisor/Starter", {
  defaultValue: () => undefined
})
