/**
 * Addresses of nodes in threads: `thread:THREADID:NAME`, or `thread://HOST:PID/THREADID:NAME`, as other nodes are told: who is in another
 * process knows by it that the thread is none of its own. Thread 0 is the main one; without an ID it is the thread that reads the address.
 *
 * @internal
 */
import * as os from "node:os"
import { threadId } from "node:worker_threads"
import { escape, escapeHost, threadScheme, unescape } from "../values/address.ts"

export interface ThreadAddress {
  /** Whose thread it is; `undefined`: of this process. */
  readonly process: string | undefined
  readonly thread: number
  /** Empty where the node that listens gives its own ID. */
  readonly name: string
}

const thisProcess = `${escapeHost(os.hostname())}:${process.pid}`

/** What others are told of a name in this thread. */
export const formatThread = (name: string): string => `${threadScheme}://${thisProcess}/${threadId}:${escape(name)}`

export const parseThread = (address: string): ThreadAddress | undefined => {
  const [whole, process, thread, rest = ""] = /^thread:(?:\/\/([^/]*)\/)?(?:(\d{1,15}):)?(.*)$/i.exec(address) ?? []
  const name = unescape(rest)
  return whole === undefined || name === undefined || process !== undefined && thread === undefined
    ? undefined
    : { process, thread: thread === undefined ? threadId : Number(thread), name }
}

/** What is wrong with an address of the scheme; `undefined` if nothing is. */
export const wrongThread = (address: string): string | undefined =>
  parseThread(address) === undefined ? `${JSON.stringify(address)} is not of the form thread:THREADID:NAME` : undefined

export const isOfThisProcess = ({ process }: ThreadAddress): boolean => process === undefined || process === thisProcess
