/**
 * Whether somebody can see the page: in the background it asks for nothing and draws nothing.
 *
 * @internal
 */
import { makeStore, useStore } from "./store.ts"

export const visibility = makeStore(!document.hidden)

document.addEventListener("visibilitychange", () => visibility.set(!document.hidden))

export const useVisible = (): boolean => useStore(visibility, (value) => value)
