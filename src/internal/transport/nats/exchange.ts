/**
 * Who is connected with whom over the NATS of one process: its inbox, the nodes that listen, and what comes for each connection. It knows
 * neither the client nor a clock of its own.
 *
 * @internal
 */
import { type Channel, type ChannelEvents, framed } from "../framed.ts"
import type { Wire } from "../wire.ts"
import { formatNats } from "./address.ts"
import { contentOf, decode, encode, frameOf, headerSize, inboxSize, type Letter } from "./frames.ts"

/** What is on its way to the other side of a connection: the server keeps as much for a process that does not read. */
const window = 256 * 1024

/** Longer frames would make others wait, and save nothing. */
const largestFrame = 64 * 1024

/** Letters for connections that are not there are answered, so many of them in a second: others must not make us publish at will. */
const answersPerSecond = 1000

/** A longer name is no node's. */
const longestName = 1000

const resetByPeer = "Connection reset by peer"
const refused = "Connection refused"
const nothing = new Uint8Array(0)

/** What the exchange needs of the world. */
export interface World {
  /** Publishes, or loses it without a word. */
  readonly publish: (subject: string, data: Uint8Array, reply?: string) => void
  readonly nowMillis: () => number
}

/** How a dial ends: a connection, or why there is none. */
export type Dialled = { readonly wire: Wire } | { readonly why: string }

/** Whom letters of a connection go to. */
interface Address {
  readonly subject: string
  readonly inbox: Uint8Array
  /** The other side's number of the connection. */
  readonly to: number
  /** Our own. */
  readonly from: number
}

interface Connection extends Address {
  events: ChannelEvents | undefined
}

/** What becomes of a question. */
interface Answers {
  readonly accepted: (letter: Letter) => void
  readonly failed: (why: string) => void
}

interface Asked extends Answers {
  /** Where it was asked. */
  readonly subject: string
}

const text = { encode: new TextEncoder(), decode: new TextDecoder() }

const isSame = (one: Uint8Array, other: Uint8Array): boolean => one.every((byte, n) => byte === other[n])

export class Exchange {
  /** How all subjects of the network begin. */
  private readonly prefix: string
  private readonly inbox: Uint8Array
  /** Where this process hears of its connections. */
  readonly ownSubject: string
  private readonly world: World
  private readonly listeners = new Map<string, (wire: Wire) => void>()
  private readonly connections = new Map<number, Connection>()
  private readonly asked = new Map<number, Asked>()
  /** Those that ended since the server was away: the other sides have to be told. */
  private broken: Array<Address> = []
  private lastNumber = 0
  private largest = largestFrame
  private answers = { sinceMillis: 0, count: 0 }

  /** `inbox` is `inboxSize` random bytes. */
  constructor(network: string, inbox: Uint8Array, world: World) {
    this.prefix = `emp.${network}`
    this.inbox = inbox.subarray(0, inboxSize)
    this.ownSubject = this.inboxSubject(this.inbox)
    this.world = world
  }

  /** Where the server says that nobody has heard what was sent with this number. */
  private replyTo(number: number): string {
    return `${this.ownSubject}.${number}`
  }

  private inboxSubject(inbox: Uint8Array): string {
    return `${this.prefix}.i.${Buffer.from(inbox).toString("base64url")}`
  }

  /** Where a node is dialled. Its name may hold what no subject can. */
  subjectOf(name: string): string {
    return `${this.prefix}.n.${Buffer.from(name).toString("base64url")}`
  }

  get connectionCount(): number {
    return this.connections.size + this.asked.size
  }

  // ---- for the carrier

  hasListener(name: string): boolean {
    return this.listeners.has(name)
  }

  /** Answers how the name is listened for no more. */
  listen(name: string, accept: (wire: Wire) => void): () => void {
    this.listeners.set(name, accept)
    return () => void this.listeners.delete(name)
  }

  /** Begins a connection with whoever listens by this name. Answers how to give that up. */
  dial(name: string, from: string, done: (dialled: Dialled) => void): () => void {
    return this.ask("open", name, text.encode.encode(from), {
      accepted: (letter) => done({ wire: this.connect(formatNats(name), letter.to, letter) }),
      failed: (why) => done({ why })
    })
  }

  /** Asks whether somebody listens by this name. */
  isTaken(name: string, done: (isTaken: boolean) => void): () => void {
    return this.ask("ask", name, nothing, { accepted: () => done(true), failed: () => done(false) })
  }

  private ask(kind: "open" | "ask", name: string, bytes: Uint8Array, answers: Answers): () => void {
    const number = this.free()
    const subject = this.subjectOf(name)
    this.asked.set(number, { ...answers, subject })
    // If nobody listens, the server says so there.
    this.world.publish(
      subject,
      encode({ kind, number: 0, to: 0, from: number, inbox: this.inbox, bytes }),
      this.replyTo(number)
    )
    return () => void this.asked.delete(number)
  }

