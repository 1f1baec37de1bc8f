import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  type Action,
  check,
  type Detector,
  type Patience,
  period,
  start,
  type Traffic
} from "../../../src/internal/transport/failureDetector.ts"

const ownKind: Patience = { timeoutMillis: 1000, peerTimeoutMillis: 1000 }
const foreign: Patience = { timeoutMillis: 1000, peerTimeoutMillis: undefined }

/** What a look sees that was not there before: by default neither side has sent anything. */
interface Seen {
  readonly after: number
  readonly received?: number
  readonly sent?: number
  /** Of what was sent, all told, so much has not left. */
  readonly buffered?: number
  /** How long the shell meant to sleep: by default as long as it did. */
  readonly planned?: number
}

/** What a link counts, and like a link: some of it is computed when somebody asks. */
class Counters implements Traffic {
  readonly received: number
  readonly sent: number
  private readonly left: number
  constructor(received: number, sent: number, buffered: number) {
    this.received = received
    this.sent = sent
    this.left = sent - buffered
  }
  get buffered(): number {
    return this.sent - this.left
  }
}

const text = (action: Action): string => action._tag === "Stalled" ? `Stalled ${action.late}` : action._tag

/** The actions of each look. */
const play = (patience: Patience, looks: ReadonlyArray<Seen>): ReadonlyArray<ReadonlyArray<string>> => {
  let detector = start(patience, 0)
  let now = 0
  let [received, sent] = [0, 0]
  return looks.map((seen) => {
    now += seen.after
    received += seen.received ?? 0
    sent += seen.sent ?? 0
    const traffic = new Counters(received, sent, seen.buffered ?? 0)
    const [next, actions] = check(detector, now, seen.planned ?? seen.after, traffic)
    detector = next
    return actions.map(text)
  })
}

/** Looks on time, all alike. */
const looks = (count: number, seen: Omit<Seen, "after"> = {}): ReadonlyArray<Seen> =>
  Array.from({ length: count }, () => ({ after: 100, ...seen }))

const turn: Seen = { after: 1, planned: 0 }
const stall: Seen = { after: 3000, planned: 100 }

describe("between two looks", () => {
  const cases: ReadonlyArray<[patience: Patience, millis: number]> = [
    [{ timeoutMillis: 1000, peerTimeoutMillis: undefined }, 100],
    [{ timeoutMillis: 1000, peerTimeoutMillis: 1000 }, 100],
    [{ timeoutMillis: 30_000, peerTimeoutMillis: 300 }, 50],
    [{ timeoutMillis: 300, peerTimeoutMillis: 30_000 }, 30],
    [{ timeoutMillis: 1, peerTimeoutMillis: 1 }, 10]
  ]
  for (const [patience, millis] of cases) {
    it(`pass ${millis} ms with ${JSON.stringify(patience)}`, () => assert.strictEqual(period(patience), millis))
  }
})

