/**
 * A report that is written in one place, of three, by whoever has the lock. Kill that one, and another one goes on:
 *
 * emp run --node-id a --bind 127.0.0.1:4050 --seed 127.0.0.1:4051 --service examples/locks/report.ts
 * emp run --node-id b --bind 127.0.0.1:4051 --seed 127.0.0.1:4050 --service examples/locks/report.ts
 * emp run --node-id c --bind 127.0.0.1:4052 --seed 127.0.0.1:4050,127.0.0.1:4051 --service examples/locks/report.ts
 */
import { Global, Node } from "effect-mp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { write } from "./ledger.ts"

/** The ledger refuses it when somebody else has had the lock since. */
const report = (here: string, token: number) =>
  Effect.flatMap(
    write("report", token, `a report of ${here}`),
    (isWritten) => isWritten ? Effect.void : Console.log(`${here} is refused: token ${token} is an old one`)
  )

/** As long as the lock is held. */
const turn = (here: string, locks: Global.Locks) =>
  Effect.scoped(Effect.gen(function*() {
    const { lost, token } = yield* locks.hold("report")
    yield* Console.log(`${here} reports, with token ${token}`)
    yield* Effect.raceFirst(Effect.forever(Effect.delay(report(here, token), "100 millis")), lost)
    yield* Console.log(`${here} has lost the lock`)
  }))

export default Effect.gen(function*() {
  const locks = yield* Global.locks({ voters: ["a", "b", "c"], lease: "3 seconds", grace: "1500 millis" })
  return yield* Effect.forever(turn(yield* Node.id, locks))
})
