/**
 * The network of a run: the one in memory, on the run's clock. Its faults are inflicted on the spot.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Carrier } from "../../src/internal/transport/wire.ts"
import * as Transport from "../../src/Transport.ts"
import type { ProcessClock } from "./clock.ts"
import type { Shape } from "./plan.ts"
import type { SeededRandom } from "./random.ts"

export class Network {
  readonly carrier: Carrier
  private readonly faults: Transport.MemoryNetwork["Service"]

  constructor(clock: ProcessClock, random: SeededRandom) {
    const context = Context.empty().pipe(Context.add(Clock.Clock, clock), Context.add(Random.Random, random))
    const network = Effect.runSync(
      Layer.buildWithScope(Transport.layerMemory, Scope.makeUnsafe()).pipe(Effect.provideContext(context))
    )
    this.carrier = Context.get(network, Transport.Transport)
    this.faults = Context.get(network, Transport.MemoryNetwork)
  }

  shape(route: Transport.Route, shape: Shape): void {
    Effect.runSync(this.faults.shape(route, shape))
  }
  cut(route: Transport.Route): void {
    Effect.runSync(this.faults.cut(route))
  }
  heal(route: Transport.Route): void {
    Effect.runSync(this.faults.heal(route))
  }
  hold(route: Transport.Route): void {
    Effect.runSync(this.faults.hold(route))
  }
  release(route: Transport.Route): void {
    Effect.runSync(this.faults.release(route))
  }
  reset(route: Transport.Route, afterBytes?: number): void {
    Effect.runSync(this.faults.reset(route, afterBytes))
  }
  vanish(host: string): void {
    Effect.runSync(this.faults.vanish(host))
  }
  pause(host: string): void {
    Effect.runSync(this.faults.pause(host))
  }
  resume(host: string): void {
    Effect.runSync(this.faults.resume(host))
  }
  get connections(): number {
    return Effect.runSync(this.faults.connections)
  }
}
