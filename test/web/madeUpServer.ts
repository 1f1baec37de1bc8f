/**
 * Answers as `emp web` does, of a network that there is not, with its pages and the same security policy.
 */
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { WebPages } from "../../scripts/webPages.ts"
import type { Picture, TimelineEntry } from "../../src/internal/cli/web/api.ts"
import { changesBetween } from "../../src/internal/cli/web/changes.ts"
import { madeUpDetails, madeUpFamilies, madeUpHistory, madeUpPicture, madeUpSupervisors } from "./madeUp.ts"
import { madeUpClusters, madeUpParts } from "./madeUpClusters.ts"

export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export interface MadeUp {
  readonly names: ReadonlyArray<string>
  /** What stands in the place of all texts that are no node's name. */
  readonly text: string
  readonly ports: number
  readonly children: number
  /** Whether all nodes are linked to all others. */
  readonly isFull?: boolean
}

/** A moment that is the same in each run. */
const beginning = Date.UTC(2026, 10, 28, 10, 0, 0)

const kinds = ["up", "down", "silent", "restart", "children restarted", "master", "split", "merge", "draining"] as const

const entriesOf = ({ names, text }: MadeUp): ReadonlyArray<TimelineEntry> =>
  Array.from({ length: 1000 }, (_, index) => ({
    number: index + 1,
    at: beginning - (1000 - index) * 3000,
    kind: kinds[index % kinds.length]!,
    node: index % 7 === 0 ? null : names[index % names.length]!,
    text: `${text}: ${index}`
  }))

export class MadeUpServer {
  private readonly streams = new Map<ServerResponse, Picture | undefined>()
  private at = beginning
  private version = 0
  readonly acted: Array<unknown> = []
  /** Whether it answers; if not, with words. */
  isWell = true
  private readonly pages: WebPages
  private readonly network: MadeUp
  private readonly server: Server

  constructor(pages: WebPages, network: MadeUp) {
    this.pages = pages
    this.network = network
    this.server = createServer((request, response) => {
      response.setHeader("content-security-policy", policy)
      const url = new URL(request.url ?? "/", "http://localhost")
      if (url.pathname.startsWith("/api/") && !this.isWell) {
        response.writeHead(503, { "content-type": "application/json" })
        return void response.end(JSON.stringify({ _tag: "TooMany", problem: "too many look at it already" }))
      }
      if (url.pathname === "/api/events") return this.stream(response)
      if (request.method === "POST") {
        request.setEncoding("utf8").on("data", (body: string) => this.acted.push(JSON.parse(body)))
        request.on("end", () => this.send(response, "application/json", JSON.stringify({ done: "it drains" })))
        return
      }
      this.answer(url, response)
    })
  }
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve))
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
  private send(response: ServerResponse, type: string, text: string): void {
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` })
    response.end(text)
  }
  private answer({ pathname, searchParams }: URL, response: ServerResponse): void {
    const { children, names, ports, text } = this.network
    const id = searchParams.get("id") ?? ""
    const answers: Readonly<Record<string, () => unknown>> = {
      "/api/about": () => ({ nodeId: names[0], version: "0.1.0", allowsActions: true }),
      "/api/node": () => ({ ...madeUpDetails(id, text, this.at, ports), status: madeUpParts(names, id, text) }),
      "/api/supervisors": () => madeUpSupervisors(names, children),
      "/api/clusters": () => madeUpClusters(names, text, this.at),
      "/api/families": () => madeUpFamilies([...names.slice(0, 20), text]),
      "/api/history": () => madeUpHistory(searchParams.get("node"), this.at)
    }
    const answer = answers[pathname]
    if (answer !== undefined) return this.send(response, "application/json", JSON.stringify(answer()))
    if (pathname === "/app.js") return this.send(response, "text/javascript", this.pages.js)
    if (pathname === "/app.css") return this.send(response, "text/css", this.pages.css)
    this.send(response, "text/html", this.pages.html)
  }
  private stream(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" })
    this.streams.set(response, undefined)
    response.on("close", () => this.streams.delete(response))
    this.event(response, "timeline", { full: true, entries: entriesOf(this.network) })
    this.show(response)
  }
  private event(response: ServerResponse, event: string, data: unknown): void {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  private show(response: ServerResponse): void {
    const { isFull = false, names } = this.network
    const picture = madeUpPicture(names, this.at, this.version, isFull)
    this.event(response, "network", changesBetween(this.streams.get(response), picture))
    this.streams.set(response, picture)
  }
  get lookers(): number {
    return this.streams.size
  }
  /** A second passes. */
  tick(): void {
    this.at += 1000
    this.version++
    for (const response of this.streams.keys()) this.show(response)
  }
  /** All streams end; whoever looks has to come again. */
  cut(): void {
    for (const response of this.streams.keys()) response.destroy()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

/** Names of so many nodes, as people give them. */
export const ordinaryNames = (count: number): ReadonlyArray<string> =>
  Array.from(
    { length: count },
    (_, index) => index < 5 ? `seed-${index + 1}` : `worker-${String(index - 4).padStart(3, "0")}`
  )
