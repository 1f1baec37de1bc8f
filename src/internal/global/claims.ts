/**
 * Who wants a key to be there, and with which value: that of the last one counts. To come, to change and to go cost the same
 * however many there are.
 *
 * @internal
 */

interface Place {
  /** `undefined` once the claim has left this place: it is gone, or stands further behind. */
  claim: Claim | undefined
}

/** Somebody who has set a key: for a time, or for good. */
export class Claim {
  value: unknown
  readonly isForGood: boolean
  /** Called when somebody has deleted the key, and this claim with it. */
  readonly ended: () => void
  /** Where it stands among the others. */
  place: Place | undefined = undefined

  constructor(value: unknown, isForGood: boolean, ended: () => void = () => {}) {
    this.value = value
    this.isForGood = isForGood
    this.ended = ended
  }
}

/** The claims to one key, in the order in which they were made or renewed. */
export class Claims {
  private places: Array<Place> = []
  private count = 0

  get size(): number {
    return this.count
  }

  get last(): Claim | undefined {
    return this.places.at(-1)?.claim
  }

  get all(): ReadonlyArray<Claim> {
    return this.places.flatMap(({ claim }) => claim ?? [])
  }

  /** Makes a claim, or renews it: it is the last one from now on. */
  add(claim: Claim): void {
    if (this.last === claim) return
    this.remove(claim)
    claim.place = { claim }
    this.places.push(claim.place)
    this.count++
  }

  remove(claim: Claim): void {
    if (claim.place === undefined) return
    claim.place.claim = undefined
    claim.place = undefined
    this.count--
    while (this.places.length > 0 && this.last === undefined) this.places.pop()
    if (this.places.length > 2 * this.count + 8) {
      this.places = this.places.filter((place) => place.claim !== undefined)
    }
  }

  /** Takes all of them away, and answers them. */
  clear(): ReadonlyArray<Claim> {
    const { all } = this
    for (const claim of all) this.remove(claim)
    return all
  }
}
