/**
 * What links take for granted of wires and carriers, as checks that run over any transport.
 *
 * @internal
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { Carrier, Wire } from "../transport/wire.ts"

/** Re-exported as `TestNetwork.RuleBroken`, where it is documented. */
export class RuleBroken extends Schema.TaggedError<RuleBroken>()("RuleBroken", {
  rule: Schema.String,
  found: Schema.String
}) {
  override get message(): string {
    return `${this.rule}: ${this.found}`
  }
}

/** Documented as `TestNetwork.Places`. */
export interface Places {
  readonly bind: string
  readonly nobody: string
  readonly patience?: Duration.Input | undefined
}

/** What a rule is checked with. */
interface Room {
  readonly carrier: Carrier
  readonly places: Places
  /** Two ends of a new connection: the one that dialled first. Both are destroyed in the end. */
  readonly connect: Effect.Effect<readonly [Wire, Wire], unknown>
  /** Where the carrier listens. */
  readonly address: string
  /** Listens no more. */
  readonly stop: Effect.Effect<void>
  /** Waits until something holds, or fails with what was found instead. */
  readonly until: (holds: () => boolean, found: () => string) => Effect.Effect<void, string>
}

/** What an end has been told. */
class Told {
  text = ""
  bytes = 0
  drained = 0
  readonly closed = new Array<string>()
  /** Whether a call to the wire is under way, within which nobody may be told anything. */
  isCalling = false
  wasToldWithin = false
  readonly wire: Wire

