/** What `server.ts` answers to HTTP: the files of the page, who is who, and a ticket for whoever is somebody. */
import { Node } from "effect-mp"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import type { IncomingMessage, RequestListener } from "node:http"
import { text } from "node:stream/consumers"

const files = new Map([
  ["/", ["index.html", "text/html; charset=utf-8"]],
  ["/page.css", ["page.css", "text/css"]],
  ["/page.js", ["out/page.js", "text/javascript"]]
])

/** Nothing but what this server has: no script within the page, no `eval`. `connect-src` has the WebSocket in it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

interface Answer {
  readonly status: number
  readonly body?: string | Uint8Array
  readonly headers?: Record<string, string>
}

/** Who somebody is. Here one is who one says; yours would ask for a password. */
interface Session {
  readonly name: string
  /** The node IDs of its pages. */
  readonly nodes: Set<string>
}

const sessions = new Map<string, Session>()

const sessionOf = ({ headers: { cookie = "" } }: IncomingMessage): Session | undefined =>
  sessions.get(/(?:^|; )session=(\w+)/.exec(cookie)?.[1] ?? "")

const begin = (name: string): Answer => {
  if (!/^\w{1,20}$/.test(name)) return { status: 400 }
  const id = randomBytes(16).toString("hex")
  sessions.set(id, { name, nodes: new Set() })
  return { status: 204, headers: { "set-cookie": `session=${id}; HttpOnly; SameSite=Strict; Path=/` } }
}

let pages = 0

/** A ticket for a new page, or one more for a page that has had one. */
const ticket = Effect.fnUntraced(function*(session: Session | undefined, before: string) {
  if (session === undefined) return { status: 204 }
  if (before !== "" && !session.nodes.has(before)) return { status: 403 }
  const node = before === "" ? `guest/${session.name}/${++pages}` : before
  session.nodes.add(node)
  return { status: 200, body: yield* Node.ticket({ node, expires: "1 hour" }) }
})

const file = async (path: string): Promise<Answer> => {
  const [name, type] = files.get(path) ?? []
  if (name === undefined || type === undefined) return { status: 404 }
  const body = await readFile(new URL(name, import.meta.url))
  return { status: 200, body, headers: { "content-type": type, "content-security-policy": policy } }
}

export const answer = (
  origins: ReadonlyArray<string>,
  run: <E>(effect: Effect.Effect<Answer, E, Node.Node>) => Promise<Answer>
): RequestListener => {
  const choose = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method === "GET") return await file(request.url ?? "")
    if (request.method !== "POST" || !origins.includes(request.headers.origin ?? "")) return { status: 403 }
    const body = (await text(request)).slice(0, 100)
    if (request.url === "/session") return begin(body)
    return request.url === "/ticket" ? await run(ticket(sessionOf(request), body)) : { status: 404 }
  }
  return (request, response) =>
    void choose(request).catch((): Answer => ({ status: 500 })).then(({ body, headers, status }) =>
      response.writeHead(status, { "cache-control": "no-store", ...headers }).end(body)
    )
}
