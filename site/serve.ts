/**
 * A server for the files of the site, on this machine alone.
 */
import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml"
}

export interface Served extends AsyncDisposable {
  readonly base: string
}

/** Serves a folder at a port, 0 for one that is free. */
export const serve = async (folder: string, port: number): Promise<Served> => {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname))
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path)
    try {
      const content = await readFile(file)
      response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain; charset=utf-8" }).end(content)
    } catch {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found")
    }
  })
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}
