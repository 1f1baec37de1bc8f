/**
 * How long something takes that happens very often: a histogram that is cheap to fill. As long as few happen each of them is measured; of
 * many only some are, and each of those stands for all since the one before.
 *
 * @internal
 */

/** The upper ends of the buckets, in milliseconds: from what a plain handler takes to what a person does not wait for. */
export const bucketMillis: ReadonlyArray<number> = [0.1, 0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

/** Where measurements follow each other more quickly, half as many will do. */
const quickMillis = 1
const longestStride = 128

export class Durations {
  /** How many were that long: for each of `bucketMillis`, and for what took longer. */
  readonly counts: Array<number> = Array.from({ length: bucketMillis.length + 1 }, () => 0)
  sumMillis = 0
  shortestMillis = 0
  longestMillis = 0
  private stride = 1
  /** How many there were since the last one that was measured. */
  private passed = 0
  private lastAt = -Infinity

  /** Whether the next one is to be measured. */
  get isDue(): boolean {
    return this.passed + 1 >= this.stride
  }

  /** One that is to be measured begins. Answers for how many it stands: it is among those that `pass`. */
  begin(nowMillis: number): number {
    const weight = this.passed + 1
    this.passed = -1
    this.stride = nowMillis - this.lastAt < quickMillis ? Math.min(2 * this.stride, longestStride) : 1
    this.lastAt = nowMillis
    return weight
  }

  pass(count: number): void {
    this.passed += count
  }

  end(weight: number, millis: number): void {
    this.shortestMillis = this.longestMillis === 0 ? millis : Math.min(this.shortestMillis, millis)
    this.longestMillis = Math.max(this.longestMillis, millis)
    const at = bucketMillis.findIndex((most) => millis <= most)
    this.counts[at < 0 ? bucketMillis.length : at]! += weight
    this.sumMillis += weight * millis
  }
}
