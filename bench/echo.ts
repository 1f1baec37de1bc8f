/**
 * The other process: `node echo.ts node|raw MILLISECONDS`. Prints its address, and the ID of its port.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as net from "node:net"
import { Node, Port, Transport } from "../src/index.ts"
import { coalescing, decoder } from "./raw.ts"

const [kind, lifetime] = process.argv.slice(2)
setTimeout(() => process.exit(1), Number(lifetime)).unref()
process.stdin.on("end", () => process.exit(0)).resume()

if (kind === "raw") {
  const server = net.createServer({ noDelay: true }, (socket) => {
    const send = coalescing(socket)
    const decode = decoder()
    socket.on("data", (chunk) => {
      for (const packet of decode(chunk) as Array<ReadonlyArray<unknown>>) {
        if (packet[1] === "ping") send([packet[2], "pong"])
      }
    })
    socket.on("error", () => {})
  })
  server.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${(server.address() as net.AddressInfo).port} -`))
} else {
  const node = Node.layer({ nodeId: "echo", secret: "bench", binds: ["127.0.0.1:*"] })
  const serve = Effect.gen(function*() {
    const port = yield* Port.make({ count: () => {}, ping: (reply: string) => Port.snd(reply, "pong") })
    const [address] = yield* Node.addresses
    console.log(`${address} ${port}`)
    return yield* Effect.never
  })
  Effect.runFork(serve.pipe(Effect.scoped, Effect.provide(node.pipe(Layer.provide(Transport.layerTcp)))))
}
