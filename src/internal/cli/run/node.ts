/**
 * `emp run`: a node with its place in the network and its services.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import * as os from "node:os"
import { inspect } from "node:util"
import * as Global from "../../../Global.ts"
import * as Node from "../../../Node.ts"
import { schemes } from "../../config/keys.ts"
import { checkProof, type RunOptions } from "../../config/options.ts"
import { traceMessages, writeLine } from "../../node/messageTrace.ts"
import { expand } from "../../node/nodeId.ts"
import { answerKnown } from "../../node/nodePort.ts"
import { NodeRouter, type Router } from "../../node/router.ts"
import { isOwnSeed, splitAddresses, wrongSeed } from "../../values/address.ts"
import { describe } from "../../values/describe.ts"
import { culprit } from "../../values/plainData.ts"
import { isPortId } from "../../values/portId.ts"
import { CurrentEnding } from "../terminal/interruption.ts"
import { layerTransport } from "../transport.ts"
import type { Keeper } from "./keeper.ts"
import { asTheLogShows, catcher } from "./logCatcher.ts"
import type { Service, ServiceEnvironment, ServiceError } from "./service.ts"
import { Services } from "./services.ts"
import { Stage } from "./stage.ts"
import { stopsWhenAsked } from "./stopping.ts"
import { checkThreads, countOf, ofFirst } from "./threadOptions.ts"
import { Threads } from "./threads.ts"
import { beKnownAs, obey, restartRequest } from "./watched.ts"

/** What only the command line can say. */
export interface RunSwitches {
  /** Others may run code on the node. */
  readonly allowEval: boolean
  /** Each message is shown. */
  readonly trace: boolean
  /** So long without a sign of life, and a thread counts as hanging. */
  readonly hangSeconds: number
}

/** What a node is run with, but for its services. */
type NodeOptions = Omit<RunOptions, "services" | "perlServices" | "logFormat" | "logLevel">

/**
 * Runs until it is interrupted, or a service or a thread fails. The ready line comes when the node has joined its network. `load` makes the
 * services, or says which one cannot be had. `reloading` runs on the node beside them, and gets them when they have started. Of several
 * nodes this is the one of the main thread, or of a further one, for which there are no threads.
 */
export const runNode = (
  options: NodeOptions,
  load: Effect.Effect<ReadonlyArray<Service>, ServiceError>,
  switches: RunSwitches,
  keeper: Keeper,
  reloading: (
    services: Effect.Effect<Services>,
    threads: Threads
  ) => Effect.Effect<unknown, never, Node.Node | FileSystem.FileSystem | Path.Path> = () => Effect.void
) =>
  Effect.gen(function*() {
    // Beats come to the very end of the process: links may take a while to close, and services to be loaded.
    yield* obey
    // A wrong seed or service is reported before anything listens, and so is an address that threads cannot share.
    yield* checkSeeds(options)
    yield* checkThreads(options)
    yield* checkProof(options)
    const services = yield* load
    // Who asks for the node's state is answered from before it starts until after it has stopped.
    const stage = new Stage()
    yield* serveMetrics(options.metrics, stage)
    const count = countOf(options)
    // The collector is to know the node by the ID that others know it by, with its random part; and so are its own threads.
    const { nodeId } = options.otlp === undefined && count === 1
      ? options
      : yield* expand(options.nodeId ?? "%n/", os.hostname())
    const own = count === 1 ? { ...options, nodeId } : ofFirst(options, nodeId ?? "")
    const started = yield* Deferred.make<Services>()
    const node = Layer.provideMerge(
      Global.layer({ seeds: options.seeds, global: options.seeds.length === 0 }),
      Layer.provide(Node.layer(own), layerTransport(options))
    )
    // The services' scope lies within the node's: they end while there still are links by which other nodes hear of it. They are
    // there until the node has drained: what they have been asked is answered first. Meanwhile the other threads do the same.
    const body = Effect.gen(function*() {
      yield* prepare(switches, keeper, stage)
      const { hangSeconds } = switches
      const threads = new Threads(yield* Effect.context<Node.Node>(), { count, hangSeconds })
      yield* Effect.forkScoped(reloading(Deferred.await(started), threads))
      const end = Effect.all([Node.drain(), threads.stop], { concurrency: "unbounded" })
      return yield* Effect.ensuring(serve(services, started, threads, keeper), end)
    })
    const running = body.pipe(
      Effect.scoped,
      Effect.provide(node),
      Effect.ensuring(Effect.sync(() => stage.nodeStopped()))
    )
    return yield* options.otlp === undefined
      ? running
      : Effect.provide(asTheLogShows(running), (yield* loadTelemetry).sendTelemetry(options.otlp, nodeId ?? ""))
  }).pipe(Effect.scoped)

