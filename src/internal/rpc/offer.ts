/**
 * Sends a message of rpc: without a fiber where nothing speaks against it, else as `Port.snd` does.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Node } from "../../Node.ts"
import * as Port from "../../Port.ts"
import type { Router } from "../node/router.ts"
import { untraced } from "../port/contexts.ts"
import type { Message } from "../port/receiver.ts"

/** Throws an `UnsendableMessage` for what cannot travel. Spans travel in the messages of rpc themselves, and not beside them. */
export const offer = (router: Router, to: string, message: Message): Effect.Effect<void> =>
  router.offer(to, message) === undefined
    ? Exit.void
    : Effect.updateContext(
      Port.snd(to, ...message),
      (context: Context.Context<never>) => Context.add(untraced(context), Node, router)
    )
