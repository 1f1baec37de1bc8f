/**
 * Transfers between accounts, of which none is done twice or by halves:
 *
 * DATABASE_PORT=5432 emp run --node-id ledger --seed 127.0.0.1:4040 --service examples/guides/ledger.ts
 */
import { Effect, Layer, Schema } from "effect"
import { Global, Port, Supervisor } from "effect-mp"
import { Connection, Database } from "./connection.ts"

export const Ledger = Port.protocol({
  /** An ID, who pays, who is paid, and how much. With the same ID it may be asked for as often as one likes. */
  transfer: Port.message(Schema.String, Schema.String, Schema.String, Schema.Number)
    .replies(Schema.Literals(["done", "not now"]))
})

const schema = `create table if not exists entries
  (transfer text, account text, amount integer, primary key (transfer, account))`
const insert = "insert or ignore into entries values (?, ?, ?)"

export const makeLedger = Effect.gen(function*() {
  const database = yield* Database
  yield* database.provide(Effect.flatMap(Connection, ({ sql }) => sql(schema)))
  const enter = Effect.fnUntraced(function*(id: string, from: string, to: string, amount: number) {
    const { sql, transaction } = yield* Connection
    yield* transaction(Effect.andThen(sql(insert, id, from, -amount), sql(insert, id, to, amount)))
  })
  return yield* Port.make(Ledger, {
    transfer: (...transfer) =>
      database.provide(enter(...transfer)).pipe(
        // Whatever has become of it: with its ID it may be tried again, with the connection that comes next.
        Effect.retry({ times: 2, while: ({ _tag }) => _tag !== "SqlError" }),
        Effect.timeout("3 seconds"),
        Effect.as("done" as const),
        Effect.catchTag(["ConnectionLost", "Killed", "TimeoutError"], () => Effect.succeed("not now" as const))
      )
  }, { concurrency: 100 })
})

const supervised = Supervisor.restart(Effect.tap(makeLedger, Global.register("ledger")), { id: "ledger" })

export default Layer.effectDiscard(supervised).pipe(Layer.provide(Database.layer))
