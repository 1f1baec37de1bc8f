/**
 * What the core needs of the platform, as pages have it: the same as `node.ts`, of nothing but what browsers, and others beside them, provide.
 *
 * @internal
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha3_512 } from "@noble/hashes/sha3.js"
import type { MessagePort, Worker } from "node:worker_threads"
import type { Lateness } from "./node.ts"

// ---- bytes

/** The name of its class, which nothing but one has and nobody can feign. */
const className = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get

export const isUint8Array = (value: unknown): value is Uint8Array => className?.call(value) === "Uint8Array"

export const allocate = (length: number): Uint8Array => new Uint8Array(length)

export const allocateOwn = allocate

export const untransferable = (_length: number): ArrayBuffer | undefined => undefined

// ---- text

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const strict = new TextDecoder("utf-8", { fatal: true })

/** That of V8; others have more. */
export const longestText = 2 ** 29 - 24

export const utf8Length = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    length += code < 0x800 ? 1 : 2
    // Two surrogates are four bytes.
    if (code >= 0xd800 && code < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++
  }
  return length
}

export const writeUtf8 = (bytes: Uint8Array, text: string, at: number): number =>
  encoder.encodeInto(text, at === 0 ? bytes : bytes.subarray(at)).written

export const utf8Text = (bytes: Uint8Array, from: number, to: number): string =>
  decoder.decode(bytes.subarray(from, to))

/** So many characters are made at once: each is an argument of a call. */
const mostCharacters = 4096

/** No work for a decoder: its "latin1" has other characters from 0x80 to 0x9f. */
export const latin1Text = (bytes: Uint8Array, from: number, to: number): string => {
  let text = ""
  for (let at = from; at < to; at += mostCharacters) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(to, at + mostCharacters)))
  }
  return text
}

export const latin1Bytes = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))

export const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80)

export const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    strict.decode(bytes)
    return true
  } catch {
    return false
  }
}

// ---- chance and digests

/** One of 2^48 numbers. */
const draw = (): number =>
  crypto.getRandomValues(new Uint16Array(3)).reduce((number, part) => number * 2 ** 16 + part, 0)

export const randomInt = (bound: number): number => {
  // Those beyond the last whole multiple of the bound would make some numbers likelier than others.
  const end = 2 ** 48 - 2 ** 48 % bound
  for (;;) {
    const number = draw()
    if (number < end) return number % bound
  }
}

export const randomBase64 = (length: number): string =>
  btoa(latin1Text(crypto.getRandomValues(new Uint8Array(length)), 0, length))

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** WebCrypto has no SHA-3. */
export const sha3 = (bytes: Uint8Array): string => hex(sha3_512(bytes))

export const hmacSha3 = (key: Uint8Array, bytes: Uint8Array): string => hex(hmac(sha3_512, key, bytes))

export const areEqual = (left: Uint8Array, right: Uint8Array): boolean =>
  left.reduce((difference, byte, at) => difference | byte ^ right[at]!, 0) === 0

// ---- the event loop

/** What is to be done, until that is taken back. */
export interface Turn {
  act: (() => void) | undefined
}

const turns: Array<Turn> = []
let channel: InstanceType<typeof MessageChannel> | undefined

/** A message to oneself: timers wait longer, the more so in a tab that nobody sees. */
const wake = (): void => {
  channel ??= listening()
  channel.port2.postMessage(undefined)
}

const listening = () => {
  const made = new MessageChannel()
  made.port1.addEventListener("message", () => turns.shift()?.act?.())
  made.port1.start()
  return made
}

export const afterIo = (act: () => void): Turn => {
  const turn: Turn = { act }
  turns.push(turn)
  wake()
  return turn
}

export const takeBack = (turn: Turn): void => {
  turn.act = undefined
}

/** Nobody says how late a page is. */
export const watchEventLoop = (_everyMillis: number): Lateness => ({ count: 0, mean: 0, max: 0, disable: () => {} })

/** Pages that nobody looks at have it so. Others beside them, and workers, have not. */
export const holdsTimersBack = "document" in globalThis

// ---- the process

/** Pages are not told what their machine is called. */
export const hostname = (): string => "browser"

export const inHome = (_name: string): string | undefined => undefined

export const runtime = "browser"

export const pid = 0

export const processInWords = "in a browser"

export const cpuMillis = (): number => 0

export const residentBytes = (): number => 0

export const heapBytes = (): number => 0

export const printError = (line: string): void => console.error(line)

// ---- threads

export const startThread = (): Worker => {
  throw new Error("there are no threads with nodes in a browser")
}

export const parentPort: MessagePort | null = null
