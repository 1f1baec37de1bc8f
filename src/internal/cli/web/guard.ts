/**
 * Who may look at the pages, and what browsers may do with them. A page of somebody else, open in the same browser, can send requests
 * here too: by a name that it has made to lead here, or from its own origin.
 *
 * @internal
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { isIP } from "node:net"
import { hostname } from "node:os"
import { isLoopback, isNameOfLoopback, isWildcard } from "../../values/address.ts"

/** What the guard knows of the server. */
export interface Guarded {
  /** Nothing: everybody may look who can connect. */
  readonly token: string | undefined
  /** The host that was bound. */
  readonly host: string
  readonly port: number
}

/** What the guard looks at. */
export interface Visit {
  readonly method: string
  /** Path and query. */
  readonly url: string
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** `pass`: answer it. `enter`: the token was shown, and the browser gets the cookie. Else why not. */
export type Verdict =
  | { readonly _tag: "Pass" }
  | { readonly _tag: "Enter"; readonly cookie: string }
  | { readonly _tag: "Refuse"; readonly status: 400 | 401 | 403; readonly problem: string }

const pass: Verdict = { _tag: "Pass" }
const refuse = (status: 400 | 401 | 403, problem: string): Verdict => ({ _tag: "Refuse", status, problem })

/** Whether nobody but this machine can connect. */
export const isLocal = (host: string): boolean => isLoopback(host) || isNameOfLoopback(host)

export class Guard {
  private readonly server: Guarded
  /** Other servers on the same host share cookies: the port tells them apart. */
  private readonly cookieName: string
  /** Made of the token, and useless to whoever wants to know that. */
  private readonly cookieValue: string | undefined

  constructor(server: Guarded) {
    this.server = server
    this.cookieName = `emp_web_${server.port}`
    this.cookieValue = server.token === undefined ? undefined : mac(server.token, "emp web cookie").toString("hex")
  }

  judge(visit: Visit): Verdict {
    const { headers, method, url } = visit
    const host = hostOf(headers["host"])
    if (host === undefined) return refuse(400, "there is no Host header that makes sense")
    if (!this.isOurs(host)) return refuse(403, "this is not the host that was asked for")
    const target = URL.parse(url, "http://localhost")
    if (target === null) return refuse(400, "this is no path")
    const isEntrance = method === "GET" && target.pathname === "/"
    const site = headers["sec-fetch-site"]
    if (!isEntrance && site !== undefined && site !== "same-origin" && site !== "none") {
      return refuse(403, "pages of others cannot ask here")
    }
    const { cookieValue, server: { token } } = this
    if (token === undefined || cookieValue === undefined) return this.judgeOrigin(visit, false)
    const shown = bearerOf(headers["authorization"])
    if (shown !== undefined) {
      return areSame(shown, token) ? this.judgeOrigin(visit, true) : refuse(401, "this is not the token")
    }
    const given = isEntrance ? target.searchParams.get("token") : null
    if (given !== null) {
      return areSame(given, token)
        ? { _tag: "Enter", cookie: `${this.cookieName}=${cookieValue}; Path=/; HttpOnly; SameSite=Strict` }
        : refuse(401, "this is not the token: emp web prints the address that has it")
    }
    return areSame(cookieOf(headers["cookie"], this.cookieName) ?? "", cookieValue)
      ? this.judgeOrigin(visit, false)
      : refuse(401, "open the address with the token, which emp web prints when it starts")
  }

  /** What changes something comes from our own pages, or from who has the token in hand, which no page of others has. */
  private judgeOrigin({ headers, method }: Visit, hasToken: boolean): Verdict {
    if (method === "GET" || method === "HEAD") return pass
    const { origin } = headers
    if (origin === undefined && hasToken) return pass
    return origin !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, "") === headers["host"]
      ? pass
      : refuse(403, "this does not come from our own pages")
  }

  /** An address in numbers is nobody's name, which could be made to lead here. */
  private isOurs(host: string): boolean {
    const bound = this.server.host
    if (host === bound.toLowerCase()) return true
    if (isLocal(bound)) return isLocal(host)
    return host === hostname().toLowerCase() || isWildcard(bound) && (isIP(host) !== 0 || isLocal(host))
  }
}

/** The host of a Host header, in lower case, without its port and brackets. */
const hostOf = (header: string | undefined): string | undefined => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(header ?? "")
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

const bearerOf = (header: string | undefined): string | undefined => /^bearer (\S+)$/i.exec(header ?? "")?.[1]

const cookieOf = (header: string | undefined, name: string): string | undefined =>
  (header ?? "").split(";").map((pair) => pair.trim()).find((pair) => pair.startsWith(`${name}=`))?.slice(
    name.length + 1
  )

const mac = (key: string, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** In a time that tells nothing of where they differ, nor of how long they are. */
const areSame = (one: string, other: string): boolean => timingSafeEqual(mac("emp web", one), mac("emp web", other))

/** What browsers may do with all that comes from here: nothing but to show our own pages, to nobody else. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store"
}
