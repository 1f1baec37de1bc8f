/**
 * SHA3-512 and HMAC with it, for pages: browsers have neither (FIPS 202, FIPS 198-1). Numbers of 64 bits are two of 32 here, the low half
 * first. Nothing is looked up by what it digests: how long it takes says nothing but how long that is.
 *
 * @internal
 */

/** So many bytes each permutation takes in. */
const rate = 72
const size = 64
const rounds = 24
/** 25 lanes of 64 bits. */
const halves = 50

/** How far each lane is turned on its way, and to which place it goes: from one to the next, beginning with lane 1. */
const turns: Array<number> = []
const places: Array<number> = []
for (let step = 0, x = 1, y = 0; step < 24; step++) {
  ;[x, y] = [y, (2 * x + 3 * y) % 5]
  places.push(2 * (x + 5 * y))
  turns.push((step + 1) * (step + 2) / 2 % 64)
}

/** What tells the rounds apart: bits 2^n - 1, of a register that shifts. */
const constants = new Int32Array(2 * rounds)
for (let at = 0, register = 1; at < 7 * rounds; at++) {
  const bit = (1 << at % 7) - 1
  const half = 2 * Math.floor(at / 7) + (bit >> 5)
  if (register & 1) constants[half] = constants[half]! ^ 1 << (bit & 31)
  register = (register << 1 ^ (register >> 7) * 0x71) & 0xff
}

/** One half of a lane that is turned by so many bits: `near` is that half, `far` the other one. */
const turned = (near: number, far: number, by: number): number =>
  by === 0 ? near : by < 32 ? near << by | far >>> 32 - by : by === 32 ? far : far << by - 32 | near >>> 64 - by

const permute = (state: Int32Array): void => {
  const columns = new Int32Array(10)
  const row = new Int32Array(10)
  for (let round = 0; round < rounds; round++) {
    // Each bit takes in the parities of two columns.
    for (let i = 0; i < 10; i++) {
      columns[i] = state[i]! ^ state[i + 10]! ^ state[i + 20]! ^ state[i + 30]! ^ state[i + 40]!
    }
    for (let i = 0; i < 10; i++) {
      const next = (i + 2) % 10
      const parity = columns[(i + 8) % 10]! ^ turned(columns[next]!, columns[next ^ 1]!, 1)
      for (let at = i; at < halves; at += 10) state[at] = state[at]! ^ parity
    }
    // Lanes are turned, and change places.
    let low = state[2]!
    let high = state[3]!
    for (let step = 0; step < 24; step++) {
      const place = places[step]!
      const [nextLow, nextHigh] = [state[place]!, state[place + 1]!]
      state[place] = turned(low, high, turns[step]!)
      state[place + 1] = turned(high, low, turns[step]!)
      low = nextLow
      high = nextHigh
    }
    // The only step that is not linear.
    for (let start = 0; start < halves; start += 10) {
      for (let i = 0; i < 10; i++) row[i] = state[start + i]!
      for (let i = 0; i < 10; i++) state[start + i] = row[i]! ^ ~row[(i + 2) % 10]! & row[(i + 4) % 10]!
    }
    state[0] = state[0]! ^ constants[2 * round]!
    state[1] = state[1]! ^ constants[2 * round + 1]!
  }
}

/** The SHA3-512 of some bytes. */
export const sha3Bytes = (bytes: Uint8Array): Uint8Array => {
  const padded = new Uint8Array((Math.floor(bytes.length / rate) + 1) * rate)
  padded.set(bytes)
  padded[bytes.length] = 0x06
  padded[padded.length - 1]! |= 0x80
  const state = new Int32Array(halves)
  for (let at = 0; at < padded.length; at++) {
    const within = at % rate
    state[within >> 2] = state[within >> 2]! ^ padded[at]! << 8 * (within & 3)
    if (within === rate - 1) permute(state)
  }
  return Uint8Array.from({ length: size }, (_, at) => state[at >> 2]! >>> 8 * (at & 3))
}

/** Their HMAC. */
export const hmacSha3Bytes = (key: Uint8Array, bytes: Uint8Array): Uint8Array => {
  const block = new Uint8Array(rate)
  block.set(key.length > rate ? sha3Bytes(key) : key)
  const keyed = (pad: number, content: Uint8Array): Uint8Array => {
    const message = new Uint8Array(rate + content.length)
    message.set(block.map((byte) => byte ^ pad))
    message.set(content, rate)
    return sha3Bytes(message)
  }
  return keyed(0x5c, keyed(0x36, bytes))
}
