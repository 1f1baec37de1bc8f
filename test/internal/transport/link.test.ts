import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { framings } from "../../../src/internal/transport/framing/framings.ts"
import { sizeKey } from "../../../src/internal/transport/handshake/greeting.ts"
import { Link, type LinkHome } from "../../../src/internal/transport/link.ts"
import { LinkError, type LinkErrorReason } from "../../../src/internal/transport/linkError.ts"
import { untold, type Wire } from "../../../src/internal/transport/wire.ts"

const mebibyte = 1024 * 1024

const linkOn = (
  wire: Wire,
  home: LinkHome = { nodeId: "a", isOwnKind: false, isGuest: false, fork: () => {} },
  keys: ReadonlyMap<string, string> = new Map([["effect-mp", "x"]]),
  framing: "cbor" | "json" = "json"
): Link => {
  const proof = { method: "hmac_sha3_512", subject: undefined, secret: 0 }
  const security = { tls: undefined, received: proof, sent: proof }
  const greeting = { protocol: "aemp", nodeId: "there", auths: [], framings: [framing], keys } as const
  return new Link(wire, greeting, framings.get(framing)!, security, home)
}

/** A link on a wire that holds as many bytes as a test says, and what became of both. */
const onWire = (home?: LinkHome, keys?: ReadonlyMap<string, string>, framing?: "cbor" | "json") => {
  const state = { buffered: 0, written: "", isDestroyed: false, drained: 0, lost: new Array<LinkErrorReason>() }
  const wire: Wire = {
    remote: "there:1",
    get buffered() {
      return state.buffered
    },
    start: () => {},
    write: (bytes) => {
      state.written += Buffer.from(bytes).toString()
    },
    end: () => {},
    destroy: () => {
      state.isDestroyed = true
    }
  }
  const link = linkOn(wire, home, keys, framing)
  link.attach({
    message: () => {},
    read: () => {},
    damaged: () => {},
    drained: () => void state.drained++,
    lost: (error) => void state.lost.push(error.reason)
  })
  return { link, state }
}

/** Messages are written at the end of a turn. */
const written = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe("bytes that have not left", () => {
  it("are 256 MiB at most: beyond that the link is given up", async () => {
    const { link, state } = onWire()
    state.buffered = 256 * mebibyte
    link.send("port", [1])
    await written()
    assert.deepStrictEqual([state.lost, state.isDestroyed, link.isOver], [[], false, false])
    state.buffered++
    link.send("port", [2])
    await written()
    assert.deepStrictEqual([state.lost, state.isDestroyed, link.isOver], [["buffer_overflow"], true, true])
  })

  it("leave no room from 1 MiB on: those who can wait do", () => {
    const { link, state } = onWire()
    state.buffered = mebibyte - 1
    assert.isTrue(link.hasRoom)
    state.buffered++
    assert.isFalse(link.hasRoom)
  })

  it("leave room again that is told of, where the system takes all of them at once", async () => {
    const { link, state } = onWire()
    link.send("port", ["x".repeat(mebibyte)])
    assert.deepStrictEqual([link.hasRoom, state.drained], [false, 0])
    await written()
    assert.deepStrictEqual([link.hasRoom, state.drained], [true, 1])
  })

  it("are told of by the wire, where it holds more than it may leave untold", async () => {
    const { link, state } = onWire()
    state.buffered = 256 * 1024 + 1
    link.send("port", ["x".repeat(mebibyte)])
    await written()
    assert.deepStrictEqual([link.hasRoom, state.drained], [true, 0])
  })
})

describe("a sender that waits for room", () => {
  const Kibibytes = Schema.Literals([0, 1, 63, 64, 255, 256, 257, 1023, 1024, 1025, 3000])

  /** Takes what it likes at once, and later some more; tells that all has left where it was given more than it need not tell of. */
  const reluctant = (taking: ReadonlyArray<number>) => {
    let taken = 0
    const next = (): number => 1024 * taking[taken++ % taking.length]!
    const state = { buffered: 0, owes: false }
    const leave = (bytes: number): void => {
      state.buffered -= Math.min(bytes, state.buffered)
    }
    const wire: Wire = {
      remote: "there:1",
      get buffered() {
        return state.buffered
      },
      start: () => {},
      write: (bytes) => {
        state.buffered += bytes.length
        leave(next())
        state.owes ||= state.buffered > untold
      },
      end: (closed) => closed(),
      destroy: () => {}
    }
    /** Later: answers whether it has something to tell. */
    const tells = (): boolean => {
      leave(Math.max(next(), 64 * 1024))
      const isTold = state.owes && state.buffered === 0
      if (isTold) state.owes = false
      return isTold
    }
    return { wire, state, tells }
  }

  it.effect.prop("goes on, whatever is sent, and however the wire takes it", [
    Schema.Array(Kibibytes).check(Schema.isMinLength(1), Schema.isMaxLength(20)),
    Schema.Array(Kibibytes).check(Schema.isMinLength(1), Schema.isMaxLength(8))
  ], ([sizes, taking]) =>
    Effect.gen(function*() {
      const { state, tells, wire } = reluctant(taking)
      const link = linkOn(wire)
      const left = [...sizes]
      let isWaiting = false
      link.attach({
        message: () => {},
        read: () => {},
        damaged: () => {},
        lost: () => {},
        drained: () => {
          isWaiting &&= !link.hasRoom
        }
      })
      while (left.length > 0) {
        isWaiting ||= !link.hasRoom
        if (!isWaiting) {
          link.send("port", ["x".repeat(1024 * left.shift()!)])
          continue
        }
        yield* Effect.promise(written)
        if (isWaiting) {
          assert.isTrue(state.owes, `it waits for ever, with ${state.buffered} bytes in the wire`)
          if (tells()) link.drained()
        }
      }
    }))
})

