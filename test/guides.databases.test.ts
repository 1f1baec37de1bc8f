/** The ledger of `docs/guides/databases.md`, whose database is killed and comes back. */
import { assert, describe, it } from "@effect/vitest"
import { Node, Port, Supervisor } from "effect-mp"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { onTestFinished } from "vitest"
import { Connection, Database } from "../examples/guides/connection.ts"
import { type Ledger, makeLedger } from "../examples/guides/ledger.ts"
import { makeFolder } from "./folders.ts"
import { makeLogs, until } from "./harness.ts"
import { freePort, type Process, start, startRun } from "./processes.ts"

/** A database that is not there before it is started, and keeps what it has when it is killed. */
const makeDatabase = async () => {
  const folder = makeFolder()
  const file = join(folder, "ledger.db")
  const port = String(await freePort())
  const startServer = async (): Promise<Process> => {
    const server = start(["test/fixtures/sqlServer.ts", port, file])
    await server.sees(/listens/)
    return server
  }
  const read = (sql: string): Array<Record<string, unknown>> => {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      return database.prepare(sql).all()
    } finally {
      database.close()
    }
  }
  return { port, startServer, read }
}

interface Scene extends Awaited<ReturnType<typeof makeDatabase>> {
  readonly server: Process
}

/** A test with a database that is there. */
const test = (
  title: string,
  body: (scene: Scene) => Effect.Effect<unknown, unknown, Database | Node.Node | Scope.Scope>
) =>
  it.live(title, () =>
    Effect.gen(function*() {
      const database = yield* Effect.promise(makeDatabase)
      const server = yield* Effect.promise(database.startServer)
      const env = { DATABASE_PORT: database.port }
      yield* body({ ...database, server }).pipe(
        Effect.scoped,
        Effect.provide(Layer.provideMerge(Database.layer, Node.layerLocal)),
        Effect.provide([ConfigProvider.layer(ConfigProvider.fromEnv({ env })), makeLogs().layer])
      )
    }))

