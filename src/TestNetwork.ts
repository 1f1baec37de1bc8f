/**
 * Whole networks in one test, in no time: nodes in a network in memory, a clock that the test moves, and what can happen to both.
 *
 * | you want to                                    | take                                                                                     |
 * | ---------------------------------------------- | ---------------------------------------------------------------------------------------- |
 * | have a network with its clock                  | {@link layer}                                                                            |
 * | start a node, with the services of its process | {@link start}; what it answers, a {@link TestNode}, runs effects there, and ends         |
 * | let all happen that happens now                | {@link settle}                                                                           |
 * | let time pass                                  | {@link until} a condition holds, {@link within} which an effect ends; `TestClock.adjust` |
 * | cut the network                                | {@link part}; other faults are in `Transport.MemoryNetwork`                              |
 * | try a transport of your own                    | {@link transportRules}                                                                   |
 *
 * Imported as `effect-mp/TestNetwork`, and by no other module: programs do not load it. `docs/testing.md` shows how tests are written with it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { inWords, isDone, makeStage, type Stage } from "./internal/testing/stage.ts"
import * as wireRules from "./internal/testing/wireRules.ts"
import { copy } from "./internal/values/plainData.ts"
import * as Node from "./Node.ts"
import * as Transport from "./Transport.ts"

/**
 * What the nodes of a test stand on. {@link layer} provides it, and all that there is to do with it, the functions of this module do.
 *
 * @category services
 * @since 0.1.0
 */
export class TestNetwork extends Context.Service<TestNetwork, Stage>()("effect-mp/TestNetwork") {}

/**
 * A network of its own, in memory, and a clock that stands still until the test moves it.
 *
 * **When to use**
 *
 * For all that happens between nodes; each test provides it by itself. What one node does alone needs no network: `Node.layerLocal`, with
 * Effect's own `TestClock` where time matters. `Transport.layerMemory` is the same network under the clock that is there.
 *
 * **Details**
 *
 * The clock is a `TestClock`, and is moved by `TestClock.adjust` and `TestClock.setTime`, or by `until` and `within`. It goes from one
 * thing that waits for it to the next, and lets everything happen that follows (messages, links, other nodes) before it goes on.
 * So an adjustment of an hour is an hour for the network too, heartbeats and all: of two nodes it takes a fraction of a second.
 *
 * When the layer closes, its nodes stop in order, and the clock is moved for that as far as they need.
 *
 * Chance is that of `Random` where the layer is built: with `Random.withSeed` around the test a run repeats, the names of ports among it.
 *
 * **Gotchas**
 *
 * It replaces the clock that `it.effect` brings along: `TestClock.adjust` moves the clock of where it is called.
 *
 * What does not happen in this process, such as the answer of a database, or the loading of a module, knows nothing of the clock, and nobody waits for it.
 *
 * **Example** (A node that vanishes is missed within 40 seconds, which take no time)
 *
 * ```ts
 * import { Node, Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Clock, Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const a = yield* TestNetwork.start("a", { monitorTimeout: "40 seconds" })
 *   const b = yield* TestNetwork.start("b", { monitorTimeout: "40 seconds" })
 *   yield* a.run(Port.calMessage(b.nodeId, "time"))
 *   yield* b.vanish
 *   yield* TestNetwork.until("b is missed", a.run(Effect.map(Node.upNodes, (up) => up.length === 0)))
 *   const now = yield* Clock.currentTimeMillis
 *   return now > 30_000 && now <= 40_000
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<TestNetwork | Transport.Transport | Transport.MemoryNetwork> = Layer.effectContext(
  Effect.map(makeStage, ({ stage, surroundings }) => Context.add(surroundings, TestNetwork, stage))
)

/**
 * A node of a test: {@link start} answers it. `Services` are those of the node: `Node`, and what it was started with.
 *
 * **Gotchas**
 *
 * A node that is killed or has vanished reaches nobody, but what runs on it cannot just be gone: its layers close behind the scenes, and
 * finalizers run, which no process does that is really killed.
 *
 * **Example** (What one node has asked another one)
 *
 * ```ts
 * import { Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const a = yield* TestNetwork.start("a")
 *   const b = yield* TestNetwork.start("b")
 *   const greeter = yield* b.run(Port.make({ hello: (name, reply) => Port.snd(reply, `Hello, ${name}!`) }))
 *   yield* a.run(Port.cal(greeter, "hello", "Ada"))
 *   return b.messages.flatMap(({ message, port, way }) => port === greeter ? [way, message[0], message[1]] : [])
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => ["received", "hello", "Ada"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface TestNode<out Services = Node.Node> {
  /** Its ID in the network. */
  readonly nodeId: string
  /**
   * Where others can reach it, for their seeds: `a:1` for node `a`, unless it was started with other `binds`. `none` of a node that does
   * not listen.
   */
  readonly address: string
  /**
   * Runs an effect with the services of the node. Ports that it makes live in the scope around it, mostly that of the test.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Services>>
  /**
   * What the node has sent to others and got from them so far, as `Node.trace` shows it: a list that grows. The requests that nodes make of each
   * other are among it.
   */
  readonly messages: ReadonlyArray<Node.TraceLine>
  /**
   * The process stops in order, as after SIGTERM: its layers close. The time passes that this takes. A node of the same ID may start after it.
   */
  readonly stop: Effect.Effect<void>
  /**
   * The process is killed, as by SIGKILL: it says nothing more, and the other ends of its links are told that they are broken. A node of the
   * same ID may start after it.
   */
  readonly kill: Effect.Effect<void>
  /**
   * The machine loses its power: nothing more is heard of it, and nobody is told; others miss it after their `monitorTimeout`. A node of
   * the same ID may start after it.
   */
  readonly vanish: Effect.Effect<void>
}

