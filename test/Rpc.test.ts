import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Node, Port } from "../src/index.ts"
import * as PortRpc from "../src/Rpc.ts"

const Jobs = RpcGroup.make(Rpc.make("double", { payload: { n: Schema.Number }, success: Schema.Number }))

it.live("x", () => Effect.gen(function*() {
  const a = yield* PortRpc.serve(Jobs)
  const c = yield* PortRpc.client(Jobs, a)
  assert.strictEqual(yield* c.double({ n: 21 }), 42)
}).pipe(Effect.scoped, Effect.provide(Jobs.toLayer({ double: ({n}) => Effect.succeed(2*n)})), Effect.provide(Node.layerLocal)))
