/**
 * Stands in for the client of a database, such as that of `pg`, and has of it what the guide needs. The server is that of the guide's tests:
 * a line is a statement with its values, and the next one its answer.
 */
import { EventEmitter } from "node:events"
import { connect, type Socket } from "node:net"
import { createInterface } from "node:readline"

export type Row = Readonly<Record<string, string | number | null>>

/** What the server refuses. All other errors are of the connection. */
export class DatabaseError extends Error {}

interface Statement {
  readonly resolve: (result: { readonly rows: ReadonlyArray<Row> }) => void
  readonly reject: (error: Error) => void
}

/** So long the server may take for an answer: `query_timeout` of `pg`. */
const patienceMillis = 2000
const inTime = <A>(answer: Promise<A>): Promise<A> => {
  const late = new Promise<never>((_, reject) => {
    setTimeout(reject, patienceMillis, new Error("no answer in time")).unref()
  })
  return Promise.race([answer, late])
}

/** Emits `end` when the connection is gone. */
export class Client extends EventEmitter<{ end: [] }> {
  private socket: Socket | undefined
  private readonly open: Array<Statement> = []

  /** Is done when the server has answered. */
  async connect(port: number): Promise<void> {
    await inTime(
      new Promise<void>((resolve, reject) => {
        const socket = this.socket = connect(port, "127.0.0.1", resolve)
        socket.on("error", reject).on("close", () => this.closed())
        // Which tells of the socket's errors as well.
        createInterface(socket).on("error", () => {}).on("line", (line) => this.answered(line))
      })
    )
    await this.query("select 1", [])
  }
  query(text: string, values: ReadonlyArray<string | number>): Promise<{ readonly rows: ReadonlyArray<Row> }> {
    return inTime(
      new Promise((resolve, reject) => {
        if (this.socket?.writable !== true) return reject(new Error("not connected"))
        this.open.push({ resolve, reject })
        this.socket.write(`${JSON.stringify([text, ...values])}\n`)
      })
    )
  }
  end(): void {
    this.socket?.destroy()
  }
  private answered(line: string): void {
    const { error, rows } = JSON.parse(line) as { readonly rows: ReadonlyArray<Row>; readonly error?: string }
    const statement = this.open.shift()
    if (error === undefined) statement?.resolve({ rows })
    else statement?.reject(new DatabaseError(error))
  }
  private closed(): void {
    for (const { reject } of this.open.splice(0)) reject(new Error("connection terminated"))
    this.emit("end")
  }
}
