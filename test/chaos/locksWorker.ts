/**
 * One process of the chaos of locks: a node over TCP that votes or not, and does with locks what the processes of the simulation do. It writes
 * down what it believes to hold, before it does anything else.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as fs from "node:fs"
import * as Global from "../../src/Global.ts"
import * as Node from "../../src/Node.ts"
import * as Transport from "../../src/Transport.ts"
import { LockUser } from "../simulation/locks.ts"
import type { Services } from "../simulation/member.ts"
import { SeededRandom } from "../simulation/random.ts"
import type { Event } from "../simulation/trace.ts"

export interface LocksWorkerOptions {
  readonly life: string
  readonly nodeId: string
  readonly address: string
  readonly seeds: ReadonlyArray<string>
  readonly voters: ReadonlyArray<string>
  readonly log: string
}

const { address, life, log, nodeId, seeds, voters }: LocksWorkerOptions = JSON.parse(process.argv[2] ?? "{}")
const file = fs.openSync(log, "a")

/** By the clock that never jumps, which all processes of a machine have in common. */
const emit = (event: Event): void => {
  fs.writeSync(file, `${JSON.stringify({ ...event, at: Number(process.hrtime.bigint()) / 1e6 })}\n`)
}

const program = Effect.gen(function*() {
  const random = new SeededRandom(life)
  const directory = { ports: () => [], nodes: () => [], add: () => {} }
  const context = yield* Effect.context<Services>()
  const scope = yield* Effect.scope
  const user: LockUser = new LockUser(
    { life, random, directory, emit, pace: 50 },
    { random, voters, hasCluster: false, leisure: 1 },
    (effect) => void Fiber.runIn(Effect.runForkWith(context)(effect), scope)
  )
  yield* Effect.addFinalizer(() => user.stop)
  return yield* user.act
})

const layer = Layer.provideMerge(
  Global.layer({ seeds }),
  Node.layer({ nodeId, secret: "chaos of locks", binds: [address], monitorTimeout: "1 second" })
)

NodeRuntime.runMain(
  Effect.scoped(program).pipe(
    Effect.provide(Layer.provide(layer, Transport.layerTcp)),
    Effect.provide(Logger.layer([]))
  )
)