const loadTelemetry = Effect.promise(() => import("./telemetry.ts"))

const serveMetrics = Effect.fnUntraced(function*(bind: string | undefined, stage: Stage) {
  if (bind === undefined) return
  const { serveTelemetry } = yield* loadTelemetry
  const address = yield* serveTelemetry(bind, Effect.sync(() => stage.lacks))
  yield* Effect.logInfo(`metrics: http://${address}/metrics`)
})

const prepare = Effect.fnUntraced(function*({ allowEval, trace }: RunSwitches, { restart }: Keeper, stage: Stage) {
  const router = yield* NodeRouter
  beKnownAs(router.nodeId)
  catcher.attach(router)
  stage.nodeStarted(router)
  router.observed.hasStarted = false
  router.requests.add(restartRequest, (from, [to, ...rest]) => {
    if (isPortId(to)) router.relay(from, to, [...rest, restart !== undefined])
    if (restart === undefined) return
    router.log.of("Cli").warnSome(`restart by ${from}`, `node ${from} asks this one to restart`)
    restart()
  })
  stopsWhenAsked(router, yield* CurrentEnding)
  if (allowEval) router.requests.add("eval", evaluateFor(router))
  if (trace) traceMessages(router, writeLine)
})

/** Runs JavaScript, in which `node` is the node: an expression, or statements, perhaps with a `return`. Answers `["", RESULT]` or `[ERROR]`. */
const evaluateFor = (router: Router) => (from: string, [code, to, ...rest]: ReadonlyArray<unknown>): void => {
  const reply = (...results: ReadonlyArray<unknown>): void => {
    if (isPortId(to)) router.relay(from, to, [...rest, ...results])
  }
  const known = answerKnown(router, code)
  if (known !== undefined) return reply("", ...known)
  const run = async (): Promise<unknown> => await compile(String(code))(router)
  router.log.of("Cli").warn(`node ${from} runs code here: ${describe(code).slice(0, 200)}`)
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
export const checkSeeds = ({ binds = ["*"], seeds }: NodeOptions): Effect.Effect<void, Node.InvalidOption> => {
  const all = splitAddresses(seeds)
  const own = binds.length === 0 ? all.find(isOwnSeed) : undefined
  const problem = own === undefined
    ? all.map((seed) => wrongSeed(seed, schemes)).find((found) => found !== undefined)
    : `${JSON.stringify(own)} is this very node, which has no binds`
  return problem === undefined ? Effect.void : Effect.fail(new Node.InvalidOption({ option: "seeds", problem }))
}

const serve = Effect.fnUntraced(function*(
  loaded: ReadonlyArray<Service>,
  started: Deferred.Deferred<Services>,
  threads: Threads,
  keeper: Keeper
) {
  const { observed } = yield* NodeRouter
  const services = new Services(yield* Effect.context<ServiceEnvironment>())
  yield* services.begin(loaded)
  yield* threads.begin
  yield* Deferred.succeed(started, services)
  const failed = Effect.raceFirst(services.failed, threads.failed)
  yield* Effect.raceFirst(Global.joined, failed)
  const nodeId = yield* Node.id
  const addresses = yield* Node.addresses
  const where = addresses.length === 0 ? "not listening" : `listening on ${addresses.join(", ")}`
  observed.hasStarted = true
  const lacks = yield* Node.lacks
  const state = lacks.length === 0 ? "is ready" : "has started"
  yield* Console.log(`node ${nodeId} ${[state, where, ...lacks].join(", ")}`)
  yield* keeper.tellReady
  return yield* failed
})
