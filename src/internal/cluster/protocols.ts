/**
 * How runners call each other: Effect's rpc over ports. A runner's server is a port of its node that is named after the runner: what is
 * meant for one that was on the node before finds nobody.
 *
 * @internal
 */
import type { RunnerAddress } from "effect/cluster/RunnerAddress"
import * as Runners from "effect/cluster/Runners"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Scope from "effect/Scope"
import type { Node } from "../../Node.ts"
import { NodeRouter } from "../node/router.ts"
import { makeProtocol } from "../rpc/connections.ts"
import { Listener } from "../rpc/listener.ts"
import { serialization } from "../rpc/serialization.ts"
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

export const clientProtocol = (
  name: string,
  register: Register
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
            const scope = yield* untilSilent(register, `${address.host}:${address.port}`)
            return yield* makeProtocol(router, Context.make(Scope.Scope, scope), chosen, serverOf(name, address))
          })
      }
    })
  )

/**
 * A scope that closes when a runner falls silent: the calls that it has not answered fail then, and are sent to whoever gets its shards. The
 * link to its node may last for longer.
 */
const untilSilent = (register: Register, address: string): Effect.Effect<Scope.Scope, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const close = (silent: string): void => {
      if (silent === address) Effect.runFork(Scope.close(scope, Exit.void))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => void register.whenSilent.add(close)),
      () => Effect.sync(() => register.whenSilent.delete(close))
    )
    return scope
  })
