/** Wires over channels of frames: whatever a channel does that it may do, what arrives is what was sent, without a hole. */
import { assert, describe, it } from "@effect/vitest"
import { type Channel, type ChannelEvents, type Frame, framed } from "../../../src/internal/transport/framed.ts"
import type { Wire } from "../../../src/internal/transport/wire.ts"
import { SeededRandom } from "../../simulation/random.ts"
import { sized } from "../../size.ts"

const window = 1000

/** What is on its way between two ends: frames, and that the channel itself was lost. */
type Passing = Frame | "lost"

/** One end of a channel in memory. What it sends is on its way until somebody says `pass`. */
class End implements Channel {
  readonly remote = "the other end"
  readonly window = window
  readonly largest: number
  other!: End
  events!: ChannelEvents
  passing: Array<Passing> = []
  isClosed = false
  /** For what a channel may not do. */
  changed: (frame: Frame) => Frame = (frame) => frame

  constructor(largest: number) {
    this.largest = largest
  }
  open(events: ChannelEvents): void {
    this.events = events
  }
  send(frame: Frame): void {
    const sent = this.changed(frame.kind === "data" ? { ...frame, bytes: frame.bytes.slice() } : frame)
    this.passing.push(sent)
  }
  close(): void {
    this.isClosed = true
  }
  /** The first of what is on its way arrives. */
  pass(): void {
    const { other } = this
    const first = this.passing.shift()
    if (first === undefined) return
    if (first === "lost") return other.isClosed ? undefined : other.events.closed("the channel was lost")
    if (other.isClosed) {
      if (first.kind !== "rst") other.passing.push({ kind: "rst" })
    } else other.events.frame(first)
  }
}

const patternOf = (at: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 7 * (at + i))

/** The owner of a wire, who notes what must not be. */
class Owner {
  readonly wire: Wire
  readonly wrong: Array<string> = []
  sent = 0
  received = 0
  closed: string | undefined = undefined
  ended = 0
  isDone = false
  isStarted = false
  private isCalling = false

  constructor(wire: Wire) {
    this.wire = wire
  }
  call(work: (wire: Wire) => void): void {
    this.isCalling = true
    work(this.wire)
    this.isCalling = false
  }
  write(length: number): void {
    if (this.isDone || this.closed !== undefined) return
    this.call((wire) => wire.write(patternOf(this.sent, length)))
    this.sent += length
  }
  start(): void {
    if (this.isStarted) return
    this.isStarted = true
    const check = (what: string, holds = true): void => {
      if (!holds || this.closed !== undefined) this.wrong.push(what)
      if (this.isCalling) this.wrong.push(`${what}, within a call`)
    }
    this.call((wire) =>
      wire.start({
        data: (chunk) => {
          check("data", !this.isDone)
          const { received } = this
          this.received += chunk.length
          const isNext = chunk.every((byte, i) => byte === (7 * (received + i) & 255))
          if (!isNext) this.wrong.push(`a hole behind ${received}`)
        },
        drained: () => check(`drained, with ${wire.buffered} bytes left`, wire.buffered === 0),
        closed: (why) => {
          check("closed")
          this.closed = why
        }
      })
    )
  }
  end(): void {
    this.isDone = true
    this.call((wire) => wire.end(() => this.ended++))
  }
  destroy(): void {
    this.isDone = true
    this.call((wire) => wire.destroy())
  }
}

/** What was written, and waits for nothing but the event loop, has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const makePair = (random: SeededRandom, plant: (end: End) => void) => {
  const largest = random.pick([Infinity, 64])!
  const ends = [new End(largest), new End(largest)] as const
  ends[0].other = ends[1]
  ends[1].other = ends[0]
  ends.forEach(plant)
  return { ends, owners: ends.map((end) => new Owner(framed(end))) }
}

/** Everything arrives, as long as anything is on its way. */
const settle = async (ends: ReadonlyArray<End>): Promise<void> => {
  for (let n = 0; n < 10_000; n++) {
    await turn()
    if (ends.every(({ passing }) => passing.length === 0)) return
    for (const end of ends) for (let left = end.passing.length; left > 0; left--) end.pass()
  }
  throw new Error("something is always on its way")
}

