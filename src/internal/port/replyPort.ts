/**
 * The port that a call is answered to: it takes one message and ends.
 *
 * @internal
 */
import * as Exit from "effect/Exit"
import { Killed, type Reason } from "../values/reason.ts"
import type { Host, Message, Receiver, Watcher } from "./receiver.ts"

export class ReplyPort implements Receiver {
  readonly id: string
  private readonly host: Host
  private resume: ((result: Exit.Exit<Message, Killed>) => void) | undefined
  private watchers: Set<Watcher> | undefined = undefined

  constructor(host: Host, resume: (result: Exit.Exit<Message, Killed>) => void) {
    this.id = `${host.nodeId}#${host.names.local()}`
    this.host = host
    this.resume = resume
    host.add(this)
  }

  get _tag(): "ReplyPort" {
    return "ReplyPort"
  }

  send(message: Message): void {
    this.finish(Exit.succeed(message))
  }

  sendForeign(message: Message): void {
    this.send(message)
  }

  kill(reason: Reason): void {
    this.finish(reason.length === 0 ? Exit.succeed([]) : Exit.fail(new Killed({ port: this.id, reason })))
  }

  watch(watcher: Watcher): () => void {
    const watchers = this.watchers ??= new Set()
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  /** Ends with the result of the call. Only the first one counts. */
  finish(result: Exit.Exit<Message, Killed>): void {
    const { resume, watchers } = this
    if (resume === undefined) return
    this.resume = this.watchers = undefined
    this.host.removed(this)
    resume(result)
    watchers?.forEach((watcher) => watcher(Exit.asVoid(result)))
  }
}
