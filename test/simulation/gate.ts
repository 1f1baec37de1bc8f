/**
 * The transport as one process of a run sees it: under a name of its own, and for as long as it lives. A process
 * that has crashed neither hears nor says anything, whatever the network still holds of it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Carrier, Wire, WireEvents } from "../../src/internal/transport/wire.ts"

export class Gate {
  readonly carrier: Carrier
  private isOpen = true
  private readonly listening = Scope.makeUnsafe()

  constructor(inner: Carrier, host: string) {
    const gated = (wire: Wire): Wire => new GatedWire(wire, () => this.isOpen)
    this.carrier = {
      listen: (bind, accept) =>
        Effect.andThen(
          Effect.addFinalizer(() => Scope.close(this.listening, Exit.void)),
          Scope.provide(
            inner.listen(bind, (wire) => {
              if (this.isOpen) accept(gated(wire))
            }, host),
            this.listening
          )
        ),
      resolve: inner.resolve,
      dial: (address) =>
        Effect.flatMap(
          Effect.exit(inner.dial(address, host)),
          (exit) => this.isOpen ? Effect.map(exit, gated) : Effect.never
        )
    }
  }

  /** Nothing passes any more, and the addresses are free. */
  shut(): void {
    this.isOpen = false
    Effect.runSync(Scope.close(this.listening, Exit.void))
  }
}

class GatedWire implements Wire {
  private readonly inner: Wire
  private readonly isOpen: () => boolean
  constructor(inner: Wire, isOpen: () => boolean) {
    this.inner = inner
    this.isOpen = isOpen
  }
  get remote(): string {
    return this.inner.remote
  }
  get buffered(): number {
    return this.inner.buffered
  }
  start(events: WireEvents): void {
    const { isOpen } = this
    this.inner.start({
      data: (chunk) => {
        if (isOpen()) events.data(chunk)
      },
      drained: () => {
        if (isOpen()) events.drained()
      },
      closed: (why) => {
        if (isOpen()) events.closed(why)
      }
    })
  }
  write(bytes: Uint8Array): void {
    if (this.isOpen()) this.inner.write(bytes)
  }
  end(closed: () => void): void {
    if (this.isOpen()) this.inner.end(closed)
  }
  destroy(): void {
    if (this.isOpen()) this.inner.destroy()
  }
}
