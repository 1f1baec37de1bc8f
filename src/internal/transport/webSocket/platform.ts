/**
 * WebSockets as the platform has them: pages, Deno, Bun and Node alike. It dials only. What it is made of needs no module of Node's.
 *
 * @internal
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { LinkError } from "../linkError.ts"
import type { Carrier, Wire, WireEvents } from "../wire.ts"
import { parseWebSocket, webSocketSchemes, wrongWebSocket } from "./address.ts"

/**
 * What the platform is given at once: it says how much of that has not left, but some say so only when all of it has. The other side, too, holds
 * a whole message before it looks at it.
 */
const portion = 256 * 1024
/** So much may come before `start`: nothing holds up those who send it. */
const mostEarly = 1024 * 1024
/** Nobody tells when something has left: it is looked at, first after the shorter time. */
const shortestPauseMillis = 1
const longestPauseMillis = 32

/** Bytes that the platform did not get yet; who wrote them wants to know when it has. */
interface Waiting {
  readonly bytes: Uint8Array
  readonly left: (() => void) | undefined
}

class PlatformWire implements Wire {
  readonly remote: string
  private readonly socket: WebSocket
  /** Runs what looks at the socket. */
  private readonly fork: (effect: Effect.Effect<void>) => void
  private waiting: Array<Waiting> = []
  private waitingBytes = 0
  /** Somebody is to be told when all has left. */
  private isWatched = false
  private isLookedAt = false
  private early: Array<Uint8Array> = []
  private earlyBytes = 0
  private events: WireEvents | undefined
  /** Why it is closed. */
  private why: string | undefined
  private isTold = false
  /** Nothing more is written. */
  private isOver = false

  constructor(socket: WebSocket, remote: string, fork: (effect: Effect.Effect<void>) => void) {
    this.socket = socket
    this.remote = remote
    this.fork = fork
    socket.addEventListener("message", ({ data }) => this.take(data))
    socket.addEventListener("close", ({ code }) => {
      this.close(code === 1006 ? "Connection reset by peer" : "Unexpected end-of-file")
    })
  }

  get buffered(): number {
    return this.isOver ? 0 : this.socket.bufferedAmount + this.waitingBytes
  }

  start(events: WireEvents): void {
    queueMicrotask(() => {
      this.events = events
      const { early } = this
      this.early = []
      for (const bytes of early) if (!this.isTold) events.data(bytes)
      if (this.why !== undefined) this.tell(this.why)
    })
  }

  private take(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.refuse("what came is text")
    const bytes = new Uint8Array(data)
    if (this.events !== undefined) {
      if (!this.isTold) this.events.data(bytes)
      // A page that nobody looks at has its timers held back, but not what comes.
      if (this.isWatched) this.goOn()
      return
    }
    this.early.push(bytes)
    this.earlyBytes += bytes.length
    if (this.earlyBytes > mostEarly) this.refuse("the other side says much before it is asked")
  }

  private refuse(why: string): void {
    this.early = []
    this.socket.close(3000, why)
    this.close(why)
  }

  private close(why: string): void {
    this.isOver = true
    this.drop()
    this.why ??= why
    if (this.events !== undefined) this.tell(this.why)
  }

  private tell(why: string): void {
    if (this.isTold) return
    this.isTold = true
    this.events?.closed(why)
  }

  private drop(): void {
    this.waiting = []
    this.waitingBytes = 0
  }

  // ---- what is sent

  write(bytes: Uint8Array, left?: () => void): void {
    if (this.isOver) return
    this.waiting.push({ bytes, left })
    this.waitingBytes += bytes.length
    this.feed()
  }

  /** Gives the socket what it has room for; and looks again later, if it has not room for all. */
  private feed(): void {
    let given = 0
    while (given < this.waiting.length && this.socket.bufferedAmount < portion) {
      const { bytes, left } = this.waiting[given]!
      const rest = bytes.subarray(portion)
      this.give(bytes.subarray(0, portion))
      if (rest.length > 0) this.waiting[given] = { bytes: rest, left }
      else {
        given++
        // It has been copied.
        if (left !== undefined) queueMicrotask(left)
      }
    }
    this.waiting.splice(0, given)
    if (this.waiting.length > 0 && !this.isWatched) this.watch()
  }

  private give(bytes: Uint8Array): void {
    this.waitingBytes -= bytes.length
    // Memory that is shared between threads is none that links write into.
    this.socket.send(bytes as Uint8Array<ArrayBuffer>)
  }

  /** What has room by now leaves; when all has, that is told. */
  private goOn(): void {
    this.feed()
    if (this.buffered > 0) return
    this.isWatched = false
    if (!this.isOver) this.events?.drained()
  }

  /** Until all has left. */
  private watch(): void {
    this.isWatched = true
    if (this.isLookedAt) return
    this.isLookedAt = true
    let pauseMillis = shortestPauseMillis
    let before = this.buffered
    const look = (): void => {
      if (this.isWatched) this.goOn()
      const now = this.buffered
      pauseMillis = now === before ? Math.min(pauseMillis * 2, longestPauseMillis) : shortestPauseMillis
      before = now
    }
    this.fork(
      Effect.map(
        Effect.whileLoop({
          while: () => this.isWatched,
          body: () => Effect.sleep(pauseMillis),
          step: look
        }),
        () => {
          this.isLookedAt = false
        }
      )
    )
  }

  end(closed: () => void): void {
    if (this.socket.readyState === WebSocket.CLOSED) return closed()
    this.socket.addEventListener("close", closed, { once: true })
    if (this.isOver) return
    for (const { bytes } of this.waiting) this.give(bytes)
    this.isOver = true
    this.drop()
    this.socket.close(1000)
  }

  destroy(): void {
    this.isOver = true
    this.drop()
    this.socket.close(1000)
    // The platform waits for the other side, which may be gone.
    queueMicrotask(() => this.close("Unexpected end-of-file"))
  }
}

const dial: Carrier["dial"] = (peer) => {
  const address = parseWebSocket(peer)
  if (address?.host === undefined || address.host === "*" || address.port === 0) {
    return Effect.fail(new LinkError({ reason: "malformed_address", peer }))
  }
  return Effect.contextWith((context: Context.Context<never>) =>
    Effect.callback<Wire, LinkError>((resume) => {
      const socket = new WebSocket(peer)
      socket.binaryType = "arraybuffer"
      const run = Effect.runForkWith(context)
      // The platform tells nobody why there is no connection.
      const failed = () =>
        resume(
          Effect.fail(new LinkError({ reason: "connect_failed", peer, detail: "no WebSocket answers, or not to us" }))
        )
      socket.addEventListener("close", failed, { once: true })
      socket.addEventListener("open", () => {
        socket.removeEventListener("close", failed)
        resume(Effect.succeed(new PlatformWire(socket, peer, (effect) => void run(effect))))
      })
      return Effect.sync(() => socket.close())
    })
  )
}

const listen: Carrier["listen"] = (peer) =>
  Effect.fail(new LinkError({ reason: "listen_failed", peer, detail: "this transport dials only" }))

/** As `Transport.layerWebSocketClient` provides it. */
export const platformCarrier: Carrier = {
  schemes: webSocketSchemes,
  wrong: wrongWebSocket,
  listen,
  resolve: (address) => Effect.succeed([address]),
  dial
}
