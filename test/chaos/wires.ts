/**
 * What links the nodes of the chaos: by which transport a node is on the wire, how a life on it is started, and, before the first
 * node starts, where each listens. Whoever adds a wire adds a line to `wires`.
 */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { join } from "node:path"
import * as Global from "../../src/Global.ts"
import * as Node from "../../src/Node.ts"
import * as Transport from "../../src/Transport.ts"
import { freePort } from "../freePort.ts"
import { NatsServer } from "../natsServer.ts"
import { type Life, startProcess, startThread } from "./lives.ts"
import type { WorkerOptions } from "./worker.ts"

export const secret = "chaos"

/** Where the nodes of one run are. */
interface Ground {
  readonly bindOf: (nodeId: string) => string
  readonly seeds: ReadonlyArray<string>
  /** When all nodes have ended. */
  readonly leave: () => Promise<void>
  /** What is in between them. */
  readonly between?: Between
}

/** What links the nodes and can be harmed itself. */
export interface Between {
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly stop: () => void
  readonly goOn: () => void
}

interface ChaosWire {
  readonly transport: Layer.Layer<Transport.Transport>
  readonly start: (options: WorkerOptions) => Life
  /** `seedIds` are the first of the nodes. */
  readonly prepare: (seedIds: ReadonlyArray<string>, nodeIds: ReadonlyArray<string>, folder: string) => Promise<Ground>
}

/** Processes with an address each, which stays when another life comes into their place. */
const processes = (
  transport: ChaosWire["transport"],
  addressOf: (nodeId: string, folder: string) => string | Promise<string>
): ChaosWire => ({
  transport,
  start: startProcess,
  prepare: async (seedIds, nodeIds, folder) => {
    const binds = new Map<string, string>()
    for (const nodeId of nodeIds) binds.set(nodeId, await addressOf(nodeId, folder))
    const bindOf = (nodeId: string): string => binds.get(nodeId)!
    return { bindOf, seeds: seedIds.map(bindOf), leave: () => Promise.resolve() }
  }
})

/** The seed of threads, in the main one: a thread that is started again has another number, and so another address. */
const host = Global.layer({ global: true }).pipe(
  Layer.provideMerge(Node.layer({ nodeId: "host", secret, binds: ["thread:"] })),
  Layer.provide(Transport.layerThreads),
  Layer.provide(Logger.layer([]))
)

const threads: ChaosWire = {
  transport: Transport.layerThreads,
  start: startThread,
  prepare: async () => {
    const runtime = ManagedRuntime.make(host)
    const seeds = await runtime.runPromise(Node.addresses)
    return { bindOf: () => "thread:", seeds, leave: () => runtime.dispose() }
  }
}

/** Where the server of a run is: its processes inherit it. */
const natsServer = "CHAOS_NATS"

const nats: ChaosWire = {
  transport: Layer.orDie(Layer.suspend(() => Transport.layerNats({ servers: process.env[natsServer] }))),
  start: startProcess,
  prepare: async (seedIds) => {
    const server = await NatsServer.start()
    process.env[natsServer] = server.url
    return {
      bindOf: () => "nats:",
      seeds: seedIds.map((nodeId) => `nats:${nodeId}`),
      leave: () => server[Symbol.asyncDispose](),
      between: {
        kill: () => server.kill(),
        start: () => server.begin(),
        stop: () => server.signal("SIGSTOP"),
        goOn: () => server.signal("SIGCONT")
      }
    }
  }
}

export const wires = {
  tcp: processes(Transport.layerTcp, async () => `127.0.0.1:${await freePort()}`),
  unix: processes(Transport.layerUnix, (nodeId, folder) => `unix:${join(folder, nodeId)}.sock`),
  websocket: processes(Transport.layerWebSocket(), async () => `ws://127.0.0.1:${await freePort()}/nodes`),
  nats,
  threads
} satisfies Readonly<Record<string, ChaosWire>>

export type WireName = keyof typeof wires
