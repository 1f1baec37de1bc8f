/**
 * Decides whether the other side of a link still lives: when it has to be sent a beat, when it is asked for one, and when it has been
 * silent, or has not read what it was sent, for too long. The shell looks at the link now and then; what it sees goes in, what is to
 * be done comes out. All times are in milliseconds of a clock that never jumps.
 *
 * @internal
 */

/** What is known of a link when it comes up. */
export interface Patience {
  /** After this long without a sign of life the other side is down. */
  readonly timeoutMillis: number
  /**
   * The same of the other side, which has to hear of us more often than that. Without it the other side is not of our
   * kind: it sends no beats, and its silence means nothing.
   */
  readonly peerTimeoutMillis: number | undefined
}

/** What is seen of a link, counted since it came up. */
export interface Traffic {
  /** Bytes that have come. Each of them is a sign of life. */
  readonly received: number
  /** Bytes that were sent. */
  readonly sent: number
  /** Those of them that have not left this process. */
  readonly buffered: number
}

export interface Detector extends Traffic {
  readonly patience: Patience
  /** When the other side was heard, and when it last took what it is sent: both no earlier than true. */
  readonly heardAt: number
  readonly movedAt: number
  readonly checkedAt: number
  /** Our own stall was already held against nobody, and nothing was heard since. */
  readonly graced: boolean
  readonly suspected: boolean
  /** It was asked for a sign of life, and nothing was heard since. */
  readonly asked: boolean
}

export type Action =
  /** Send a beat: nothing else was sent for a while. */
  | { readonly _tag: "Beat" }
  /** Ask for a sign of life: the other side may have no timers to beat by, as a page that nobody looks at, and answers what comes. */
  | { readonly _tag: "Ask" }
  /** This process stood still for so long: the silence may be its own fault, and counts from now. */
  | { readonly _tag: "Stalled"; readonly late: number }
  /** Let one turn of I/O pass, and look once more: what came meanwhile may not have been read yet. */
  | { readonly _tag: "CheckAgain" }
  | { readonly _tag: "Silent" }
  | { readonly _tag: "NotReading" }

const nothing: Traffic = { received: 0, sent: 0, buffered: 0 }

export const start = (patience: Patience, now: number): Detector => ({
  ...nothing,
  patience,
  heardAt: now,
  movedAt: now,
  checkedAt: now,
  graced: false,
  suspected: false,
  asked: false
})

/** How long to sleep between two checks, at most. Often enough for six beats within the other side's timeout. */
export const period = ({ peerTimeoutMillis = Infinity, timeoutMillis }: Patience): number =>
  Math.max(10, Math.min(timeoutMillis / 10, peerTimeoutMillis / 6))

/**
 * Checks the link. `planned` is how long the shell meant to sleep since it last did.
 *
 * A sign of life counts from the check that sees it, up to a period late; the verdict can be another period late. Both are
 * taken off, so that it falls within the timeout.
 */
export const check = (
  before: Detector,
  now: number,
  planned: number,
  traffic: Traffic
): readonly [Detector, ReadonlyArray<Action>] => {
  const { patience } = before
  const beats = patience.peerTimeoutMillis !== undefined
  const heard = traffic.received !== before.received
  const moved = traffic.buffered === 0 || traffic.sent - traffic.buffered !== before.sent - before.buffered
  const late = now - before.checkedAt - planned
  const stalled = late > patience.timeoutMillis / 4
  const excused = stalled && !before.graced
  const heardAt = heard || excused ? now : before.heardAt
  const movedAt = moved || excused ? now : before.movedAt
  // However short the timeout: beats come every other check of the other side, and checks are never close together.
  const limit = Math.max(patience.timeoutMillis - 2.5 * period(patience), 4 * period(patience))
  const silent = beats && now - heardAt >= limit
  const overdue = silent || now - movedAt >= limit
  const asked = before.asked && heardAt === before.heardAt
  // Once is enough: what is sent on a link arrives, or the link is over.
  const asks = beats && !overdue && !asked && now - heardAt >= patience.timeoutMillis / 3
  const actions: Array<Action> = []
  if (excused) actions.push({ _tag: "Stalled", late })
  if (overdue) {
    actions.push(before.suspected ? { _tag: silent ? "Silent" : "NotReading" } : { _tag: "CheckAgain" })
  } else if (asks) actions.push({ _tag: "Ask" })
  else if (beats && traffic.sent === before.sent && traffic.buffered === 0) actions.push({ _tag: "Beat" })
  const { buffered, received, sent } = traffic
  // One by one: a link computes some of them, which a spread would leave out.
  const after: Detector = {
    received,
    sent,
    buffered,
    patience,
    heardAt,
    movedAt,
    checkedAt: now,
    graced: excused || before.graced && !heard,
    suspected: overdue,
    asked: asked || asks
  }
  return [after, actions]
}
