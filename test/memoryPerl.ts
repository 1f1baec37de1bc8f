/**
 * A node that shakes hands as AnyEvent::MP does, in the in-memory network: under TestClock, where `rawPeer.ts` would need sockets. It
 * authenticates as soon as it is greeted, refuses a second connection at the greeting, and loses both where two have been
 * completed. When it is up, it tells the time, and no more.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHmac } from "node:crypto"
import type { LinkError } from "../src/internal/transport/linkError.ts"
import type { Carrier, Wire } from "../src/internal/transport/wire.ts"
import { secret } from "./harness.ts"
import { greeting, opening } from "./rawPeer.ts"

/** What it does with a connection that somebody has dialled, when it is greeted on it. */
export type Conduct = "authenticates" | "closes"

interface MemoryPerlOptions {
  readonly conduct?: Conduct
  /** How often it answers when it is asked for the time. */
  readonly answers?: number
  /** Where it runs: its node ID, as nodes do. */
  readonly host?: string
}

/** One connection with it. */
class Conversation {
  readonly wire: Wire
  readonly dialled: boolean
  text = ""
  readonly lines: Array<string> = []
  isClosed = false
  constructor(wire: Wire, dialled: boolean) {
    this.wire = wire
    this.dialled = dialled
  }
  write(text: string): void {
    if (!this.isClosed) this.wire.write(Buffer.from(text))
  }
  close(): void {
    this.isClosed = true
    this.wire.destroy()
  }
}

export class MemoryPerl {
  readonly nodeId: string
  readonly host: string
  readonly address: string
  /** The connection that it is up by. */
  link: Conversation | undefined
  /** The one that it has: others have to know it. */
  secret = secret
  /** How often two connections were completed, and both lost. */
  switched = 0
  private readonly carrier: Carrier
  private readonly conduct: Conduct
  private readonly answers: number
  constructor(
    carrier: Carrier,
    nodeId: string,
    { answers = 1, conduct = "authenticates", host = nodeId }: MemoryPerlOptions = {}
  ) {
    this.carrier = carrier
    this.nodeId = nodeId
    this.host = host
    this.address = `${host}:1`
    this.conduct = conduct
    this.answers = answers
  }

  listen(): Effect.Effect<unknown, LinkError, Scope.Scope> {
    return this.carrier.listen(this.address, (wire) => this.talk(new Conversation(wire, false)), this.host)
  }

  dial(address: string): Effect.Effect<void, LinkError> {
    return Effect.map(this.carrier.dial(address, this.host), (wire) => this.talk(new Conversation(wire, true)))
  }

  private talk(one: Conversation): void {
    one.wire.start({
      data: (chunk) => this.read(one, Buffer.from(chunk).toString()),
      drained: () => {},
      closed: () => {
        one.isClosed = true
        if (this.link === one) this.link = undefined
      }
    })
    one.write(greeting(this.nodeId))
  }

  private read(one: Conversation, text: string): void {
    one.text += text
    while (one.lines.length < 3 && !one.isClosed) {
      const end = one.text.indexOf("\n")
      if (end < 0) return
      one.lines.push(one.text.slice(0, end))
      one.text = one.text.slice(end + 1)
      if (one.lines.length === 2) this.greeted(one)
      if (one.lines.length === 3) this.authenticated(one)
    }
    if (one.isClosed) return
    const asked = /\["","time","[^"#]*#([^"]*)"\]/g
    for (const [, port] of one.text.matchAll(asked)) {
      one.write(JSON.stringify([port, 1795205555.5]).repeat(this.answers))
    }
    one.text = one.text.replaceAll(asked, "")
  }

  private greeted(one: Conversation): void {
    if (this.link !== undefined || !one.dialled && this.conduct === "closes") one.close()
    else one.write(`${opening(this.nodeId, this.secret).split("\n")[2]}\n`)
  }

  private authenticated(one: Conversation): void {
    const [line, nonce, auth] = one.lines
    const digest = createHmac("sha3-512", Buffer.from(this.secret, "latin1"))
      .update(`${line}\n${nonce}\n${greeting(this.nodeId)}`)
      .digest("hex")
    if (auth?.split(";")[1] !== digest) one.close()
    else if (this.link === undefined) this.link = one
    else {
      this.switched++
      this.link.close()
      one.close()
      this.link = undefined
    }
  }
}
