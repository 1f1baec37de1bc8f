/**
 * Shared set-up: nodes with a place in the network, over any transport. On top of `harness.ts`.
 */
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Global from "../src/Global.ts"
import { type Mesh, NodeMesh } from "../src/internal/global/mesh.ts"
import { NodeRouter } from "../src/internal/node/router.ts"
import * as Node from "../src/Node.ts"
import type * as Transport from "../src/Transport.ts"
import { makeLogs, makeWorld, type TestNode, until, within } from "./harness.ts"
import { freePort } from "./processes.ts"

/** One running node with its part in the database. */
export interface MeshNode extends Omit<TestNode, "run"> {
  /** Runs an effect on the node. */
  readonly run: <A, E, R>(
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, Node.Node | Global.Global>>
  readonly mesh: Mesh
  /** What is in a family, as its master has it. */
  readonly family: (name: string) => Effect.Effect<Record<string, unknown>>
  /** Waits until a family is this. */
  readonly has: (family: string, entries: Record<string, unknown>) => Effect.Effect<void>
}

export interface MeshWorld {
  readonly start: (
    nodeId: string,
    options?: Global.Options & Node.Options
  ) => Effect.Effect<MeshNode, Node.InvalidOption | Transport.LinkError, Scope.Scope>
  /** Breaks all connections that there are. */
  readonly cut: Effect.Effect<void>
  /** What was logged at Warn or above. */
  readonly warnings: () => ReadonlyArray<string>
}

export const makeMeshWorld: Effect.Effect<MeshWorld, never, Transport.Transport> = Effect.gen(function*() {
  const world = yield* makeWorld
  const logs = makeLogs()
  const start: MeshWorld["start"] = Effect.fnUntraced(function*(nodeId, { global, seeds, ...options } = {}) {
    const node = yield* world.start(nodeId, options)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const context = yield* node.run(Layer.buildWithScope(Global.layer({ global, seeds }), scope)).pipe(
      Effect.provide(logs.layer)
    )
    const whole = Context.merge(Context.make(NodeRouter, node.router), context)
    const run: MeshNode["run"] = (effect) => Effect.provide(effect, whole)
    const mesh = Context.get(context, NodeMesh)
    // Not `Global.family`, which refuses the families that nodes keep about themselves.
    const family: MeshNode["family"] = (name) =>
      within(
        `the family ${name} at ${nodeId}`,
        Effect.callback((resume) =>
          Effect.sync(
            mesh.query("g_db_family", name, (result) => resume(Effect.succeed(result as Record<string, unknown>)))
          )
        )
      )
    return {
      ...node,
      run,
      mesh,
      family,
      has: (name, entries) => {
        let seen = ""
        const wanted = sorted(entries)
        return until(`family ${name} at ${nodeId} is ${wanted}`, () =>
          Effect.map(family(name), (found) => {
            seen = sorted(found)
            return seen === wanted
          })).pipe(Effect.onError(() => Effect.logError(`it is ${seen}`)))
      },
      stop: Effect.andThen(Scope.close(scope, Exit.void), node.stop)
    } satisfies MeshNode
  })
  return {
    start,
    cut: world.cut,
    warnings: () => [...world.logs, ...logs.lines].filter((line) => line.startsWith("WARN") || line.startsWith("ERROR"))
  }
})

const sorted = (entries: Record<string, unknown>): string =>
  JSON.stringify(Object.entries(entries).toSorted(([left], [right]) => left < right ? -1 : 1))

/** A test in real time with a world of its own over the transport. */
export const meshTestOver = (transport: Layer.Layer<Transport.Transport>) =>
(
  title: string,
  body: (world: MeshWorld) => Effect.Effect<unknown, unknown, Scope.Scope>
): void => it.live(title, () => Effect.flatMap(makeMeshWorld, body).pipe(Effect.provide(transport)))

/** An address where nobody listens yet. */
export const freeAddress: Effect.Effect<string> = Effect.map(
  Effect.promise(freePort),
  (port) => `127.0.0.1:${port}`
)

/** Waits until the node has links to exactly these. */
export const linkedTo = (node: MeshNode, ...others: ReadonlyArray<string>): Effect.Effect<void> =>
  until(
    `${node.id} has links to ${others.join(" and ")}`,
    () => node.router.upNodes().toSorted().join() === [...others].toSorted().join()
  )

/** A change as a test wants to see it. */
export interface Seen {
  readonly entries: Record<string, unknown>
  readonly added: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly deleted: ReadonlyArray<string>
}

/** Follows a family. */
export const follow = (node: MeshNode, family: string): Effect.Effect<Follower, never, Scope.Scope> =>
  Effect.gen(function*() {
    const changes: Array<Seen> = []
    const heard = Stream.runForEach(Global.mon(family), ({ added, changed, deleted, entries }) =>
      Effect.sync(() => {
        changes.push({ entries: Object.fromEntries(entries), added, changed, deleted })
      }))
    yield* node.run(Effect.orDie(heard)).pipe(Effect.forkScoped({ startImmediately: true }))
    return {
      changes,
      has: (count) => until(`${count} changes of ${family} at ${node.id}`, () => changes.length >= count),
      reaches: (entries) =>
        until(
          `${node.id} follows ${family} to ${sorted(entries)}`,
          () => sorted(changes.at(-1)?.entries ?? {}) === sorted(entries)
        )
    }
  })

export interface Follower {
  readonly changes: ReadonlyArray<Seen>
  /** Waits for this many changes. */
  readonly has: (count: number) => Effect.Effect<void>
  /** Waits until the entries are these. */
  readonly reaches: (entries: Record<string, unknown>) => Effect.Effect<void>
}