describe("a look", () => {
  const cases: ReadonlyArray<[
    title: string,
    patience: Patience,
    looks: ReadonlyArray<Seen>,
    last: ReadonlyArray<string>
  ]> = [
    ["beats when nothing was sent", ownKind, looks(1), ["Beat"]],
    ["does not beat when something was", ownKind, looks(1, { sent: 1 }), []],
    ["does not beat behind what has not left", ownKind, [...looks(1, { sent: 5 }), ...looks(1, { buffered: 5 })], []],
    ["never beats towards others", foreign, looks(1), []],
    ["asks who was silent for a third of the time", ownKind, looks(4), ["Ask"]],
    ["asks once", ownKind, looks(5), ["Beat"]],
    ["asks again when the answer was all that came", ownKind, [
      ...looks(4),
      ...looks(1, { received: 1 }),
      ...looks(4)
    ], ["Ask"]],
    ["never asks others", foreign, looks(4), []],
    ["gives no verdict before its time", ownKind, looks(7), ["Beat"]],
    ["nor before beats can come", { timeoutMillis: 20, peerTimeoutMillis: 20 }, [{ after: 10 }, { after: 10 }, {
      after: 10
    }], [
      "Beat"
    ]],
    ["looks again before a verdict", ownKind, looks(8), ["CheckAgain"]],
    ["gives it when a turn of I/O has brought nothing", ownKind, [...looks(8), turn], ["Silent"]],
    ["takes it back when it has brought something", ownKind, [...looks(8), { ...turn, received: 1 }], ["Beat"]],
    ["counts every byte as life", ownKind, [...looks(7), ...looks(1, { received: 1 }), ...looks(7)], ["Beat"]],
    ["counts silence from the last one", ownKind, [...looks(7, { received: 1 }), ...looks(8), turn], ["Silent"]],
    ["takes silence of others for nothing", foreign, [...looks(100), turn], []],
    [
      "sees who does not read",
      ownKind,
      [...looks(1, { sent: 9, buffered: 9 }), ...looks(8, { received: 1, buffered: 9 }), { ...turn, buffered: 9 }],
      ["NotReading"]
    ],
    [
      "sees it of others too",
      foreign,
      [...looks(1, { sent: 9, buffered: 9 }), ...looks(8, { buffered: 9 }), { ...turn, buffered: 9 }],
      ["NotReading"]
    ],
    [
      "is patient with who reads slowly",
      foreign,
      [
        ...looks(1, { sent: 1000, buffered: 1000 }),
        ...Array.from({ length: 90 }, (_, i) => ({ after: 100, buffered: 999 - i }))
      ],
      []
    ],
    [
      "does not take more of ours for reading",
      foreign,
      [...Array.from({ length: 9 }, (_, i) => ({ after: 100, sent: 10, buffered: 10 * (i + 1) })), {
        ...turn,
        buffered: 90
      }],
      ["NotReading"]
    ],
    [
      "starts anew when all has left",
      foreign,
      [...looks(1, { sent: 9, buffered: 9 }), ...looks(1), ...looks(7, { sent: 1, buffered: 1 })],
      []
    ],
    ["is no verdict when this process stood still", ownKind, [stall], ["Stalled 2900", "Beat"]],
    ["nor right behind it", ownKind, [stall, ...looks(7)], ["Beat"]],
    ["but in time behind it", ownKind, [stall, ...looks(8), turn], ["Silent"]],
    ["excuses a stall once, if nothing is heard", ownKind, [stall, stall], ["CheckAgain"]],
    ["excuses it again when something was", ownKind, [stall, ...looks(1, { received: 1 }), stall], [
      "Stalled 2900",
      "Beat"
    ]],
    ["takes what came during a stall for life", ownKind, [stall, { ...stall, received: 1 }], ["Beat"]],
    ["excuses who could not be written to meanwhile", foreign, [...looks(1, { sent: 9, buffered: 9 }), {
      ...stall,
      buffered: 9
    }], ["Stalled 2900"]],
    ["is late without saying so when it is a little late", ownKind, [{ after: 350, planned: 100 }], ["Ask"]]
  ]
  for (const [title, patience, seen, last] of cases) {
    it(title, () => assert.deepStrictEqual(play(patience, seen).at(-1), last))
  }

  it("goes on giving its verdict until somebody acts on it", () => {
    assert.deepStrictEqual(play(ownKind, [...looks(8), turn, ...looks(1)]).slice(-2), [["Silent"], ["Silent"]])
  })
})

/** One of two nodes that watch each other over a line with a delay. */
interface Side {
  readonly patience: Patience
  detector: Detector
  traffic: Traffic
  next: number
  planned: number
  dead: boolean
  held: boolean
  /** When what is on its way arrives. */
  readonly arriving: Array<{ readonly at: number; readonly isQuestion: boolean }>
  verdict: number | undefined
  /** How often it has asked. */
  asked: number
}

/** A side whose timers run once a minute alone, and which reads at once: as a page that nobody looks at. */
const held = 60_000

