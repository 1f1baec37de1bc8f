/**
 * The fiber of a pass, lent to the ports whose turn it is. What an effect does that needs no fiber of its own may ask for the current one,
 * and for its services: it finds those of its port.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Fiber from "effect/Fiber"

/** While it stands for that of a port. */
let borrowed: Fiber.Fiber<unknown, unknown> | undefined = undefined

/** The fiber has these services until it is given back: those of the first who borrows it in a turn. */
export const borrow = (context: Context.Context<never>): void => {
  if (borrowed !== undefined) return
  borrowed = Fiber.getCurrent()
  borrowed?.setContext(context)
}

export const giveBack = (): void => {
  if (borrowed === undefined) return
  borrowed.setContext(Context.empty())
  borrowed = undefined
}
