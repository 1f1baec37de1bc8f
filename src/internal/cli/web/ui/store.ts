/**
 * A value that changes, and the components that show a part of it. A component is drawn again only when its part is another one.
 *
 * @internal
 */
import { useEffect, useState } from "preact/hooks"

export interface Store<A> {
  readonly get: () => A
  readonly set: (value: A) => void
  /** Answers how to hear no more. */
  readonly subscribe: (listener: () => void) => () => void
}

export const makeStore = <A>(initial: A): Store<A> => {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(next, value)) return
      value = next
      for (const listener of listeners) listener()
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
}

/** `select` answers a part of the value as it is there: something new each time would be drawn each time. */
export const useStore = <A, B>(store: Store<A>, select: (value: A) => B): B => {
  const [, redraw] = useState(0)
  const shown = select(store.get())
  useEffect(() => {
    const look = (): void => {
      if (!Object.is(select(store.get()), shown)) redraw((count) => count + 1)
    }
    // It may have changed since it was drawn.
    look()
    return store.subscribe(look)
  })
  return shown
}