/**
 * Starts a node, which lives until the network does, or until it is stopped.
 *
 * **Details**
 *
 * The options are those of `Node.layer`, but for the ID. Nodes of a test have one secret, listen on `ID:1`, and know each other by their IDs,
 * whether they have links or not.
 *
 * It fails as `Node.layer` does, with `InvalidOption` or a `LinkError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export function start(
  nodeId: string,
  options?: NodeOptions
): Effect.Effect<TestNode, Node.InvalidOption | Transport.LinkError, TestNetwork>
/**
 * Starts a node with the `services` of its process, a Layer on top of the node, which `run` then provides too.
 *
 * **Details**
 *
 * With `Global.layer` among them the node finds others as it would in production: by its seeds, and by what the network knows. A Layer that fails
 * is the error.
 *
 * **Gotchas**
 *
 * Each node builds its `services` for itself, even if several have the same Layer.
 *
 * **Example** (A service on one node, found by a group on another one)
 *
 * ```ts
 * import { Global, Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect, Layer } from "effect"
 *
 * const doubler = Layer.effectDiscard(Effect.gen(function*() {
 *   const port = yield* Port.make({ double: (n: number, reply) => Port.snd(reply, 2 * n) })
 *   yield* Global.register(port, "doublers")
 * }))
 *
 * const global = Global.layer({ seeds: ["seed:1"] })
 *
 * const test = Effect.gen(function*() {
 *   yield* TestNetwork.start("seed", { services: global })
 *   yield* TestNetwork.start("worker", { services: Layer.provideMerge(doubler, global) })
 *   const front = yield* TestNetwork.start("front", { services: global })
 *   const [port] = yield* front.run(Global.awaitGroup("doublers", 1)).pipe(TestNetwork.within("5 seconds"))
 *   return yield* front.run(Port.cal(port!, "double", 21))
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => 42
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export function start<Services, E, R>(
  nodeId: string,
  options: NodeOptions & { readonly services: Layer.Layer<Services, E, R> }
): Effect.Effect<
  TestNode<Node.Node | Services>,
  E | Node.InvalidOption | Transport.LinkError,
  TestNetwork | Exclude<R, Node.Node>
>
export function start<Services, E, R>(
  nodeId: string,
  { services, ...options }: NodeOptions & { readonly services?: Layer.Layer<Services, E, R> } = {}
) {
  return services === undefined ? launch(nodeId, options, Layer.empty) : launch(nodeId, options, services)
}

type NodeOptions = Omit<Node.Options, "nodeId">

const secret = "of all nodes of a test"

/** Where a node listens. An ID that chance makes longer is no address that others could know. */
const bindOf = (nodeId: string): string => nodeId.endsWith("/") ? "*" : `${nodeId}:1`

