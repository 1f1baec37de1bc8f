/**
 * What `Port.snd` answers: an effect that says which message it sends, and where to. A port whose handler answers with one sends the
 * message itself, without a fiber.
 *
 * @internal
 */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"
import type { Message } from "./receiver.ts"

class Snd {
  readonly to: string
  readonly message: Message
  constructor(to: string, message: Message) {
    this.to = to
    this.message = message
  }
}

/** What a fiber does with such an effect. */
export type Run<R> = (fiber: Fiber.Fiber<any, any>, to: string, message: Message) => Effect.Effect<void, never, R>

type SndEffect<R> = Snd & Effect.Effect<void, never, R>

/** The constructor of such effects. */
export const sndEffect = <R>(run: Run<R>): new(to: string, message: Message) => SndEffect<R> => {
  class Runnable extends Snd {}
  Object.defineProperties(
    Runnable.prototype,
    Object.getOwnPropertyDescriptors(Effectable.Prototype<SndEffect<R>>({
      label: "Port.snd",
      evaluate(fiber) {
        return run(fiber, this.to, this.message)
      }
    }))
  )
  // The prototype is that of an effect from here on, which no type tells of a class.
  return Runnable as new(to: string, message: Message) => SndEffect<R>
}

/** Of this copy of the package: those of another one run in a fiber. */
export const isSnd = (result: unknown): result is SndEffect<never> => result instanceof Snd
