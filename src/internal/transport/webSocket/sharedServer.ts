/**
 * Paths of a server that the program has for other things too. What asks for a WebSocket there is ours alone: frameworks that share the server
 * answer all that asks for an upgrade, what they do not know with an error.
 *
 * @internal
 */
import type * as http from "node:http"
import type { Duplex } from "node:stream"
import { pathOf, refuse } from "./opening.ts"

type Take = (request: http.IncomingMessage, socket: Duplex, head: Uint8Array) => void

/** What is claimed of a server, and how that is undone when nothing is. */
interface Claims {
  readonly takers: Map<string, Take>
  readonly undo: () => void
}

const claimed = new WeakMap<http.Server, Claims>()

/** Takes all requests for a WebSocket at a path, until the result is called. `undefined` if somebody else has it. */
export const claim = (server: http.Server, path: string, take: Take): (() => void) | undefined => {
  const { takers, undo } = claimed.get(server) ?? begin(server)
  if (takers.has(path)) return undefined
  takers.set(path, take)
  return () => {
    takers.delete(path)
    if (takers.size > 0) return
    claimed.delete(server)
    undo()
  }
}

const begin = (server: http.Server): Claims => {
  const takers = new Map<string, Take>()
  const { emit } = server
  const ours = (event: string | symbol, ...args: Array<unknown>): boolean => {
    const [request, socket, head] = args as Parameters<Take>
    const take = event === "upgrade" ? takers.get(pathOf(request)) : undefined
    if (take === undefined) return Reflect.apply(emit, server, [event, ...args])
    take(request, socket, head)
    return true
  }
  // A server without a listener for it does not take such a request for one.
  const others = (_request: http.IncomingMessage, socket: Duplex): void => {
    if (server.listenerCount("upgrade") === 1) refuse(socket, 404)
  }
  server.on("upgrade", others)
  server.emit = ours
  const claims = {
    takers,
    undo: () => {
      server.off("upgrade", others)
      // Who has put something of their own around it keeps it: it passes on all that is not claimed.
      if (server.emit === ours) server.emit = emit
    }
  }
  claimed.set(server, claims)
  return claims
}
