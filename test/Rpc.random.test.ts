/**
 * Random calls under random faults: each ends once, with its answer or with a reason that is true, and then nothing is left of them.
 * What happens is drawn from a seed; how the fibers of two nodes take turns is not.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Port } from "../src/index.ts"
import * as Rpc from "../src/Rpc.ts"
import { testOver, transports, until, within, type World } from "./harness.ts"
import { clientOn, Journal, NotFound, serveOn, Users } from "./rpcService.ts"
import { seeds } from "./size.ts"

type Outcome = Exit.Exit<unknown, { readonly _tag: string }>

interface Call {
  readonly run: Effect.Effect<unknown, { readonly _tag: string }>
  /** Whether this is what the call is answered with. */
  readonly isAnswer: (outcome: Outcome) => boolean
}

const succeeds = (value: unknown) => (outcome: Outcome): boolean =>
  Exit.isSuccess(outcome) && JSON.stringify(outcome.value) === JSON.stringify(value)

const errorOf = (outcome: Outcome): unknown => Option.getOrUndefined(Exit.findErrorOption(outcome))

const callsOf = (
  client: Rpc.Client<Users>,
  n: number
): ReadonlyArray<Call> => [
  { run: client.greet({ name: `${n}` }), isAnswer: succeeds(`hello, ${n}`) },
  { run: client.find({ id: `${n}` }), isAnswer: (outcome) => errorOf(outcome) instanceof NotFound },
  { run: client.broken(), isAnswer: (outcome) => Exit.hasDies(outcome) },
  { run: client.hold({ id: `${n}` }), isAnswer: () => false },
  { run: Stream.runCount(client.count({ to: 10 * n })), isAnswer: succeeds(10 * n) },
  { run: Stream.runCount(Stream.take(client.count({ to: 1e9 }), n)), isAnswer: succeeds(n) },
  { run: Stream.runDrain(client.count({ to: 1e9 })), isAnswer: () => false }
]

/** The reasons that calls may end with where links are cut, servers are killed and clients close. */
const trueReasons: ReadonlySet<unknown> = new Set(["transport_error", "killed on purpose", "no_such_port", undefined])

const play = Effect.fnUntraced(function*(world: World, isWithin: boolean) {
  const nodes = [yield* world.start("a"), yield* world.start("b")] as const
  const [a, b] = nodes
  const journal = new Journal()
  const server = Rpc.address(Users, "b", "users")
  const serving = { scope: yield* Scope.make() }
  const serve = Effect.suspend(() => Scope.provide(serveOn(b, journal, { name: "users" }), serving.scope))
  yield* serve
  const clientScope = yield* Scope.make()
  const clients = yield* Effect.replicateEffect(Scope.provide(clientOn(isWithin ? b : a, server), clientScope), 3)
  const open: Array<
    { readonly call: Call; readonly fiber: Fiber.Fiber<unknown, { readonly _tag: string }>; isInterrupted: boolean }
  > = []
  const below = (bound: number) => Random.nextIntBetween(0, bound - 1)
  for (let step = 0; step < 60; step++) {
    const drawn = yield* below(20)
    if (drawn === 0) yield* world.cut
    else if (drawn === 1) {
      yield* b.run(Port.kil(server, "killed on purpose"))
      yield* Scope.close(serving.scope, Exit.void)
      serving.scope = yield* Scope.make()
      yield* serve
    } else if (drawn < 6 && open.length > 0) {
      const interrupted = open[yield* below(open.length)]!
      interrupted.isInterrupted = true
      yield* Effect.forkChild(Fiber.interrupt(interrupted.fiber), { startImmediately: true })
    } else if (drawn < 16) {
      const calls = callsOf(clients[yield* below(3)]!, step + 1)
      const call = calls[yield* below(calls.length)]!
      const fiber = yield* Effect.forkChild(call.run, { startImmediately: true })
      open.push({ call, fiber, isInterrupted: false })
    } else yield* drawn < 17 ? Effect.yieldNow : Effect.sleep(`${yield* below(6)} millis`)
  }
  // What is still open is interrupted with its client; nobody else is told that he was.
  for (const one of open) one.isInterrupted ||= one.fiber.pollUnsafe() === undefined
  yield* Scope.close(clientScope, Exit.void)
  for (const { call, fiber, isInterrupted } of open) {
    const outcome = yield* within("the end of a call", Fiber.await(fiber))
    const error = errorOf(outcome)
    if (call.isAnswer(outcome) || isInterrupted && Exit.hasInterrupts(outcome)) continue
    assert.isFalse(isInterrupted && Exit.isSuccess(outcome), `a wrong answer: ${String(outcome)}`)
    assert.isTrue(Exit.isFailure(outcome) && !Exit.hasDies(outcome), `neither answered nor failed: ${String(outcome)}`)
    const killed = Rpc.killed(error as Parameters<typeof Rpc.killed>[0])
    assert.isTrue(Option.isSome(killed) && trueReasons.has(killed.value.reason[0]), String(outcome))
  }
  yield* until("no handler is at work", () => journal.working === 0)
  yield* Scope.close(serving.scope, Exit.void)
  yield* until("no port is left", () => nodes.every(({ router }) => router.ports.size === 1))
  assert.deepStrictEqual(world.logs.filter((line) => /^(?:ERROR|FATAL)/.test(line)), [])
})

for (const [name, transport] of transports) {
  const test = testOver(transport)

  describe(`random calls under random faults, over ${name}`, () => {
    for (const seed of seeds(15, 300)) {
      test(`each ends once, with seed ${seed}`, (world) => Random.withSeed(play(world, false), seed))
    }
  })
}

describe("random calls under random faults, within a node", () => {
  for (const seed of seeds(15, 300)) {
    testOver(transports[0][1])(
      `each ends once, with seed ${seed}`,
      (world) => Random.withSeed(play(world, true), seed)
    )
  }
})
