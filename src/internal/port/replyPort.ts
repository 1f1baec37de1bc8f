/**
 * The port that a call is answered to: it takes one message and ends.
 *
 * @internal
 */
import * as Exit from "effect/Exit"
import { nodeOf } from "../values/portId.ts"
import { isTagged, Killed, type PortExit, type Reason, reasonFromExit, refusedByDrain } from "../values/reason.ts"
import { enqueue, type Runnable } from "./readyQueue.ts"
import type { Host, Message, Receiver, Watcher } from "./receiver.ts"
import { tell, type Watchers, withoutWatcher, withWatcher } from "./watchers.ts"

/** What a call ends with: the reply, or why there is none. */
export type Result = Exit.Exit<Message, Killed>

/** When a call began whose latency is measured, and for how many it stands. */
interface Measured {
  readonly since: number
  readonly weight: number
}

export class ReplyPort implements Receiver, Runnable {
  readonly id: string
  /** The port that has been asked, where an answer is certain to come from there. */
  asked: string | undefined
  private readonly host: Host
  private result: Result | undefined = undefined
  private resume: ((result: Result) => void) | undefined = undefined
  private watchers: Watchers = undefined
  /** Takes back the monitor of the port that it ends with. */
  private unwatch: (() => void) | undefined = undefined
  private readonly measured: Measured | undefined

  constructor(host: Host, asked?: string) {
    this.asked = asked
    this.id = host.names.localId()
    this.host = host
    const { calls, latency } = host.counts
    calls.open++
    this.measured = latency.isDue ? measure(host) : undefined
    latency.pass(1)
    host.add(this)
  }

  get _tag(): "ReplyPort" {
    return "ReplyPort"
  }

  /** Ends with this port, and with none that was named before, if that ends before there is an answer: its normal end is a failure too. */
  endsWith(port: string): void {
    this.unwatch?.()
    const ended = (exit: PortExit) => this.finish(Exit.fail(new Killed({ port, reason: reasonFromExit(exit) })))
    const unwatch = this.host.monitor(port, ended)
    if (this.result === undefined) this.unwatch = unwatch
    else unwatch()
  }

  /** Calls back with the result, in a turn of its own. */
  onResult(resume: (result: Result) => void): void {
    this.resume = resume
    if (this.result !== undefined) enqueue(this)
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

  /** The call was refused. */
  refuse(reason: Reason): void {
    // The other node has sent it here: that it drains is a refusal, and not how some port ended.
    if (isTagged(reason, "draining") && this.asked !== undefined) {
      this.finish(Exit.fail(refusedByDrain(this.asked, nodeOf(this.asked))))
    } else this.kill(reason)
  }

  watch(watcher: Watcher): () => void {
    this.watchers = withWatcher(this.watchers, watcher)
    return () => {
      this.watchers = withoutWatcher(this.watchers, watcher)
    }
  }

  /** Ends with the result of the call. Only the first one counts. The caller goes on in its turn, not in the replier's. */
  finish(result: Result): void {
    if (this.result !== undefined) return
    this.count(Exit.isSuccess(result) ? "answered" : "failed")
    this.end(result)
  }

  private count(end: "answered" | "failed" | "abandoned"): void {
    const { calls } = this.host.counts
    calls.open--
    if (end === "failed") calls.failed++
    else if (end === "abandoned") calls.abandoned++
    else {
      calls.answered++
      if (this.measured !== undefined) this.noteLatency(this.measured)
    }
  }

  private noteLatency({ since, weight }: Measured): void {
    this.host.counts.latency.end(weight, this.host.monotonic() - since)
  }

  private end(result: Result): void {
    this.result = result
    this.host.removed(this)
    this.unwatch?.()
    enqueue(this)
  }

  /** Nobody waits for the call any more. */
  abandon(): void {
    this.resume = undefined
    if (this.result !== undefined) return
    this.count("abandoned")
    this.end(Exit.succeed([]))
  }

  run(): void {
    const { result, resume } = this
    if (result === undefined) return
    this.resume = undefined
    resume?.(result)
    tell(this.watchers, Exit.asVoid(result), this.host)
    this.watchers = undefined
  }

  broken(error: unknown): void {
    this.host.unheard(`the reply port ${this.id} is broken`, error)
  }
}

const measure = (host: Host): Measured => {
  const since = host.monotonic()
  return { since, weight: host.counts.latency.begin(since) }
}
/** Whether what stands in a table of ports is that of a call. */
export const isReplyPort = (receiver: Receiver): receiver is ReplyPort => receiver._tag === "ReplyPort"
