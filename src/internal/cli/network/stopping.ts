/**
 * Commands that have nodes stop in order: `drain`, `stop`, `restart`. What they wait for may take longer than an answer.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Port from "../../../Port.ts"
import { drainRequests } from "../../node/drain.ts"
import { NodeRouter } from "../../node/router.ts"
import type { Outputs } from "../outputs.ts"
import { stopRequest } from "../run/stopping.ts"
import { restartRequest } from "../run/watched.ts"
import { print, printOutput } from "../terminal/screen.ts"
import { askStatus } from "./nodes.ts"
import { ask, demand, failed, reach, type Session } from "./session.ts"

/** What all of them are told. */
export interface Waiting {
  /** Whether to wait for more than that it has begun. */
  readonly isAwaited: boolean
  /** So long one node may take. */
  readonly patienceSeconds: number
}

/** Between two looks at a node that is waited for. */
const look = Schedule.spaced("200 millis")

/** For people who wait: programs see what has become of each node. */
const progress = (session: Session, text: string) => session.json ? Effect.void : Console.error(`emp: ${text}`)

type Verb = "drain" | "stop" | "restart"

const sentences = {
  draining: "drains",
  drained: "has drained",
  stopping: "stops",
  stopped: "has stopped",
  restarting: "restarts",
  restarted: "has restarted"
} as const satisfies Record<Outputs[Verb]["state"], string>

/** What a node is asked for that can do it: begins it, or says why not. */
const begin = (session: Session, node: string, request: string, cannot: string) =>
  Effect.andThen(demand(session, node, request, cannot), Effect.map(ask(session, node, request), ([answer]) => answer))

/** Fails when it takes longer than one node may take; `otherwise` says what has not happened by then. */
const inTime = <A, E, R>(
  { patienceSeconds }: Waiting,
  effect: Effect.Effect<A, E, R>,
  otherwise: () => string
) =>
  Effect.timeoutOrElse(effect, {
    duration: `${patienceSeconds} seconds`,
    orElse: () => failed(`${otherwise()} (after ${patienceSeconds} s)`)
  })

/**
 * One node after the other, once all of them can be reached, and what state each is in then: whoever has misspelled the last one need not
 * do the first ones again. If one fails, those after it are left alone, and named.
 */
const each = <E, R>(
  session: Session,
  verb: Verb,
  nodes: ReadonlyArray<string>,
  act: (node: string) => Effect.Effect<Outputs[Verb]["state"], E, R>
) =>
  Effect.gen(function*() {
    const check = Effect.forEach(nodes, (node) => reach(session, node), { concurrency: 16, discard: true })
    if (nodes.length > 1) yield* Effect.onError(check, () => leftAlone(session, nodes))
    yield* Effect.forEach(nodes, (node, at) =>
      Effect.gen(function*() {
        const [took, state] = yield* Effect.timed(act(node))
        yield* session.json
          ? printOutput(verb, { node, state, tookMillis: Math.round(Duration.toMillis(took)) })
          : print(`node ${node} ${sentences[state]}`)
      }).pipe(Effect.onError(() => leftAlone(session, nodes.slice(at + 1)))), { discard: true })
  })

const leftAlone = (session: Session, nodes: ReadonlyArray<string>) =>
  nodes.length === 0 ? Effect.void : progress(session, `left alone: ${nodes.join(", ")}`)

/** Has nodes take no new calls, and waits until they have finished what they have in hand. */
export const drain = (session: Session, nodes: ReadonlyArray<string>, waiting: Waiting) =>
  each(session, "drain", nodes, (node) =>
    Effect.gen(function*() {
      yield* begin(session, node, drainRequests.drain, "cannot be drained")
      if (!waiting.isAwaited) return "draining"
      yield* progress(session, `node ${node} drains`)
      const drained = Effect.filterOrFail(askStatus(session, node), (status) => status.drained !== false)
      const unfinished = () => `node ${node} is not done yet with what it has in hand: its log names it`
      yield* inTime(waiting, Effect.retry(drained, look), unfinished)
      return "drained"
    }))

/** Has nodes stop that `emp run` runs, with their watchdogs. */
export const stop = (session: Session, nodes: ReadonlyArray<string>, waiting: Waiting) =>
  each(session, "stop", nodes, (node) =>
    Effect.gen(function*() {
      yield* reach(session, node)
      const ended = yield* Effect.forkChild(Port.exit(node), { startImmediately: true })
      const answer = yield* begin(session, node, stopRequest, "was not started by emp run")
      if (answer !== true) return yield* failed(`node ${node} does not stop: ${String(answer)}`)
      if (!waiting.isAwaited) return "stopping"
      yield* progress(session, `node ${node} stops`)
      yield* inTime(waiting, Fiber.join(ended), () => `node ${node} has not stopped yet`)
      return "stopped"
    }))

/** Has nodes started again by their watchdogs, one after the other: the next one when this one is back, and its services are up. */
export const restart = (session: Session, nodes: ReadonlyArray<string>, waiting: Waiting) =>
  each(session, "restart", nodes, (node) =>
    Effect.gen(function*() {
      yield* reach(session, node)
      const before = yield* incarnationOf(node)
      const ended = yield* Effect.forkChild(Port.exit(node), { startImmediately: true })
      const answer = yield* begin(session, node, restartRequest, "was not started by emp run")
      if (answer !== true) return yield* failed(`node ${node} has no watchdog that would start it again`)
      if (!waiting.isAwaited) return "restarting"
      yield* progress(session, `node ${node} stops`)
      let problem = `node ${node} has not stopped yet`
      const back = Effect.gen(function*() {
        yield* Fiber.join(ended)
        yield* progress(session, `node ${node} has stopped, and is started again`)
        problem = `node ${node} has stopped, and has not come back: what it wrote last says why`
        const isBack = Effect.flatMap(lackOf(session, node, before), (lack) => {
          if (lack === undefined) return Effect.void
          problem = `node ${node} has stopped, and is not back: ${lack}`
          return failed(problem)
        })
        yield* Effect.retry(isBack, look)
      })
      yield* inTime(waiting, back, () => problem)
      return "restarted"
    }))

/** Random for each process, so that a node that is back is told from one that is still there. */
const incarnationOf = (node: string) => Effect.map(NodeRouter, (router) => router.linkTo(node)?.incarnation)

/** What is missing until a node that answers is back. */
const lackOf = (session: Session, node: string, before: string | undefined) =>
  Effect.gen(function*() {
    const { lacks, ready } = yield* askStatus(session, node)
    if ((yield* incarnationOf(node)) === before) return "it has not stopped yet"
    return ready === false ? lacks?.join("; ") ?? "its services are not up yet" : undefined
  })
