/**
 * What rooms above the node contribute to it by name: requests of the node port, functions that others may spawn.
 *
 * @internal
 */

/**
 * A request that the node port answers: `["", NAME, ARG...]`. `from` is the node whose link it came on; it must take
 * any arguments without harm.
 */
export type Request = (from: string, args: ReadonlyArray<unknown>) => void

export class Registry<A> {
  private readonly entries = new Map<string, ReadonlyArray<A>>()

  /** Of several of one name the last one counts. The result takes this one back, whichever others there are by then. */
  add(name: string, value: A): () => void {
    this.set(name, [...this.entries.get(name) ?? [], value])
    return () => this.set(name, this.entries.get(name)?.filter((other) => other !== value) ?? [])
  }

  private set(name: string, all: ReadonlyArray<A>): void {
    if (all.length === 0) this.entries.delete(name)
    else this.entries.set(name, all)
  }

  get(name: string): A | undefined {
    return this.entries.get(name)?.at(-1)
  }

  names(): Iterable<string> {
    return this.entries.keys()
  }

  has(name: string): boolean {
    return this.entries.has(name)
  }
}
