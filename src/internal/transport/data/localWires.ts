/**
 * Two ends of a connection within one node, for bytes between two of its ports: what is written at one comes out at the other in a later
 * turn.
 *
 * @internal
 */
import type { Wire, WireEvents } from "../wire.ts"

class LocalWire implements Wire {
  readonly remote = "this node"
  other: LocalWire | undefined = undefined
  private events: WireEvents | undefined = undefined
  private coming: Array<Uint8Array> = []
  private isOver = false

  /** Nothing waits here: the other end takes all in the next turn. */
  readonly buffered = 0

  start(events: WireEvents): void {
    this.events = events
    this.passOn()
  }

  write(bytes: Uint8Array): void {
    if (!this.isOver) this.other?.take(bytes)
  }

  private take(bytes: Uint8Array): void {
    if (this.coming.push(bytes) === 1) this.passOn()
  }

  private passOn(): void {
    queueMicrotask(() => {
      const { coming, events } = this
      if (events === undefined) return
      this.coming = []
      for (const bytes of coming) if (!this.isOver) events.data(bytes)
    })
  }

  end(closed: () => void): void {
    queueMicrotask(() => {
      this.destroy()
      closed()
    })
  }

  destroy(): void {
    if (this.isOver) return
    this.isOver = true
    const { other } = this
    queueMicrotask(() => other?.closed())
  }

  private closed(): void {
    if (this.isOver) return
    this.isOver = true
    this.events?.closed("Unexpected end-of-file")
  }
}

export const localWires = (): readonly [Wire, Wire] => {
  const [one, other] = [new LocalWire(), new LocalWire()]
  one.other = other
  other.other = one
  return [one, other]
}
