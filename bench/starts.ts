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

const medianOf = (times: ReadonlyArray<number>): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0

/** How often a command is started, in turn with what it is compared with. */
const rounds = 5

const timeOf = (...args: ReadonlyArray<string>): Promise<number> =>
  millisOf(() =>
    spawnSync(process.execPath, args, { env: { ...process.env, EMP_SECRET: secret, EFFECT_MP_RC: devNull } })
  )

/** How much longer a command takes than Node alone and half of that: the median of starts in turn. */
const beyondNode = async (...args: ReadonlyArray<string>): Promise<number> => {
  const times: Array<number> = []
  for (let i = 0; i < rounds; i++) times.push(await timeOf(emp, ...args) - 1.5 * await timeOf("-e", "0"))
  return medianOf(times)
}

/** A command that talks to a network, from its start to its end. */
const untilSaid = async (...args: ReadonlyArray<string>): Promise<number> => {
  const { address, started } = await startNode("seed")
  await using _ = started
  const times: Array<number> = []
  for (let i = 0; i < rounds; i++) times.push(await timeOf(emp, ...args, "--seed", address))
  return medianOf(times)
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
  ...["--version", "--help", "status --help", "--completions bash"].map((words): Goal => ({
    name: `emp ${words}, more than 1.5 times Node itself`,
    unit: "ms",
    atMost: 60,
    measure: () => beyondNode(...words.split(" "))
  })),
  ...["status", "cal seed time"].map((words): Goal => ({
    name: `emp ${words}`,
    unit: "ms",
    atMost: 350,
    measure: () => untilSaid(...words.split(" "))
  })),
  {
    name: "emp demo",
    unit: "ms",
    atMost: 15_000,
    measure: () => millisOf(() => spawnSync(process.execPath, [emp, "demo"]))
  },
  { name: "a monitor fires after kill -9", unit: "ms", atMost: 100, measure: untilFired },
  { name: "failover answers after kill -9", unit: "ms", atMost: 500, measure: untilAnswered }
]