describe("the ledger of the guide", () => {
  test("transfers nothing twice or by halves, and loses nothing that is done, while its database is killed", ({ read, server, startServer }) =>
    Effect.gen(function*() {
      const ledger: Port.PortId<typeof Ledger.messages> = yield* makeLedger
      const done: Array<string> = []
      const customer = (who: number) =>
        Effect.gen(function*() {
          for (let nth = 0;; nth++) {
            const id = `${who}-${nth}`
            while ((yield* Port.cal(ledger, "transfer", id, "ada", "ben", 1)) !== "done") yield* Effect.void
            done.push(id)
          }
        })
      yield* Effect.forEach([1, 2, 3, 4], (who) => Effect.forkScoped(customer(who)), { discard: true })
      const goesOn = Effect.suspend(() => {
        const before = done.length
        return until("transfers go on", () => done.length > before + 100)
      })
      yield* goesOn
      yield* Effect.promise(() => server.end("SIGKILL"))
      const second = yield* Effect.promise(startServer)
      yield* goesOn
      yield* Effect.promise(() => second.end("SIGKILL"))
      const known = Array.from(done)
      const entries = read("select transfer, count(*) as entries, sum(amount) as total from entries group by transfer")
      assert.deepStrictEqual(entries.filter(({ entries, total }) => entries !== 2 || total !== 0), [])
      const transfers = new Set(entries.map(({ transfer }) => transfer))
      assert.deepStrictEqual(known.filter((id) => !transfers.has(id)), [])
    }))

  test("says that it is not now as long as the database is away, and goes on when it is back", ({ server, startServer }) =>
    Effect.gen(function*() {
      const ledger: Port.PortId<typeof Ledger.messages> = yield* makeLedger
      assert.strictEqual(yield* Port.cal(ledger, "transfer", "1", "ada", "ben", 1), "done")
      yield* Effect.promise(() => server.end("SIGKILL"))
      assert.strictEqual(yield* Port.cal(ledger, "transfer", "2", "ada", "ben", 1), "not now")
      yield* Effect.promise(startServer)
      const isDone = Effect.map(Port.cal(ledger, "transfer", "2", "ada", "ben", 1), (answer) => answer === "done")
      yield* Effect.repeat(isDone, { until: (done) => done })
    }))

  test("makes a new connection when the database is silent, and is back when that is", ({ server }) =>
    Effect.gen(function*() {
      const database = yield* Database
      const before = yield* database.port
      const ledger: Port.PortId<typeof Ledger.messages> = yield* makeLedger
      server.child.kill("SIGSTOP")
      // A second one waits for the first one's transaction.
      const transfers = ["1", "2"].map((id) => Port.cal(ledger, "transfer", id, "ada", "ben", 1))
      const answers = yield* Effect.all(transfers, { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, ["not now", "not now"])
      server.child.kill("SIGCONT")
      yield* Effect.repeat(Effect.all(transfers), { until: ([first, second]) => first === "done" && second === "done" })
      assert.notStrictEqual(yield* database.port, before)
    }))

  test("keeps its connection when a statement is refused", () =>
    Effect.gen(function*() {
      const database = yield* Database
      const before = yield* database.port
      const refused = Effect.flatMap(Connection, ({ sql, transaction }) => transaction(sql("nonsense")))
      assert.strictEqual((yield* Effect.flip(database.provide(refused)))._tag, "SqlError")
      assert.strictEqual(yield* database.port, before)
      const run = (...statements: ReadonlyArray<string>) =>
        database.provide(Effect.flatMap(Connection, ({ sql, transaction }) =>
          transaction(Effect.forEach(statements, (text) =>
            sql(text), { discard: true }))))
      yield* run("create table a (id primary key, b references a deferrable initially deferred)")
      // What is refused is the commit, which leaves the transaction open.
      assert.strictEqual((yield* Effect.flip(run("insert into a values (1, 2)")))._tag, "SqlError")
      yield* run("insert into a values (1, 1)")
    }))

  test("does nothing of a transaction whose owner is interrupted", () =>
    Effect.gen(function*() {
      const database = yield* Database
      const run = (text: string) => Effect.flatMap(Connection, ({ sql }) => sql(text))
      yield* database.provide(run("create table names (name text)"))
      let begun = false
      const half = Effect.gen(function*() {
        yield* run("insert into names values ('ada')")
        begun = true
        return yield* Effect.never
      })
      const owner = yield* Effect.forkChild(
        database.provide(Effect.flatMap(Connection, ({ transaction }) => transaction(half)))
      )
      yield* until("it has begun", () => begun)
      yield* Fiber.interrupt(owner)
      assert.deepStrictEqual(yield* database.provide(run("select * from names")), [])
    }))

  it.live("ends the program when connections are lost again and again", () =>
    Effect.gen(function*() {
      // It greets, and is gone.
      const server = createServer((socket) => socket.once("data", () => socket.end(`{"rows":[]}\n`)))
      onTestFinished(() => void server.close())
      const port = yield* Effect.promise(freePort)
      server.listen(port, "127.0.0.1")
      const program = Supervisor.launch(Layer.provide(Database.layer, Node.layerLocal))
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { DATABASE_PORT: String(port) } }))
      const error = yield* Effect.flip(Effect.provide(program, env))
      assert.deepStrictEqual(error._tag === "Killed" && error.reason.slice(0, 3), [
        "restart_limit",
        "database was restarted too often",
        "database"
      ])
    }).pipe(Effect.provide(makeLogs().layer)))

  it("is not ready before its database is, and can be stopped while it waits", async () => {
    const { port, startServer } = await makeDatabase()
    const startLedger = async (nodeId: string) => {
      const service = ["--service", "examples/guides/ledger.ts"]
      const ledger = startRun(["--node-id", nodeId, ...service], { DATABASE_PORT: port })
      await ledger.sees(/node \w+ listens/)
      return ledger
    }
    const [patient, stopped] = await Promise.all(["patient", "stopped"].map(startLedger))
    assert.strictEqual((await stopped!.end("SIGTERM")).code, 0)
    assert.notInclude(patient!.stdout, "is ready")
    await startServer()
    await patient!.sees(/is ready/)
    assert.strictEqual((await patient!.end("SIGTERM")).code, 0)
  })
})
