import { assert, describe, it } from "@effect/vitest"
import { framings } from "../../../../src/internal/transport/framing/framings.ts"
import { encoder } from "../../../packets.ts"
import { SeededRandom } from "../../../simulation/random.ts"

const cbor = framings.get("cbor")!

/** A wire whose bytes leave when a test lets them, and whose memory holds something else from then on. */
const makeWire = (random: SeededRandom) => {
  const pending: Array<{ readonly bytes: Uint8Array; readonly left: (() => void) | undefined }> = []
  let sent = Buffer.alloc(0)
  return {
    write: (bytes: Uint8Array, left?: () => void): void => void pending.push({ bytes, left }),
    leave: (): void => {
      for (const { bytes, left } of pending.splice(0, random.int(0, pending.length))) {
        sent = Buffer.concat([sent, bytes])
        bytes.fill(0xff)
        left?.()
      }
    },
    get sent() {
      return Buffer.concat([sent, ...pending.map(({ bytes }) => bytes)])
    }
  }
}

const unreadable = {
  get key(): never {
    throw new Error("on purpose")
  }
}

/** A message, and whether it can travel. */
const randomMessage = (random: SeededRandom): readonly [ReadonlyArray<unknown>, boolean] => {
  const size = random.pick([0, 10, 1000, 5000, 66_000, 200_000])!
  const message = [
    "x".repeat(random.chance(0.3) ? size : 3),
    new Uint8Array(random.chance(0.3) ? size : 3).fill(random.int(1, 200)),
    Array.from({ length: random.int(0, 30) }, (_, i) => i * 1000)
  ]
  const isGood = random.chance(0.8)
  return [isGood ? message : [...message, random.pick([Symbol("s"), unreadable, "\ud800"])], isGood]
}

describe("what a link is about to send", () => {
  it("leaves as it was written, whatever was refused or taken back between, and whenever memory is free again", () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new SeededRandom(`send buffer ${seed}`)
      const encode = encoder(cbor, "own")
      const wire = makeWire(random)
      const buffer = cbor.makeBuffer("own", wire)
      const wanted: Array<Uint8Array> = []
      for (let step = 0; step < 60; step++) {
        const [message, isGood] = randomMessage(random)
        const name = random.pick(["port", "", "a port with a longer name é"])!
        if (!isGood) assert.throws(() => buffer.write(name, message))
        else {
          const packet = encode([name, ...message])
          assert.strictEqual(buffer.write(name, message), packet.length)
          if (random.chance(0.2)) buffer.undo()
          else wanted.push(packet)
        }
        if (random.chance(0.1)) {
          buffer.append(cbor.emptyPacket)
          wanted.push(cbor.emptyPacket)
        }
        if (random.chance(0.4)) buffer.flush()
        if (random.chance(0.4)) wire.leave()
      }
      buffer.flush()
      assert.strictEqual(buffer.held, 0)
      assert.isTrue(wire.sent.equals(Buffer.concat(wanted)), `seed ${seed}`)
    }
  })

  it("takes no new memory as long as what was written leaves", () => {
    const memory = new Set<ArrayBufferLike>()
    const buffer = cbor.makeBuffer("own", {
      write: (bytes, left) => {
        memory.add(bytes.buffer)
        left?.()
      }
    })
    for (let i = 0; i < 1000; i++) {
      for (let k = 0; k < 100; k++) buffer.write("port", ["message", k, new Uint8Array(5000)])
      buffer.flush()
    }
    assert.isAtMost(memory.size, 50)
  })

  it("keeps no memory of a large packet", () => {
    const sizes: Array<number> = []
    const buffer = cbor.makeBuffer("own", { write: (bytes) => void sizes.push(bytes.buffer.byteLength) })
    buffer.write("port", ["é".repeat(1_000_000)])
    buffer.flush()
    sizes.length = 0
    buffer.write("port", ["small"])
    buffer.flush()
    assert.isAtMost(Math.max(...sizes), 64 * 1024)
  })
})