describe("a link that is given up for a mistake of the other side", () => {
  const error = new LinkError({ reason: "bad_packet", peer: "there", detail: "none" })

  it.effect("says why, behind what was sent, and waits two seconds at most until all of it has left", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<never>()
      const { link, state } = onWire({
        nodeId: "a",
        isOwnKind: true,
        isGuest: false,
        fork: (effect) => void Effect.runForkWith(context)(effect)
      })
      link.send("p", [1])
      link.giveUp(error)
      assert.deepStrictEqual([state.written, state.lost], [
        "[\"p\",1][\"\",\"emp_end\",\"bad_packet\",\"none\"]",
        ["bad_packet"]
      ])
      link.send("p", [2])
      link.lose(error)
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual([state.isDestroyed, state.lost.length], [false, 1])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([state.isDestroyed, state.lost.length], [true, 1])
    }))

  it("is closed at once if the other side is of another kind, which would not know what is said", () => {
    const { link, state } = onWire()
    link.giveUp(error)
    assert.deepStrictEqual([state.written, state.isDestroyed, state.lost], ["", true, ["bad_packet"]])
  })
})

describe("how large a message the other side takes", () => {
  it.each([
    ["1000000", 1_000_000],
    ["1", 32_768],
    ["1e9", 536_870_888],
    ["much", undefined],
    ["-5", undefined],
    ["", undefined]
  ])("is, if it says %j, %s bytes", (said, bytes) => {
    const { link } = onWire(
      { nodeId: "a", isOwnKind: true, isGuest: false, fork: () => {} },
      new Map([["effect-mp", "x"], ["effect-mp-size", said]])
    )
    assert.strictEqual(link.peerLimits?.bytes, bytes)
  })

  it("is known of our own kind alone", () => {
    const { link } = onWire(undefined, new Map([["effect-mp", "x"], ["effect-mp-size", "100000"]]))
    assert.strictEqual(link.peerLimits, undefined)
  })
})

/** The packets that were written as JSON. */
const packets = (text: string): unknown => JSON.parse(`[${text.replaceAll("][", "],[")}]`)

describe("data that runs a program's code when it is read", () => {
  it("may send messages itself: they leave behind the one that it is in", async () => {
    const { link, state } = onWire()
    const chatty = {
      get first() {
        link.send("other", ["from the getter"])
        return 1
      },
      second: 2
    }
    link.send("port", [chatty])
    link.send("port", ["later"])
    await written()
    const sent = packets(state.written) as ReadonlyArray<unknown>
    assert.deepStrictEqual(sent[0], ["port", { first: 1, second: 2 }])
    assert.deepStrictEqual(sent.at(-1), ["port", "later"])
    assert.deepInclude(sent, ["other", "from the getter"])
  })

  it("may ask whether another message fits, and be refused then: nothing of it leaves", async () => {
    const { link, state } = onWire(
      { nodeId: "a", isOwnKind: true, isGuest: false, fork: () => {} },
      new Map([["effect-mp", "x"], [sizeKey, "40000"]])
    )
    const curious = {
      get first() {
        link.assertFits("other", ["x".repeat(39_000)])
        return 1
      },
      second: Symbol("s")
    }
    assert.throws(() => link.send("port", [curious]), /message\[0\]\.second is a symbol/)
    link.send("port", ["later"])
    await written()
    assert.deepStrictEqual(packets(state.written), [["port", "later"]])
    assert.throws(() => link.assertFits("other", ["x".repeat(41_000)]), /no more than 40000/)
  })

  it("is refused where it throws, or cannot travel, and what it sent leaves all the same", async () => {
    const { link, state } = onWire()
    const throwing = {
      get key(): never {
        link.send("other", ["before"])
        throw new Error("on purpose")
      }
    }
    assert.throws(() => link.send("port", [throwing]), /data that cannot be read: .*on purpose/)
    assert.throws(() => link.send("port", [{ a: [Symbol("s")] }]), /message\[0\]\.a\[0\] is a symbol/)
    link.send("port", ["later"])
    await written()
    const sent = packets(state.written) as ReadonlyArray<unknown>
    assert.deepInclude(sent, ["other", "before"])
    assert.deepStrictEqual(sent.at(-1), ["port", "later"])
    assert.isFalse(JSON.stringify(sent).includes("key"))
  })

  it("is refused where it is another one at each look", () => {
    const { link } = onWire(undefined, undefined, "cbor")
    let looks = 0
    const changing = {
      get key() {
        return looks++ === 0 ? Symbol("s") : 1
      }
    }
    assert.throws(() => link.send("port", [changing]), /data that changes while it is read/)
  })
})
