/**
 * Starts of dynamic children that are under way side by side: so many at a time, the others in the order in which they came.
 *
 * @internal
 */

export interface Flight<Asker> {
  readonly id: string
  /** Whoever waits for it; nobody, if it is a restart. */
  readonly asker: Asker | undefined
}

export class Flights<Asker> {
  private readonly most: number
  private readonly begin: (flight: Flight<Asker>) => void
  /** By child: the last one, until it has landed or the child is gone. */
  private readonly byChild = new Map<string, Flight<Asker>>()
  private readonly byAsker = new Map<Asker, Flight<Asker>>()
  private readonly waiting = new Set<Flight<Asker>>()
  private underWay = 0
  private isBeginning = false

  constructor(most: number, begin: (flight: Flight<Asker>) => void) {
    this.most = most
    this.begin = begin
  }

  add(id: string, asker: Asker | undefined): void {
    const flight = { id, asker }
    this.byChild.set(id, flight)
    if (asker !== undefined) this.byAsker.set(asker, flight)
    this.waiting.add(flight)
    this.beginNext()
  }

  /** A start has left: there is room for another one. */
  left(): void {
    this.underWay--
    this.beginNext()
  }

  /** What comes of a start is told. Answers whether that is still of interest: its child is not gone. */
  landed(flight: Flight<Asker>): boolean {
    if (flight.asker !== undefined) this.byAsker.delete(flight.asker)
    return this.byChild.get(flight.id) === flight && this.byChild.delete(flight.id)
  }

  /** A child is gone. Answers its start, if that had not begun. */
  drop(id: string): Flight<Asker> | undefined {
    const flight = this.byChild.get(id)
    if (flight === undefined) return undefined
    this.byChild.delete(id)
    if (!this.waiting.delete(flight)) return undefined
    if (flight.asker !== undefined) this.byAsker.delete(flight.asker)
    return flight
  }

  /** The start that somebody waits for. */
  of(asker: Asker): Flight<Asker> | undefined {
    return this.byAsker.get(asker)
  }

  /** Takes back a start that has not begun. Answers whether it was one. */
  takeBack(flight: Flight<Asker>): boolean {
    return this.waiting.delete(flight)
  }

  /** Nothing more is begun. */
  clear(): void {
    this.waiting.clear()
    this.byChild.clear()
    this.byAsker.clear()
  }

  /** A start that need not wait for anything has left when it was begun: in a loop, that it may be a long one. */
  private beginNext(): void {
    if (this.isBeginning) return
    this.isBeginning = true
    for (const flight of this.waiting) {
      if (this.underWay >= this.most) break
      this.waiting.delete(flight)
      this.underWay++
      this.begin(flight)
    }
    this.isBeginning = false
  }
}