const launch = Effect.fnUntraced(function*<Services, E, R>(
  nodeId: string,
  options: NodeOptions,
  services: Layer.Layer<Services, E, R>
) {
  const stage = yield* TestNetwork
  const scope = yield* Scope.fork(stage.scope)
  const life = { isDead: false }
  const messages: Array<Node.TraceLine> = []
  const node = Layer.provideMerge(
    Layer.effectDiscard(join(stage, messages)),
    Node.layer({ secret, binds: [bindOf(nodeId)], ...options, nodeId })
  )
  // Not the memo map of the test, in which several nodes would find one and the same service.
  const context = yield* Layer.buildWithMemoMap(Layer.provideMerge(services, node), Layer.makeMemoMapUnsafe(), scope)
    .pipe(
      Effect.provideService(Transport.Transport, stage.carrier(life)),
      Effect.onError(() => stage.close(scope))
    )
  const self = Context.get(context, Node.Node)
  const network = Context.get(stage.memory, Transport.MemoryNetwork)
  const vanish = Effect.suspend(() => {
    life.isDead = true
    return Effect.andThen(network.vanish(self.nodeId), stage.closeSoon(scope))
  })
  return {
    nodeId: self.nodeId,
    address: self.addresses[0] ?? "none",
    run: (effect) => Effect.provide(effect, context),
    messages,
    stop: stage.close(scope),
    kill: Effect.andThen(network.reset({ from: self.nodeId, to: "*" }), vanish),
    vanish
  } satisfies TestNode<Node.Node | Services>
})

/** Makes a node known to the others, and keeps what passes between them and it. */
const join = Effect.fnUntraced(function*(stage: Stage, messages: Array<Node.TraceLine>) {
  const self = yield* Node.Node
  const addresses = () => self.addresses
  yield* Node.addressBook((nodeId) => Effect.sync(() => stage.addresses.get(nodeId)?.() ?? []))
  yield* Node.trace((line) => {
    if (line.node === self.nodeId) return
    // As it was when it went: whoever has it may change it. Of bytes that are seen of a larger memory, no more than those.
    const copied = copy(line.message)
    messages.push("copy" in copied ? { ...line, message: copied.copy } : line)
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => stage.addresses.set(self.nodeId, addresses)),
    () => Effect.sync(() => stage.addresses.get(self.nodeId) === addresses && stage.addresses.delete(self.nodeId))
  )
})

/**
 * Parts nodes from each other, by their IDs: nothing passes any more between one of the first and one of the others, and nobody is told.
 *
 * **When to use**
 *
 * For a network that falls into two. A single direction, delays, and links that break at once are in `Transport.MemoryNetwork`; a machine that is
 * gone is `vanish` of its node.
 *
 * **Details**
 *
 * Nodes notice it by the silence, after their `monitorTimeout`. `MemoryNetwork.heal({ from: "*", to: "*" })` makes the network whole again.
 *
 * **Example** (A network that falls apart, and heals)
 *
 * ```ts
 * import { Global, Transport } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const services = Global.layer({ seeds: ["a:1", "b:1"] })
 *   const a = yield* TestNetwork.start("a", { services })
 *   const b = yield* TestNetwork.start("b", { services })
 *   yield* Effect.all([a.run(Global.joined), b.run(Global.joined)])
 *   yield* TestNetwork.part(["a"], ["b"])
 *   yield* a.run(Global.set("colours", "sky", "blue"))
 *   const network = yield* Transport.MemoryNetwork
 *   yield* network.heal({ from: "*", to: "*" })
 *   const sky = Effect.map(b.run(Global.values("colours")), (values) => values.includes("blue"))
 *   yield* TestNetwork.until("b knows what a has said", sky)
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer)))
 * ```
 *
 * @category faults
 * @since 0.1.0
 */
