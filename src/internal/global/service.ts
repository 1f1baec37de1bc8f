/**
 * What programs see of a node's place in the network, and the key under which they find it.
 *
 * @internal
 */
import * as Context from "effect/Context"

export interface GlobalService {
  /**
   * The node that keeps this node's entries and answers its questions: one of its seeds, or itself if it is a global node.
   * `undefined` while no seed answers.
   */
  readonly master: string | undefined
  /** Whether the node is a global one, which keeps the whole database. Once it is, it stays one. */
  readonly isGlobal: boolean
}

export class Global extends Context.Service<Global, GlobalService>()("effect-mp/Global") {}
