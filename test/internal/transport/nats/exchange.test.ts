/** Letters of nodes over NATS: what is written is read again, and nothing that strangers send is more than it says. */
import { assert, describe, it } from "@effect/vitest"
import type { Frame } from "../../../../src/internal/transport/framed.ts"
import { type Dialled, Exchange } from "../../../../src/internal/transport/nats/exchange.ts"
import {
  contentOf,
  decode,
  encode,
  frameOf,
  headerSize,
  inboxSize
} from "../../../../src/internal/transport/nats/frames.ts"
import type { Wire } from "../../../../src/internal/transport/wire.ts"
import { SeededRandom } from "../../../simulation/random.ts"
import { seeds } from "../../../size.ts"

const one = <const A>(random: SeededRandom, items: readonly [A, ...Array<A>]): A => random.pick(items) ?? items[0]

const bytesOf = (random: SeededRandom, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => random.int(0, 255))

const largest = 2 ** 48 - 1
const numberOf = (random: SeededRandom): number =>
  one(random, [0, 1, random.int(0, 1000 - 1), 2 ** 32 - 1, 2 ** 32, 2 ** 32 + random.int(0, 1000 - 1), largest])

describe("a letter", () => {
  for (const seed of seeds(30, 2000)) {
    it(`is read as it was written, seed ${seed}`, () => {
      const random = new SeededRandom(`nats ${seed}`)
      const number = numberOf(random)
      const frames: ReadonlyArray<Frame> = [
        { kind: "data", number, bytes: bytesOf(random, random.int(0, 300 - 1)) },
        { kind: "ack", number, taken: one(random, [0, 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) },
        { kind: "fin", number },
        { kind: "rst" }
      ]
      for (const frame of frames) {
        const header = {
          to: random.int(0, 2 ** 32 - 1),
          from: random.int(0, 2 ** 32 - 1),
          inbox: bytesOf(random, inboxSize)
        }
        const padding = random.int(0, 9 - 1)
        const whole = encode({ ...header, ...contentOf(frame) })
        // As a client may have it in its memory.
        const memory = new Uint8Array(padding + whole.length)
        memory.set(whole, padding)
        const read = decode(memory.subarray(padding))!
        assert.deepStrictEqual(frameOf(read), frame)
        assert.deepStrictEqual({ to: read.to, from: read.from, inbox: read.inbox.slice() }, header)
      }
    })
  }

  it("is none if it is shorter than a header, or of no kind that there is", () => {
    const whole = encode({
      kind: "rst",
      number: 0,
      to: 1,
      from: 1,
      inbox: new Uint8Array(inboxSize),
      bytes: new Uint8Array()
    })
    for (let length = 0; length < headerSize; length++) assert.isUndefined(decode(whole.subarray(0, length)))
    for (const kind of [0, 8, 255]) assert.isUndefined(decode(Uint8Array.of(kind, ...whole.subarray(1))))
  })
})

/** Processes whose messages pass at once, or are lost while nobody is there. */
class Post {
  readonly exchanges: Array<Exchange> = []
  published = 0
  nowMillis = 0
  private readonly queue: Array<() => void> = []

  join(random: SeededRandom): Exchange {
    const exchange = new Exchange("net", bytesOf(random, inboxSize), {
      nowMillis: () => this.nowMillis,
      publish: (subject, data, reply) => {
        this.published++
        this.queue.push(() => this.deliver(subject, data, reply))
      }
    })
    this.exchanges.push(exchange)
    return exchange
  }
  private deliver(subject: string, data: Uint8Array, reply: string | undefined): void {
    const owner = this.exchanges.find((exchange) => exchange.ownSubject === subject)
    if (owner !== undefined) return owner.hear(data)
    const heard = this.exchanges.flatMap((exchange) =>
      ["seed"].filter((name) => exchange.subjectOf(name) === subject && exchange.hasListener(name)).map((name) => () =>
        exchange.call(name, data)
      )
    )
    for (const hear of heard) hear()
    if (heard.length === 0 && reply !== undefined) {
      this.exchanges.find((exchange) => reply.startsWith(`${exchange.ownSubject}.`))?.nobody(reply)
    }
  }
  async settle(): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds++) {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) next()
      await Promise.resolve()
    }
  }
}

