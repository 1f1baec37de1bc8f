/**
 * Sockets of the system, of TCP and of Unix: how they connect, and how they are listened for.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import { type ReadableSocket, Reader } from "./sharedReads.ts"

/** AEMP's socket settings: small messages leave at once, and a dead peer is noticed some day. */
const options = { noDelay: true, keepAlive: true }

/** A socket that is connected, and paused. */
export const connect = (target: net.NetConnectOpts): Effect.Effect<ReadableSocket, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    const reader = new Reader()
    const socket = net.connect({ ...options, ...target, onread: reader.onread })
    const failed = (error: NodeJS.ErrnoException): void => resume(Effect.fail(firstOf(error)))
    socket.once("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed).pause()
      resume(Effect.succeed({ socket, reader }))
    })
    return Effect.sync(() => socket.destroy())
  })

/** Where all addresses of a name failed, the first of them says why. */
export const firstOf = (error: NodeJS.ErrnoException): NodeJS.ErrnoException =>
  error instanceof AggregateError ? error.errors[0] as NodeJS.ErrnoException : error

/** A server that listens, and gives sockets that are paused. */
export const openServer = (
  at: net.ListenOptions,
  accept: (socket: net.Socket) => void
): Effect.Effect<net.Server, NodeJS.ErrnoException> =>
  Effect.callback((resume) => {
    const server = net.createServer({ ...options, pauseOnConnect: true }, accept)
    server.on("error", (error) => resume(Effect.fail(error)))
    server.listen(at, () => resume(Effect.succeed(server)))
    return Effect.sync(() => server.close())
  })
