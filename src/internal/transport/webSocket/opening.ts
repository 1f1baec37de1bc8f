/**
 * The opening handshake of WebSocket: an HTTP request that becomes a wire (RFC 6455, section 4).
 *
 * @internal
 */
import * as crypto from "node:crypto"
import type * as http from "node:http"
import * as net from "node:net"
import type { Duplex } from "node:stream"
import { formatAddress } from "../../values/address.ts"
import { formatWebSocket } from "./address.ts"
import { WebSocketWire } from "./wire.ts"

/** What a key is answered with. */
export const acceptOf = (key: string): string =>
  crypto.createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")

/** The path that a request asks for. */
export const pathOf = ({ url = "" }: http.IncomingMessage): string => url.split("?", 1)[0]!

/** With what status a request is refused; `undefined` if it is one for a WebSocket, from where one may come. */
const wrongRequest = (
  { headers, method }: http.IncomingMessage,
  origins: ReadonlyArray<string>
): number | undefined => {
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket") return 400
  if (!/^[\w+/]{22}==$/.test(headers["sec-websocket-key"] ?? "")) return 400
  if (headers["sec-websocket-version"] !== "13") return 426
  // Browsers say of which page it is. Others say nothing.
  return headers.origin === undefined || origins.includes(headers.origin) ? undefined : 403
}

const reasons = new Map([[400, "Bad Request"], [403, "Forbidden"], [404, "Not Found"], [426, "Upgrade Required"]])

/** What is answered who asks for something else. */
export const refusal = (status: number) => {
  const body = `${reasons.get(status)}: WebSocket of nodes\n`
  const headers = {
    "Connection": "close",
    "Content-Type": "text/plain",
    "Content-Length": String(body.length),
    ...status === 426 ? { "Upgrade": "websocket", "Sec-WebSocket-Version": "13" } : {}
  }
  return { body, headers }
}

/** Refuses a connection for which nobody answers any more. */
export const refuse = (socket: Duplex, status: number): void => {
  const { body, headers } = refusal(status)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on("error", () => {})
  socket.end(`HTTP/1.1 ${status} ${reasons.get(status)}\r\n${lines.join("")}\r\n${body}`, () => socket.destroy())
}

/** A wire of a request that is as it should be. */
export const accepted = (
  request: http.IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  origins: ReadonlyArray<string>
): WebSocketWire | undefined => {
  const status = wrongRequest(request, origins)
  if (status !== undefined || !(socket instanceof net.Socket)) {
    refuse(socket, status ?? 400)
    return undefined
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  const from = formatAddress({ host: socket.remoteAddress ?? "unknown", port: socket.remotePort ?? 0 })
  const wire = new WebSocketWire(socket, head, formatWebSocket("ws", from, "/"), false)
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptOf(request.headers["sec-websocket-key"] ?? "")}\r\n\r\n`
  )
  return wire
}
