/**
 * Nodes in the threads of one process: each connection is a message channel, whose one port the dialler sends to the thread that listens.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type { MessagePort } from "node:worker_threads"
// All of it: what another platform does not have is missed where it is used, and not where this file is loaded.
import * as workers from "node:worker_threads"
import { threadScheme } from "../values/address.ts"
import { type Channel, framed } from "./framed.ts"
import { LinkError } from "./linkError.ts"
import { formatThread, isOfThisProcess, parseThread, type ThreadAddress, wrongThread } from "./threadAddress.ts"
import type { Carrier, Wire } from "./wire.ts"

// ---- connections

/** To hand over memory takes as long as to copy so much. */
const cheapCopy = 32 * 1024

/** Whether bytes are all that there is of their memory: a view of some of it would take all of it along. */
const isWhole = (bytes: Uint8Array): boolean =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer &&
  !workers.isMarkedAsUntransferable(bytes.buffer)

/** Answers whether the bytes are the other side's now. */
const sendBytes = (port: MessagePort, bytes: Uint8Array, isGiven: boolean): boolean => {
  const isLarge = bytes.length >= cheapCopy
  const isHandedOver = isLarge && isGiven && isWhole(bytes)
  // A view would be cloned with all of the memory that it looks into.
  const whole = isHandedOver ? bytes : new Uint8Array(bytes)
  port.postMessage(whole, isLarge ? [whole.buffer as ArrayBuffer] : [])
  return isHandedOver
}

/**
 * What a frame is on a port, which loses none of them, so that their numbers need not travel: bytes, how many bytes were taken, or the name
 * of an end.
 */
type Posted = Uint8Array | number | "fin" | "rst"

const channelOf = (port: MessagePort, remote: string): Channel => ({
  remote,
  open: ({ closed, frame }) => {
    let number = 0
    port.on("message", (posted: Posted) => {
      if (typeof posted === "number") frame({ kind: "ack", number: number++, taken: posted })
      else if (typeof posted === "string") frame({ kind: posted, number: number++ })
      else frame({ kind: "data", number: number++, bytes: posted })
    })
    // There was no memory for it: it is missing now.
    port.on("messageerror", () => number++)
    port.on("close", () => closed("Unexpected end-of-file"))
  },
  send: (frame) => {
    if (frame.kind === "data") return sendBytes(port, frame.bytes, frame.isGiven === true)
    port.postMessage(frame.kind === "ack" ? frame.taken : frame.kind)
    return false
  },
  close: () => port.close()
})

// ---- who listens

/** Marks what comes for us among all that threads say to each other. */
const mark = "effect-mp/thread"

/** What a dialler sends: whom it wants, who it is, and its end of the connection. */
interface Call {
  readonly name: string
  readonly from: string
  readonly port: MessagePort
}

const accepted = "accepted"

/** By the names that they listen with, in this thread. */
const listeners = new Map<string, (call: Call) => void>()

const readCall = (message: unknown): Call | undefined =>
  typeof message === "object" && message !== null && mark in message ? message[mark] as Call : undefined

/** A name that nobody has here may be of another copy of this package: whoever is not answered knows it. */
const hear = (message: unknown): void => {
  const call = readCall(message)
  if (call !== undefined) listeners.get(call.name)?.(call)
}

/** Without a handle that is open a thread would end while its node waits for others. Answers how it is let go. */
const keepAlive = (): () => void => {
  const channel = new workers.MessageChannel()
  channel.port1.ref()
  // Both ports are held on to: with one of them that is collected the other one closes.
  return () => [channel.port1, channel.port2].forEach((port) => port.close())
}

/** Answers how it listens no more. */
const open = (name: string, accept: (wire: Wire) => void): () => void => {
  if (listeners.size === 0) process.on("workerMessage", hear)
  listeners.set(name, ({ from, port }) => {
    port.postMessage(accepted)
    accept(framed(channelOf(port, from)))
  })
  const letGo = keepAlive()
  return () => {
    letGo()
    listeners.delete(name)
    if (listeners.size === 0) process.off("workerMessage", hear)
  }
}

const read = (address: string): Effect.Effect<ThreadAddress, LinkError> => {
  const found = parseThread(address)
  return found === undefined
    ? Effect.fail(new LinkError({ reason: "malformed_address", peer: address }))
    : Effect.succeed(found)
}

const listen: Carrier["listen"] = (bind, accept, host) =>
  Effect.flatMap(read(bind), (found) => {
    const name = found.name === "" ? host : found.name
    const refuse = (detail: string) => Effect.fail(new LinkError({ reason: "listen_failed", peer: bind, detail }))
    return Effect.acquireRelease(
      Effect.suspend(() => {
        if (!isOfThisProcess(found) || found.thread !== workers.threadId) {
          return refuse("it is the address of another thread")
        }
        if (listeners.has(name)) return refuse("another node of this thread listens there")
        return Effect.sync(() => open(name, accept))
      }),
      Effect.sync
    ).pipe(Effect.as([formatThread(name)]))
  })

/** What an address means to those who dial it. */
const readHere = (address: string): Effect.Effect<ThreadAddress, LinkError> =>
  Effect.filterOrFail(
    read(address),
    isOfThisProcess,
    () => new LinkError({ reason: "connect_failed", peer: address, detail: "the thread is of another process" })
  )

// ---- dialling

/** Brings a call to its thread, where it has been heard when this ends. Throws if nobody there hears any. */
const deliver = async (thread: number, call: Call): Promise<void> => {
  const message = { [mark]: call }
  if (thread !== workers.threadId) return workers.postMessageToThread(thread, message, [call.port])
  // Nobody is told anything within the call that dials.
  await new Promise(setImmediate)
  // To all who listen in this thread: another copy of this package may be among them.
  process.emit("workerMessage", message, workers.threadId)
}

const dial: Carrier["dial"] = (address, host) =>
  Effect.flatMap(readHere(address), ({ name, thread }) =>
    Effect.callback<Wire, LinkError>((resume) => {
      const { port1, port2 } = new workers.MessageChannel()
      const refuse = (): void => {
        port1.close()
        resume(Effect.fail(new LinkError({ reason: "connect_failed", peer: address, detail: "Connection refused" })))
      }
      // The thread may end before it has heard of us: then its end of the channel goes with it.
      port1.once("close", refuse).ref()
      deliver(thread, { name, from: formatThread(host), port: port2 }).then(() => {
        if (workers.receiveMessageOnPort(port1)?.message !== accepted) return refuse()
        port1.off("close", refuse)
        resume(Effect.succeed(framed(channelOf(port1, address))))
      }, refuse)
      return Effect.sync(() => port1.close())
    }))

/** Threads of one process, as `Transport.layerThreads` provides them. */
export const threadCarrier: Carrier = {
  schemes: [threadScheme],
  wrong: wrongThread,
  listen,
  resolve: (address) => Effect.as(readHere(address), [address]),
  dial
}