export const part = (
  some: ReadonlyArray<string>,
  others: ReadonlyArray<string>
): Effect.Effect<void, never, Transport.MemoryNetwork> =>
  Effect.flatMap(Transport.MemoryNetwork, (network) => {
    const routes = some.flatMap((one) =>
      others.flatMap((other) => [{ from: one, to: other }, { from: other, to: one }])
    )
    return Effect.forEach(routes, network.cut, { discard: true })
  })

/**
 * Lets all happen that is going to happen at this time: messages arrive and are handled, links come up, fibers run until they wait. The clock
 * stands still.
 *
 * **When to use**
 *
 * Before a test looks at what a message has brought about. {@link until} and {@link within} do it by themselves, and so does `TestClock.adjust`.
 *
 * **Gotchas**
 *
 * It dies if there is no end to it: two ports that answer each other for ever, without any delay.
 *
 * **Example** (What has arrived by now)
 *
 * ```ts
 * import { Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const a = yield* TestNetwork.start("a")
 *   const b = yield* TestNetwork.start("b")
 *   const heard: Array<unknown> = []
 *   const port = yield* b.run(Port.make((...message) => void heard.push(message)))
 *   yield* a.run(Port.snd(port, "hello"))
 *   yield* TestNetwork.settle
 *   return heard
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => [["hello"]]
 * ```
 *
 * @category time
 * @since 0.1.0
 */
export const settle: Effect.Effect<void, never, TestNetwork> = Effect.flatMap(TestNetwork, ({ rest }) => rest)

/** No test of sense has to do with a longer time than this, unless it says so. */
const patience: Duration.Input = "5 minutes"

/**
 * Lets time pass until a condition holds.
 *
 * **When to use**
 *
 * Where a test waits for something that shows: it says what it waits for, and not how long that takes. Around an effect that waits itself,
 * {@link within}. `TestClock.adjust` lets pass a certain time.
 *
 * **Details**
 *
 * The condition, a function or an Effect, is asked first when all has happened that happens now, and then again whenever something was due.
 * So the clock shows when the condition came true. If it does not hold within the `limit`, the test dies, with `what` in its message. The
 * limit is time of the test. Default: 5 minutes.
 *
 * **Example** (A port that ends by itself)
 *
 * ```ts
 * import { Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Clock, Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const a = yield* TestNetwork.start("a")
 *   const b = yield* TestNetwork.start("b")
 *   const port = yield* b.run(Port.make({ close: () => Effect.flatMap(Port.Self, (self) => Port.kil(self)) }))
 *   let hasEnded = false
 *   yield* a.run(Port.mon(port, () => Effect.sync(() => void (hasEnded = true))))
 *   yield* a.run(Port.after("1 hour", port, "close"))
 *   yield* TestNetwork.until("the port has ended", () => hasEnded, "2 hours")
 *   return yield* Clock.currentTimeMillis
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => 3_600_000
 * ```
 *
 * @see {@link within} for an effect that waits
 * @category time
 * @since 0.1.0
 */
export const until = <E = never, R = never>(
  what: string,
  condition: (() => boolean) | Effect.Effect<boolean, E, R>,
  limit: Duration.Input = patience
): Effect.Effect<void, E, R | TestNetwork> =>
  Effect.gen(function*() {
    const stage = yield* TestNetwork
    const asked = Effect.isEffect(condition) ? condition : Effect.sync(condition)
    const holds = yield* stage.passUntil(asked, Duration.toMillis(Duration.fromInputUnsafe(limit)))
    if (!holds) return yield* Effect.die(new Error(`waited in vain for ${inWords(limit)}: ${what}`))
  })

