/**
 * A node whose ports take what they are sent, as a process of its own or in a thread. JavaScript, since what strips types takes time and memory
 * too. A process prints its address, and nothing of what it logs.
 */
import { Node, Port, Supervisor, Transport } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { isMainThread, workerData } from "node:worker_threads"

const echo = Port.implement(Port.remote("bench::echo"), () =>
  Effect.sync(() => {
    let total = 0
    return {
      item: (_n, text) => void (total += text.length),
      blob: (_n, bytes) => void (total += bytes.length),
      total: (reply) => Port.snd(reply, total),
      ping: (n, text, other) => Port.snd(other, "pong", n, text)
    }
  }))

const node = (transport, options) =>
  echo.pipe(
    Layer.provideMerge(Node.layer({ secret: "bench", ...options })),
    Layer.provide(transport),
    Layer.provide(Logger.layer([]))
  )

if (isMainThread) {
  process.stdin.on("end", () => process.exit(1)).resume()
  const options = { nodeId: `echo${process.pid}`, binds: ["127.0.0.1:*"] }
  const tell = Effect.flatMap(Node.addresses, ([address]) => Effect.sync(() => console.log(address, options.nodeId)))
  await Effect.runPromise(
    Effect.scoped(Effect.andThen(tell, Effect.never)).pipe(Effect.provide(node(Transport.layerTcp, options)))
  )
} else Effect.runFork(Supervisor.launchThread(node(Transport.layerThreads, { nodeId: workerData, binds: ["thread:"] })))
