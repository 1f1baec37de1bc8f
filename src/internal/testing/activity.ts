/**
 * What goes on in a process while no time passes: fibers that become ready, ports that have something to do, bytes that travel. When
 * there has been none of it for a few turns of the event loop, all has happened that is going to happen at this time.
 *
 * @internal
 */
import { afterIo } from "#platform"
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"
import { isBusy } from "../port/readyQueue.ts"
import type { Carrier, Wire } from "../transport/wire.ts"

/** What one thing brings about comes a turn later, or two, where a connection is told that it is over. */
const silentTurns = 5
/** Nothing of sense goes on for so long without time: somebody is answered, and asks again, for ever. */
const mostTurns = 200_000

const turn = () => new Promise<void>((done) => void afterIo(done))

export class Activity {
  private events = 0

  private readonly happened = (): void => {
    this.events++
  }

  /** Comes when nothing happens any more. It takes no time of any clock, and no fiber, which would be activity itself. */
  readonly rest: Effect.Effect<void> = Effect.promise(async () => {
    let seen = this.events
    for (let turns = 0, silent = 0; silent < silentTurns; turns++) {
      if (turns === mostTurns) {
        throw new Error("the network does not come to rest: things go on and on at one and the same time")
      }
      await turn()
      silent = this.events === seen && !isBusy() ? silent + 1 : 0
      seen = this.events
    }
  })

  /** A scheduler whose fibers are seen. */
  scheduler({ executionMode, makeDispatcher, shouldYield }: Scheduler): Scheduler {
    const { happened } = this
    return {
      executionMode,
      shouldYield: (fiber) => shouldYield(fiber),
      makeDispatcher: () => {
        const dispatcher = makeDispatcher()
        return {
          scheduleTask: (task, priority) => {
            happened()
            dispatcher.scheduleTask(task, priority)
          },
          flush: () => dispatcher.flush()
        }
      }
    }
  }

  /** A transport whose bytes are seen. */
  carrier(inner: Carrier): Carrier {
    const watched = (wire: Wire): Wire => this.wire(wire)
    return {
      ...inner,
      listen: (bind, accept, host, moved) => inner.listen(bind, (wire) => accept(watched(wire)), host, moved),
      dial: (address, host) => Effect.map(inner.dial(address, host), watched)
    }
  }

  private wire(inner: Wire): Wire {
    const { happened } = this
    happened()
    return {
      remote: inner.remote,
      get buffered() {
        return inner.buffered
      },
      start: (events) =>
        inner.start({
          data: (chunk) => {
            happened()
            events.data(chunk)
          },
          drained: () => {
            happened()
            events.drained()
          },
          closed: (why) => {
            happened()
            events.closed(why)
          }
        }),
      write: (bytes, left) => {
        happened()
        inner.write(bytes, left)
      },
      end: (closed) =>
        inner.end(() => {
          happened()
          closed()
        }),
      destroy: () => inner.destroy()
    }
  }
}