/**
 * Runs an effect, and lets the time pass that it takes. If it takes longer than the limit, of the test's time, it is interrupted, and the
 * test dies.
 *
 * **When to use**
 *
 * Around whatever waits for the clock, such as a call, a sleep, `Global.awaitGroup`; of what does not wait itself, {@link until}. Without
 * it nobody moves the clock: a test then forks the effect, moves the clock, and joins the fiber.
 *
 * **Gotchas**
 *
 * While the effect waits for something outside of this process, time goes on as fast as it can.
 *
 * **Example** (A call that nobody answers)
 *
 * ```ts
 * import { Port } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function*() {
 *   const a = yield* TestNetwork.start("a")
 *   const b = yield* TestNetwork.start("b")
 *   const deaf = yield* b.run(Port.make({ hello: (_reply) => Effect.void }))
 *   const call = a.run(Port.calTimeout(deaf, "30 seconds", "hello"))
 *   const error = yield* Effect.flip(call).pipe(TestNetwork.within("1 minute"))
 *   return error._tag
 * })
 *
 * await Effect.runPromise(test.pipe(Effect.scoped, Effect.provide(TestNetwork.layer))) // => "TimeoutError"
 * ```
 *
 * @see {@link until} for a condition
 * @category time
 * @since 0.1.0
 */
export const within =
  (limit: Duration.Input) => <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | TestNetwork> =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
      yield* until("an effect was to end", isDone(fiber), limit).pipe(
        Effect.onExit((exit) => Exit.isFailure(exit) ? Fiber.interrupt(fiber) : Effect.void)
      )
      return yield* Fiber.join(fiber)
    })

/**
 * A transport does not do what links take for granted: which rule it breaks, and what was found.
 *
 * @category errors
 * @since 0.1.0
 */
export const RuleBroken = wireRules.RuleBroken

/**
 * A transport does not do what links take for granted.
 *
 * @category errors
 * @since 0.1.0
 */
export type RuleBroken = wireRules.RuleBroken

/**
 * Where a transport is tried: an address to listen on, and one where nobody does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Places {
  /** Is listened on anew for each rule, after the rule before has let it go. */
  readonly bind: string
  /** An address of the transport where nothing listens. */
  readonly nobody: string
  /** How long a rule waits for what must happen. Default: 30 seconds. */
  readonly patience?: Duration.Input | undefined
}

/**
 * One thing that links take for granted of a transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  /** A sentence. */
  readonly name: string
  /** Tries it with the transport that it is given. */
  readonly check: Effect.Effect<void, RuleBroken, Transport.Transport>
}

/**
 * The rules that a `Transport.Carrier` and its wires have to keep, for tests of a transport of your own, with any test runner.
 *
 * **When to use**
 *
 * Before nodes stand on a transport that you wrote: what breaks one of these rules loses messages, or keeps a link that is dead.
 *
 * **Details**
 *
 * Each rule listens and dials anew, over the transport that it is given, and takes a fraction of a second if it is kept. It wants the real
 * clock, and a test that may take as long as its `patience`.
 *
 * **Example** (The rules, over TCP)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Transport } from "effect-mp"
 * import * as TestNetwork from "effect-mp/TestNetwork"
 * import { Effect } from "effect"
 *
 * for (const { check, name } of TestNetwork.transportRules({ bind: "127.0.0.1:*", nobody: "127.0.0.1:1" })) {
 *   it.live(name, () => Effect.provide(check, Transport.layerTcp))
 * }
 *
 * it("there are some", () => assert.isNotEmpty(TestNetwork.transportRules({ bind: "127.0.0.1:*", nobody: "127.0.0.1:1" })))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const transportRules = (places: Places): ReadonlyArray<Rule> =>
  wireRules.rules.map(([name, work]) => ({
    name,
    check: Effect.flatMap(Transport.Transport, (carrier) => wireRules.check(name, work, carrier, places))
  }))
