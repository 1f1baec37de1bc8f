/** A node in the thread of the tests, and others in threads of their own. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Node from "../src/Node.ts"
import * as Port from "../src/Port.ts"
import * as Supervisor from "../src/Supervisor.ts"
import * as Transport from "../src/Transport.ts"
import { type Orders, Tool } from "./fixtures/threadOrders.ts"
import { makeLogs, secret } from "./harness.ts"

const module = new URL("fixtures/thread.ts", import.meta.url)

/** Starts the module of the tests in a thread. */
export const thread = (orders: Orders, options: Supervisor.ThreadOptions = {}) =>
  Supervisor.spawnThread(module, { workerData: orders, ...options })

/** A port on the node of a thread, which does what it is told. */
export const toolOf = ({ nodeId }: { readonly nodeId: string }) => Port.spawn(nodeId, Tool)

/** Where the nodes of threads are, as the node of the tests knows it. */
export const book = new Map<string, ReadonlyArray<string>>()

/** A thread, whose node the node of the tests knows, with a port there. */
export const start = (orders: Orders, options?: Supervisor.ThreadOptions) =>
  Effect.gen(function*() {
    const started = yield* thread(orders, options)
    book.set(orders.nodeId, started.addresses)
    return { ...started, tool: yield* toolOf(started) }
  })

/** A test on a node that listens on `thread:0:main`. */
export const threadTest = (
  title: string,
  body: Effect.Effect<void, unknown, Node.Node | Scope.Scope>,
  options: Node.Options = {}
): void =>
  it.live(title, () => {
    const node = Node.layer({ nodeId: "main", secret, binds: ["thread:"], monitorTimeout: "3 minutes", ...options })
    const find = Node.addressBook((id) => Effect.sync(() => book.get(id) ?? []))
    return Effect.scoped(Effect.andThen(find, body)).pipe(
      Effect.provide(Layer.provide(node, Transport.layerThreads)),
      Effect.provide(makeLogs().layer)
    )
  })
