/**
 * `emp run`: a node with its place in the network and its services.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Path from "effect/Path"
import { inspect } from "node:util"
import * as Global from "../../../Global.ts"
import * as Node from "../../../Node.ts"
import * as Transport from "../../../Transport.ts"
import { checkProof, type RunOptions } from "../../config/options.ts"
import { answerKnown } from "../../node/nodePort.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { isOwnSeed, splitAddresses, wrongSeed } from "../../values/address.ts"
import { describe } from "../../values/describe.ts"
import { culprit } from "../../values/plainData.ts"
import { isPortId } from "../../values/portId.ts"
import { catcher, catchingLogger } from "./logCatcher.ts"
import { traceMessages } from "./messageTrace.ts"
import type { Service, ServiceError } from "./service.ts"
import { runServices } from "./services.ts"
import { stopsWhenAsked } from "./stopping.ts"
import { isWatched, obey, restartRequest, tellWatchdog } from "./watchdog.ts"

/** What only the command line can say. */
export interface RunSwitches {
  /** Others may run code on the node. */
  readonly allowEval: boolean
  /** Each message is shown. */
  readonly trace: boolean
}

/** What a node is run with, but for its services. */
type NodeOptions = Omit<RunOptions, "services" | "perlServices">

/**
 * Runs until it is interrupted, or a service fails. The ready line comes when the node has joined its network. `load` makes the
 * services, or says which one cannot be had. `renewing` runs on the node beside them.
 */
export const runNode = (
  options: NodeOptions,
  load: Effect.Effect<ReadonlyArray<Service>, ServiceError>,
  switches: RunSwitches,
  renewing: Effect.Effect<unknown, never, Node.Node | FileSystem.FileSystem | Path.Path> = Effect.void
) =>
  Effect.gen(function*() {
    const watched = isWatched()
    // Beats come to the very end of the process: links may take a while to close, and services to be loaded.
    yield* obey
    // A wrong seed or service is reported before anything listens.
    yield* checkSeeds(options)
    yield* checkProof(options)
    const services = yield* load
    const node = Layer.provideMerge(
      Global.layer({ seeds: options.seeds, global: options.seeds.length === 0 }),
      Layer.provide(Node.layer(options), Transport.layerTcp)
    )
    // The services' scope lies within the node's: they end while there still are links by which other nodes hear of it. They are
    // there until the node has drained: what they have been asked is answered first.
    const body = prepare(switches, watched).pipe(
      Effect.andThen(Effect.forkScoped(renewing)),
      Effect.andThen(Effect.ensuring(serve(services), Node.drain()))
    )
    return yield* body.pipe(
      Effect.scoped,
      Effect.provide(node),
      Effect.provide(Logger.layer([catchingLogger], { mergeWithExisting: true }))
    )
  }).pipe(Effect.scoped)

const prepare = Effect.fnUntraced(function*({ allowEval, trace }: RunSwitches, watched: boolean) {
  const router = yield* NodeRouter
  catcher.attach(router)
  router.requests.add(restartRequest, (from, [to, ...rest]) => {
    if (isPortId(to)) router.relay(from, to, [...rest, watched])
    if (!watched) return
    router.log.warn(`node ${from} asks this one to restart`)
    tellWatchdog("restart")
  })
  stopsWhenAsked(router)
  if (allowEval) router.requests.add("eval", evaluateFor(router))
  if (trace) traceMessages(router, (line) => void process.stderr.write(`${line}\n`))
})

/** Runs JavaScript, in which `node` is the node: an expression, or statements, perhaps with a `return`. Answers `["", RESULT]` or `[ERROR]`. */
const evaluateFor = (router: Router) => (from: string, [code, to, ...rest]: ReadonlyArray<unknown>): void => {
  const reply = (...results: ReadonlyArray<unknown>): void => {
    if (isPortId(to)) router.relay(from, to, [...rest, ...results])
  }
  const known = answerKnown(router, code)
  if (known !== undefined) return reply("", ...known)
  const run = async (): Promise<unknown> => await compile(String(code))(router)
  router.log.warn(`node ${from} runs code here: ${describe(code).slice(0, 200)}`)
  run().then(
    (result) => reply("", culprit(result ?? null) === undefined ? result ?? null : inspect(result)),
    (error: unknown) => reply(describe(error))
  )
}

const compile = (code: string): (node: unknown) => Promise<unknown> => {
  const body = (text: string) =>
    new Function("node", `return (async () => {${text}\n})()`) as (node: unknown) => Promise<unknown>
  try {
    return body(`return (${code}\n)`)
  } catch {
    return body(code)
  }
}

/** A seed that cannot be one; `Global` would go on without it. */
const checkSeeds = ({ binds = ["*"], seeds }: NodeOptions): Effect.Effect<void, Node.InvalidOption> => {
  const all = splitAddresses(seeds)
  const own = binds.length === 0 ? all.find(isOwnSeed) : undefined
  const problem = own === undefined
    ? all.map(wrongSeed).find((found) => found !== undefined)
    : `${JSON.stringify(own)} is this very node, which has no binds`
  return problem === undefined ? Effect.void : Effect.fail(new Node.InvalidOption({ option: "seeds", problem }))
}

const serve = Effect.fnUntraced(function*(services: ReadonlyArray<Service>) {
  const { observed } = yield* NodeRouter
  observed.isReady = false
  const failed = yield* runServices(services)
  yield* Effect.raceFirst(Global.joined, failed)
  const nodeId = yield* Node.id
  const addresses = yield* Node.addresses
  const where = addresses.length === 0 ? "not listening" : `listening on ${addresses.join(", ")}`
  observed.isReady = true
  yield* Console.log(`node ${nodeId} is ready, ${where}`)
  // Services that fail from the start have failed by then: such a node is not to be started again and again.
  yield* Effect.forkScoped(Effect.delay(Effect.sync(() => tellWatchdog("ready")), "3 seconds"))
  return yield* failed
})
