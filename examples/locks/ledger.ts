/** A store that refuses what comes late: who writes shows its token, and one that is smaller than the largest so far writes nothing. */
import * as Effect from "effect/Effect"
import { DatabaseSync } from "node:sqlite"

/** All processes of an example have the same file; a database that they reach by the network would do the same. */
const open = Effect.acquireRelease(
  Effect.sync(() => {
    const database = new DatabaseSync(process.env["LEDGER"] ?? "/tmp/effect-mp-ledger.sqlite", { timeout: 5000 })
    database.exec("create table if not exists ledger (name text primary key, token integer, text text)")
    return database
  }),
  (database) => Effect.sync(() => database.close())
)

const newest = `insert into ledger values (?, ?, ?)
  on conflict (name) do update set token = excluded.token, text = excluded.text where token <= excluded.token`

/** Whether it was written. */
export const write = (name: string, token: number, text: string): Effect.Effect<boolean> =>
  Effect.scoped(Effect.map(open, (database) => database.prepare(newest).run(name, token, text).changes === 1))
