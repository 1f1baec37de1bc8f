/**
 * What has arrived at a port that is read like a queue, and who waits for it. Who came first is served first, with the messages that
 * they want; a message that nobody wants stays where it is.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Killed, reasonFromExit, reasons } from "../values/reason.ts"
import type { Cell } from "./cell.ts"
import { tagOf } from "./handlers.ts"
import type { Message } from "./receiver.ts"

export type Wants = (message: Message) => boolean

interface Reader {
  readonly wants: Wants
  readonly resume: (result: Effect.Effect<Message, Killed>) => void
}

export class Inbox {
  readonly port: string
  private readonly cell: Cell
  private readonly readers = new Set<Reader>()
  /** In the order of arrival. What was taken from the front stays before `head` until it is half of all. */
  private messages: Array<Message | undefined> = []
  private head = 0
  private ended: Killed | undefined = undefined

  constructor(cell: Cell) {
    this.port = cell.id
    this.cell = cell
    cell.onDefault((...message: Message) => this.arrived(message))
  }

  /** The next message that is wanted: one that has arrived, or else the first that will. */
  take(wants: Wants): Effect.Effect<Message, Killed> {
    return Effect.callback((resume) => {
      if (this.ended !== undefined) return resume(Effect.fail(this.ended))
      const reader = { wants, resume }
      for (let i = this.head; i < this.messages.length; i++) {
        const message = this.messages[i]!
        const answer = ask(reader, message)
        if (answer === "yes") this.remove(i)
        if (answer !== "no") return answer === "yes" ? resume(Effect.succeed(message)) : undefined
      }
      this.readers.add(reader)
      return Effect.sync(() => this.readers.delete(reader))
    })
  }

  private remove(at: number): void {
    if (at > this.head) {
      this.messages.splice(at, 1)
      return
    }
    this.messages[this.head++] = undefined
    if (this.head * 2 < this.messages.length) return
    this.messages = this.messages.slice(this.head)
    this.head = 0
  }

  private arrived(message: Message): void {
    const { cell } = this
    if (cell.protocol !== undefined && !Object.hasOwn(cell.protocol.messages, tagOf(message) ?? "")) {
      return cell.refuse(message)
    }
    for (const reader of this.readers) {
      const answer = ask(reader, message)
      if (answer === "no") continue
      this.readers.delete(reader)
      if (answer === "yes") return reader.resume(Effect.succeed(message))
    }
    const { capacity } = cell.settings
    if (capacity !== undefined && this.messages.length - this.head >= capacity) {
      return cell.kill(reasons.mailbox_overflow(capacity))
    }
    this.messages.push(message)
  }

  /** The port ends: what has not been read is dropped, as with any port. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    const readers = Array.from(this.readers)
    const ended = new Killed({ port: this.port, reason: reasonFromExit(exit) })
    this.ended = ended
    this.messages = []
    this.head = 0
    this.readers.clear()
    for (const { resume } of readers) resume(Effect.fail(ended))
  }
}

/** Whether a reader wants a message. A wish that throws is a defect of the reader, and of nobody else. */
const ask = ({ resume, wants }: Reader, message: Message): "yes" | "no" | "broken" => {
  try {
    return wants(message) ? "yes" : "no"
  } catch (error) {
    resume(Effect.die(error))
    return "broken"
  }
}
