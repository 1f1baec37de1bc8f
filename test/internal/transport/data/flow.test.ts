import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Ending, Flow, Outlet } from "../../../../src/internal/transport/data/flow.ts"
import { FrameReader, frames, head, textFrame, whole } from "../../../../src/internal/transport/data/frames.ts"
import { Receiving } from "../../../../src/internal/transport/data/receiving.ts"
import { Sending } from "../../../../src/internal/transport/data/sending.ts"

const below = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))

/** What the two programs do, and what the network does between them. */
const Step = Schema.Union([
  Schema.TaggedStruct("Send", { size: below(9000) }),
  Schema.TaggedStruct("Take", {}),
  Schema.TaggedStruct("ToReceiver", { size: below(7000) }),
  Schema.TaggedStruct("ToSender", { size: below(20) }),
  Schema.TaggedStruct("Drained", {}),
  Schema.TaggedStruct("End", {})
])
const Leave = Schema.Literals(["nobody", "sender", "receiver"])
const Story = Schema.Struct({
  window: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20_000 })),
  steps: Schema.Array(Step),
  leaves: Leave
})
type Story = typeof Story.Type

/** One direction of a connection: what was written and has not arrived. */
class Pipe implements Outlet {
  isFull = false
  private bytes: ReadonlyArray<number> = []
  private readonly most: number
  constructor(most: number) {
    this.most = most
  }
  get length(): number {
    return this.bytes.length
  }
  write(bytes: Uint8Array): void {
    this.bytes = [...this.bytes, ...bytes]
    this.isFull = this.bytes.length > this.most
  }
  pass(reader: FrameReader, flow: Flow, size: number): string | undefined {
    const piece = this.bytes.slice(0, size)
    this.bytes = this.bytes.slice(size)
    this.isFull = this.bytes.length > this.most
    return flow.isOver || piece.length === 0 ? undefined : reader.read(Uint8Array.from(piece))
  }
}

/** Two ends, and all that is seen of them. */
class World {
  readonly sending = new Sending()
  readonly receiving: Receiving
  readonly sent: Array<number> = []
  readonly taken: Array<number> = []
  readonly endings: { sender?: Ending; receiver?: Ending } = {}
  private readonly there = new Pipe(5000)
  private readonly back = new Pipe(5000)
  private readonly window: number
  private isSending = false
  private hasEnded = false

  constructor(window: number) {
    this.window = window
    this.receiving = new Receiving(window)
    this.sending.whenOver = (ending) => {
      this.endings.sender = ending
    }
    this.receiving.whenOver = (ending) => {
      this.endings.receiver = ending
    }
    this.sending.attach(this.there)
    this.receiving.attach(this.back)
  }
  private readonly atReceiver = new FrameReader({
    bytes: (piece) => this.receiving.bytes(piece),
    frame: (...frame) => this.receiving.frame(...frame)
  })
  private readonly atSender = new FrameReader({
    bytes: () => this.sending.bytes(),
    frame: (...frame) => this.sending.frame(...frame)
  })

  send(size: number): void {
    if (this.isSending || this.hasEnded || this.sending.isOver) return
    const bytes = Uint8Array.from({ length: size }, (_, at) => (this.sent.length + at) % 251)
    this.sent.push(...bytes)
    this.isSending = !this.sending.send(bytes, () => {
      this.isSending = false
    })
  }
  end(): void {
    if (this.isSending) return
    this.hasEnded = true
    this.sending.end()
  }
  take(): number {
    const pieces = this.receiving.take()
    for (const piece of pieces) this.taken.push(...piece)
    return pieces.length
  }
  step(step: Story["steps"][number]): void {
    switch (step._tag) {
      case "Send":
        return this.send(step.size)
      case "Take":
        return void this.take()
      case "ToReceiver":
        return assert.isUndefined(this.there.pass(this.atReceiver, this.receiving, step.size))
      case "ToSender":
        return assert.isUndefined(this.back.pass(this.atSender, this.sending, step.size))
      case "Drained":
        return this.sending.drained()
      case "End":
        return this.end()
    }
  }
  /** What is underway takes no more memory than the window, whoever is slow, and heads. */
  check(): void {
    assert.isAtMost(this.sent.length - this.taken.length - (this.isSending ? Infinity : 0), this.window)
    assert.isAtMost(this.there.length, 5000 + 5 + Math.max(4096, Math.min(this.window, 64 * 1024)) + 1005)
    assert.deepStrictEqual(this.taken, this.sent.slice(0, this.taken.length))
  }
  /** Everybody does what there is to do. */
  settle(): void {
    for (let still = 0; still < 3;) {
      const before = [this.there.length, this.back.length, this.taken.length, this.isSending].join()
      this.step({ _tag: "ToReceiver", size: 1e6 })
      this.step({ _tag: "ToSender", size: 1e6 })
      this.step({ _tag: "Drained" })
      this.end()
      while (this.take() > 0) { /* all of it */ }
      still = before === [this.there.length, this.back.length, this.taken.length, this.isSending].join() ? still + 1 : 0
    }
  }
}

