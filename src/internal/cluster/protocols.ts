/**
 * How runners call each other: Effect's rpc over ports. A runner's server is a port of its node that is named after the runner: what is
 * meant for one that was on the node before finds nobody.
 *
 * @internal
 */
import type { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as Runners from "effect/cluster/Runners"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import type { Node } from "../../Node.ts"
import { NodeRouter } from "../node/router.ts"
import { makeSeverable } from "../rpc/connections.ts"
import { Listener } from "../rpc/listener.ts"
import { serialization } from "../rpc/serialization.ts"
import { reasons } from "../values/reason.ts"
import type { Register } from "./register.ts"

const serverOf = (name: string, { host, port }: RunnerAddress): string => `${host}#effect_mp::cluster::${name}::${port}`

/** `ended` is told when the port of the server ends, whoever has ended it. */
export const serverProtocol = (
  name: string,
  address: RunnerAddress,
  ended: () => void
): Layer.Layer<RpcServer.Protocol, never, Node> =>
  Layer.effect(
    RpcServer.Protocol,
    Effect.gen(function*() {
      const router = yield* NodeRouter
      const context = yield* Effect.context<Scope.Scope>()
      const listener = new Listener(router, serverOf(name, address), context, yield* serialization, false)
      router.observed.role(listener.port.id, { kind: "cluster runner", what: name })
      listener.port.watch(ended)
      return listener.protocol
    })
  )

/** What of the register is needed here. */
export type Watched = Pick<Register, "isAlive" | "whenSilent">

export const clientProtocol = (
  name: string,
  register: Watched
): Layer.Layer<Runners.RpcClientProtocol, never, Node> =>
  Layer.effect(
    Runners.RpcClientProtocol,
    Effect.gen(function*() {
      const router = yield* NodeRouter
      const chosen = yield* serialization
      return {
        codecFor: chosen.codecFor,
        make: (address) =>
          Effect.gen(function*() {
            const runner = `${address.host}:${address.port}`
            const target = Effect.suspend(() =>
              register.isAlive(runner) ? Effect.succeed(serverOf(name, address)) : Effect.fail("the runner is silent")
            )
            const context = yield* Effect.context<Scope.Scope>()
            const { protocol, sever } = yield* makeSeverable(router, context, chosen, target)
            yield* whenSilent(register, runner, () =>
              sever(reasons.transport_error(address.host, "its runner is silent")))
            return protocol
          })
      }
    })
  )

/**
 * When a runner falls silent, the calls that it has not answered fail, and are sent to whoever gets its shards. The link to its node may last
 * for longer. Sharding keeps the client of a runner that it has not seen gone, since it looks now and then: the client can call it when it is back.
 */
const whenSilent = (register: Watched, runner: string, then: () => void): Effect.Effect<void, never, Scope.Scope> => {
  const tell = (silent: string): void => {
    if (silent === runner) then()
  }
  return Effect.acquireRelease(
    Effect.sync(() => void register.whenSilent.add(tell)),
    () => Effect.sync(() => register.whenSilent.delete(tell))
  )
}
