/** A connection to a database, which is made anew when it is lost. */
import { Config, Context, Effect, Exit, Layer, Schedule, Schema, Semaphore } from "effect"
import { Port, Supervisor } from "effect-mp"
import { once } from "node:events"
import { Client, DatabaseError } from "./sql-client.ts"

/** What the database refuses. The connection is as good as before. */
export class SqlError extends Schema.TaggedError<SqlError>()("SqlError", { message: Schema.String }) {}

/** The connection is gone. Nobody knows what has become of a statement that was under way. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {}) {}

/** A database that cannot be reached is waited for: that is no failure. */
const backoff = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

/** A connection, and when it ends. */
const open = async (port: number) => {
  const client = new Client()
  const end = once(client, "end")
  try {
    await client.connect(port)
    return { client, end }
  } catch (error) {
    client.end()
    throw error
  }
}

export class Connection extends Context.Service<Connection>()("Connection", {
  make: Effect.gen(function*() {
    const port = yield* Config.Port("DATABASE_PORT")
    const { client, end } = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => open(port), catch: () => new ConnectionLost() }),
      ({ client }) => Effect.sync(() => client.end())
    ).pipe(Effect.retry(backoff))
    // The end of the connection is the end of the port that this is made in: so the supervisor hears of it.
    yield* Port.fork(Effect.andThen(Effect.promise(() => end), Effect.fail(new ConnectionLost())))

    // What is no answer of the database, as silence, is the end of the connection: nobody knows what it is at.
    const failed = (error: unknown) => {
      if (error instanceof DatabaseError) return new SqlError({ message: error.message })
      client.end()
      return new ConnectionLost()
    }
    const sql = (text: string, ...values: ReadonlyArray<string | number>) =>
      Effect.tryPromise({ try: () => client.query(text, values), catch: failed }).pipe(Effect.map(({ rows }) => rows))
    const rollback = Effect.ignore(sql("rollback"))
    // One at a time: it is the connection that is in a transaction.
    const alone = yield* Semaphore.make(1)
    const transaction = <A, E, R>(statements: Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        sql("begin immediate"),
        () => statements,
        // A commit that is refused may leave the transaction open.
        (_, exit) => Exit.isSuccess(exit) ? Effect.onError(sql("commit"), () => rollback) : rollback
      ).pipe(alone.withPermits(1))
    return { sql, transaction }
  })
}) {}

/** What others use: `provide` runs something with the connection that there is now. */
export class Database extends Context.Service<Database, Supervisor.Rebuilt<Connection>>()("Database") {
  static readonly layer = Supervisor.layer(Database, Layer.effect(Connection, Connection.make), {
    id: "database",
    schedule: Schedule.exponential("100 millis"),
    intensity: 5,
    period: "1 minute"
  })
}
