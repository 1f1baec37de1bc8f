/**
 * A port with a protocol: what it takes, what it answers, and what becomes of it when its code fails. `node examples/counter.ts`
 */
import { Node, Port } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Counter = Port.protocol({
  add: Port.message(Schema.Number),
  total: Port.message().replies(Schema.Number)
})

const makeCounter = Effect.suspend(() => {
  let total = 0
  return Port.make(Counter, {
    add: (n) => n < 0 ? Effect.fail("no negative numbers") : Effect.sync(() => total += n),
    total: () => Effect.succeed(total)
  })
})

const program = Effect.gen(function*() {
  const counter = yield* makeCounter
  yield* Port.snd(counter, "add", 40)
  yield* Port.snd(counter, "add", 2)
  yield* Console.log(`total: ${yield* Port.cal(counter, "total")}`)

  yield* Port.snd(counter, "add", -1)
  const exit = yield* Port.exit(counter)
  const why = Option.map(Exit.findErrorOption(exit), ({ reason: [tag, text] }) => `${tag}: ${text}`)
  yield* Console.log(`it ended: ${Option.getOrElse(why, () => "as it was meant to")}`)

  const late = yield* Effect.flip(Port.cal(counter, "total"))
  yield* Console.log(`a late call: ${late.reason[0]}`)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Node.layerLocal)))
