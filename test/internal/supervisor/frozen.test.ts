/** A failover service on processes that stand still: each has a clock of its own, which stops with it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { assert, it } from "vitest"
import { Global, Node, Port, Supervisor, Transport } from "../../../src/index.ts"
import { ProcessClock, SimulatedClock } from "../../simulation/clock.ts"
import { Gate } from "../../simulation/gate.ts"
import { Network } from "../../simulation/network.ts"
import { SeededRandom } from "../../simulation/random.ts"

const voters = ["a", "b", "c"]

/** Three processes that take part in a service which has a message in hand for an hour, and where the service runs. */
const makeParty = () => {
  const world = new SimulatedClock()
  const network = new Network(new ProcessClock(world), new SeededRandom("frozen"))
  const running = new Set<string>()
  const service = (id: string) =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => running.add(id)),
        () => Effect.sync(() => running.delete(id))
      )
      const port = yield* Port.make({ long: () => Effect.sleep("1 hour") })
      yield* Port.snd(port, "long")
      return port
    })
  const options = {
    name: "greeter",
    nodes: voters,
    voters,
    lease: "6 seconds",
    grace: "2 seconds",
    shutdown: "infinity"
  } as const
  const start = (id: string, index: number): ProcessClock => {
    const clock = new ProcessClock(world)
    const context = Context.empty().pipe(
      Context.add(Clock.Clock, clock),
      Context.add(Logger.CurrentLoggers, new Set<never>()),
      Context.add(Transport.Transport, new Gate(network.carrier, id).carrier)
    )
    const scope = Scope.makeUnsafe()
    const node = Layer.provideMerge(
      Global.layer({ seeds: ["memory:1"] }),
      Node.layer({ nodeId: id, secret: "frozen", monitorTimeout: "3 seconds", binds: [`memory:${index + 1}`] })
    )
    const begin = Effect.flatMap(
      Layer.buildWithScope(node, scope),
      (built) => Supervisor.failover(service(id), options).pipe(Scope.provide(scope), Effect.provideContext(built))
    )
    Effect.runForkWith(context)(begin)
    return clock
  }
  const [a] = voters.map(start)
  return { a: a!, network, running, world }
}

it("a failover service that has a message in hand ends at once where its process has stood still for longer than its lease", async () => {
  const { a, network, running, world } = makeParty()
  await world.advanceTo(20_000)
  assert.deepStrictEqual(Array.from(running), ["a"])
  a.stand()
  network.pause("a")
  await world.advanceTo(40_000)
  assert.strictEqual(running.size, 2)
  a.goOn()
  network.resume("a")
  await world.advanceTo(40_100)
  assert.notInclude(Array.from(running), "a")
  assert.strictEqual(running.size, 1)
})
