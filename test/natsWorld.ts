/** Nodes that meet at servers of NATS, each with a connection of its own, and what they must never see: a hole before a monitor has fired. */
import { connect } from "@nats-io/transport-node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { onTestFinished } from "vitest"
import { NodeRouter, type Router } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Transport from "../src/Transport.ts"
import { makeLogs, secret } from "./harness.ts"
import { NatsServer } from "./natsServer.ts"

/** A server that ends with the test. */
export const startNats = async (config?: string): Promise<NatsServer> => {
  const server = await NatsServer.start(config)
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

export interface NatsNode {
  readonly id: string
  /** Connects to an address, as seeds are connected to. */
  readonly dial: (address: string) => ReturnType<Router["network"]["dial"]>
  /** Whether the node dials an address that it is told. */
  readonly dials: (address: string) => boolean
  readonly router: Router
  readonly logs: ReadonlyArray<string>
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Node.Node>>
}

export interface Setting {
  readonly nats: Transport.NatsOptions
  readonly node?: Node.Options
  /** What becomes of the connection with the server. */
  readonly through?: (client: Transport.NatsClient) => Transport.NatsClient
}

/** Options that nobody else has: a connection of one's own. */
export const ownConnection = ({ nats, through = (client) => client }: Setting): Transport.NatsOptions => ({
  connect: async (options) => through(await connect(options)),
  ...nats
})

/** Starts a node, which knows where all others are. */
export const startOn = (setting: Setting, id: string) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const logs = makeLogs("no nodes")
    const layer = Node.layer({ nodeId: id, secret, binds: ["nats:"], monitorTimeout: "2 seconds", ...setting.node })
      .pipe(
        Layer.provide(Transport.layerNats(ownConnection(setting)))
      )
    const context = yield* Layer.buildWithScope(layer, scope).pipe(Effect.provide(logs.layer))
    yield* Node.addressBook((nodeId) => Effect.succeed([`nats:${nodeId}`])).pipe(
      Effect.provide(context),
      Scope.provide(scope)
    )
    const router = Context.get(context, NodeRouter)
    return {
      id,
      router,
      dial: (address) => router.network.dial(address),
      dials: (address) => router.network.dialable([address]).length > 0,
      logs: logs.lines,
      run: (effect) => Effect.provide(effect, context)
    } satisfies NatsNode
  })

/** What a node has got of each epoch of each sender, and where something was missing. */
export class Feeding {
  received = 0
  fired = 0
  readonly holes: Array<string> = []
  private readonly last = new Map<string, number>()

  /** A port that looks whether all is there. */
  sink(node: NatsNode) {
    return node.run(Port.make({
      n: (from: string, epoch: number, n: number) => {
        const key = `${from}>${node.id}/${epoch}`
        const before = this.last.get(key) ?? 0
        if (n !== before + 1) this.holes.push(`${key}: ${n} after ${before}`)
        this.last.set(key, n)
        this.received++
      }
    }))
  }

  /** Sends numbers for ever. From the moment that a monitor stands until it fires they are of one epoch. */
  feed(from: NatsNode, port: Port.PortId) {
    const { router } = from
    return Effect.forkScoped(Effect.gen({ self: this }, function*() {
      for (let epoch = 1;; epoch++) {
        const watch = { hasFired: false }
        const cancel = router.monitor(port, () => {
          watch.hasFired = true
          this.fired++
        })
        for (let n = 1; !watch.hasFired;) {
          for (let burst = 0; burst < 10 && !watch.hasFired; burst++) {
            router.send(port, ["n", from.id, epoch, n++, "x".repeat(200)])
          }
          yield* Effect.sleep("3 millis")
        }
        cancel()
        yield* Effect.sleep("20 millis")
      }
    }))
  }

  /** All feed all. */
  readonly among = (nodes: ReadonlyArray<NatsNode>) =>
    Effect.gen({ self: this }, function*() {
      const sinks = yield* Effect.forEach(nodes, (node) => this.sink(node))
      for (const from of nodes) {
        for (const [n, port] of sinks.entries()) if (nodes[n] !== from) yield* this.feed(from, port)
      }
    })
}

/** Sends so many messages at once, and answers whether a monitor that stood before them has fired. */
export const sendAtOnce = (
  { id, router }: NatsNode,
  port: Port.PortId,
  messages: number,
  bytes: number
): () => boolean => {
  const watch = { hasFired: false }
  router.monitor(port, () => {
    watch.hasFired = true
  })
  for (let n = 1; n <= messages; n++) router.send(port, ["n", id, n, "x".repeat(bytes)])
  return () => watch.hasFired
}