/** What two sides do, a millisecond at a time. Both look with the jitter of the shell, and as late as `lag` says. */
class Line {
  readonly sides: readonly [Side, Side]
  now = 0
  private readonly delay: number
  private readonly lag: number
  private seed: number
  constructor(timeouts: readonly [number, number], delay: number, lag: number, seed: number) {
    this.delay = delay
    this.lag = lag
    this.seed = seed
    const side = (timeoutMillis: number, peerTimeoutMillis: number): Side => {
      const patience = { timeoutMillis, peerTimeoutMillis }
      const planned = period(patience) * this.random(0.9, 1)
      return {
        patience,
        detector: start(patience, 0),
        traffic: { received: 0, sent: 0, buffered: 0 },
        next: planned,
        planned,
        dead: false,
        held: false,
        arriving: [],
        verdict: undefined,
        asked: 0
      }
    }
    this.sides = [side(timeouts[0], timeouts[1]), side(timeouts[1], timeouts[0])]
  }
  private random(from: number, to: number): number {
    this.seed = (this.seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return from + (to - from) * this.seed / 2_147_483_648
  }
  run(until: number): void {
    for (; this.now < until; this.now++) {
      for (const side of this.sides) {
        while (side.arriving[0] !== undefined && side.arriving[0].at <= this.now) {
          const { isQuestion } = side.arriving.shift()!
          side.traffic = { ...side.traffic, received: side.traffic.received + 1 }
          if (isQuestion && !side.dead) this.send(side, false)
        }
        if (!side.dead && this.now >= side.next) this.check(side)
      }
    }
  }
  private send(side: Side, isQuestion: boolean): void {
    side.traffic = { ...side.traffic, sent: side.traffic.sent + 1 }
    this.sides[side === this.sides[0] ? 1 : 0].arriving.push({ at: this.now + this.delay, isQuestion })
  }
  private check(side: Side): void {
    const [detector, actions] = check(side.detector, this.now, side.planned, side.traffic)
    side.detector = detector
    side.planned = period(side.patience) * this.random(0.9, 1)
    side.next = side.held ? this.now + held : this.now + side.planned + this.random(0, this.lag)
    for (const { _tag } of actions) {
      if (_tag === "Beat" || _tag === "Ask") {
        this.send(side, _tag === "Ask")
        if (_tag === "Ask") side.asked++
      } else if (_tag === "CheckAgain") {
        side.planned = 0
        side.next = this.now + 1
      } else if (_tag !== "Stalled") side.verdict ??= this.now
    }
  }
}

const Timeout = Schema.Literals([60, 300, 1000, 5000])
const Seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

describe("two nodes of our own kind", () => {
  it.prop("with any timeouts live side by side for ever", [Timeout, Timeout, Seed], ([one, two, seed]) => {
    // What may go wrong on the way, and here: a tenth of the shorter patience each.
    const slack = Math.min(one, two) / 10
    const line = new Line([one, two], slack, slack, seed)
    line.run(20 * Math.max(one, two))
    assert.deepStrictEqual(line.sides.map((side) => side.verdict), [undefined, undefined])
  }, { arbitrary: { runs: 40 } })

  it.prop(
    "ask each other never, if both have the same timeout and all is in time",
    [Timeout, Seed],
    ([timeout, seed]) => {
      const line = new Line([timeout, timeout], 0, 0, seed)
      line.run(20 * timeout)
      assert.deepStrictEqual(line.sides.map(({ asked }) => asked), [0, 0])
    },
    { arbitrary: { runs: 20 } }
  )

  it.prop(
    "ask at most three times within a timeout, whatever happens",
    [Timeout, Timeout, Seed],
    ([one, two, seed]) => {
      const line = new Line([one, two], Math.min(one, two) / 10, Math.min(one, two) / 2, seed)
      line.run(20 * Math.max(one, two))
      for (const { asked, patience } of line.sides) {
        assert.isAtMost(
          asked,
          3 * 20 * Math.max(one, two) / patience.timeoutMillis
        )
      }
    },
    { arbitrary: { runs: 20 } }
  )

  it.prop(
    "live side by side though one has timers once a minute alone",
    [Timeout, Timeout, Seed],
    ([one, two, seed]) => {
      const line = new Line([one, two], Math.min(one, two) / 10, 0, seed)
      line.sides[1].held = true
      line.run(Math.max(5 * held / 2, 3 * one))
      assert.deepStrictEqual(line.sides.map((side) => side.verdict), [undefined, undefined])
    },
    { arbitrary: { runs: 6 } }
  )

  it.prop("see each other's end within the timeout", [Timeout, Timeout, Seed], ([one, two, seed]) => {
    const line = new Line([one, two], 1, 0, seed)
    const end = 3 * Math.max(one, two) + seed % 1000
    line.run(end)
    line.sides[1].dead = true
    line.run(end + 2 * one)
    const { verdict } = line.sides[0]
    assert.isDefined(verdict)
    assert.isAtMost(verdict! - end, one + 5, "a millisecond for each step of the clock")
    assert.isAtLeast(verdict! - end, one / 3, "not before several beats are missing")
  }, { arbitrary: { runs: 40 } })
})