  /** What was asked with this number, which is answered once. */
  private answered(number: number): Asked | undefined {
    const asked = this.asked.get(number)
    this.asked.delete(number)
    return asked
  }

  /** A number for a connection. */
  private free(): number {
    do this.lastNumber = (this.lastNumber + 1) >>> 0
    while (this.lastNumber === 0 || this.connections.has(this.lastNumber) || this.asked.has(this.lastNumber))
    return this.lastNumber
  }

  // ---- connections

  private connect(remote: string, from: number, letter: Letter): Wire {
    const connection: Connection = {
      ...this.senderOf(letter),
      inbox: letter.inbox.slice(),
      from,
      events: undefined
    }
    this.connections.set(from, connection)
    const channel: Channel = {
      remote,
      window,
      largest: this.largest,
      open: (events) => void (connection.events = events),
      send: (frame) => this.send(connection, contentOf(frame)),
      close: () => void this.connections.delete(from)
    }
    return framed(channel)
  }

  private send({ from, subject, to }: Address, content: Pick<Letter, "kind" | "number" | "bytes">): void {
    // A process that was killed has said nothing, but its server knows that nobody is there.
    const reply = content.kind === "data" || content.kind === "ack" ? this.replyTo(from) : undefined
    this.world.publish(subject, encode({ ...content, to, from, inbox: this.inbox }), reply)
  }

  // ---- from the server

  /** The server is there, and takes messages of so many bytes. */
  connected(mostBytes: number): void {
    this.largest = Math.max(1, Math.min(largestFrame, mostBytes - headerSize))
    // Who waits for room sends nothing, and would not learn from an answer that its connection is gone.
    for (const address of this.broken.splice(0)) this.send(address, contentOf({ kind: "rst" }))
  }

  /** The server is away. What was on its way may be lost: nothing goes on. */
  lost(): void {
    this.broken.push(...this.connections.values())
    this.fail(() => true, resetByPeer)
  }

  /** The server lets nothing be published there. */
  refused(subject: string, why: string): void {
    this.fail((one) => one.subject === subject, why)
  }

  private fail(isMeant: (one: { readonly subject: string }) => boolean, why: string): void {
    for (const connection of Array.from(this.connections.values()).filter(isMeant)) connection.events?.closed(why)
    for (const [number, asked] of Array.from(this.asked)) if (isMeant(asked)) this.answered(number)?.failed(why)
  }

  /** Nobody has heard a question, or what was sent on a connection. `subject` is where the answer went. */
  nobody(subject: string): void {
    const number = Number(subject.slice(this.ownSubject.length + 1))
    this.answered(number)?.failed(refused)
    this.connections.get(number)?.events?.closed(resetByPeer)
  }

  /** Something has come for a node that listens here, or did. */
  call(name: string, data: Uint8Array): void {
    const letter = decode(data)
    if (letter === undefined || letter.kind !== "ask" && letter.kind !== "open") return
    const accept = this.listeners.get(name)
    if (accept === undefined || letter.bytes.length > longestName) return this.answer(letter, "rst")
    if (letter.kind === "ask") return this.answer(letter, "accept")
    const number = this.free()
    const wire = this.connect(formatNats(text.decode.decode(letter.bytes)), number, letter)
    this.send({ ...this.senderOf(letter), from: number }, { kind: "accept", number: 0, bytes: nothing })
    accept(wire)
  }

  /** Something has come for a connection. */
  hear(data: Uint8Array): void {
    const letter = decode(data)
    if (letter === undefined) return
    if (letter.kind === "accept") {
      const asked = this.answered(letter.to)
      return asked === undefined ? this.answer(letter, "rst") : asked.accepted(letter)
    }
    const frame = frameOf(letter)
    if (frame === undefined) return
    const connection = this.connections.get(letter.to)
    if (connection !== undefined && connection.to === letter.from && isSame(connection.inbox, letter.inbox)) {
      return connection.events?.frame(frame)
    }
    // Of a question it says that nobody is there; it has come to no connection yet.
    if (frame.kind === "rst" && letter.from === 0) return this.answered(letter.to)?.failed(refused)
    // As systems answer for connections that they do not know.
    if (frame.kind !== "rst" && frame.kind !== "fin") this.answer(letter, "rst")
  }

  /** Whom a letter has come from. */
  private senderOf({ from, inbox, to }: Letter): Address {
    return { subject: this.inboxSubject(inbox), inbox, to: from, from: to }
  }

  /** Answers who is connected with nobody here. */
  private answer(letter: Letter, kind: "accept" | "rst"): void {
    const nowMillis = this.world.nowMillis()
    if (nowMillis - this.answers.sinceMillis >= 1000) this.answers = { sinceMillis: nowMillis, count: 0 }
    if (this.answers.count++ < answersPerSecond) this.send(this.senderOf(letter), { kind, number: 0, bytes: nothing })
  }
}