describe("a stream of bytes", () => {
  it.prop(
    "arrives whole, in order, within its window; or both ends know that it does not",
    { story: Story },
    ({ story }) => {
      const world = new World(story.window)
      for (const step of story.steps) {
        world.step(step)
        world.check()
      }
      if (story.leaves === "sender") world.sending.leave("enough")
      if (story.leaves === "receiver") world.receiving.leave("enough")
      world.settle()
      const { receiver, sender } = world.endings
      if (receiver?._tag === "Done") assert.deepStrictEqual(world.taken, world.sent)
      // Who leaves when the other one is done, is done too late.
      if (sender?._tag === "Done") assert.strictEqual(receiver?._tag, "Done")
      if (story.leaves === "nobody") assert.deepStrictEqual([sender, receiver], [{ _tag: "Done" }, { _tag: "Done" }])
      assert.isDefined(sender)
      assert.isDefined(receiver)
      if (sender?._tag === "Left" && receiver?._tag !== "Done") {
        assert.deepStrictEqual(receiver, { _tag: "GivenUp", why: "enough" })
      }
      if (receiver?._tag === "Left") assert.deepStrictEqual(sender, { _tag: "GivenUp", why: "enough" })
    }
  )

  it("keeps small pieces that wait together", () => {
    const receiving = new Receiving(100_000)
    receiving.attach({ isFull: false, write: () => {} })
    for (let n = 0; n < 20_000; n++) receiving.bytes(Uint8Array.of(n % 251))
    const pieces = Array.from({ length: 20 }, () => receiving.take()).flat()
    assert.isBelow(pieces.length, 20)
    assert.strictEqual(pieces.reduce((size, piece) => size + piece.length, 0), 20_000)
  })
})

describe("a receiver", () => {
  it("tells of room in large parts, however small the pieces are that come and are read", () => {
    const window = 1000
    const receiving = new Receiving(window)
    const told: Array<Uint8Array> = []
    receiving.attach({ isFull: false, write: (bytes) => void told.push(bytes) })
    for (let n = 0; n < 10_000; n++) {
      assert.isUndefined(receiving.bytes(Uint8Array.of(1)))
      receiving.take()
    }
    assert.isAtMost(told.length, 1 + 10_000 / (window / 4))
  })
})

describe("an end of a stream of bytes", () => {
  const receiver = () => {
    const flow = new Receiving(10)
    flow.attach({ isFull: false, write: () => {} })
    return flow
  }
  const sender = () => {
    const flow = new Sending()
    flow.attach({ isFull: false, write: () => {} })
    return flow
  }
  for (
    const [what, make, bytes] of [
      ["more than there is room for", receiver, [whole(frames.bytes, new Uint8Array(11))]],
      ["bytes behind the end", receiver, [head(frames.end, 0), whole(frames.bytes, new Uint8Array(1))]],
      ["a second end", receiver, [head(frames.end, 0), head(frames.end, 0)]],
      ["what only receivers say", receiver, [head(frames.room, 1)]],
      ["what nobody says", receiver, [head(77, 1)]],
      ["a text that is too long", receiver, [head(frames.failed, 1001)]],
      ["bytes from a receiver", sender, [whole(frames.bytes, new Uint8Array(1))]],
      ["an end from a receiver", sender, [head(frames.end, 0)]],
      ["that all was taken, before all was sent", sender, [head(frames.taken, 0)]]
    ] as const
  ) {
    it(`does not take ${what}`, () => {
      const flow = make()
      const reader = new FrameReader(flow)
      assert.isDefined(bytes.map((piece) => reader.read(piece)).at(-1))
      assert.isFalse(flow.isOver)
    })
  }

  it("hears why the other one leaves, however it is cut", () => {
    for (const size of [1, 3, 100]) {
      const flow = receiver()
      let ending: Ending | undefined
      flow.whenOver = (how) => {
        ending = how
      }
      const reader = new FrameReader(flow)
      const bytes = textFrame(frames.failed, "naïve")
      for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size))
      assert.deepStrictEqual(ending, { _tag: "GivenUp", why: "naïve" })
    }
  })
})