  constructor(wire: Wire) {
    this.wire = wire
    this.call(() =>
      wire.start({
        data: (chunk) => {
          this.hear()
          this.bytes += chunk.length
          if (this.text.length < 1000) this.text += String.fromCharCode(...chunk.subarray(0, 1000))
        },
        drained: () => {
          this.hear()
          this.drained++
        },
        closed: (why) => {
          this.hear()
          this.closed.push(why)
        }
      })
    )
  }
  private hear(): void {
    if (this.isCalling) this.wasToldWithin = true
  }
  call(work: () => void): void {
    this.isCalling = true
    work()
    this.isCalling = false
  }
  write(text: string): void {
    this.call(() => this.wire.write(bytesOf(text)))
  }
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** Lets what is under way happen, for a moment: for what must not. */
const moment = Effect.sleep("50 millis")

const expect = (holds: boolean, found: string): Effect.Effect<void, string> => holds ? Effect.void : Effect.fail(found)

type Check = (room: Room) => Effect.Effect<void, unknown>

const pair = (room: Room) => Effect.map(room.connect, ([here, there]) => [new Told(here), new Told(there)] as const)

const isClosed = (room: Room, told: Told, whose: string) =>
  room.until(() => told.closed.length > 0, () => `${whose} was told nothing of the end`)

const large = 64 * 1024

export const rules: ReadonlyArray<readonly [name: string, check: Check]> = [
  ["what comes before start waits", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* room.connect
      new Told(here).write("early")
      yield* moment
      const told = new Told(there)
      yield* room.until(() => told.text === "early", () => JSON.stringify(told.text))
    })],
  ["bytes arrive whole and in order, in both directions", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      const parts = Array.from({ length: 200 }, (_, n) => `${n};`)
      for (const part of parts) {
        here.write(part)
        there.write(part)
      }
      for (const told of [here, there]) {
        yield* room.until(() => told.text === parts.join(""), () => JSON.stringify(told.text))
      }
    })],
  ["bytes may be a view, and stay as they are until left is called, once", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      const slab = new Uint8Array(1000)
      const left = new Map<number, number>()
      let sent = ""
      for (let n = 0; n < 500; n++) {
        const view = slab.subarray(n * 2, n * 2 + 2)
        view.set(bytesOf("ab"))
        sent += "ab"
        here.wire.write(view, () => {
          left.set(n, (left.get(n) ?? 0) + 1)
          view.fill(0)
        })
      }
      yield* room.until(() => there.bytes === 1000, () => `${there.bytes} of 1000 bytes`)
      yield* moment
      yield* expect(there.text === sent, `other bytes arrived: ${JSON.stringify(there.text.slice(0, 100))}`)
      const most = Math.max(0, ...left.values())
      yield* expect(most <= 1, `left was called ${most} times for one write`)
    })],
  ["bytes that are lent are still there when they have left", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      // All of its memory, and more than is worth a copy where memory can change hands.
      const lent = new Uint8Array(100_000).fill(7)
      for (let n = 0; n < 3; n++) here.wire.write(lent, () => {})
      yield* room.until(() => there.bytes === 300_000, () => `${there.bytes} of 300000 bytes`)
      yield* expect(
        lent.length === 100_000 && lent.every((byte) => byte === 7),
        "the wire has taken or changed them"
      )
    })],
  ["nobody is told anything within start, write, end or destroy", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* room.connect
      new Told(here).write("first")
      yield* moment
      const told = new Told(there)
      told.write("second")
      yield* room.until(() => told.text === "first", () => JSON.stringify(told.text))
      told.call(() => told.wire.destroy())
      yield* isClosed(room, told, "the end that was destroyed")
      yield* expect(!told.wasToldWithin, "it was")
    })],
  ["what is written right before destroy still arrives", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      here.wire.write(bytesOf("last words"))
      here.wire.destroy()
      yield* room.until(() => there.text === "last words", () => JSON.stringify(there.text))
    })],
  ["destroy tells both ends, once", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      here.wire.destroy()
      yield* isClosed(room, here, "the end that was destroyed")
      yield* isClosed(room, there, "the other end")
      yield* moment
      yield* expect(
        here.closed.length === 1 && there.closed.length === 1,
        `${here.closed.length} and ${there.closed.length} times`
      )
    })],
  ["a wire that is closed takes calls without a word, and has nothing buffered", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      here.wire.destroy()
      yield* isClosed(room, there, "the other end")
      for (const { wire } of [here, there]) {
        wire.write(bytesOf("x"))
        wire.destroy()
        wire.end(() => {})
        wire.destroy()
        yield* expect(wire.buffered === 0, `${wire.buffered} bytes are buffered`)
      }
    })],
  ["end lets everything arrive, then closes and calls back", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      for (let n = 0; n < 5000; n++) here.wire.write(bytesOf("0123456789"))
      here.wire.write(new Uint8Array(3_000_000))
      let ended = 0
      here.wire.end(() => ended++)
      yield* room.until(() => there.bytes === 3_050_000, () => `${there.bytes} of 3050000 bytes`)
      yield* isClosed(room, there, "the other end")
      yield* room.until(() => ended === 1, () => `it called back ${ended} times`)
    })],
  ["an end that never started can end", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* room.connect
      const told = new Told(here)
      there.end(() => {})
      yield* isClosed(room, told, "the other end")
    })],
  ["a wire that was lost before start tells so at start", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* room.connect
      here.destroy()
      yield* moment
      const told = new Told(there)
      yield* isClosed(room, told, "it")
      yield* expect(!told.wasToldWithin, "within start")
    })],
  [
    "who does not read makes the other end buffer, without bound for the one who reads",
    (room) =>
      Effect.gen(function*() {
        const [here] = yield* room.connect
        const told = new Told(here)
        for (let n = 0; n < 256; n++) here.write(new Uint8Array(large))
        yield* moment
        yield* expect(here.buffered > 1024 * 1024, `of 16 MiB ${here.buffered} bytes are buffered`)
        here.destroy()
        yield* isClosed(room, told, "the end that was destroyed")
      })
  ],
  ["drained is told when all has left, and buffered falls meanwhile", (room) =>
    Effect.gen(function*() {
      const [here, there] = yield* pair(room)
      for (let n = 0; n < 100; n++) here.wire.write(new Uint8Array(large))
      yield* room.until(() => there.bytes === 100 * large, () => `${there.bytes} of ${100 * large} bytes`)
      yield* room.until(() => here.drained > 0, () => `${here.wire.buffered} bytes are buffered, and it is not drained`)
      yield* expect(here.wire.buffered === 0, `${here.wire.buffered} bytes are buffered`)
    })],
  ["dialling nobody fails", ({ carrier, places }) =>
    Effect.flatMap(
      Effect.exit(carrier.dial(places.nobody, "dials")),
      (exit) => expect(Exit.isFailure(exit), "it was answered")
    )],
  ["a second listener at one address is refused", ({ address, carrier }) =>
    Effect.flatMap(
      Effect.exit(Effect.scoped(carrier.listen(address, (wire) => wire.destroy(), "second"))),
      (exit) => expect(Exit.isFailure(exit), "it listens")
    )],
  ["it listens until its scope closes", ({ address, carrier, stop }) =>
    Effect.gen(function*() {
      yield* stop
      yield* moment
      const exit = yield* Effect.exit(carrier.dial(address, "dials"))
      yield* expect(Exit.isFailure(exit), "it was answered")
    })],
  [
    "an address that it answers is one of its own, and stands for itself",
    ({ address, carrier }) =>
      Effect.gen(function*() {
        const wrong = carrier.wrong?.(address)
        yield* expect(wrong === undefined, String(wrong))
        const found = yield* carrier.resolve(address)
        yield* expect(found.includes(address), `${address} stands for ${found.join(", ")}`)
      })
  ]
]

/** Checks a rule over a carrier. */
export const check = (rule: string, work: Check, carrier: Carrier, places: Places): Effect.Effect<void, RuleBroken> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const listening = yield* Scope.fork(scope)
    const accepted = new Array<Wire>()
    const ends = new Array<Wire>()
    yield* Effect.addFinalizer(() => Effect.sync(() => ends.forEach((wire) => wire.destroy())))
    const [address] = yield* Scope.provide(
      carrier.listen(places.bind, (wire) => void accepted.push(wire), "listens"),
      listening
    )
    if (address === undefined) return yield* Effect.fail("listening answers no address")
    const until: Room["until"] = (holds, found) =>
      Effect.suspend(() => holds() ? Effect.void : Effect.sleep("2 millis")).pipe(
        Effect.repeat({ until: holds }),
        Effect.timeoutOrElse({ duration: places.patience ?? "30 seconds", orElse: () => Effect.fail(found()) }),
        Effect.asVoid
      )
    const connect = Effect.gen(function*() {
      const here = yield* carrier.dial(address, "dials")
      ends.push(here)
      yield* until(() => accepted.length > 0, () => "the listener was given no connection")
      const there = accepted.shift()!
      ends.push(there)
      return [here, there] as const
    })
    yield* work({ carrier, places, connect, address, stop: Scope.close(listening, Exit.void), until })
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) => new RuleBroken({ rule, found: error instanceof Error ? error.message : String(error) }))
  )
