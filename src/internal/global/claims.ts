/**
 * Who wants a key to be there, and with which value: that of the last one counts. To come, to change and to go cost the same
 * however many there are.
 *
 * @internal
 */

/** Somebody who has set a key: for a time, or for good. */
export interface Claim {
  value: unknown
  readonly isForGood: boolean
  /** Called when somebody has deleted the key, and this claim with it. */
  readonly ended: () => void
}

interface Place {
  /** `undefined` once the claim has left this place: it is gone, or stands behind. */
  claim: Claim | undefined
}

/** The claims to one key, in the order in which they were made or renewed. */
export class Claims {
  private places: Array<Place> = []
  private readonly byClaim = new Map<Claim, Place>()

  get size(): number {
    return this.byClaim.size
  }

  get last(): Claim | undefined {
    return this.places.at(-1)?.claim
  }

  has(claim: Claim): boolean {
    return this.byClaim.has(claim)
  }

  get all(): ReadonlyArray<Claim> {
    return Array.from(this.byClaim.keys())
  }

  /** Makes a claim, or renews it: it is the last one from now on. */
  add(claim: Claim): void {
    if (this.last === claim) return
    this.remove(claim)
    const place: Place = { claim }
    this.places.push(place)
    this.byClaim.set(claim, place)
  }

  remove(claim: Claim): void {
    const place = this.byClaim.get(claim)
    if (place === undefined) return
    place.claim = undefined
    this.byClaim.delete(claim)
    while (this.places.length > 0 && this.last === undefined) this.places.pop()
    if (this.places.length > 2 * this.byClaim.size + 8) {
      this.places = this.places.filter((other) => other.claim !== undefined)
    }
  }
}
