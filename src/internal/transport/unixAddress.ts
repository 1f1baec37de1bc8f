/**
 * Addresses of Unix sockets: `unix:/run/emp.sock`, or `unix://HOST/run/emp.sock`, as other nodes are told: who is on another machine
 * knows by it that the path leads nowhere there.
 *
 * @internal
 */
import * as os from "node:os"
import * as path from "node:path"
import { escape, escapeHost, unescape, unixScheme } from "../values/address.ts"

/** The kernel has room for so many bytes of a path, on Linux. */
export const longestPath = 107

export interface UnixAddress {
  /** The machine that the path is of; `undefined`: this one. */
  readonly host: string | undefined
  /** Absolute. */
  readonly path: string
}

export const formatUnix = ({ host, path }: UnixAddress): string =>
  `${unixScheme}:${host === undefined ? "" : `//${escapeHost(host)}`}${escape(path)}`

export const parseUnix = (address: string): UnixAddress | undefined => {
  const [, machine = "", rest = ""] = /^unix:(?:\/\/([^/]*)(?=\/))?(.+)$/i.exec(address) ?? []
  const host = unescape(machine)
  const found = unescape(rest)
  if (host === undefined || found === undefined || found === "" || found.endsWith("/") || found.includes("\0")) {
    return undefined
  }
  return { host: host === "" ? undefined : host, path: path.resolve(found) }
}

/** What is wrong with an address of the scheme; `undefined` if nothing is. */
export const wrongUnix = (address: string): string | undefined => {
  const read = parseUnix(address)
  if (read === undefined) {
    const advice = unescape(address) === undefined ? ": a % is written %25" : ""
    return `${JSON.stringify(address)} is not of the form unix:/path${advice}`
  }
  const bytes = Buffer.byteLength(read.path)
  return bytes > longestPath
    ? `the path of ${JSON.stringify(address)} has ${bytes} bytes: ${longestPath} are the most`
    : undefined
}

export const isHere = ({ host }: UnixAddress): boolean => host === undefined || host === os.hostname()
