/**
 * Ports that stand for children, whatever ports those have: they stay the same, and pass on what they get.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Port from "../../Port.ts"
import { NodeRouter, type Router } from "../node/router.ts"
import { describe } from "../values/describe.ts"
import { reasonFromExit, reasons } from "../values/reason.ts"
import { ChildError } from "./errors.ts"

/**
 * Opens a port that passes everything on to whichever port is the present one, in order, and keeps it while that is waited for. Where
 * there is none (`undefined`), it is lost, and a call fails. It ends as its owner does.
 */
export const openAddress = <E>(
  router: Router,
  context: Context.Context<never>,
  owner: string,
  present: Effect.Effect<string | undefined, E>
): Port.PortId => {
  // A scope that nobody closes: the owner's end is what ends it.
  const services = context.pipe(Context.add(NodeRouter, router), Context.add(Scope.Scope, Scope.makeUnsafe()))
  const pass = (port: string, message: readonly [string, ...ReadonlyArray<unknown>]) =>
    // What cannot be sent is its sender's mistake, and nobody else's.
    Effect.catchDefect(
      Effect.andThen(Effect.sync(() => router.passedOn(port, message)), Port.snd(port, ...message)),
      (error) =>
        Effect.sync(() => {
          const what = `a message for ${port} could not be passed on`
          router.log.of("Supervisor").warnSome(what, what, error)
          router.notPassedOn(message, reasons.die(describe(error)))
        })
    )
  const address: Port.PortId = Port.makeUnsafe(
    services,
    (...message: readonly [string, ...ReadonlyArray<unknown>]) =>
      Effect.flatMap(present, (port) =>
        port === undefined
          ? Effect.sync(() => router.notPassedOn(message, reasons.no_such_port(address)))
          : pass(port, message))
  )
  router.monitor(owner, (exit) => router.kill(address, reasonFromExit(exit)))
  return address
}

/** The addresses of a supervisor's children, by name. */
export class Addresses {
  private readonly open: (id: string) => Port.PortId
  private readonly router: Router
  private readonly ports = new Map<string, Port.PortId>()

  constructor(router: Router, open: (id: string) => Port.PortId) {
    this.router = router
    this.open = open
  }

  of(id: string): Port.PortId {
    const port = this.ports.get(id) ?? this.open(id)
    this.ports.set(id, port)
    return port
  }

  /** There is no such child any more. One that is called the same has another address. */
  end(id: string): void {
    const port = this.ports.get(id)
    if (port === undefined) return
    this.ports.delete(id)
    this.router.kill(port, reasons.shutdown())
  }
}

/** Children that know of each other by name, and those around their supervisor. */
export interface Family {
  /** `undefined`: there is no such child. */
  readonly addressOf: (id: string) => Port.PortId | undefined
  readonly around: Family | undefined
}

/** In the starts of children with names, and in all that is made there. */
export const Family = Context.Reference<Family | undefined>("effect-mp/Supervisor/Family", {
  defaultValue: () => undefined
})

/** Documented as `Supervisor.sibling`. */
export const sibling = (id: string): Effect.Effect<Port.PortId, ChildError> =>
  Effect.flatMap(Family, (family) => {
    for (let near = family; near !== undefined; near = near.around) {
      const address = near.addressOf(id)
      if (address !== undefined) return Effect.succeed(address)
    }
    return Effect.fail(new ChildError({ reason: "not_found", child: id, port: undefined }))
  })
