/** Processes of `emp`, as built: how soon they are there, and how soon others know that they are not. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { spawnSync } from "node:child_process"
import { devNull } from "node:os"
import { Node, Port, Transport } from "../src/index.ts"
import { emp, Process } from "../test/processes.ts"
import { type Goal, millisOf } from "./goal.ts"

const secret = "swordfish"

const startNode = async (nodeId: string, ...args: ReadonlyArray<string>) => {
  const started = new Process(
    [emp, "run", "--no-watchdog", "--bind", "127.0.0.1:*", "--node-id", nodeId, ...args],
    { EMP_SECRET: secret, EFFECT_MP_RC: devNull }
  )
  const [, address = ""] = await started.sees(/is ready, listening on (\S+)/)
  return { started, address }
}

/** The fastest of several starts: what else the machine has to do makes them slower, and never faster. */
const fastest = async (...args: ReadonlyArray<string>): Promise<number> => {
  const times: Array<number> = []
  for (let i = 0; i < 5; i++) times.push(await millisOf(() => spawnSync(process.execPath, args)))
  return Math.min(...times)
}

/** Until a monitor fires whose node was killed. */
const untilFired = async (): Promise<number> => {
  const { address, started } = await startNode("mortal")
  await using _ = started
  const watch = Effect.gen(function*() {
    yield* Node.addressBook(() => Effect.succeed([address]))
    yield* Effect.orDie(Port.calMessage("mortal", "time"))
    const began = performance.now()
    started.child.kill("SIGKILL")
    yield* Port.exit("mortal")
    return performance.now() - began
  })
  const watcher = Layer.provide(Node.layer({ secret, binds: [] }), Transport.layerTcp)
  return await Effect.runPromise(Effect.scoped(watch).pipe(Effect.provide([watcher, Logger.layer([])])))
}

/** For how long callers get no answer when the node is killed on which a service runs. */
const untilAnswered = async (): Promise<number> => {
  await using all = new AsyncDisposableStack()
  const join = async (nodeId: string, ...args: ReadonlyArray<string>) => {
    const node = await startNode(nodeId, ...args)
    all.use(node.started)
    return node
  }
  const { address } = await join("seed")
  const service = (name: string) => ["--seed", address, "--service", `examples/failover.ts${name}`]
  const { started: first } = await join("a", ...service(""))
  for (const nodeId of ["b", "c"]) await join(nodeId, ...service(""))
  const { started: caller } = await join("anon/", ...service("#caller"))
  await caller.sees(/^a answers$/m)
  first.child.kill("SIGKILL")
  return Number((await caller.sees(/^b answers, (\d+) ms after a did$/m))[1])
}

export const starts: ReadonlyArray<Goal> = [
  {
    name: "emp --help, more than Node itself",
    unit: "ms",
    atMost: 500,
    measure: async () => await fastest(emp, "--help") - await fastest("-e", "0")
  },
  {
    name: "emp demo",
    unit: "ms",
    atMost: 15_000,
    measure: () => millisOf(() => spawnSync(process.execPath, [emp, "demo"]))
  },
  { name: "a monitor fires after kill -9", unit: "ms", atMost: 100, measure: untilFired },
  { name: "failover answers after kill -9", unit: "ms", atMost: 500, measure: untilAnswered }
]
