/**
 * What stands in a node's table of ports, as the rest of the node sees it, and what it needs of its node.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type { PortNames } from "../values/names.ts"
import type { Message } from "../values/plainData.ts"
import type { PortExit, Reason } from "../values/reason.ts"
import type { Aside } from "./aside.ts"
import type { Counts } from "./counts.ts"

export type { Message } from "../values/plainData.ts"

/** Told once how a port ended. */
export type Watcher = (exit: PortExit) => void

export interface Receiver {
  /** Which kind it is: a class would not be known to another copy of this package in the same process. */
  readonly _tag: "Port" | "ReplyPort" | "NodePort"
  readonly id: string
  /** From a port of the same node. */
  send(message: Message, aside?: Aside): void
  /** From another node, which is not trusted to send what the port's protocol says. */
  sendForeign(message: Message, aside?: Aside): void
  kill(reason: Reason): void
  /** Calls back once, with the port's Exit; the result takes the monitor back. */
  watch(watcher: Watcher): () => void
}

/** What a line of the log says beside its text. */
export type Annotations = Readonly<Record<string, string>>

/** What a port needs of its node. */
export interface Host {
  readonly nodeId: string
  readonly names: PortNames
  /** Added to by all ports of the node. */
  readonly counts: Counts
  /** Whether the node is about to stop. */
  readonly isDraining: boolean
  /** Milliseconds of a clock that never jumps. */
  monotonic(): number
  /** Milliseconds after the node began, as they were at some moment of this turn of the event loop: to ask costs nearly nothing. */
  roughly(): number
  /** Sends a message, unless something speaks against it: then it answers what a sender that can wait is to wait for. */
  offer(to: string, message: Message): string | undefined
  /** Calls back once, when the port has ended or its node cannot be reached. The result takes that back. */
  monitor(to: string, watcher: Watcher): () => void
  /** The port is there: its ID leads to it from now on. */
  add(receiver: Receiver): void
  /** The port was told to end. Its fibers and finalizers still run, as long as they like. */
  ending(receiver: Receiver, exit: PortExit): void
  /** The port has ended: its ID leads nowhere from now on. */
  removed(receiver: Receiver): void
  /** The port did not take a message, and lives on: whoever waits for an answer to it waits in vain. */
  refused(receiver: Receiver, message: Message, reason: Reason): void
  /** Something failed that no caller is left to hear of; `where` says of the line in the log where that was. */
  unheard(what: string, cause: unknown, where?: Annotations): void
  /** What runs in the port has failed, so that it ends. */
  crashed(receiver: Receiver, exit: PortExit, cause: Cause.Cause<unknown>, where: Annotations): void
  /** The port has ended, not in order, and nobody monitored it. */
  unmonitored(receiver: Receiver, exit: PortExit): void
}

/** Told of the ends of ports, as soon as they begin: of those that were made where somebody is a witness. */
export interface Witness {
  sawEnd(port: string, exit: PortExit): void
}

export const Witness = Context.Reference<Witness | undefined>("effect-mp/Port/Witness", {
  defaultValue: () => undefined
})

/** Tells each of them. One that throws keeps no other one from being told. */
export const tellWatchers = (watchers: Iterable<Watcher>, exit: PortExit, host: Pick<Host, "unheard">): void => {
  for (const watcher of watchers) tellWatcher(watcher, exit, host)
}

export const tellWatcher = (watcher: Watcher, exit: PortExit, host: Pick<Host, "unheard">): void => {
  try {
    watcher(exit)
  } catch (error) {
    host.unheard("a monitor failed when it was told of an end", error)
  }
}
