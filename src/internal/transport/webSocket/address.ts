/**
 * Addresses of WebSockets: `ws://host:port/path`, `wss://host/path` to dial, and `ws:/path`, which is listened on at the program's own server.
 *
 * @internal
 */

export const webSocketSchemes = ["ws", "wss"]

/** Where a WebSocket is dialled or listened for. */
export interface WebSocketAddress {
  readonly isSecure: boolean
  /** `undefined`: whatever the program's own server listens on. May be `*` to listen. */
  readonly host: string | undefined
  /** 0 is any free one. */
  readonly port: number
  readonly path: string
  /** With its question mark, if there is one. */
  readonly query: string
}

/** Not only digits, which a URL would take for an address of IPv4. */
const hostForm = String.raw`\*|\[[\da-f:.]+\]|(?!\d+(?:[:/?]|$))[^\s\p{Cc}:/?#[\]@,*%\\]+`
const form = new RegExp(
  String.raw`^(wss?):(?://(${hostForm})(?::(\d{1,5}|\*))?)?(/[^\s\p{Cc}#,@?]*)?(\?[^\s\p{Cc}#,@]*)?$`,
  "iu"
)

export const parseWebSocket = (address: string): WebSocketAddress | undefined => {
  const [, scheme = "", host, port, path, query = ""] = form.exec(address) ?? []
  const isSecure = scheme.toLowerCase() === "wss"
  // A path alone names nobody who could be dialled.
  if (host === undefined && (path === undefined || isSecure || query !== "")) return undefined
  const number = port === "*" ? 0 : Number(port ?? (isSecure ? 443 : 80))
  // As those who ask for it will write it.
  const url = URL.parse(`ws://host${path ?? "/"}`)
  // What begins with two slashes is a host.
  if (url === null || url.pathname.startsWith("//") || number > 65535) return undefined
  return { isSecure, host: host?.replaceAll(/[[\]]/g, ""), port: number, path: url.pathname, query }
}

/** `hostAndPort` as `formatAddress` writes it. */
export const formatWebSocket = (scheme: "ws" | "wss", hostAndPort: string, path: string): string =>
  `${scheme}://${hostAndPort}${path === "/" ? "" : path}`

/** What is wrong with an address of the schemes; `undefined` if nothing is. */
export const wrongWebSocket = (address: string): string | undefined =>
  parseWebSocket(address) === undefined
    ? `${JSON.stringify(address)} is not of the form ws://host:port/path, wss://host:port/path, or ws:/path`
    : undefined