/** A run of one seed: what was wrong with it. */
const run = async (seed: number, plant: (end: End) => void = () => {}): Promise<ReadonlyArray<string>> => {
  const random = new SeededRandom(`framed ${seed}`)
  const { ends, owners } = makePair(random, plant)
  const isLossless = random.chance(0.4)
  let hasLost = false
  const end = () => random.pick(ends)!
  const owner = () => random.pick(owners)!
  const leaver = owner()
  const harmless = [
    () => owner().write(random.int(1, 30)),
    () => owner().write(random.int(1, 30)),
    () => owner().write(random.chance(0.2) ? random.int(1000, 4000) : random.int(1, 500)),
    () => end().pass(),
    () => end().pass(),
    () => end().pass(),
    () => random.chance(0.3) && owner().start()
  ]
  const harmful = [
    () => {
      const { passing } = end()
      const at = random.int(0, passing.length - 1)
      if (passing.length === 0) return
      hasLost = true
      passing.splice(at, 1)
    },
    () => random.chance(0.1) && leaver.end(),
    () => random.chance(0.1) && leaver.destroy(),
    () => {
      if (!random.chance(0.05)) return
      hasLost = true
      for (const { passing } of ends) passing.splice(random.int(0, passing.length), Infinity, "lost")
    }
  ]
  for (let step = 0; step < 150; step++) {
    random.pick(isLossless || !random.chance(0.2) ? harmless : harmful)!()
    if (random.chance(0.7)) await turn()
    for (const { passing } of ends) {
      const bytes = passing.reduce(
        (sum, one) => sum + (one !== "lost" && one.kind === "data" ? one.bytes.length : 0),
        0
      )
      if (bytes > window) return [`${bytes} bytes are on their way, of ${window}`]
    }
  }
  owners.forEach((one) => one.start())
  // A link sends something every few seconds; and whoever ends one has patience for as long.
  for (let beat = 0; beat < 3; beat++) {
    await settle(ends)
    owners.forEach((one) => one.isDone ? one.destroy() : one.write(1))
  }
  await settle(ends)
  // As a link does with a peer that takes nothing for too long: it may be gone, and its last word lost, or both sides wait for what was lost.
  const isSpeaking = ({ closed, isDone, wire }: Owner) => closed === undefined && !isDone && wire.buffered === 0
  if (hasLost && !owners.some(isSpeaking)) owners.forEach((one) => one.destroy())
  await settle(ends)
  const isOver = hasLost || owners.some(({ isDone }) => isDone)
  return [
    ...owners.flatMap(({ wrong }) => wrong),
    ...owners.flatMap(({ closed, ended, isDone, received, sent, wire }, n) => {
      const whose = `end ${n}`
      const other = owners[1 - n]!
      if (received > other.sent) return [`${whose} has received more than was sent`]
      if (wire.buffered > 0) return [`${whose} has ${wire.buffered} bytes left`]
      if (isOver) return closed === undefined ? [`${whose} does not know that it is over`] : []
      if (isDone || ended > 0 || closed !== undefined) return [`${whose} is closed: ${closed}`]
      return received === other.sent ? [] : [`${whose} has ${received} of ${other.sent} bytes, and of its own ${sent}`]
    })
  ]
}

const seeds = Array.from({ length: sized(500, 5000) }, (_, n) => n)

