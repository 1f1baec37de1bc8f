/**
 * What has gone over the links of a node since it started: those that stand, and those that have ended.
 *
 * @internal
 */
import type { Link } from "../transport/link.ts"

/** What is counted of links. Bytes are those behind the handshake; requests are what nodes say among themselves. */
export interface Volume {
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly requestsReceived: number
  readonly requestsSent: number
  readonly received: number
  readonly sent: number
}

/** Links of a kind: nodes of our own, or of Perl; in the clear, or by TLS. */
export interface LinkKind {
  readonly kind: Link["kind"]
  readonly tls: boolean
}

const nothing: Volume = {
  messagesReceived: 0,
  messagesSent: 0,
  requestsReceived: 0,
  requestsSent: 0,
  received: 0,
  sent: 0
}

const plus = (a: Volume, b: Volume): Volume => ({
  messagesReceived: a.messagesReceived + b.messagesReceived,
  messagesSent: a.messagesSent + b.messagesSent,
  requestsReceived: a.requestsReceived + b.requestsReceived,
  requestsSent: a.requestsSent + b.requestsSent,
  received: a.received + b.received,
  sent: a.sent + b.sent
})

/** The links of one kind. */
interface Share extends LinkKind {
  readonly standing: Set<Link>
  ended: Volume
}

const isOf = (link: Link) => ({ kind, tls }: LinkKind): boolean =>
  kind === link.kind && tls === (link.security.tls !== undefined)

const kinds: ReadonlyArray<LinkKind> = [
  { kind: "own", tls: false },
  { kind: "own", tls: true },
  { kind: "perl", tls: false },
  { kind: "perl", tls: true }
]

export class Traffic {
  /** Incoming connections that were refused, but for those that are part of ordinary life. */
  refusedHandshakes = 0
  private readonly shares: ReadonlyArray<Share> = kinds.map(({ kind, tls }) => ({
    kind,
    tls,
    standing: new Set(),
    ended: nothing
  }))

  /** A link stands. What it carries counts from now on, whatever becomes of it. */
  add(link: Link): void {
    const share = this.shares.find(isOf(link))
    if (share === undefined) return
    share.standing.add(link)
    link.onOver(() => {
      if (share.standing.delete(link)) share.ended = plus(share.ended, link)
    })
  }

  /** What has gone over links of each kind. */
  get byKind(): ReadonlyArray<LinkKind & { readonly links: number; readonly volume: Volume }> {
    return this.shares.map(({ ended, kind, standing, tls }) => ({
      kind,
      tls,
      links: standing.size,
      volume: Array.from(standing).reduce<Volume>(plus, ended)
    }))
  }

  get total(): Volume {
    return this.byKind.reduce((sum, { volume }) => plus(sum, volume), nothing)
  }
}