/** A letter as a stranger may send it: at random, or nearly right. */
const stranger = (random: SeededRandom, own: Uint8Array): Uint8Array => {
  if (random.int(0, 4 - 1) === 0) return bytesOf(random, random.int(0, 80 - 1))
  const kind = one(random, ["open", "ask", "accept", "data", "ack", "fin", "rst"])
  const inbox = random.int(0, 2 - 1) === 0 ? own : bytesOf(random, inboxSize)
  const bytes = bytesOf(random, one(random, [0, 3, 8, 2000]))
  return encode({
    kind,
    number: random.int(0, 3 - 1),
    to: random.int(0, 4 - 1),
    from: random.int(0, 4 - 1),
    inbox,
    bytes
  })
}

const start = (wire: Wire) => {
  const told = { bytes: 0, closed: new Array<string>() }
  wire.start({
    data: (chunk) => void (told.bytes += chunk.length),
    drained: () => {},
    closed: (why) => told.closed.push(why)
  })
  return told
}

describe("strangers who may publish", () => {
  for (const seed of seeds(30, 2000)) {
    it(`throw nothing, break nothing that stands, and leave nothing behind, seed ${seed}`, async () => {
      const random = new SeededRandom(`nats ${seed}`)
      const post = new Post()
      const [listens, dials] = [post.join(random), post.join(random)]
      const accepted: Array<Wire> = []
      listens.listen("seed", (wire) => accepted.push(wire))
      let dialled: Dialled | undefined
      dials.dial("seed", "dials", (found) => void (dialled = found))
      await post.settle()
      assert.strictEqual(accepted[0]?.remote, "nats:dials")
      const here = (dialled as { readonly wire: Wire }).wire
      const [told, toldThere] = [start(here), start(accepted[0]!)]
      for (let times = 0; times < 200; times++) {
        const letter = stranger(random, bytesOf(random, inboxSize))
        const victim = one(random, [listens, dials])
        if (random.int(0, 2 - 1) === 0) victim.hear(letter)
        else victim.call("seed", letter)
        victim.nobody(one(random, ["", victim.ownSubject, `${victim.ownSubject}.x`, `${victim.ownSubject}.9`]))
      }
      await post.settle()
      here.write(new Uint8Array(1000))
      await post.settle()
      assert.deepStrictEqual([told.closed, toldThere.closed, toldThere.bytes], [[], [], 1000])
      // Whoever is given connections of strangers gives them up in time.
      for (const wire of accepted) wire.destroy()
      await post.settle()
      assert.strictEqual(listens.connectionCount + dials.connectionCount, 0)
    })
  }

  it("make a process publish a thousand answers in a second, and no more", () => {
    const random = new SeededRandom("nats")
    const post = new Post()
    const victim = post.join(random)
    const flood = () => {
      for (let n = 0; n < 5000; n++) {
        victim.hear(
          encode({
            kind: "data",
            number: 0,
            to: 9,
            from: n,
            inbox: bytesOf(random, inboxSize),
            bytes: new Uint8Array()
          })
        )
      }
      return post.published
    }
    assert.strictEqual(flood(), 1000)
    post.nowMillis += 1000
    assert.strictEqual(flood(), 2000)
  })
})

describe("a process that is gone", () => {
  it("ends a connection as soon as something is sent on it", async () => {
    const random = new SeededRandom("nats")
    const post = new Post()
    const [listens, dials] = [post.join(random), post.join(random)]
    listens.listen("seed", () => {})
    const found: Array<Dialled> = []
    dials.dial("seed", "dials", (dialled) => found.push(dialled))
    await post.settle()
    const { wire } = found[0] as { readonly wire: Wire }
    const here = start(wire)
    post.exchanges.splice(post.exchanges.indexOf(listens), 1)
    wire.write(new Uint8Array(1))
    assert.deepStrictEqual(here.closed, [])
    await post.settle()
    assert.deepStrictEqual(here.closed, ["Connection reset by peer"])
  })
})

describe("a server that was away", () => {
  it("ends all connections and dials at once, and the other sides are told when it is back", async () => {
    const random = new SeededRandom("nats")
    const post = new Post()
    const [listens, dials] = [post.join(random), post.join(random)]
    const accepted: Array<Wire> = []
    listens.listen("seed", (wire) => accepted.push(wire))
    const found: Array<Dialled> = []
    dials.dial("seed", "dials", (dialled) => found.push(dialled))
    await post.settle()
    const here = start((found[0] as { readonly wire: Wire }).wire)
    const there = start(accepted[0]!)
    dials.dial("seed", "dials", (dialled) => found.push(dialled))
    dials.lost()
    await post.settle()
    assert.deepStrictEqual([here.closed, there.closed], [["Connection reset by peer"], []])
    assert.deepStrictEqual(found[1], { why: "Connection reset by peer" })
    dials.connected(1_000_000)
    await post.settle()
    assert.deepStrictEqual(there.closed, ["Connection reset by peer"])
  })
})
