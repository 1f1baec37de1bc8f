/**
 * Dialling a WebSocket over a socket of Node. Unlike the platform's own client it says why there is no connection, waits while nobody
 * reads, and can be closed without the other side.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as crypto from "node:crypto"
import * as http from "node:http"
import * as https from "node:https"
import { formatAddress } from "../../values/address.ts"
import { LinkError } from "../linkError.ts"
import { firstOf } from "../sockets.ts"
import { errorText } from "../socketWire.ts"
import type { Carrier, Wire } from "../wire.ts"
import { parseWebSocket, type WebSocketAddress } from "./address.ts"
import { acceptOf } from "./opening.ts"
import { WebSocketWire } from "./wire.ts"

/** No header is as long that a server may answer with. */
const maxHeaderSize = 16 * 1024

const request = ({ host, isSecure, path, port, query }: WebSocketAddress, key: string): http.ClientRequest => {
  const name = host ?? ""
  const isUsual = port === (isSecure ? 443 : 80)
  const { get } = isSecure ? https : http
  return get({
    host: name,
    port,
    path: path + query,
    agent: false,
    maxHeaderSize,
    headers: {
      "Host": isUsual ? formatAddress({ host: name, port }).replace(/:\d+$/, "") : formatAddress({ host: name, port }),
      "Connection": "Upgrade",
      "Upgrade": "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key
    }
  })
}

export const dial: Carrier["dial"] = (peer) => {
  const address = parseWebSocket(peer)
  if (address?.host === undefined || address.host === "*" || address.port === 0) {
    return Effect.fail(new LinkError({ reason: "malformed_address", peer }))
  }
  return Effect.callback<Wire, LinkError>((resume) => {
    const fail = (detail: string): void =>
      resume(Effect.fail(new LinkError({ reason: "connect_failed", peer, detail })))
    const key = crypto.randomBytes(16).toString("base64")
    const asked = request(address, key)
    asked.on("error", (error: NodeJS.ErrnoException) => fail(errorText(firstOf(error))))
    asked.once("response", ({ statusCode = 0, statusMessage = "" }) => {
      fail(`no WebSocket is there: ${statusCode} ${statusMessage}`.trim())
      asked.destroy()
    })
    asked.once("upgrade", ({ headers }, socket, head) => {
      if (headers["sec-websocket-accept"] !== acceptOf(key) || headers["sec-websocket-extensions"] !== undefined) {
        fail("what is there is no WebSocket")
        return void socket.destroy()
      }
      socket.setKeepAlive(true)
      resume(Effect.succeed(new WebSocketWire(socket, head, peer, true)))
    })
    return Effect.sync(() => asked.destroy())
  })
}
