/** A `SqlClient` over the SQLite that Node has: one file, which several processes may have open, or one memory for several machines of a test. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

/** Others may be writing: for so long a statement waits. */
const patienceMillis = 10_000

/** What statements of Effect's own modules are given. */
const isValue = (value: unknown): value is SQLInputValue =>
  value === null || ["number", "bigint", "string"].includes(typeof value) || value instanceof Uint8Array

/** Whether statements reach the database. What has been begun is brought to its end all the same. */
type IsReachable = () => boolean

const connectionOf = (database: DatabaseSync, isReachable: IsReachable): Connection => {
  const run = <A>(
    sql: string,
    params: ReadonlyArray<unknown>,
    read: (statement: ReturnType<DatabaseSync["prepare"]>, values: ReadonlyArray<SQLInputValue>) => A
  ): Effect.Effect<A, SqlError> =>
    Effect.flatMap(SqlClient.SafeIntegers, (bigints) =>
      Effect.try({
        try: () => {
          if (!database.isTransaction && !isReachable()) throw new Error("the database is out of reach")
          const statement = database.prepare(sql)
          statement.setReadBigInts(bigints)
          const values = params.filter(isValue)
          if (values.length < params.length) throw new Error(`of the values of ${sql} some are none of SQLite's`)
          return read(statement, values)
        },
        catch: (cause) => new SqlError({ reason: classifySqliteError(cause, { message: String(cause) }) })
      }))
  const rows = (sql: string, params: ReadonlyArray<unknown>) =>
    run(sql, params, (statement, values) => statement.all(...values))
  const execute: Connection["execute"] = (sql, params, transform) =>
    Effect.map(rows(sql, params), (found) => transform?.(found) ?? found)
  const executeValues: Connection["executeValues"] = (sql, params) =>
    Effect.map(rows(sql, params), (found) => found.map((row) => Object.values(row)))
  return {
    execute,
    executeUnprepared: execute,
    executeValues,
    executeValuesUnprepared: executeValues,
    executeRaw: (sql, params) => run(sql, params, (statement, values) => statement.run(...values)),
    executeStream: () => Stream.die(new Error("there are no streams of rows here"))
  }
}

const open = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(file, { timeout: patienceMillis })),
    (database) => Effect.sync(() => database.close())
  )

const clientOf = (database: DatabaseSync, semaphore: Semaphore.Semaphore, isReachable: IsReachable) =>
  Layer.effect(
    SqlClient.SqlClient,
    SqlClient.make({
      ...SqlClient.makeSqliteAcquirers({ connection: Effect.succeed(connectionOf(database, isReachable)), semaphore }),
      compiler: Statement.makeCompilerSqlite(),
      driver: "node:sqlite",
      // Whoever reads first and writes then would be refused where another process has written in between.
      beginTransaction: "begin immediate",
      spanAttributes: []
    })
  ).pipe(Layer.provide(Reactivity.layer))

export const layer = (file: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.unwrap(Effect.gen(function*() {
    const database = yield* open(file)
    yield* Effect.sync(() => database.exec("pragma journal_mode = wal"))
    return clientOf(database, yield* Semaphore.make(1), () => true)
  }))

/** A database that is gone with the scope, and clients of it, each for a machine. */
export const inMemory = Effect.gen(function*() {
  const database = yield* open(":memory:")
  const semaphore = yield* Semaphore.make(1)
  return (isReachable: IsReachable) => clientOf(database, semaphore, isReachable)
})
