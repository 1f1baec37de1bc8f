/**
 * What the watchdog of `emp run` and its node say to each other, by messages of Node's child processes. Both sides load this file,
 * and the watchdog is without the library.
 *
 * The node says what it runs with (`settings`), its whole node ID once it has one, `beat` every second from its event loop, `ready`
 * when it has joined its network and its services are up, `restart` when it is asked to, and what came of a `reload`. The watchdog
 * says `stop`, `reload` when it got a SIGHUP, and the log lines that it has written before. When the watchdog is gone, the node ends.
 *
 * @internal
 */

import type { ChildProcess } from "node:child_process"
import type { LogFormat } from "../../config/logFormats.ts"

/** Tells a process that it is the node of a watchdog. */
export const mark = "EFFECT_MP_WATCHED"

/** What the node has read in its command line and configuration, and its watchdog goes by. */
export interface Settings {
  /** As configured: some of its characters may be drawn yet. */
  readonly nodeId: string
  /** So long without a beat, and the node counts as hanging. */
  readonly hangSeconds: number
  /** Files whose change is followed by a restart. */
  readonly watched: ReadonlyArray<string>
  readonly logFormat: LogFormat
  /** Whether the node logs warnings, and errors: so does its watchdog. */
  readonly logged: { readonly warnings: boolean; readonly errors: boolean }
}

/** A line of the watchdog's log: when, how bad, what. */
export type Line = readonly [atMillis: number, level: "Warn" | "Error", text: string]

/** What all of these lines say of where they come from. */
export const ofWatchdog = { module: "Cli", process: "watchdog" } as const

/**
 * What the node says. A package may be replaced while its nodes run, and the two be of different versions: what one of them does not
 * know it passes over.
 */
export interface FromNode {
  readonly beat?: true
  readonly ready?: true
  readonly restart?: true
  readonly settings?: Settings
  readonly nodeId?: string
  readonly reloaded?: string
}

export interface FromWatchdog {
  readonly stop?: true
  readonly reload?: true
  readonly lines?: ReadonlyArray<Line>
}

/** Services may send something to the parent of their process too: what is ours is marked. */
const marked = (message: FromNode | FromWatchdog) => ({ [mark]: message })

/** What is marked; else nothing was said. A service may know the mark, and say anything by it. */
const unmarked = (message: unknown): object => {
  const said = typeof message === "object" && message !== null && mark in message ? message[mark] : undefined
  return typeof said === "object" && said !== null ? said : {}
}

/** Whether this process is the node of a watchdog. */
export const isWatched = (): boolean => process.env[mark] !== undefined && process.send !== undefined

/** Says something to the watchdog of this process, if it has one. */
export const tellWatchdog = (message: FromNode): void => {
  if (process.connected) process.send?.(marked(message), undefined, undefined, () => {})
}

/** Says something to a node. A message to a process that has gone is for nobody. */
export const tellNode = (node: ChildProcess, message: FromWatchdog): void => {
  if (node.connected) node.send(marked(message), () => {})
}

export const readFromNode = (message: unknown): FromNode => unmarked(message) as FromNode

export const readFromWatchdog = (message: unknown): FromWatchdog => unmarked(message) as FromWatchdog
