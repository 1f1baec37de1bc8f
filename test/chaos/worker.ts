/**
 * One process of the chaos, or one thread: a node that does what the processes of the simulation do, and writes down what it
 * sees. The parent tells it by lines on standard input what comes next.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as readline from "node:readline"
import { workerData } from "node:worker_threads"
import * as Global from "../../src/Global.ts"
import { type Mesh, NodeMesh } from "../../src/internal/global/mesh.ts"
import { nodeOf } from "../../src/internal/values/portId.ts"
import * as Node from "../../src/Node.ts"
import { families } from "../simulation/database.ts"
import { SeededRandom } from "../simulation/random.ts"
import type { Event } from "../simulation/trace.ts"
import { Workload } from "../simulation/workload.ts"
import { now } from "./events.ts"
import type { Brake } from "./lives.ts"
import { secret, type WireName, wires } from "./wires.ts"

export interface WorkerOptions {
  readonly wire: WireName
  readonly life: string
  readonly nodeId: string
  readonly bind: string
  readonly seeds: ReadonlyArray<string>
  readonly global: boolean
  readonly log: string
  readonly monitorTimeout: number
  readonly pace: number
}

const options: WorkerOptions = JSON.parse(process.argv[2] ?? "{}")
const { life, nodeId } = options
const file = fs.openSync(options.log, "a")

/** Written before anything else happens: a process that is killed has told all that it did. */
const emit = (event: Event): void => {
  fs.writeSync(file, `${JSON.stringify({ ...event, at: now() })}\n`)
}

/** Ports by node, as each node publishes its latest ones; a family of its own, which no checker reads. */
const portsFamily = "ports"
/** One port of each node, for the probes at the end. */
const probesFamily = "probes"
const published = 20

const follow = (family: string, see: (key: string, value: unknown) => void) =>
  Stream.runForEach(Global.mon(family), ({ added, changed, entries }) =>
    Effect.sync(() => {
      for (const key of [...added, ...changed]) see(key, entries.get(key))
    })).pipe(Effect.orDie, Effect.forkScoped)

const program = Effect.gen(function*() {
  const mesh = yield* NodeMesh
  const known = new Map<string, ReadonlyArray<string>>([[nodeId, []]])
  const directory = {
    ports: () => Array.from(known.values()).flat(),
    nodes: () => Array.from(known.keys()),
    // Of a port that is to be made elsewhere others hear from that node, which has it by then.
    add: (port: string) => {
      if (nodeOf(port) !== nodeId) return
      const own = [...known.get(nodeId) ?? [], port].slice(-published)
      known.set(nodeId, own)
      mesh.set(portsFamily, nodeId, own)
    }
  }
  emit({ _tag: "Started", life, node: nodeId })
  const member = {
    life,
    random: new SeededRandom(life),
    supervisors: new SeededRandom(`${life} supervisors`),
    directory,
    emit,
    pace: options.pace
  }
  const workload = new Workload(member, yield* Effect.context<Node.Node | Global.Global | Scope.Scope>())
  yield* workload.start
  yield* follow(portsFamily, (node, ports) => {
    if (node !== nodeId && Array.isArray(ports)) known.set(node, ports.map(String))
  })
  yield* obey(workload, mesh)
})

/** The whole thread does, until the parent lets the brake go. */
const stand = (brake: Brake): void => void Atomics.wait(brake, 0, 1)

/** Does what the parent says, until it says stop. */
const obey = Effect.fnUntraced(function*(workload: Workload, mesh: Mesh) {
  const stopped = yield* Deferred.make<void>()
  const healed = Effect.gen(function*() {
    workload.rest()
    yield* follow(probesFamily, (node, port) => {
      if (node !== nodeId && typeof port === "string") workload.probe(port)
    })
    mesh.set(probesFamily, nodeId, yield* workload.makeQuietPort)
  })
  const look = Effect.forEach(families, (family) =>
    Effect.map(workload.database.read(family), (entries) => {
      emit({ _tag: "Seen", life, family, entries: Object.fromEntries(entries) })
    }), { discard: true })
  const context = yield* Effect.context<Node.Node | Global.Global | Scope.Scope>()
  const run = (effect: Effect.Effect<void, never, Node.Node | Global.Global | Scope.Scope>, done: string): void => {
    Effect.runForkWith(context)(effect).addObserver(() => console.log(done))
  }
  const lines = readline.createInterface({ input: process.stdin })
  lines.on("line", (line) => {
    if (line === "heal") run(healed, "healed")
    else if (line === "look") run(look, "looked")
    else if (line === "stand") stand(workerData as Brake)
    else if (line === "stop") Deferred.doneUnsafe(stopped, Effect.void)
  })
  // Without a parent there is nothing left to do.
  lines.on("close", () => process.exit(1))
  console.log("ready")
  yield* Deferred.await(stopped)
})

const network = Layer.provideMerge(
  Global.layer({ seeds: options.seeds, global: options.global }),
  Node.layer({
    nodeId,
    secret,
    binds: [options.bind],
    monitorTimeout: options.monitorTimeout
  }).pipe(Layer.provide(wires[options.wire].transport))
)

const logging = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

process.on("unhandledRejection", (error) => emit({ _tag: "Leaked", what: `nobody caught ${String(error)}` }))

const main = Effect.scoped(program).pipe(
  Effect.provide(network),
  Effect.ensuring(Effect.sync(() => emit({ _tag: "Stopped", life }))),
  Effect.provide(logging)
)

// Standard input is still open: it does not end by itself.
NodeRuntime.runMain(main, { teardown: () => process.exit() })
