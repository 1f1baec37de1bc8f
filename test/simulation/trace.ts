/**
 * What a run leaves behind: one event after the other, as the processes saw them. The simulation and real processes
 * write the same events, and the same checkers read them.
 */

import type { Carried } from "./payloads.ts"

/**
 * One life of a process: unique in a run. A node that comes back with the same node ID is another life.
 */
export type Life = string

/** An end, as a monitor tells it: empty for a normal one. Of what is not text, a number or the like it has the `Odd`. */
export type Reason = ReadonlyArray<unknown>

/** Stands for a part of a reason that may not be able to travel. */
export interface Odd {
  readonly odd: true
}

export type Event =
  // ---- processes
  /** `isForeign`: others take its node for one of another kind. */
  | { readonly _tag: "Started"; readonly life: Life; readonly node: string; readonly isForeign?: boolean }
  /** It is to stop in order, and its node drains before that. */
  | { readonly _tag: "Draining"; readonly life: Life }
  /** It goes on to stop: the node `isDone`, or the time is over. */
  | { readonly _tag: "Drained"; readonly life: Life; readonly isDone: boolean }
  /** All scopes of the process are closed. */
  | { readonly _tag: "Stopped"; readonly life: Life }
  /** The process is gone, without a word. */
  | { readonly _tag: "Crashed"; readonly life: Life }
  /** Something was done to the network or to a process that may cost a link: `nodes` are those it can touch. */
  | { readonly _tag: "Fault"; readonly what: string; readonly nodes: ReadonlyArray<string> }
  /** From here on nothing is broken any more, and `lives` are to make progress. */
  | { readonly _tag: "Healed"; readonly lives: ReadonlyArray<Life> }
  // ---- ports
  | { readonly _tag: "Made"; readonly life: Life; readonly port: string }
  /** The port has ended, as its own node knows it. */
  | { readonly _tag: "Ended"; readonly life: Life; readonly port: string; readonly reason: Reason }
  // ---- monitors. A monitor is also a channel: the messages that are sent under it are numbered from 1.
  /** The monitor stands. `channel` is unique in a run. */
  | { readonly _tag: "Monitored"; readonly life: Life; readonly channel: string; readonly port: string }
  | { readonly _tag: "Fired"; readonly life: Life; readonly channel: string; readonly reason: Reason }
  /** The monitor was taken back: it must not fire any more, and promises nothing any more. */
  | { readonly _tag: "Unmonitored"; readonly life: Life; readonly channel: string }
  /** `holds` shows what the message held when it was sent, and `carried` which links carry that. */
  | {
    readonly _tag: "Sent"
    readonly life: Life
    readonly channel: string
    readonly n: number
    readonly holds: string
    readonly carried: Carried
  }
  /** The sender was refused: the message was not sent, and the next one has its number. */
  | { readonly _tag: "Unsent"; readonly life: Life; readonly channel: string; readonly n: number }
  /** The message came to `port`, which is that of the channel unless something is badly wrong. */
  | {
    readonly _tag: "Got"
    readonly life: Life
    readonly port: string
    readonly channel: string
    readonly n: number
    readonly holds: string
  }
  // ---- messages of which nobody says that they arrive
  /** A sender begins, which may have to wait. */
  | { readonly _tag: "Pushed"; readonly life: Life; readonly push: string }
  /** It has given up while it waited: it has sent nothing. */
  | { readonly _tag: "GaveUp"; readonly life: Life; readonly push: string }
  | { readonly _tag: "Came"; readonly life: Life; readonly push: string }
  // ---- what a monitor sends
  /** From now on `other` is sent `note` when `port` ends. */
  | {
    readonly _tag: "Entrusted"
    readonly life: Life
    readonly note: string
    readonly port: string
    readonly other: string
    readonly holds: string
    readonly carried: Carried
  }
  /** The monitor behind a note was taken back. */
  | { readonly _tag: "Withdrawn"; readonly life: Life; readonly note: string }
  | {
    readonly _tag: "Noted"
    readonly life: Life
    readonly port: string
    readonly note: string
    readonly holds: string
  }
  // ---- reminders
  /** `own`: it runs where it was made, so that it neither gets lost nor comes late. */
  | {
    readonly _tag: "Promised"
    readonly life: Life
    readonly reminder: string
    readonly own: boolean
    readonly holds: string
  }
  | { readonly _tag: "Recalled"; readonly life: Life; readonly reminder: string }
  | { readonly _tag: "Reminded"; readonly life: Life; readonly reminder: string; readonly holds: string }
  // ---- calls
  | {
    readonly _tag: "Asked"
    readonly life: Life
    readonly call: string
    readonly port: string
    readonly value: number
    /** A handler of the port calls it. */
    readonly itself: boolean
  }
  /** The answer of a call is its value, doubled. */
  | { readonly _tag: "Answered"; readonly life: Life; readonly call: string; readonly value: unknown }
  | { readonly _tag: "Refused"; readonly life: Life; readonly call: string; readonly reason: Reason }
  /** A handler sends an answer to a caller of its own node. Nobody else goes on before it has sent it. */
  | { readonly _tag: "Answers"; readonly life: Life }
  | { readonly _tag: "HasAnswered"; readonly life: Life }
  // ---- nodes
  | { readonly _tag: "Up"; readonly life: Life; readonly peer: string }
  | { readonly _tag: "Down"; readonly life: Life; readonly peer: string; readonly reason: string }
  // ---- the database
  | {
    readonly _tag: "Set"
    readonly life: Life
    readonly family: string
    readonly key: string
    readonly value: unknown
  }
  | { readonly _tag: "Deleted"; readonly life: Life; readonly family: string; readonly key: string }
  /** What a life sees of a family at the end, when all is quiet. */
  | { readonly _tag: "Seen"; readonly life: Life; readonly family: string; readonly entries: Record<string, unknown> }
  // ---- supervisors with children on other nodes
  | { readonly _tag: "SupervisorUp"; readonly life: Life; readonly supervisor: string }
  | { readonly _tag: "SupervisorOver"; readonly life: Life; readonly supervisor: string }
  /** A port was made for a supervisor, as the node knows it that has the port. Of one `child` there are to be `most` at a time. */
  | {
    readonly _tag: "ChildUp"
    readonly life: Life
    readonly port: string
    readonly supervisor: string
    readonly child: string
    readonly most: number
  }
  | { readonly _tag: "ChildOver"; readonly life: Life; readonly port: string }
  /** All has been whole for a while, and nobody does anything: every child of these lives has its supervisor, and its place. */
  | { readonly _tag: "Quiet"; readonly lives: ReadonlyArray<Life> }
  // ---- rpc
  /** A server is there; `isWorker`: it is registered in the group of workers as long as it lives. */
  | { readonly _tag: "RpcServes"; readonly life: Life; readonly port: string; readonly isWorker: boolean }
  /** It begins to end: its handlers are interrupted, and may take time for their cleanup. */
  | { readonly _tag: "RpcEnds"; readonly life: Life; readonly port: string }
  | { readonly _tag: "RpcServed"; readonly life: Life; readonly port: string; readonly reason: Reason }
  /** A client is there; `isShared`: its connections may be as old as the process. */
  | { readonly _tag: "RpcClient"; readonly life: Life; readonly client: string; readonly isShared?: boolean }
  /** Somebody calls: the server at `port`, or one that the client finds. */
  | {
    readonly _tag: "RpcAsked"
    readonly life: Life
    readonly call: string
    readonly client: string
    readonly kind: RpcKind
    readonly n: number
    readonly port: string | undefined
  }
  /** The handler of a call begins; `server`: where that is an rpc server, its port. */
  | { readonly _tag: "RpcBegan"; readonly life: Life; readonly call: string; readonly server?: string }
  /** It was interrupted. */
  | { readonly _tag: "RpcStopped"; readonly life: Life; readonly call: string }
  /** It is done, and has released what it had. */
  | { readonly _tag: "RpcDone"; readonly life: Life; readonly call: string }
  /** The caller is told an answer, or an item of a stream, that says which call it is about. */
  | {
    readonly _tag: "RpcTold"
    readonly life: Life
    readonly call: string
    readonly about: string
    readonly item?: number
  }
  /** The caller interrupts its call, or its client, or its process. */
  | { readonly _tag: "RpcGaveUp"; readonly life: Life; readonly call: string }
  /** How the call ended for its caller. */
  | { readonly _tag: "RpcOver"; readonly life: Life; readonly call: string } & RpcEnd
  // ---- groups
  /** A worker was chosen from what the process sees of the group. */
  | { readonly _tag: "Chosen"; readonly life: Life; readonly port: string }
  /** A worker that was chosen has ended, as the process knows. */
  | { readonly _tag: "SeenEnd"; readonly life: Life; readonly port: string }
  /** The workers that a life sees at the end, when all is quiet. */
  | { readonly _tag: "Viewed"; readonly life: Life; readonly members: ReadonlyArray<string> }
  // ---- locks
  /** It holds a key, as it believes, until then: by the clock that never jumps, which is one for all. */
  | {
    readonly _tag: "Holds"
    readonly life: Life
    readonly key: string
    readonly token: number
    readonly now: number
    readonly until: number
  }
  /** It is about to give a key back, if it has it. */
  | { readonly _tag: "Frees"; readonly life: Life; readonly key: string }
  // ---- services, and entities of a cluster, that voters give to one process at a time
  /** It begins to run. */
  | {
    readonly _tag: "ServiceUp"
    readonly life: Life
    readonly service: string
    readonly run: string
    readonly token?: number
  }
  /** Nothing of that run is left. */
  | { readonly _tag: "ServiceOver"; readonly life: Life; readonly service: string; readonly run: string }
  /** The process stands still, and goes on. */
  | { readonly _tag: "Stood" | "WentOn"; readonly life: Life }
  // ---- leftovers
  /** Something that should be gone after all scopes are closed, or an error that nobody caught. */
  | { readonly _tag: "Leaked"; readonly what: string }

/** What a handler does with a call. The last three are streams; of a wrong one no handler hears. */
export type RpcKind = "answer" | "refuse" | "die" | "hang" | "wrong" | "count" | "breaks" | "endless"

/** How a call ended. */
export type RpcEnd =
  /** With a number, unless it was a stream. */
  | { readonly how: "answered"; readonly n: number | undefined }
  /** The error of the domain, which says which call it is about. */
  | { readonly how: "refused"; readonly by: string }
  | { readonly how: "died"; readonly why: string }
  /** The connection has ended. */
  | { readonly how: "killed"; readonly port: string; readonly reason: Reason }
  /** There was no worker, or the client was closed. */
  | { readonly how: "unfound" | "closed" }
  | { readonly how: "interrupted" }
  /** The port did not take it. */
  | { readonly how: "rejected" }

/** An event with the time it was seen at, in milliseconds of the run's own clock. */
export type Stamped = Event & { readonly at: number }

/** The events of a run, in the order in which they happened. */
export interface Trace {
  readonly events: ReadonlyArray<Stamped>
}
