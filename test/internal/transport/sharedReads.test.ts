import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import * as net from "node:net"
import { accepted, Reader } from "../../../src/internal/transport/sharedReads.ts"

/** Two ends of a connection: the one that a server accepted, and the one that dialled. */
const connected = async () => {
  const server = net.createServer({ pauseOnConnect: true })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const reader = new Reader()
  const { port } = server.address() as net.AddressInfo
  const dialled = net.connect({ port, host: "127.0.0.1", onread: reader.onread })
  const [made] = await once(server, "connection") as [net.Socket]
  server.close()
  return { made, dialled: { socket: dialled, reader } }
}

/** The next bytes, and the memory that they are in. */
const next = (reader: Reader): Promise<readonly [text: string, memory: ArrayBufferLike]> =>
  new Promise((resolve) => {
    reader.take = (chunk) => resolve([Buffer.from(chunk).toString(), chunk.buffer])
  })

describe("a socket", () => {
  it("reads into memory that all share, whoever dialled", async () => {
    const { dialled, made } = await connected()
    const server = accepted(made)
    server.socket.resume()
    const [atServer, atDialler] = [next(server.reader), next(dialled.reader)]
    server.socket.write("to the dialler")
    dialled.socket.write("to the server")
    const [toServer, memory] = await atServer
    const [toDialler, other] = await atDialler
    assert.deepStrictEqual([toServer, toDialler], ["to the server", "to the dialler"])
    assert.strictEqual(memory, other)
    const ended = once(server.socket, "end")
    dialled.socket.end()
    await ended
    server.socket.destroy()
  })

  it("that a server accepted loses nothing of what came before anybody read", async () => {
    const { dialled, made } = await connected()
    dialled.socket.write("early")
    await new Promise((resolve) => setTimeout(resolve, 20))
    const server = accepted(made)
    const first = next(server.reader)
    server.socket.resume()
    assert.strictEqual((await first)[0], "early")
    server.socket.destroy()
    dialled.socket.destroy()
  })

  it("reads as all do where Node does not show its connection", async () => {
    const { dialled, made } = await connected()
    const hidden = new Proxy(made, {
      get: (target, key) => {
        if (key === "_handle") return undefined
        const value: unknown = Reflect.get(target, key)
        return typeof value === "function" ? value.bind(target) : value
      }
    })
    const server = accepted(hidden)
    const first = next(server.reader)
    made.resume()
    dialled.socket.write("text")
    assert.strictEqual((await first)[0], "text")
    made.destroy()
    dialled.socket.destroy()
  })
})
