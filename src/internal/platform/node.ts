/**
 * What the core needs of the platform, as Node has it: bytes and text, chance and digests, the event loop, the process. `browser.ts` has the
 * same for pages: `#platform` is one of the two. Byte strings are `Uint8Array` for all who use it; they are Buffers here, which sockets
 * take as they are.
 *
 * @internal
 */
import * as buffer from "node:buffer"
import * as crypto from "node:crypto"
import * as os from "node:os"
import * as path from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { isUint8Array } from "node:util/types"
import * as workers from "node:worker_threads"

// ---- bytes

export { isUint8Array }

/** Memory with anything in it, for what does not stay: small ones may share a piece. */
export const allocate = (length: number): Uint8Array => Buffer.allocUnsafe(length)

/** Memory with anything in it, none of which is shared. */
export const allocateOwn = (length: number): Uint8Array => Buffer.allocUnsafeSlow(length)

/** Memory that nobody can give to another thread; `undefined` where there is no such thing. */
export const untransferable = (length: number): ArrayBuffer | undefined => {
  const memory = new ArrayBuffer(length)
  workers.markAsUntransferable(memory)
  return memory
}

// ---- text

/** What the methods of a Buffer come to, without a look at encodings. They take any bytes, and are not in the types. */
interface Natives {
  latin1Slice(this: Uint8Array, from: number, to: number): string
  utf8Slice(this: Uint8Array, from: number, to: number): string
  utf8Write(this: Uint8Array, text: string, at: number): number
}
const { latin1Slice, utf8Slice, utf8Write } = Buffer.prototype as unknown as Natives

/** The most characters that one text can have. */
export const longestText = buffer.constants.MAX_STRING_LENGTH

/** How many bytes a text has in UTF-8. */
export const utf8Length = (text: string): number => Buffer.byteLength(text)

/** Writes a text into bytes, which have room for it. Answers how many it took. */
export const writeUtf8 = (bytes: Uint8Array, text: string, at: number): number => utf8Write.call(bytes, text, at)

/** The text of some bytes. What is no UTF-8 becomes U+FFFD. */
export const utf8Text = (bytes: Uint8Array, from: number, to: number): string => utf8Slice.call(bytes, from, to)

/** The text whose characters, U+0000 to U+00FF, are some bytes. */
export const latin1Text = (bytes: Uint8Array, from: number, to: number): string => latin1Slice.call(bytes, from, to)

/** The bytes that the characters of a text are, U+0000 to U+00FF. */
export const latin1Bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

export const isAscii: (bytes: Uint8Array) => boolean = buffer.isAscii

export const isUtf8: (bytes: Uint8Array) => boolean = buffer.isUtf8

// ---- chance and digests

/** A whole number from zero up to and without `bound`, which nobody can foresee. */
export const randomInt = (bound: number): number => crypto.randomInt(bound)

/** So many bytes that nobody can foresee, in base64. */
export const randomBase64 = (length: number): string => crypto.randomBytes(length).toString("base64")

/** Bytes as hexadecimal digits. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** The SHA3-512 of some bytes, in hex. */
export const sha3 = (bytes: Uint8Array): string => crypto.createHash("sha3-512").update(bytes).digest("hex")

/** Their HMAC with SHA3-512, in hex. */
export const hmacSha3 = (key: Uint8Array, bytes: Uint8Array): string =>
  crypto.createHmac("sha3-512", key).update(bytes).digest("hex")

/** Compares bytes of one length in a time that tells nothing of where they differ. */
export const areEqual = (left: Uint8Array, right: Uint8Array): boolean => crypto.timingSafeEqual(left, right)

// ---- the event loop

/** Something that the event loop does soon. */
export type Turn = NodeJS.Immediate

/** Does something when the event loop has looked at its sockets. */
export const afterIo = (act: () => void): Turn => globalThis.setImmediate(act)

/** Takes that back. */
export const takeBack = (turn: Turn): void => globalThis.clearImmediate(turn)

/** How late the event loop was, in nanoseconds, each time that it was looked at. */
export interface Lateness {
  readonly count: number
  readonly mean: number
  readonly max: number
  /** It is not looked at any more. */
  disable(): void
}

/** Looks how late the event loop is, as often as that. */
export const watchEventLoop = (everyMillis: number): Lateness => {
  const histogram = monitorEventLoopDelay({ resolution: everyMillis })
  histogram.enable()
  return histogram
}

/** Whether timers are held back now and then, though nothing stands still. */
export const holdsTimersBack: boolean = false

// ---- the process

export const hostname = (): string => os.hostname()

/** A file in the folder of the user who runs this: none if `HOME` is empty, or nobody knows the user. */
export const inHome = (name: string): string | undefined => {
  try {
    const home = os.homedir()
    return home === "" ? undefined : path.join(home, name)
  } catch {
    return undefined
  }
}

/** What runs all this. */
export const runtime = `node ${process.versions.node}`

/** The number of the process. */
export const { pid } = process

/** Both, for people. */
export const processInWords = `Node ${process.versions.node}, process ${pid}`

/** What the process has had of a processor since it started. */
export const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** The memory of the process. */
export const residentBytes = (): number => process.memoryUsage.rss()

/** What of it JavaScript uses. */
export const heapBytes = (): number => process.memoryUsage().heapUsed

/** Writes a line for people who look for a mistake. */
export const printError = (line: string): void => void process.stderr.write(`${line}\n`)

// ---- threads

/** Starts a thread. Throws where it cannot. */
export const startThread = (module: string | URL, options: workers.WorkerOptions): workers.Worker =>
  new workers.Worker(module, options)

/** The way to whoever has started this thread; none in a main thread. */
export const { parentPort } = workers
