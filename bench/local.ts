/**
 * Ports against the usual design in one process: a fiber per port that loops on `Queue.take`, tuned with `disableYield`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Node, Port } from "../src/index.ts"
import { NodeRouter } from "../src/internal/node/router.ts"

/** One side of a comparison: does the work once and answers how much was done per second (or bytes per port). */
export type Run = Effect.Effect<number, never, Node.Node>

/** What is compared, and the ratio that must be reached. */
export interface Comparison {
  readonly name: string
  readonly unit: string
  readonly ours: Run
  readonly peer: Run
  /** Ours over the peer's; for bytes, the peer's over ours. */
  readonly atLeast?: number
  readonly lessIsBetter?: boolean
}

const perSecond = (count: number, began: number): number => count / (performance.now() - began) * 1000

const queueLoop = <A>(queue: Queue.Queue<A>, handle: (message: A) => Effect.Effect<unknown>) =>
  Effect.forkScoped(
    Effect.forever(Effect.flatMap(Queue.take(queue), handle), { disableYield: true }),
    { startImmediately: true }
  )

const bursts = 100
const burst = 10_000
const messages = bursts * burst

/** Calls back when another burst has been handled. */
const counter = (handled: () => void) => {
  let count = 0
  return Effect.sync(() => {
    if (++count % burst === 0) handled()
  })
}

/** Sends bursts, each when the one before it has been handled. */
const inBursts = (send: () => void, handledIs: (handled: () => void) => void) =>
  Effect.callback<number>((resume) => {
    const began = performance.now()
    let left = bursts
    const next = (): void => {
      if (left-- === 0) return resume(Effect.succeed(perSecond(messages, began)))
      for (let i = 0; i < burst; i++) send()
    }
    handledIs(() => setImmediate(next))
    next()
  })

const burstOurs: Run = Effect.scoped(Effect.gen(function*() {
  let handled = (): void => {}
  const count = counter(() => handled())
  const port = yield* Port.make(() => count)
  const router = yield* NodeRouter
  const message = [1]
  return yield* inBursts(() => router.send(port, message), (f) => {
    handled = f
  })
}))

const burstPeer: Run = Effect.scoped(Effect.gen(function*() {
  let handled = (): void => {}
  const count = counter(() => handled())
  const queue = yield* Queue.unbounded<ReadonlyArray<number>>()
  yield* queueLoop(queue, () => count)
  const message = [1]
  return yield* inBursts(() => Queue.offerUnsafe(queue, message), (f) => {
    handled = f
  })
}))

/** Completes at the last message. */
const countTo = (done: Deferred.Deferred<void>) => {
  let count = 0
  return Effect.sync(() => {
    if (++count === messages) Deferred.doneUnsafe(done, Effect.void)
  })
}

const sendAll = (send: Effect.Effect<unknown, never, Node.Node>) => {
  let left = messages
  return Effect.whileLoop({ while: () => left-- > 0, body: () => send, step: () => {} })
}

const sndOurs: Run = Effect.scoped(Effect.gen(function*() {
  const done = yield* Deferred.make<void>()
  const count = countTo(done)
  const port = yield* Port.make(() => count)
  const began = performance.now()
  yield* sendAll(Port.snd(port, 1))
  yield* Deferred.await(done)
  return perSecond(messages, began)
}))

const sndPeer: Run = Effect.scoped(Effect.gen(function*() {
  const done = yield* Deferred.make<void>()
  const count = countTo(done)
  const queue = yield* Queue.unbounded<number>()
  yield* queueLoop(queue, () => count)
  const began = performance.now()
  yield* sendAll(Queue.offer(queue, 1))
  yield* Deferred.await(done)
  return perSecond(messages, began)
}))

const rounds = 200_000

const pingOurs: Run = Effect.scoped(Effect.gen(function*() {
  const done = yield* Deferred.make<void>()
  const router = yield* NodeRouter
  let left = rounds
  let ping = ""
  const pong = yield* Port.make(() => Effect.sync(() => router.send(ping, [0])))
  ping = yield* Port.make(() =>
    Effect.sync(() => {
      if (--left > 0) router.send(pong, [0])
      else Deferred.doneUnsafe(done, Effect.void)
    })
  )
  const began = performance.now()
  router.send(ping, [0])
  yield* Deferred.await(done)
  return perSecond(rounds, began)
}))

const pingPeer: Run = Effect.scoped(Effect.gen(function*() {
  const done = yield* Deferred.make<void>()
  const ping = yield* Queue.unbounded<number>()
  const pong = yield* Queue.unbounded<number>()
  let left = rounds
  yield* queueLoop(pong, () => Effect.sync(() => Queue.offerUnsafe(ping, 0)))
  yield* queueLoop(ping, () =>
    Effect.sync(() => {
      if (--left > 0) Queue.offerUnsafe(pong, 0)
      else Deferred.doneUnsafe(done, Effect.void)
    }))
  const began = performance.now()
  Queue.offerUnsafe(ping, 0)
  yield* Deferred.await(done)
  return perSecond(rounds, began)
}))

const lives = 50_000

const lifeOurs: Run = Effect.scoped(Effect.gen(function*() {
  const began = performance.now()
  for (let i = 0; i < lives; i++) {
    const port = yield* Port.make(() => Effect.void)
    yield* Port.kil(port)
  }
  // What was killed ends in the run queue: a last port, awaited, is behind all of them.
  const last = yield* Port.make(() => Effect.void)
  yield* Port.kil(last)
  yield* Port.exit(last)
  return perSecond(lives, began)
}))

const lifePeer: Run = Effect.scoped(Effect.gen(function*() {
  const began = performance.now()
  for (let i = 0; i < lives; i++) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const queue = yield* Queue.unbounded<number>()
    yield* Scope.provide(queueLoop(queue, () => Effect.void), scope)
    yield* Scope.close(scope, Exit.void)
  }
  return perSecond(lives, began)
}))

const idle = 50_000

const collected = Effect.promise(async () => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
})

const heapOf = (make: Effect.Effect<unknown, never, Node.Node | Scope.Scope>): Run =>
  Effect.scoped(Effect.gen(function*() {
    const keep: Array<unknown> = []
    const before = yield* collected
    for (let i = 0; i < idle; i++) keep.push(yield* make)
    yield* Effect.sleep(1)
    const after = yield* collected
    return (after - before) / keep.length
  }))

const idlePeer = Effect.gen(function*() {
  const queue = yield* Queue.unbounded<number>()
  const fiber: Fiber.Fiber<unknown> = yield* queueLoop(queue, () => Effect.void)
  return [queue, fiber]
})

export const comparisons: ReadonlyArray<Comparison> = [
  { name: "messages/s, in bursts of 10,000", unit: "/s", ours: burstOurs, peer: burstPeer, atLeast: 3 },
  { name: "messages/s, sent one by one by snd", unit: "/s", ours: sndOurs, peer: sndPeer },
  { name: "ping-pongs/s", unit: "/s", ours: pingOurs, peer: pingPeer, atLeast: 3 },
  { name: "create+kill/s", unit: "/s", ours: lifeOurs, peer: lifePeer, atLeast: 2 },
  {
    name: "heap per idle port",
    unit: "B",
    ours: heapOf(Port.make(() => Effect.void)),
    peer: heapOf(idlePeer),
    atLeast: 3,
    lessIsBetter: true
  }
]