describe("a wire over a channel that delays, loses and closes", () => {
  it("never lets anybody see a hole, and ends on both sides where there is one", async () => {
    for (const seed of seeds) assert.deepStrictEqual(await run(seed), [], `seed ${seed}`)
  })

  const renumbering = (end: End): void => {
    let number = 0
    end.changed = (frame) => frame.kind === "rst" ? frame : { ...frame, number: end.isClosed ? frame.number : number++ }
    end.pass = function(this: End) {
      const first = this.passing[0]
      // As if whoever receives numbered the frames.
      if (first !== undefined && first !== "lost" && first.kind !== "rst") {
        arrived.set(this, (arrived.get(this) ?? -1) + 1)
        this.passing[0] = { ...first, number: arrived.get(this)! }
      }
      End.prototype.pass.call(this)
    }
  }
  const arrived = new WeakMap<End, number>()

  const faults: ReadonlyArray<readonly [what: string, finding: RegExp, plant: (end: End) => void]> = [
    ["hides which frames are missing", /a hole behind|of its own|does not know/, renumbering],
    ["sends bytes of its own", /has received more|a hole/, (end) => {
      end.changed = (frame) =>
        frame.kind === "data" ? { ...frame, bytes: new Uint8Array(frame.bytes.length + 1) } : frame
    }],
    ["acknowledges what nobody has taken", /bytes are on their way/, (end) => {
      end.changed = (frame) => frame.kind === "ack" ? { ...frame, taken: frame.taken + 10 * window } : frame
    }]
  ]
  for (const [what, finding, plant] of faults) {
    it(`is found out where a channel ${what}`, async () => {
      for (const seed of seeds) {
        const found = await run(seed, plant)
        if (found.some((wrong) => finding.test(wrong))) return
      }
      assert.fail("nobody noticed")
    })
  }
})

const makeOwners = () => {
  const { ends, owners } = makePair(new SeededRandom("two"), () => {})
  return { ends, owners: owners as [Owner, Owner] }
}

describe("a wire over a channel", () => {
  it("keeps no more than the window for an end that has not started", async () => {
    const { ends, owners: [here, there] } = makeOwners()
    here.start()
    for (let n = 0; n < 10; n++) here.write(window)
    await settle(ends)
    assert.strictEqual(here.wire.buffered, 9 * window)
    there.start()
    await settle(ends)
    assert.strictEqual(there.received, 10 * window)
  })

  it("ends where the other side sends more than it may", async () => {
    const { ends, owners: [here, there] } = makeOwners()
    here.start()
    for (let number = 0; number < 3; number++) ends[0].send({ kind: "data", number, bytes: new Uint8Array(window / 2) })
    await settle(ends)
    assert.strictEqual(here.closed, "Connection reset by peer")
    there.start()
    await settle(ends)
    assert.strictEqual(there.closed, "Connection reset by peer")
    assert.strictEqual(there.received, window)
  })

  it("ends with its next frame where the other side has closed, and its last word was lost", async () => {
    const { ends, owners: [here, there] } = makeOwners()
    there.start()
    here.destroy()
    ends[0].passing = []
    await settle(ends)
    assert.isUndefined(there.closed)
    there.write(1)
    await settle(ends)
    assert.strictEqual(there.closed, "Connection reset by peer")
  })

  it("ends where a frame comes twice", async () => {
    const { ends, owners: [here, there] } = makeOwners()
    here.start()
    there.start()
    here.write(10)
    ends[0].passing.push(...ends[0].passing)
    await settle(ends)
    assert.strictEqual(there.received, 10)
    assert.strictEqual(there.closed, "Connection reset by peer")
    assert.strictEqual(here.closed, "Connection reset by peer")
  })

  it("may be written to by whoever hears that bytes have left", async () => {
    const { ends, owners: [here, there] } = makeOwners()
    here.start()
    there.start()
    let more = 3
    const write = (): void => {
      const at = here.sent
      here.sent += window / 2
      here.wire.write(patternOf(at, window / 2), () => more-- > 0 && write())
    }
    write()
    await settle(ends)
    assert.strictEqual(there.received, 2 * window)
    assert.deepStrictEqual(there.wrong, [])
  })

  it("says when it needs bytes no more: not where the channel keeps them", () => {
    const sent: Array<Frame> = []
    const over = (keeps: boolean): ReadonlyArray<number> => {
      const wire = framed({
        remote: "nobody",
        window,
        open: () => {},
        send: (frame) => {
          sent.push(frame)
          return keeps
        },
        close: () => {}
      })
      const left: Array<number> = []
      for (const length of [10, window - 10, 5]) wire.write(new Uint8Array(length), () => left.push(length))
      return left
    }
    assert.deepStrictEqual(over(false), [10, window - 10])
    assert.deepStrictEqual(over(true), [])
  })
})
